import type { SyntaxNode } from '@lezer/common';
import { unitOfMetric } from '../presets.ts';
import { withoutNoise } from '../promql.ts';
import { type Calculation, calculationOf, calculationOfNode, scaledOf } from './shape.ts';
import { childrenOf, metricNameOf, textOf } from './syntax.ts';

/** What a value counts: its unit, empty for a plain number, and whether it is counted per second. */
interface Quantity {
  readonly unit: string;
  readonly isPerSecond?: boolean;
  /** A share, 0 to 1. `maybe`: of two numbers without a unit, which may be anything. */
  readonly ratio?: 'yes' | 'maybe';
}

type Operation = Extract<Calculation, { kind: 'operation' }>;

const NUMBER: Quantity = { unit: '' };
const RATIO: Quantity = { unit: '', ratio: 'yes' };

/** Units by how Prometheus and OpenTelemetry name metrics. Source: prometheus.io "Metric and label naming", base units. */
const UNITS: Readonly<Record<string, string>> = {
  seconds: 's',
  milliseconds: 'ms',
  ms: 'ms',
  microseconds: 'µs',
  bytes: 'bytes',
  percent: '%',
  percentage: '%',
  celsius: '°C',
};

/** The words of a metric's name; of a recorded one (`level:metric:operations`) those of the metric. */
function quantityOfMetric(name: string): Quantity {
  if (/(?:^|[:_])ratio(?:[:_]|$)/.test(name)) return RATIO;
  const [level = '', metric = level] = name.split(':');
  const words = metric.split(/[_.]/);
  const last = words.at(-1) ?? '';
  if (last === 'count' || last === 'bucket') return NUMBER;
  const base = /^(?:total|sum|max|min|avg)$/.test(last) ? words.at(-2) : last;
  return { unit: UNITS[base ?? ''] ?? '' };
}

/** Functions and aggregations whose result has the unit of what they are given. */
const KEEPING =
  /^(?:sum|avg|min|max|topk|bottomk|limitk|quantile|stddev|increase|i?delta|(?:avg|min|max|sum|last|quantile|stddev|first)_over_time|abs|ceil|floor|round|clamp(?:_min|_max)?|sort(?:_desc|_by_label|_by_label_desc)?|label_(?:replace|join)|predict_linear|scalar|vector|histogram_avg|histogram_sum|(?:double_exponential_smoothing|holt_winters))$/i;

/** The first or the last argument that is an expression: levels and numbers of elements come first. */
const argumentOf = (args: readonly SyntaxNode[]): SyntaxNode | undefined =>
  args.find(({ name }) => !name.endsWith('Literal'));

function quantityOfCall(expr: string, node: SyntaxNode): Quantity | undefined {
  const name = textOf(expr, node.getChild('FunctionIdentifier') ?? node.getChild('AggregateOp'));
  const of = argumentOf(childrenOf(node.getChild('FunctionCallBody') ?? node));
  if (name === 'time' || name === 'timestamp') return { unit: 's' };
  if (name === 'histogram_fraction') return RATIO;
  if (of === undefined) return undefined;
  if (name === 'histogram_quantile') return quantityOfBuckets(expr, of);
  if (/^(?:count|group|count_values|count_over_time|changes|resets|absent|absent_over_time)$/i.test(name))
    return NUMBER;
  const inner = quantityOfNode(expr, of);
  if (KEEPING.test(name)) return inner;
  if (inner === undefined || !/^(?:i?rate|deriv)$/.test(name)) return undefined;
  return { unit: inner.unit, isPerSecond: true };
}

/** The unit of the histogram whose buckets are read somewhere in a node. */
function quantityOfBuckets(expr: string, node: SyntaxNode): Quantity | undefined {
  const name = metricNameOf(expr, node);
  if (name !== undefined) {
    const metric = name.replace(/_bucket$/, '');
    const quantity = quantityOfMetric(metric);
    return quantity.unit === '' ? { ...quantity, unit: unitOfMetric(metric) ?? '' } : quantity;
  }
  for (const child of childrenOf(node)) {
    const found = quantityOfBuckets(expr, child);
    if (found !== undefined) return found;
  }
  return undefined;
}

function quantityOfNode(expr: string, node: SyntaxNode): Quantity | undefined {
  const name = metricNameOf(expr, node);
  if (name !== undefined) return quantityOfMetric(name);
  if (node.name === 'FunctionCall' || node.name === 'AggregateExpr') return quantityOfCall(expr, node);
  if (node.name === 'BinaryExpr' || node.name === 'ParenExpr') {
    const of = calculationOfNode(expr, node);
    // A comparison or a set operator keeps the values of its left side.
    const isWhole = of.kind === 'operand' && of.node.name === 'BinaryExpr';
    return isWhole ? quantityOfNode(expr, of.node.firstChild ?? of.node) : quantityOf(of);
  }
  // Signs, ranges, `offset` and `@` keep the unit of what they belong to.
  const inner = childrenOf(node).find(({ name: type }) => /(?:Expr|Selector|Call)$/.test(type));
  return inner === undefined || /Duration/.test(inner.name) ? undefined : quantityOfNode(expr, inner);
}

function product(of: Quantity, factor: number): Quantity | undefined {
  const by = withoutNoise(factor);
  if (by === 1) return of;
  if (of.ratio !== undefined && by === 100) return { unit: '%' };
  if (of.unit === '%' && by === 0.01) return RATIO;
  if (of.unit === 's' && by === 1_000) return { ...of, unit: 'ms' };
  if (of.unit === 'ms' && by === 0.001) return { ...of, unit: 's' };
  return of.unit === '' ? NUMBER : undefined;
}

function quotient(left: Quantity, right: Quantity): Quantity | undefined {
  const isSameRate = left.isPerSecond === right.isPerSecond;
  if (left.unit === right.unit && isSameRate) return { unit: '', ratio: left.unit === '' ? 'maybe' : 'yes' };
  if (right.unit !== '') return undefined;
  return isSameRate ? { unit: left.unit } : undefined;
}

function quantityOf(given: Calculation): Quantity | undefined {
  const { of, factor } = scaledOf(given);
  const quantity = unscaledQuantity(of);
  return quantity === undefined ? undefined : product(quantity, factor);
}

const isTime = (of: Calculation): boolean =>
  of.kind === 'operand' &&
  of.node.name === 'FunctionCall' &&
  textOf(of.expr, of.node.getChild('FunctionIdentifier')) === 'time';

/** Of a sum or a difference: a constant has the unit of the other side. What the time is compared with is a time, too. */
function sumQuantity(of: Operation): Quantity | undefined {
  if (isTime(of.left) || isTime(of.right)) return { unit: 's' };
  if (of.left.kind === 'constant') return quantityOf(of.right);
  const left = quantityOf(of.left);
  if (of.right.kind === 'constant') return left;
  const right = quantityOf(of.right);
  return left?.unit === right?.unit && left?.isPerSecond === right?.isPerSecond ? left : undefined;
}

function unscaledQuantity(of: Calculation): Quantity | undefined {
  if (of.kind === 'constant') return undefined;
  if (of.kind === 'operand') return quantityOfNode(of.expr, of.node);
  if (of.symbol === '+' || of.symbol === '-') return sumQuantity(of);
  const [left, right] = of.symbol === '/' ? [quantityOf(of.left), quantityOf(of.right)] : [];
  return left === undefined || right === undefined ? undefined : quotient(left, right);
}

/** What the value of an expression is, where the names of its metrics say it. */
export interface ValueUnit {
  readonly isRatio: boolean;
  /** Absent: a plain number, or unknown. */
  readonly unit?: string;
}

/**
 * The unit of an expression's value. Two numbers without a unit divided by each other are a share when the value is
 * compared with one, from 0 to 1.
 */
export function unitOfValue(expr: string, bound: number | undefined): ValueUnit {
  const quantity = quantityOf(calculationOf(expr));
  if (quantity === undefined) return { isRatio: false };
  const { unit, isPerSecond = false, ratio } = quantity;
  const isShare = bound !== undefined && bound >= 0 && bound <= 1;
  if (ratio === 'yes' || (ratio === 'maybe' && isShare)) return { isRatio: true };
  // Seconds per second are a number: of busy cores, for example.
  if (isPerSecond && UNITS_OF_TIME.has(unit)) return { isRatio: false };
  const text = `${unit}${isPerSecond ? '/s' : ''}`;
  return { isRatio: false, unit: text === '' ? undefined : text };
}

const UNITS_OF_TIME: ReadonlySet<string> = new Set(['s', 'ms', 'µs']);
