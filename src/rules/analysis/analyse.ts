import type { SyntaxNode } from '@lezer/common';
import { serviceLabelOf } from '../../lib/labels.ts';
import { ms, parseDuration, ratio } from '../../lib/units.ts';
import { errorSelectorFor, unitOfMetric } from '../presets.ts';
import { withoutNoise } from '../promql.ts';
import type { LatencyFamily, LatencyObjective, MetricReading, SloRule } from '../rule.ts';
import type { NamedService, RateRange } from '../rule-use.ts';
import { recoveryOf } from './recovery.ts';
import { constantOfNode, type Shape, shapeOf } from './shape.ts';
import {
  childrenOf,
  isAbsence,
  nodesOf,
  parseExpression,
  textOf,
  withoutBlanks,
  withoutComments,
} from './syntax.ts';

/** What can be read out of a hand-written expression. */
export type Analysis = Pick<SloRule, 'valueKind' | 'bound' | 'comparison' | 'objective' | 'recovery'>;

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

/** `sum by (a, b) (x)`: the labels and what is summed. */
function sumOf(expr: string, node: SyntaxNode): { by: readonly string[]; of: SyntaxNode } | undefined {
  const inner = unwrapped(node);
  const modifier = inner.getChild('AggregateModifier');
  const of = inner.getChild('FunctionCallBody')?.firstChild;
  if (inner.name !== 'AggregateExpr' || modifier === null || of === null || of === undefined)
    return undefined;
  const isSum = textOf(expr, inner.getChild('AggregateOp')).toLowerCase() === 'sum';
  if (!isSum || modifier.getChild('By') === null) return undefined;
  const labels = modifier.getChild('GroupingLabels');
  const by = labels === null ? [] : childrenOf(labels).map((label) => unquoted(textOf(expr, label)));
  return { by, of };
}

/** The selector of a histogram, with the range of its rate in ms. */
interface Buckets {
  readonly metric: string;
  /** One series for each histogram, without `le`. */
  readonly isNative: boolean;
  readonly selector: string;
  readonly window: number;
}

/** `rate(m_bucket{...}[5m])`, or `rate(m{...}[5m])` of a native histogram. */
function bucketsOf(expr: string, node: SyntaxNode): Buckets | undefined {
  const call = callOf(expr, node);
  const matrix = call?.args[0];
  if (call === undefined || !/^(?:rate|increase|irate)$/.test(call.name)) return undefined;
  const vector = matrix?.name === 'MatrixSelector' ? matrix.getChild('VectorSelector') : null;
  const name = textOf(expr, vector?.getChild('Identifier'));
  const window = parseDuration(textOf(expr, matrix?.getChild('DurationExpr')));
  if (vector === null || name === '' || window === undefined) return undefined;
  const metric = name.replace(/_bucket$/, '');
  return { metric, isNative: metric === name, selector: matchersWithoutLe(expr, vector), window };
}

/** The unit is that of the annotation `slo_unit`, or the one in the metric's name. */
function familyOf(buckets: Buckets, by: readonly string[], givenUnit?: string): LatencyFamily | undefined {
  const { metric, selector, isNative } = buckets;
  const unit = givenUnit === 'ms' || givenUnit === 's' ? givenUnit : unitOfMetric(metric);
  const serviceLabel = serviceLabelOf(by);
  if (unit === undefined || serviceLabel === undefined) return undefined;
  const histogram = isNative ? 'native' : undefined;
  return { metric, unit, selector, serviceLabel, histogram, errorSelector: errorSelectorFor(metric) };
}

interface Quantile {
  readonly quantile: number;
  readonly by: readonly string[];
  readonly buckets: Buckets;
}

/** The parts of `histogram_quantile(q, ...)`, q being a constant between 0 and 1. */
function quantileCall(expr: string, node: SyntaxNode): { quantile: number; of: SyntaxNode } | undefined {
  const call = callOf(expr, node);
  const [level, of] = call?.args ?? [];
  if (call?.name !== 'histogram_quantile' || level === undefined || of === undefined) return undefined;
  const quantile = constantOfNode(expr, level) ?? 0;
  return quantile > 0 && quantile < 1 ? { quantile, of } : undefined;
}

/** The parts of `histogram_quantile(q, sum by (le, service) (rate(m_bucket{...}[w])))`. */
function quantileOf(expr: string, node: SyntaxNode): Quantile | undefined {
  const call = quantileCall(expr, node);
  const sum = call === undefined ? undefined : sumOf(expr, call.of);
  const buckets = sum === undefined ? undefined : bucketsOf(expr, sum.of);
  if (call === undefined || sum === undefined || buckets === undefined) return undefined;
  // Classic buckets need `le`, native histograms do not have it.
  if (buckets.isNative === sum.by.includes('le')) return undefined;
  return { quantile: call.quantile, buckets, by: sum.by.filter((label) => label !== 'le') };
}

/** A quantile of a latency histogram above a bound is a latency objective. */
function objectiveOf(
  expr: string,
  { of, bound, comparison }: Filter,
  givenUnit?: string,
): LatencyObjective | undefined {
  if (of.kind !== 'vector' || (comparison !== '>' && comparison !== '>=')) return undefined;
  const read = quantileOf(expr, of.node);
  const family = read === undefined ? undefined : familyOf(read.buckets, read.by, givenUnit);
  if (read === undefined || family === undefined) return undefined;
  const threshold = ms(withoutNoise(family.unit === 'ms' ? bound : bound * 1_000));
  return { family, by: read.by, quantile: ratio(read.quantile), threshold, window: ms(read.buckets.window) };
}

type Filter = Extract<Shape, { kind: 'filter' }>;

/** The filter whose value the result has: that of the left side, since `and` and `unless` keep the left's values. */
function valueFilter(shape: Shape): Filter | undefined {
  if (shape.kind === 'vector' || shape.kind === 'match') return undefined;
  if (shape.kind === 'filter') return shape;
  const left = valueFilter(shape.left);
  if (shape.operator !== 'or') return left;
  const right = valueFilter(shape.right);
  return left?.bound === right?.bound && left?.comparison === right?.comparison ? left : undefined;
}

/** Bound, comparison, objective and recovery condition of an expression that parses. `unit` is that of `slo_unit`. */
export function analyseExpression(given: string, unit?: string): Analysis {
  const expr = withoutComments(given);
  const shape = shapeOf(expr);
  const filter = valueFilter(shape);
  const recovery = recoveryOf(expr, shape);
  if (filter === undefined) return { valueKind: 'number', recovery };
  const { bound, comparison } = filter;
  const objective = objectiveOf(expr, filter, unit);
  return {
    valueKind: objective === undefined ? 'number' : 'latency',
    bound,
    comparison,
    objective,
    recovery,
  };
}

/** Selectors after these are not looked at. */
const MAX_READINGS = 7;

/** What a function finds in the nodes of an expression, each once by its key, in order. */
function collect<T>(
  given: string,
  find: (node: SyntaxNode, expr: string) => T | undefined,
  keyOf: (found: T) => string,
): readonly T[] {
  const expr = withoutComments(given);
  const found = new Map<string, T>();
  for (const node of nodesOf(parseExpression(expr))) {
    const each = find(node, expr);
    if (each !== undefined) found.set(keyOf(each), each);
  }
  return [...found.values()];
}

const metricsWhere = (
  given: string,
  isWanted: (node: SyntaxNode, expr: string) => boolean,
): readonly string[] =>
  collect(
    given,
    (node, expr) => (isWanted(node, expr) ? metricNameOf(expr, node) : undefined),
    (name) => name,
  );

/** The metrics that an expression names, each once, in order. */
export const metricsOf = (expr: string): readonly string[] => metricsWhere(expr, () => true);

/** The metrics that must exist: those inside of `absent()` need not. */
export const metricsNeededBy = (given: string): readonly string[] =>
  metricsWhere(given, (node, expr) => !isInAbsent(expr, node));

function isInAbsent(expr: string, { parent }: SyntaxNode): boolean {
  if (parent === null) return false;
  const name = parent.getChild('FunctionIdentifier');
  return (name !== null && isAbsence(expr, name)) || isInAbsent(expr, parent);
}

const unquoted = (text: string): string => text.replaceAll(/^["'`]|["'`]$/g, '');

/** The metric of a selector, named before the braces or inside them. Undefined for other nodes, and for patterns. */
function metricNameOf(expr: string, node: SyntaxNode): string | undefined {
  if (node.name !== 'VectorSelector') return undefined;
  const name = node.getChild('Identifier') ?? node.getChild('LabelMatchers')?.getChild('QuotedLabelName');
  if (name !== null && name !== undefined) return unquoted(textOf(expr, name));
  return equalitiesOf(expr, node).find(({ label }) => label === '__name__')?.value;
}

/** The label of a matcher, quoted or not. */
const labelOf = (expr: string, matcher: SyntaxNode): string =>
  unquoted(textOf(expr, matcher.getChild('LabelName') ?? matcher.getChild('QuotedLabelName')));

/** The `label="value"` matchers of a selector. */
function equalitiesOf(expr: string, vector: SyntaxNode): readonly { label: string; value: string }[] {
  const matchers = vector.getChild('LabelMatchers');
  return (matchers === null ? [] : childrenOf(matchers))
    .filter((matcher) => textOf(expr, matcher.getChild('MatchOp')) === '=')
    .map((matcher) => ({
      label: labelOf(expr, matcher),
      value: unquoted(textOf(expr, matcher.getChild('StringLiteral'))),
    }));
}

/** The matchers of a selector as written, without those on `le`. */
function matchersWithoutLe(expr: string, vector: SyntaxNode): string {
  const matchers = vector.getChild('LabelMatchers');
  return (matchers === null ? [] : childrenOf(matchers))
    .map((matcher) => withoutBlanks(textOf(expr, matcher)))
    .filter((matcher) => !/^["'`]?le["'`]?[=!]/.test(matcher))
    .join(',');
}

/** The services that an expression names, by the usual service labels, each once. */
export function servicesNamedIn(given: string): readonly NamedService[] {
  const expr = withoutComments(given);
  const found = new Map<string, NamedService>();
  for (const node of nodesOf(parseExpression(expr))) {
    const metric = metricNameOf(expr, node);
    if (metric === undefined) continue;
    for (const { label, value } of equalitiesOf(expr, node)) {
      if (value === '' || serviceLabelOf([label]) === undefined) continue;
      found.set(`${metric} ${label} ${value}`, { metric, label, value });
    }
  }
  return [...found.values()];
}

/** Functions that need two samples in their range. */
const RATES: ReadonlySet<string> = new Set(['rate', 'irate', 'increase', 'delta', 'idelta']);

/** The range that a call takes a rate over; undefined for any other node. */
function rateRangeOf(expr: string, call: SyntaxNode): RateRange | undefined {
  const body = call.getChild('FunctionCallBody');
  if (body === null || !RATES.has(textOf(expr, call.getChild('FunctionIdentifier')))) return undefined;
  const matrix = body.getChild('MatrixSelector') ?? body.getChild('OffsetExpr')?.getChild('MatrixSelector');
  const selector = withoutBlanks(textOf(expr, matrix?.getChild('VectorSelector')));
  const window = parseDuration(textOf(expr, matrix?.getChild('DurationExpr')));
  return selector === '' || window === undefined ? undefined : { selector, window };
}

/** The ranges that an expression takes rates over, each once. Subqueries are left out: they have a step of their own. */
export const rateRangesOf = (given: string): readonly RateRange[] =>
  collect(
    given,
    (node, expr) => rateRangeOf(expr, node),
    ({ selector, window }) => `${selector}[${window}]`,
  );

/**
 * The selectors of an expression, each once, in order: the metric and its matchers as written, without those on `le`.
 * Only the first seven are returned: enough to find out why data is missing. Selectors that name their metric in quotes
 * or by `__name__` are left out.
 */
export const readingsOf = (given: string): readonly MetricReading[] =>
  collect(
    given,
    (node, expr) => {
      const metric = textOf(expr, node.name === 'VectorSelector' ? node.getChild('Identifier') : null);
      return metric === '' ? undefined : { metric, matchers: matchersWithoutLe(expr, node) };
    },
    ({ metric, matchers }) => `${metric}{${matchers}}`,
  ).slice(0, MAX_READINGS);
