import type { SyntaxNode } from '@lezer/common';
import { promqlNumber } from '../promql.ts';
import type { RecoveryCondition } from '../rule.ts';
import type { Shape } from './shape.ts';
import { childrenOf, isAbsence, textOf, withoutBlanks } from './syntax.ts';

type SetShape = Extract<Shape, { kind: 'set' }>;
type Exact = Required<Pick<RecoveryCondition, 'expr' | 'comparison' | 'bound'>>;

const isSelector = (text: string): boolean => /^[\w:]+ ?(?:\{[^{}]*\})?$/.test(text);

/** In parentheses, unless it is a selector alone. */
const bracketed = (text: string): string => (isSelector(text) ? text : `(${text})`);

/** The texts with blanks between them; empty ones are left out. */
const join = (...texts: readonly string[]): string => texts.filter((text) => text !== '').join(' ');

/** Aggregations that keep only some of their elements, or name them by their values. */
const SELECTING = /^(?:topk|bottomk|limitk|limit_ratio|count_values)$/i;

/** Whether an operator drops elements: a comparison without `bool`, `and`, `unless`. */
function isFilterOperator(expr: string, node: SyntaxNode): boolean {
  if (node.name !== 'BinaryExpr' || node.getChild('BoolModifier') !== null) return false;
  return /^(?:and|unless|[<>]=?|[=!]=)$/i.test(textOf(expr, childrenOf(node)[1]));
}

/** Whether values or missing data decide which elements a vector has: a filter inside it, `absent()`, `topk()`. */
const isSelective = (expr: string, node: SyntaxNode): boolean =>
  isAbsence(expr, node) ||
  (node.name === 'AggregateOp' && SELECTING.test(textOf(expr, node))) ||
  isFilterOperator(expr, node) ||
  childrenOf(node).some((child) => isSelective(expr, child));

const isPlainVector = (expr: string, shape: Shape): boolean =>
  shape.kind === 'vector' && !shape.operands.some((operand) => isSelective(expr, operand));

/** Plain vectors, joined by `or` or alone. */
const isPlain = (expr: string, shape: Shape): boolean =>
  shape.kind === 'set' && shape.operator === 'or'
    ? isPlain(expr, shape.left) && isPlain(expr, shape.right)
    : isPlainVector(expr, shape);

/**
 * Whether an expression consists of comparisons of plain vectors with constants, joined by `and`, `or`, `unless`. For
 * these alone missing elements can be distinguished from recovered ones. `and` and `unless` may have a plain vector on
 * either side.
 */
function isComparable(expr: string, shape: Shape): boolean {
  if (shape.kind === 'filter') return isPlain(expr, shape.of);
  if (shape.kind !== 'set') return false;
  const { left, right, operator } = shape;
  return [left, right].every(
    (side) => isComparable(expr, side) || (operator !== 'or' && isPlainVector(expr, side)),
  );
}

/** Whether the expression has a filter: the elements of plain vectors are all returned. */
const hasFilter = (shape: Shape): boolean =>
  shape.kind === 'set'
    ? shape.operator === 'unless' || hasFilter(shape.left) || hasFilter(shape.right)
    : shape.kind !== 'vector';

/** Numbers and durations, also at the end of a recorded name; quoted texts match first, so that nothing inside them does. */
const NUMBERS =
  /("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)|(?:\d+(?:\.\d+)?(?:ms|[smhdwy]))+(?!\w)|(?<![\w:])\d[\d.]*(?:e[+-]?\d+)?/gi;

const withoutNumbers = (text: string): string =>
  withoutBlanks(text.replaceAll(NUMBERS, (_, quoted?: string) => quoted ?? '0'));

/** One side of `a or b or c`, and the labels it is matched on with the sides before it. */
interface Side {
  readonly shape: Shape;
  readonly matching: string;
  readonly textWithoutNumbers: string;
}

const sidesOf = (shape: Shape, matching = ''): readonly Side[] =>
  shape.kind === 'set' && shape.operator === 'or'
    ? [...sidesOf(shape.left, matching), ...sidesOf(shape.right, shape.matching)]
    : [{ shape, matching, textWithoutNumbers: withoutNumbers(shape.text) }];

/**
 * The other sides that differ in numbers only, as burn rates over several windows do. Any of them may cause the breach,
 * so a recovery needs data of all of them.
 */
const similarSides = (sides: readonly Side[], one: Side): readonly Side[] =>
  sides.filter((side) => side !== one && side.textWithoutNumbers === one.textWithoutNumbers);

function hasSimilarSides(shape: Shape): boolean {
  const sides = sidesOf(shape);
  return new Set(sides.map(({ textWithoutNumbers }) => textWithoutNumbers)).size < sides.length;
}

/** Whether NaN counts: among `values` it is kept, and shows no recovery; for `presence` it counts as missing. */
type Of = 'values' | 'presence';

/** A side, restricted to where its similar sides have data as well, on the labels that the later of the two is matched on. */
function withSimilarSides(sides: readonly Side[], one: Side, of: Of): string {
  let text = unfiltered(one.shape, of);
  for (const other of similarSides(sides, one)) {
    const { matching } = sides.indexOf(other) > sides.indexOf(one) ? other : one;
    text = join(bracketed(text), 'and', matching, bracketed(unfiltered(other.shape, 'presence')));
  }
  return text;
}

function unfilteredSet(shape: SetShape, of: Of): string {
  const { left, right, operator, matching } = shape;
  if (operator === 'unless') return unfiltered(left, of);
  if (operator === 'and')
    return join(bracketed(unfiltered(left, of)), 'and', matching, bracketed(unfiltered(right, 'presence')));
  // Plain `or`, whatever the sides are matched on: elements with other labels are other alerts.
  const sides = sidesOf(shape);
  return sides.map((one) => bracketed(withSimilarSides(sides, one, of))).join(' or ');
}

/**
 * An expression without its filters. It returns an element, with the labels of the breach, wherever there is data to
 * evaluate. An alert whose labels are among them, without a breach, has recovered.
 *
 *   a > 1 and b > 2     a and (b >= -Inf)
 *   a > 1 or b > 2      a or b
 */
function unfiltered(shape: Shape, of: Of = 'values'): string {
  if (shape.kind === 'set') return unfilteredSet(shape, of);
  if (shape.kind !== 'filter') return shape.text;
  const values = unfiltered(shape.of);
  return of === 'values' ? values : `${bracketed(values)} >= -Inf`;
}

/** The expression as written, with its parentheses. */
const written = (shape: Shape): string =>
  shape.kind === 'filter'
    ? `${operand(shape.of)} ${shape.comparison} ${promqlNumber(shape.bound)}`
    : shape.text;

const operand = (shape: Shape): string => (shape.kind === 'vector' ? shape.text : bracketed(written(shape)));

/** A value near the bound that is not a breach. */
function valueWithinBound({ comparison, bound }: Exact): number {
  if (comparison === '>=') return bound - 1;
  return comparison === '<=' || comparison === '==' ? bound + 1 : bound;
}

/** Each `and` doubles the text. From this length on, the presence of data is checked instead. In characters. */
const MAX_LENGTH = 4_000;

/*
 * `A > 1 and B > 2` can recover in two ways, and lose its data in one:
 *
 *   A above, B above     breach: returns A's value
 *   A at or below 1      recovered: returns A's value
 *   A above, B below     recovered: returns a value within A's bound, since the comparison is with that bound
 *   A or B without data  returns nothing
 */
function exactOfSet(shape: SetShape): Exact | undefined {
  const left = exactOf(shape.left);
  if (left === undefined || left.expr.length > MAX_LENGTH) return undefined;
  const { matching, operator } = shape;
  if (operator === 'or') {
    const other = exactOf(shape.right);
    const isSame = other?.bound === left.bound && other.comparison === left.comparison;
    return isSame && !hasSimilarSides(shape)
      ? { ...left, expr: join(bracketed(left.expr), 'or', bracketed(other.expr)) }
      : undefined;
  }
  const [values, right] = [bracketed(left.expr), bracketed(written(shape.right))];
  const toValueWithinBound = `* 0 + ${promqlNumber(valueWithinBound(left))}`;
  const both = join(values, 'and', matching, right);
  if (operator === 'unless') {
    const leftOnly = join(values, 'unless', matching, right);
    return { ...left, expr: `(${leftOnly}) or (${both}) ${toValueWithinBound}` };
  }
  const present = unfiltered(shape.right, 'presence');
  if (!hasFilter(shape.right)) return { ...left, expr: both };
  const rightRecovered = join(values, 'and', matching, bracketed(present), 'unless', matching, right);
  return { ...left, expr: `(${both}) or (${rightRecovered}) ${toValueWithinBound}` };
}

/** The values that are compared with the bound, where there is one bound. */
function exactOf(shape: Shape): Exact | undefined {
  if (shape.kind === 'set') return exactOfSet(shape);
  if (shape.kind !== 'filter') return undefined;
  return { expr: operand(shape.of), comparison: shape.comparison, bound: shape.bound };
}

/**
 * The recovery condition of an expression: its values without the filter that makes them a breach, or, where no single
 * value decides, the presence of data. Undefined for everything but comparisons of plain vectors with constants: such an
 * alert ends when the expression no longer returns it, as in Prometheus.
 */
export function recoveryOf(expr: string, shape: Shape): RecoveryCondition | undefined {
  if (!isComparable(expr, shape)) return undefined;
  const exact = exactOf(shape);
  return exact ?? (hasFilter(shape) ? { expr: unfiltered(shape) } : undefined);
}
