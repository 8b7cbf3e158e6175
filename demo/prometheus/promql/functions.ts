import {
  BUCKET_BOUND,
  type Labels,
  labelValue,
  METRIC_NAME,
  withoutLabels,
  withoutMetricName,
} from '../labels.ts';
import { type Evaluation, remembering, type VectorSample } from './evaluation.ts';
import type { CallExpression } from './expression.ts';
import { max, min } from './go-math.ts';
import { parseNumber } from './literals.ts';
import { type Bucket, bucketQuantile } from './quantile.ts';

/** A function of one value and scalar parameters. */
type ElementFunction = (value: number, parameters: readonly number[]) => number;

/** `round(v, nearest)`: ties are rounded up; the inverse is used because it rounds better. */
function round(value: number, [nearest = 1]: readonly number[]): number {
  const inverse = 1 / nearest;
  return Math.floor(value * inverse + 0.5) / inverse;
}

/** The functions that change each value of a vector on its own. Source: prometheus/prometheus promql/functions.go. */
const ELEMENT_FUNCTIONS: Readonly<Record<string, ElementFunction>> = {
  abs: Math.abs,
  ceil: Math.ceil,
  clamp: (value, [low, high]) => max(low as number, min(high as number, value)),
  clamp_max: (value, [high]) => min(high as number, value),
  clamp_min: (value, [low]) => max(low as number, value),
  exp: Math.exp,
  floor: Math.floor,
  ln: Math.log,
  log10: Math.log10,
  log2: Math.log2,
  round,
  sgn: (value) => (value < 0 ? -1 : value > 0 ? 1 : value),
  sqrt: Math.sqrt,
};

export const isElementFunction = (name: string): boolean => ELEMENT_FUNCTIONS[name] !== undefined;

/** Applies an element function; the metric name goes, since the values mean something else now. */
export function applyElementFunction(
  evaluation: Evaluation,
  node: CallExpression,
  args: { readonly vector: readonly VectorSample[]; readonly parameters: readonly number[] },
): readonly VectorSample[] {
  const { vector, parameters } = args;
  const [low, high] = parameters;
  if (node.name === 'clamp' && (high as number) < (low as number)) return [];
  const dropName = evaluation.plan(node, () => remembering(withoutMetricName));
  const apply = ELEMENT_FUNCTIONS[node.name] as ElementFunction;
  return vector.map(({ labels, value }) => ({ labels: dropName(labels), value: apply(value, parameters) }));
}

/** `sort` and `sort_desc`: NaN comes last in both. */
export function sorted(vector: readonly VectorSample[], direction: 1 | -1): readonly VectorSample[] {
  return [...vector].sort((a, b) => {
    if (Number.isNaN(a.value)) return Number.isNaN(b.value) ? 0 : 1;
    if (Number.isNaN(b.value)) return -1;
    return a.value === b.value ? 0 : (a.value < b.value ? -1 : 1) * direction;
  });
}

interface BucketPlace {
  /** The labels of the histogram: without `le` and the metric name. */
  readonly labels: Labels;
  /** The histogram's identity: without `le`, with the metric name. */
  readonly key: string;
  readonly bound: number | undefined;
}

const BOUND = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

/** The bound that an `le` label says, or undefined when it is not a number: such a series is no bucket. */
function boundOf(text: string): number | undefined {
  if (BOUND.test(text)) return Number(text);
  return /^[+-]?(?:inf(?:inity)?|nan)$/i.test(text) ? parseNumber(text.replace(/inity$/i, '')) : undefined;
}

function placeOf(labels: Labels): BucketPlace {
  return {
    labels: withoutLabels(labels, [METRIC_NAME, BUCKET_BOUND]),
    key: withoutLabels(labels, [BUCKET_BOUND]).key,
    bound: boundOf(labelValue(labels, BUCKET_BOUND)),
  };
}

/** `histogram_quantile(q, buckets)`: one sample for each histogram among the buckets. */
export function histogramQuantile(
  evaluation: Evaluation,
  node: CallExpression,
  args: { readonly q: number; readonly buckets: readonly VectorSample[] },
): readonly VectorSample[] {
  const place = evaluation.plan(node, () => remembering(placeOf));
  const histograms = new Map<string, { readonly labels: Labels; readonly buckets: Bucket[] }>();
  for (const { labels, value } of args.buckets) {
    const { labels: rest, key, bound } = place(labels);
    if (bound === undefined) continue;
    const histogram = histograms.get(key) ?? { labels: rest, buckets: [] };
    if (histogram.buckets.length === 0) histograms.set(key, histogram);
    histogram.buckets.push({ bound, count: value });
  }
  const { bucketTolerance } = evaluation.versionBehavior;
  return Array.from(histograms.values(), ({ labels, buckets }) => ({
    labels,
    value: bucketQuantile(args.q, buckets, bucketTolerance),
  }));
}
