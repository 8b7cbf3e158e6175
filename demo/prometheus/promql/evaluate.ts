import { NO_LABELS, withoutMetricName } from '../labels.ts';
import { aggregate } from './aggregate.ts';
import { scalarBinary, vectorBinary, vectorScalarBinary } from './binary.ts';
import { distinct, type Evaluation, remembering, type Value, type VectorSample } from './evaluation.ts';
import {
  type ArithmeticOperator,
  type BinaryExpression,
  type CallExpression,
  type ComparisonOperator,
  type Expression,
  type MatrixSelector,
  type UnaryExpression,
} from './expression.ts';
import { applyElementFunction, histogramQuantile, isElementFunction, sorted } from './functions.ts';
import { RANGE_FUNCTIONS, type RangeFunction } from './range-functions.ts';
import { labelsOfAbsence, selectedSeries, selectInstant, windowOf } from './select.ts';

type Vector = readonly VectorSample[];

/**
 * Evaluates a type-checked expression at `t` (ms since the epoch). A range vector has no value of its own: it is read by the function
 * around it. Throws QueryError (execution) where Prometheus refuses the result.
 */
export function evaluate(evaluation: Evaluation, node: Expression, t: number): Value {
  switch (node.kind) {
    case 'number':
    case 'string':
      return node.value;
    case 'vector selector':
      return selectInstant(evaluation, node, { t, what: 'value' });
    case 'aggregate':
      return aggregate(evaluation, node, evaluateVector(evaluation, node.operand, t));
    case 'unary':
      return unary(evaluation, node, t);
    case 'binary':
      return distinctValue(binary(evaluation, node, t));
    case 'call':
      return distinctValue(call(evaluation, node, t));
    case 'matrix selector':
      throw new TypeError('a range vector is only evaluated as an argument');
  }
}

const distinctValue = (value: Value): Value => (Array.isArray(value) ? distinct(value as Vector) : value);

const evaluateVector = (evaluation: Evaluation, node: Expression, t: number): Vector =>
  evaluate(evaluation, node, t) as Vector;

const evaluateScalar = (evaluation: Evaluation, node: Expression, t: number): number =>
  evaluate(evaluation, node, t) as number;

function unary(evaluation: Evaluation, node: UnaryExpression, t: number): Value {
  const value = evaluate(evaluation, node.operand, t);
  if (node.operator === '+') return value;
  if (typeof value === 'number') return -value;
  const dropName = evaluation.plan(node, () => remembering(withoutMetricName));
  return distinct(
    (value as Vector).map((sample) => ({ labels: dropName(sample.labels), value: -sample.value })),
  );
}

function binary(evaluation: Evaluation, node: BinaryExpression, t: number): Value {
  const left = evaluate(evaluation, node.left, t) as number | Vector;
  const right = evaluate(evaluation, node.right, t) as number | Vector;
  if (typeof left === 'number') {
    return typeof right === 'number'
      ? scalarBinary(node.operator as ArithmeticOperator | ComparisonOperator, left, right)
      : vectorScalarBinary(evaluation, node, { vector: right, scalar: left, vectorIsLeft: false });
  }
  return typeof right === 'number'
    ? vectorScalarBinary(evaluation, node, { vector: left, scalar: right, vectorIsLeft: true })
    : vectorBinary(evaluation, node, [left, right]);
}

function call(evaluation: Evaluation, node: CallExpression, t: number): Value {
  const rangeFunction = RANGE_FUNCTIONS[node.name];
  if (rangeFunction !== undefined) return callRange(evaluation, node, { t, apply: rangeFunction });
  if (isElementFunction(node.name)) {
    const [vector, ...parameters] = node.args;
    return applyElementFunction(evaluation, node, {
      vector: evaluateVector(evaluation, vector as Expression, t),
      parameters: parameters.map((parameter) => evaluateScalar(evaluation, parameter, t)),
    });
  }
  return (SPECIAL[node.name] as SpecialFunction)(evaluation, node, t);
}

function callRange(
  evaluation: Evaluation,
  node: CallExpression,
  step: { readonly t: number; readonly apply: RangeFunction },
): Vector {
  const range = node.args[0] as MatrixSelector;
  // last_over_time answers with a sample of the series itself, so it keeps the name.
  const labelsFor = evaluation.plan(node, () =>
    remembering((labels) => (node.name === 'last_over_time' ? labels : withoutMetricName(labels))),
  );
  const vector: VectorSample[] = [];
  for (const { labels, samples } of selectedSeries(evaluation, range.selector)) {
    const window = windowOf(evaluation, range, { samples, t: step.t });
    const value = window === undefined ? undefined : step.apply(window, evaluation.versionBehavior);
    if (value !== undefined) vector.push({ labels: labelsFor(labels), value });
  }
  return vector;
}

type SpecialFunction = (evaluation: Evaluation, node: CallExpression, t: number) => Value;

/** The argument at an index; the type check has seen that it is there. */
const argument = (node: CallExpression, index: number): Expression => node.args[index] as Expression;

function absent(evaluation: Evaluation, node: CallExpression, t: number): Vector {
  const operand = argument(node, 0);
  if (evaluateVector(evaluation, operand, t).length > 0) return [];
  const labels = operand.kind === 'vector selector' ? labelsOfAbsence(operand.matchers) : NO_LABELS;
  return [{ labels, value: 1 }];
}

function absentOverTime(evaluation: Evaluation, node: CallExpression, t: number): Vector {
  const range = argument(node, 0) as MatrixSelector;
  const present = selectedSeries(evaluation, range.selector).some(
    ({ samples }) => windowOf(evaluation, range, { samples, t }) !== undefined,
  );
  return present ? [] : [{ labels: labelsOfAbsence(range.selector.matchers), value: 1 }];
}

/** The time of each sample; of anything but a selector, the time of the evaluation. */
function timestamp(evaluation: Evaluation, node: CallExpression, t: number): Vector {
  const operand = argument(node, 0);
  const stamped =
    operand.kind === 'vector selector'
      ? selectInstant(evaluation, operand, { t, what: 'timestamp' })
      : evaluateVector(evaluation, operand, t).map(({ labels }) => ({ labels, value: t / 1_000 }));
  const dropName = evaluation.plan(node, () => remembering(withoutMetricName));
  return stamped.map(({ labels, value }) => ({ labels: dropName(labels), value }));
}

const SPECIAL: Readonly<Record<string, SpecialFunction>> = {
  absent,
  absent_over_time: absentOverTime,
  histogram_quantile: (evaluation, node, t) =>
    histogramQuantile(evaluation, node, {
      q: evaluateScalar(evaluation, argument(node, 0), t),
      buckets: evaluateVector(evaluation, argument(node, 1), t),
    }),
  scalar(evaluation, node, t) {
    const [only, ...others] = evaluateVector(evaluation, argument(node, 0), t);
    return only === undefined || others.length > 0 ? Number.NaN : only.value;
  },
  sort: (evaluation, node, t) => sorted(evaluateVector(evaluation, argument(node, 0), t), 1),
  sort_desc: (evaluation, node, t) => sorted(evaluateVector(evaluation, argument(node, 0), t), -1),
  time: (_evaluation, _node, t) => t / 1_000,
  timestamp,
  vector: (evaluation, node, t) => [
    { labels: NO_LABELS, value: evaluateScalar(evaluation, argument(node, 0), t) },
  ],
};
