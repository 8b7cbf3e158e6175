import type { SyntaxNode } from '@lezer/common';
import { serviceLabelOf } from '../../lib/labels.ts';
import { ms, parseDuration, ratio } from '../../lib/units.ts';
import { errorSelectorFor, unitOfMetric } from '../presets.ts';
import { withoutNoise } from '../promql.ts';
import type { LatencyHistogram, LatencyObjective, ValueKind } from '../rule.ts';
import { serviceMatcherOf } from './service.ts';
import {
  type Calculation,
  calculationOf,
  constantOfNode,
  type Scaled,
  type Shape,
  scaledOf,
} from './shape.ts';
import {
  childrenOf,
  labelsIn,
  matchersOf,
  matchersWithoutLe,
  metricNameOf,
  type SelectorMatcher,
  textOf,
} from './syntax.ts';

type Filter = Extract<Shape, { kind: 'filter' }>;

/** A latency objective read out of an expression, and what the expression's value is. */
export interface FoundObjective {
  readonly objective: LatencyObjective;
  readonly valueKind: ValueKind;
  /** The unit of the value: a quantile of seconds times 1,000 is in milliseconds. */
  readonly unit?: string;
}

type Operand = Extract<Calculation, { kind: 'operand' }>;

/** The node inside any number of parentheses. */
function unwrapped(node: SyntaxNode): SyntaxNode {
  let inner = node;
  while (inner.name === 'ParenExpr' && inner.firstChild !== null) inner = inner.firstChild;
  return inner;
}

/** The name and arguments of a call, undefined for anything else. */
function callOf(expr: string, node: SyntaxNode): { name: string; args: readonly SyntaxNode[] } | undefined {
  const inner = unwrapped(node);
  const body = inner.getChild('FunctionCallBody');
  if (inner.name !== 'FunctionCall' || body === null) return undefined;
  return { name: textOf(expr, inner.getChild('FunctionIdentifier')), args: childrenOf(body) };
}

/** What is summed, and over which labels: with `without`, the result has all others. */
interface Sum extends Pick<LatencyObjective, 'by' | 'without'> {
  readonly of: SyntaxNode;
}

/** `sum by (a, b) (x)`, `sum without (c) (x)`, or `sum(x)`. */
function sumOf(expr: string, node: SyntaxNode): Sum | undefined {
  const inner = unwrapped(node);
  const modifier = inner.getChild('AggregateModifier');
  const of = inner.getChild('FunctionCallBody')?.firstChild;
  if (inner.name !== 'AggregateExpr' || of === null || of === undefined) return undefined;
  const isSum = textOf(expr, inner.getChild('AggregateOp')).toLowerCase() === 'sum';
  if (!isSum) return undefined;
  const labels = labelsIn(expr, modifier?.getChild('GroupingLabels') ?? null);
  return modifier === null || modifier.getChild('By') !== null
    ? { by: labels, of }
    : { by: [], without: labels, of };
}

/** The series of a histogram that an expression sums the rates of. */
interface Rates extends Pick<LatencyObjective, 'by' | 'without'> {
  /** As named: with `_bucket` or `_count`. */
  readonly name: string;
  /** Its matchers without `le`. */
  readonly selector: string;
  readonly window: number;
  /** The upper bound of its bucket, as written: `0.5`; another matcher on `le` is none. */
  readonly le?: string;
  readonly serviceLabel: string | undefined;
}

/** `le="500"`, or the form for any version of Prometheus: `le=~"500(\\.0)?"`. Another matcher has no single bound. */
function boundOf({ operator, value }: SelectorMatcher): string {
  const bound = operator === '=~' ? /^(\d+)\(\\*\.0\)\?$/.exec(value)?.[1] : undefined;
  return bound ?? (operator === '=' ? value : '');
}

/** `rate(m_bucket{...}[5m])`: the selector and the range in ms. */
function rateOf(expr: string, node: SyntaxNode): { vector: SyntaxNode; window: number } | undefined {
  const call = callOf(expr, node);
  const matrix = /^(?:rate|increase|irate)$/.test(call?.name ?? '') ? call?.args[0] : undefined;
  const vector = matrix?.name === 'MatrixSelector' ? matrix.getChild('VectorSelector') : null;
  const window = parseDuration(textOf(expr, matrix?.getChild('DurationExpr')));
  return vector === null || window === undefined ? undefined : { vector, window };
}

/** `sum by (service) (rate(m_bucket{...}[5m]))`, or the rate of each series alone. */
function ratesOf(expr: string, node: SyntaxNode): Rates | undefined {
  const sum = sumOf(expr, node) ?? { by: [], without: [], of: node };
  const rate = rateOf(expr, sum.of);
  const name = rate === undefined ? undefined : metricNameOf(expr, rate.vector);
  if (rate === undefined || name === undefined) return undefined;
  const { vector, window } = rate;
  const le = matchersOf(expr, vector).find(({ label }) => label === 'le');
  return {
    name,
    selector: matchersWithoutLe(expr, vector),
    window,
    le: le === undefined ? undefined : boundOf(le),
    by: sum.by,
    without: sum.without,
    serviceLabel: serviceLabelOf(sum.by) ?? serviceMatcherOf(expr, [vector])?.label,
  };
}

/** The unit is that of the annotation `slo_unit`, or the one in the metric's name. */
function familyOf(rates: Rates, metric: string, givenUnit?: string): LatencyHistogram | undefined {
  const { selector, serviceLabel, name } = rates;
  const unit = givenUnit === 'ms' || givenUnit === 's' ? givenUnit : unitOfMetric(metric);
  if (unit === undefined) return undefined;
  const histogram = metric === name ? 'native' : undefined;
  return { metric, unit, selector, serviceLabel, histogram, errorSelector: errorSelectorFor(metric) };
}

const inMs = (family: LatencyHistogram, value: number) =>
  ms(withoutNoise(family.unit === 'ms' ? value : value * 1_000));

/** `histogram_quantile(q, sum by (le, service) (rate(m_bucket{...}[w])))`, q being a constant between 0 and 1. */
function quantileOf({ expr, node }: Operand): { quantile: number; rates: Rates } | undefined {
  const call = callOf(expr, node);
  const [level, of] = call?.args ?? [];
  if (call?.name !== 'histogram_quantile' || level === undefined || of === undefined) return undefined;
  const quantile = constantOfNode(expr, level) ?? 0;
  const rates = ratesOf(expr, of);
  if (!(quantile > 0 && quantile < 1) || rates === undefined) return undefined;
  return hasBuckets(rates) ? { quantile, rates } : undefined;
}

/** Classic buckets need `le`; native histograms do not have it. */
function hasBuckets({ name, by, without }: Rates): boolean {
  const isClassic = name.endsWith('_bucket');
  return without === undefined ? isClassic === by.includes('le') : !isClassic || !without.includes('le');
}

/** The unit of a latency after a multiplication. */
function scaledUnit(unit: 'ms' | 's', factor: number): string | undefined {
  const inMilliseconds = withoutNoise((unit === 's' ? 1_000 : 1) / factor);
  if (inMilliseconds === 1) return 'ms';
  return inMilliseconds === 1_000 ? 's' : undefined;
}

/** A quantile of a latency histogram above a bound. */
function ofQuantile(filter: Filter, { of, factor }: Scaled, givenUnit?: string): FoundObjective | undefined {
  const read = of.kind === 'operand' && isBreachOfMore(filter) === true ? quantileOf(of) : undefined;
  if (read === undefined) return undefined;
  const { rates, quantile } = read;
  // The annotation names the unit of the value, which is the histogram's unless the value is multiplied.
  const family = familyOf(rates, rates.name.replace(/_bucket$/, ''), factor === 1 ? givenUnit : undefined);
  const unit = family === undefined ? undefined : scaledUnit(family.unit, factor);
  if (family === undefined || unit === undefined) return undefined;
  const objective: LatencyObjective = {
    family,
    by: rates.by.filter((label) => label !== 'le'),
    without: rates.without,
    quantile: ratio(quantile),
    threshold: inMs(family, withoutNoise(filter.bound / factor)),
    window: ms(rates.window),
  };
  return { objective, valueKind: 'latency', unit };
}

/** Requests within a threshold, and all requests. */
interface FastShare {
  readonly fast: Rates & { readonly le: string };
  readonly isSlow: boolean;
}

const isAll = ({ name, le }: Rates): boolean =>
  (name.endsWith('_count') && le === undefined) || (name.endsWith('_bucket') && le === '+Inf');

const metricOf = ({ name }: Rates): string => name.replace(/_(?:bucket|count)$/, '');

const isSameHistogram = (a: Rates, b: Rates): boolean =>
  metricOf(a) === metricOf(b) &&
  a.selector === b.selector &&
  a.window === b.window &&
  groupingOf(a) === groupingOf(b);

/** By which labels is summed, with those of one bucket: `le` is not among them. */
const groupingOf = ({ by, without }: Rates): string =>
  JSON.stringify(without === undefined ? [...by].sort() : { without: withoutBound(without).sort() });

const withoutBound = (labels: readonly string[]): string[] => labels.filter((label) => label !== 'le');

const ratesIn = (given: Calculation): Rates | undefined =>
  given.kind === 'operand' ? ratesOf(given.expr, given.node) : undefined;

/** The buckets and the total of two sums, where they are of one histogram. */
function fastOf(fast: Rates | undefined, all: Rates | undefined): FastShare['fast'] | undefined {
  if (fast?.le === undefined || fast.le === '' || all === undefined) return undefined;
  const isFast = fast.name.endsWith('_bucket') && !isAll(fast) && isAll(all) && isSameHistogram(fast, all);
  return isFast ? { ...fast, le: fast.le } : undefined;
}

const isOne = (given: Calculation): boolean => given.kind === 'constant' && given.value === 1;

/** `(all - fast) / all`. */
function slowRestOf(given: Calculation, all: Rates | undefined): FastShare | undefined {
  if (given.kind !== 'operation' || given.symbol !== '-' || all === undefined) return undefined;
  const fast = fastOf(ratesIn(given.right), all);
  const same = ratesIn(given.left);
  const isRest = same !== undefined && isAll(same) && isSameHistogram(same, all);
  return fast !== undefined && isRest ? { fast, isSlow: true } : undefined;
}

/**
 * The share of requests within a threshold, or of those over it:
 *
 *   fast / all     1 - fast / all     (all - fast) / all
 */
function fastShareOf(given: Calculation): FastShare | undefined {
  if (given.kind !== 'operation') return undefined;
  const { symbol, left, right } = given;
  if (symbol === '-' && isOne(left)) {
    const share = fastShareOf(right);
    return share === undefined ? undefined : { ...share, isSlow: !share.isSlow };
  }
  if (symbol !== '/') return undefined;
  const all = ratesIn(right);
  const fast = fastOf(ratesIn(left), all);
  return fast === undefined ? slowRestOf(left, all) : { fast, isSlow: false };
}

/** Whether more of a share breaches, or less; undefined for other comparisons. */
function isBreachOfMore({ comparison }: Filter): boolean | undefined {
  if (comparison === '>' || comparison === '>=') return true;
  return comparison === '<' || comparison === '<=' ? false : undefined;
}

/** The objective of a share, compared with `bound`. */
function shareObjective(
  { fast, isSlow }: FastShare,
  bound: number,
  unit?: string,
): LatencyObjective | undefined {
  const family = familyOf(fast, metricOf(fast), unit);
  const quantile = isSlow ? withoutNoise(1 - bound) : bound;
  const le = Number(fast.le);
  const isPossible = quantile > 0 && quantile < 1 && Number.isFinite(le);
  if (family === undefined || !isPossible) return undefined;
  return {
    family,
    by: fast.by,
    without: fast.without && withoutBound(fast.without),
    quantile: ratio(quantile),
    threshold: inMs(family, le),
    window: ms(fast.window),
  };
}

/** The share of requests over a bucket bound above a bound, or the share within it below one. */
function ofShare(filter: Filter, { of, factor }: Scaled, givenUnit?: string): FoundObjective | undefined {
  const share = factor === 1 || factor === 100 ? fastShareOf(of) : undefined;
  if (share === undefined || share.isSlow !== isBreachOfMore(filter)) return undefined;
  const objective = shareObjective(share, withoutNoise(filter.bound / factor), givenUnit);
  if (objective === undefined) return undefined;
  if (factor === 100) return { objective, valueKind: 'number', unit: '%' };
  return { objective, valueKind: share.isSlow ? 'slow-share' : 'ratio' };
}

/** The latency objective of a comparison with a constant: of a quantile, or of a share of requests. */
export function objectiveOf(filter: Filter, givenUnit?: string): FoundObjective | undefined {
  if (filter.of.kind !== 'vector') return undefined;
  const value = scaledOf(calculationOf(filter.of.text));
  if (!(value.factor > 0)) return undefined;
  return ofQuantile(filter, value, givenUnit) ?? ofShare(filter, value, givenUnit);
}
