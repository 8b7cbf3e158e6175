import {
  formatLabels,
  type Labels,
  labelValue,
  METRIC_NAME,
  onlyLabels,
  withLabel,
  withoutLabels,
  withoutMetricName,
} from '../labels.ts';
import { QueryError } from './errors.ts';
import { type Evaluation, remembering, type VectorSample } from './evaluation.ts';
import {
  type ArithmeticOperator,
  type BinaryExpression,
  type ComparisonOperator,
  isComparison,
  isSetOperator,
  type SetOperator,
} from './expression.ts';
import { pow } from './go-math.ts';

const ARITHMETIC: Readonly<Record<ArithmeticOperator, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '%': (a, b) => a % b,
  '^': pow,
  atan2: Math.atan2,
};

const COMPARISON: Readonly<Record<ComparisonOperator, (a: number, b: number) => boolean>> = {
  '==': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '>': (a, b) => a > b,
  '<': (a, b) => a < b,
  '>=': (a, b) => a >= b,
  '<=': (a, b) => a <= b,
};

type ValueOperator = ArithmeticOperator | ComparisonOperator;

/** The result for two numbers; undefined when a comparison filters the element out. A kept element keeps the left value. */
function combine(operator: ValueOperator, a: number, b: number): number | undefined {
  if (isComparison(operator)) return COMPARISON[operator](a, b) ? a : undefined;
  return ARITHMETIC[operator](a, b);
}

/** Two scalars: a comparison answers 0 or 1. */
export function scalarBinary(operator: ValueOperator, a: number, b: number): number {
  if (isComparison(operator)) return COMPARISON[operator](a, b) ? 1 : 0;
  return ARITHMETIC[operator](a, b);
}

/** A vector and a scalar, in either order: a filtering comparison keeps the vector's value and name. */
export function vectorScalarBinary(
  evaluation: Evaluation,
  node: BinaryExpression,
  operands: {
    readonly vector: readonly VectorSample[];
    readonly scalar: number;
    readonly vectorIsLeft: boolean;
  },
): readonly VectorSample[] {
  const operator = node.operator as ValueOperator;
  const dropName = evaluation.plan(node, () => remembering(withoutMetricName));
  const filters = isComparison(operator) && !node.returnsBool;
  const result: VectorSample[] = [];
  for (const { labels, value } of operands.vector) {
    const [a, b] = operands.vectorIsLeft ? [value, operands.scalar] : [operands.scalar, value];
    const combined = combine(operator, a, b);
    if (filters) {
      if (combined !== undefined) result.push({ labels, value });
    } else if (node.returnsBool) {
      result.push({ labels: dropName(labels), value: combined === undefined ? 0 : 1 });
    } else {
      result.push({ labels: dropName(labels), value: combined as number });
    }
  }
  return result;
}

interface MatchPlan {
  /** The labels that are compared, as a key. */
  readonly signature: (labels: Labels) => string;
  /** The labels of the result, from the "many" and the "one" side. */
  readonly result: (many: Labels, one: Labels) => Labels;
}

function planOf(evaluation: Evaluation, node: BinaryExpression): MatchPlan {
  return evaluation.plan(node, () => {
    const results = remembering((many) => remembering((one) => resultLabels(node, many, one)));
    return {
      signature: remembering((labels) => matchLabels(node, labels).key),
      result: (many, one) => results(many)(one),
    };
  });
}

function matchLabels({ matching }: BinaryExpression, labels: Labels): Labels {
  if (matching.on) return onlyLabels(labels, matching.labels);
  return withoutLabels(labels, [METRIC_NAME, ...matching.labels]);
}

/** Source: prometheus/prometheus promql/engine.go resultMetric. */
function resultLabels(
  { operator, matching, returnsBool }: BinaryExpression,
  many: Labels,
  one: Labels,
): Labels {
  let labels = isComparison(operator) ? many : withoutMetricName(many);
  if (matching.cardinality === 'one-to-one') {
    labels = matching.on ? onlyLabels(labels, matching.labels) : withoutLabels(labels, matching.labels);
  }
  for (const name of matching.include) labels = withLabel(labels, name, labelValue(one, name));
  return returnsBool ? withoutMetricName(labels) : labels;
}

type Vectors = readonly [left: readonly VectorSample[], right: readonly VectorSample[]];

/** Two vectors under any operator but `and`, `or` and `unless`. Source: promql/engine.go VectorBinop. */
function matchedBinary(
  evaluation: Evaluation,
  node: BinaryExpression,
  [left, right]: Vectors,
): readonly VectorSample[] {
  if (left.length === 0 || right.length === 0) return [];
  const plan = planOf(evaluation, node);
  const swapped = node.matching.cardinality === 'one-to-many';
  const [many, one] = swapped ? [right, left] : [left, right];
  const ones = indexOneSide(evaluation, node, one);
  const used = new Map<string, Set<string>>();
  const result: VectorSample[] = [];
  for (const sample of many) {
    const signature = plan.signature(sample.labels);
    const partner = ones.get(signature);
    if (partner === undefined) continue;
    const [a, b] = swapped ? [partner.value, sample.value] : [sample.value, partner.value];
    const combined = combine(node.operator as ValueOperator, a, b);
    const kept = combined !== undefined || node.returnsBool;
    if (!kept && !evaluation.versionBehavior.filteredMatchesCount) continue;
    const labels = plan.result(sample.labels, partner.labels);
    claim(node, used, { signature, key: labels.key });
    if (!kept) continue;
    const value = node.returnsBool ? Number(combined !== undefined) : (combined as number);
    result.push({ labels, value });
  }
  return result;
}

function indexOneSide(
  evaluation: Evaluation,
  node: BinaryExpression,
  one: readonly VectorSample[],
): ReadonlyMap<string, VectorSample> {
  const { signature } = planOf(evaluation, node);
  const index = new Map<string, VectorSample>();
  for (const sample of one) {
    const key = signature(sample.labels);
    const twin = index.get(key);
    if (twin !== undefined) throw duplicates(evaluation, node, [sample.labels, twin.labels]);
    index.set(key, sample);
  }
  return index;
}

function duplicates(
  { versionBehavior }: Evaluation,
  node: BinaryExpression,
  pair: readonly [Labels, Labels],
): QueryError {
  const group = formatLabels(matchLabels(node, pair[0]));
  const side = node.matching.cardinality === 'one-to-many' ? 'left' : 'right';
  const texts = pair.map(formatLabels);
  if (versionBehavior.duplicatesAreSorted) texts.sort((a, b) => (a < b ? -1 : 1));
  return new QueryError(
    'execution',
    `found duplicate series for the match group ${group} on the ${side} hand-side of the operation: ` +
      `[${texts.join(', ')}];many-to-many matching not allowed: matching labels must be unique on one side`,
  );
}

/** Refuses a second element where the matching allows one only. */
function claim(
  node: BinaryExpression,
  used: Map<string, Set<string>>,
  element: { readonly signature: string; readonly key: string },
): void {
  const keys = used.get(element.signature);
  if (keys === undefined) {
    used.set(element.signature, new Set([element.key]));
    return;
  }
  if (node.matching.cardinality === 'one-to-one') {
    const message =
      'multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)';
    throw new QueryError('execution', message);
  }
  if (keys.has(element.key)) {
    throw new QueryError(
      'execution',
      'multiple matches for labels: grouping labels must ensure unique matches',
    );
  }
  keys.add(element.key);
}

/** `and`, `or`, `unless`: they choose elements by their labels and keep them as they are. */
function setBinary(
  evaluation: Evaluation,
  node: BinaryExpression,
  [left, right]: Vectors,
): readonly VectorSample[] {
  const { signature } = planOf(evaluation, node);
  const signatures = (vector: readonly VectorSample[]) =>
    new Set(vector.map(({ labels }) => signature(labels)));
  const operator = node.operator as SetOperator;
  if (operator === 'or') {
    const present = signatures(left);
    return [...left, ...right.filter(({ labels }) => !present.has(signature(labels)))];
  }
  const present = signatures(right);
  return left.filter(({ labels }) => present.has(signature(labels)) === (operator === 'and'));
}

/** Any operator between two vectors. */
export function vectorBinary(
  evaluation: Evaluation,
  node: BinaryExpression,
  vectors: Vectors,
): readonly VectorSample[] {
  return isSetOperator(node.operator)
    ? setBinary(evaluation, node, vectors)
    : matchedBinary(evaluation, node, vectors);
}
