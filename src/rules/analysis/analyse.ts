import type { SyntaxNode } from '@lezer/common';
import { serviceLabelOf } from '../../lib/labels.ts';
import { ms, parseDuration, ratio } from '../../lib/units.ts';
import { errorSelectorFor, unitOfMetric } from '../presets.ts';
import { withoutNoise } from '../queries.ts';
import type { LatencyFamily, LatencyObjective, SloRule } from '../rule.ts';
import { evidenceOf } from './evidence.ts';
import { literalOf } from './literal.ts';
import type { Shape } from './shape.ts';
import { shapeOf } from './shape.ts';
import { childrenOf } from './tree.ts';

/** What can be read out of a hand-written expression. */
export type Analysis = Pick<SloRule, 'valueKind' | 'bound' | 'comparison' | 'objective' | 'recovery'>;

interface Text {
  readonly expr: string;
}

const textOf = ({ expr }: Text, node: SyntaxNode): string => expr.slice(node.from, node.to);

/** The node inside any number of parentheses. */
function bare(node: SyntaxNode): SyntaxNode {
  let inner = node;
  while (inner.name === 'ParenExpr' && inner.firstChild !== null) inner = inner.firstChild;
  return inner;
}

/** The name and arguments of a call, undefined for anything else. */
function callOf(text: Text, node: SyntaxNode): { name: string; args: readonly SyntaxNode[] } | undefined {
  const inner = bare(node);
  const identifier = inner.getChild('FunctionIdentifier');
  const body = inner.getChild('FunctionCallBody');
  if (inner.name !== 'FunctionCall' || identifier === null || body === null) return undefined;
  return { name: textOf(text, identifier), args: childrenOf(body) };
}

/** `sum by (a, b) (x)`: the labels and what is summed. */
function sumOf(text: Text, node: SyntaxNode): { by: readonly string[]; of: SyntaxNode } | undefined {
  const inner = bare(node);
  const operator = inner.getChild('AggregateOp');
  const modifier = inner.getChild('AggregateModifier');
  const of = inner.getChild('FunctionCallBody')?.firstChild;
  if (inner.name !== 'AggregateExpr' || operator === null || modifier === null) return undefined;
  if (textOf(text, operator).toLowerCase() !== 'sum' || modifier.getChild('By') === null) return undefined;
  if (of === null || of === undefined) return undefined;
  const labels = modifier.getChild('GroupingLabels')?.getChildren('LabelName') ?? [];
  return { by: labels.map((label) => textOf(text, label)), of };
}

interface Buckets {
  readonly metric: string;
  /** One series for each histogram, without `le`. */
  readonly isNative: boolean;
  readonly selector: string;
  readonly window: number;
}

/** The name of the metric a selector reads, when it is written before the braces. */
function metricOf(text: Text, vector: SyntaxNode | null): string | undefined {
  const identifier = vector?.getChild('Identifier') ?? null;
  return identifier === null ? undefined : textOf(text, identifier);
}

/** The matchers of a selector as written, without those on `le`. */
function selectorOf(text: Text, vector: SyntaxNode): string {
  const matchers = vector.getChild('LabelMatchers');
  return (matchers === null ? [] : childrenOf(matchers))
    .map((matcher) => textOf(text, matcher))
    .filter((matcher) => !/^le\b/.test(matcher))
    .join(',');
}

/** `m_bucket{...}[5m]`, or `m{...}[5m]` of a native one: the histogram, its matchers and the window in ms. */
function bucketRange(text: Text, matrix: SyntaxNode): Buckets | undefined {
  const vector = matrix.getChild('VectorSelector');
  const range = matrix.getChild('DurationExpr');
  const name = metricOf(text, vector);
  const window = range === null ? undefined : parseDuration(textOf(text, range));
  if (vector === null || name === undefined || window === undefined) return undefined;
  const isNative = !name.endsWith('_bucket');
  const metric = isNative ? name : name.slice(0, -'_bucket'.length);
  return { metric, isNative, selector: selectorOf(text, vector), window };
}

/** The buckets under `rate(...)` or its kin. */
function bucketsOf(text: Text, node: SyntaxNode): Buckets | undefined {
  const call = callOf(text, node);
  const matrix = call?.args[0];
  const isRate = call !== undefined && /^(?:rate|increase|irate)$/.test(call.name);
  return isRate && matrix?.name === 'MatrixSelector' ? bucketRange(text, matrix) : undefined;
}

const isUnit = (unit: string | undefined): unit is 'ms' | 's' => unit === 'ms' || unit === 's';

function familyOf(buckets: Buckets, by: readonly string[], givenUnit?: string): LatencyFamily | undefined {
  const { metric, selector, isNative } = buckets;
  const unit = isUnit(givenUnit) ? givenUnit : unitOfMetric(metric);
  const serviceLabel = serviceLabelOf(by);
  if (unit === undefined || serviceLabel === undefined) return undefined;
  const errorSelector = errorSelectorFor(metric);
  return {
    metric,
    unit,
    selector,
    serviceLabel,
    histogram: isNative ? 'native' : undefined,
    errorSelector,
  };
}

interface Quantile {
  readonly quantile: number;
  readonly by: readonly string[];
  readonly buckets: Buckets;
}

/** The two arguments of `histogram_quantile(q, ...)` with a literal q inside 0 to 1. */
function quantileCall(text: Text, node: SyntaxNode): { quantile: number; of: SyntaxNode } | undefined {
  const call = callOf(text, node);
  const [level, of] = call?.args ?? [];
  if (call?.name !== 'histogram_quantile' || level === undefined || of === undefined) return undefined;
  const quantile = literalOf(textOf(text, level));
  return quantile !== undefined && quantile > 0 && quantile < 1 ? { quantile, of } : undefined;
}

/** `histogram_quantile(q, sum by (le, service) (rate(m_bucket{...}[w])))`, taken apart. */
function quantileOf(text: Text, node: SyntaxNode): Quantile | undefined {
  const call = quantileCall(text, node);
  const sum = call === undefined ? undefined : sumOf(text, call.of);
  const buckets = sum === undefined ? undefined : bucketsOf(text, sum.of);
  if (call === undefined || sum === undefined || buckets === undefined) return undefined;
  // Buckets are notified apart by `le`, which nothing but they have: anything else is none of the two.
  if (buckets.isNative === sum.by.includes('le')) return undefined;
  return { quantile: call.quantile, buckets, by: sum.by.filter((label) => label !== 'le') };
}

/** A quantile of a latency histogram above a bound is a latency objective. */
function objectiveOf(text: Text, node: SyntaxNode, given: Given): LatencyObjective | undefined {
  const read = quantileOf(text, node);
  const family = read === undefined ? undefined : familyOf(read.buckets, read.by, given.unit);
  if (read === undefined || family === undefined) return undefined;
  const threshold = ms(withoutNoise(family.unit === 'ms' ? given.bound : given.bound * 1_000));
  return { family, by: read.by, quantile: ratio(read.quantile), threshold, window: ms(read.buckets.window) };
}

interface Given {
  readonly bound: number;
  /** From the annotation `slo_unit`. */
  readonly unit?: string;
}

/** The filter whose value the result carries: that of the left side, since `and` and `unless` keep the left's values. */
function valueFilter(shape: Shape): Extract<Shape, { kind: 'filter' }> | undefined {
  if (shape.kind === 'plain' || shape.kind === 'match') return undefined;
  if (shape.kind === 'filter') return shape;
  const left = valueFilter(shape.left);
  if (shape.operator !== 'or') return left;
  const right = valueFilter(shape.right);
  return left?.bound === right?.bound && left?.comparison === right?.comparison ? left : undefined;
}

/** Reads bound, comparison, objective and recovery evidence out of an expression that parses. `unit` is the annotation's. */
export function analyseExpression(expr: string, unit?: string): Analysis {
  const shape = shapeOf(expr);
  const filter = valueFilter(shape);
  const recovery = evidenceOf(expr, shape);
  if (filter === undefined) return { valueKind: 'number', recovery };
  const { bound, comparison, of } = filter;
  const given: Given = { bound, unit };
  const isUpperBound = comparison === '>' || comparison === '>=';
  const objective = of.kind === 'plain' && isUpperBound ? objectiveOf({ expr }, of.node, given) : undefined;
  return {
    valueKind: objective === undefined ? 'number' : 'latency',
    bound,
    comparison,
    objective,
    recovery,
  };
}
