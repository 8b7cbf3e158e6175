import type { Aggregation, ValueType } from './expression.ts';

/** What a function takes and gives. */
export interface Signature {
  readonly args: readonly ValueType[];
  readonly returns: ValueType;
  /** How many of the last arguments may be left out. */
  readonly optional?: number;
}

const OF_VECTOR: Signature = { args: ['instant vector'], returns: 'instant vector' };
const OF_RANGE: Signature = { args: ['range vector'], returns: 'instant vector' };
const CLAMP: Signature = { args: ['instant vector', 'scalar'], returns: 'instant vector' };

/** The functions this evaluator knows. Source of the signatures: prometheus/prometheus promql/parser/functions.go. */
export const SIGNATURES: Readonly<Record<string, Signature>> = {
  abs: OF_VECTOR,
  absent: OF_VECTOR,
  absent_over_time: OF_RANGE,
  avg_over_time: OF_RANGE,
  ceil: OF_VECTOR,
  changes: OF_RANGE,
  clamp: { args: ['instant vector', 'scalar', 'scalar'], returns: 'instant vector' },
  clamp_max: CLAMP,
  clamp_min: CLAMP,
  count_over_time: OF_RANGE,
  delta: OF_RANGE,
  exp: OF_VECTOR,
  floor: OF_VECTOR,
  histogram_quantile: { args: ['scalar', 'instant vector'], returns: 'instant vector' },
  idelta: OF_RANGE,
  increase: OF_RANGE,
  irate: OF_RANGE,
  last_over_time: OF_RANGE,
  ln: OF_VECTOR,
  log10: OF_VECTOR,
  log2: OF_VECTOR,
  max_over_time: OF_RANGE,
  min_over_time: OF_RANGE,
  present_over_time: OF_RANGE,
  rate: OF_RANGE,
  resets: OF_RANGE,
  round: { args: ['instant vector', 'scalar'], returns: 'instant vector', optional: 1 },
  scalar: { args: ['instant vector'], returns: 'scalar' },
  sgn: OF_VECTOR,
  sort: OF_VECTOR,
  sort_desc: OF_VECTOR,
  sqrt: OF_VECTOR,
  sum_over_time: OF_RANGE,
  time: { args: [], returns: 'scalar' },
  timestamp: OF_VECTOR,
  vector: { args: ['scalar'], returns: 'instant vector' },
};

const AGGREGATIONS: ReadonlySet<string> = new Set<Aggregation>([
  'sum',
  'avg',
  'min',
  'max',
  'count',
  'group',
]);

export const isKnownAggregation = (name: string): name is Aggregation => AGGREGATIONS.has(name);
