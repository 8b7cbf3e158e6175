import type { SyntaxNode } from '@lezer/common';
import { promqlNumber } from '../promql.ts';
import type { RecoveryCondition } from '../rule.ts';
import { type Shape, shapeOfNode } from './shape.ts';
import { childrenOf, isAbsence, withoutBlanks } from './syntax.ts';

type SetShape = Extract<Shape, { kind: 'set' }>;
type Exact = Required<Pick<RecoveryCondition, 'expr' | 'comparison' | 'bound'>>;

const isSelector = (text: string): boolean => /^[\w:]+ ?(?:\{[^{}]*\})?$/.test(text);

/** In parentheses, unless it is a selector alone. */
const bracketed = (text: string): string => (isSelector(text) ? text : `(${text})`);

/** The texts with blanks between them; empty ones are left out. */
const join = (...texts: readonly string[]): string => texts.filter((text) => text !== '').join(' ');

/** Whether a node has a shape of its own, rather than being a call or a selector. */
const hasShape = ({ name }: SyntaxNode): boolean => name === 'BinaryExpr' || name === 'ParenExpr';

const containsAbsence = (expr: string, node: SyntaxNode): boolean =>
  isAbsence(expr, node) || childrenOf(node).some((child) => containsAbsence(expr, child));

const containsFilter = (expr: string, node: SyntaxNode): boolean =>
  hasShape(node)
    ? isFiltering(expr, shapeOfNode(expr, node))
    : childrenOf(node).some((child) => containsFilter(expr, child));

/** Whether the expression returns elements because of missing data, as `absent()` does. */
function readsAbsence(expr: string, shape: Shape): boolean {
  switch (shape.kind) {
    case 'vector':
      return shape.operands.some((operand) => containsAbsence(expr, operand));
    case 'filter':
      return readsAbsence(expr, shape.of);
    default:
      return readsAbsence(expr, shape.left) || readsAbsence(expr, shape.right);
  }
}

/** Whether the values decide which elements there are: by a filter, at the top or inside (`count(up == 0)`), or by `unless`. */
function isFiltering(expr: string, shape: Shape): boolean {
  if (shape.kind === 'vector') return shape.operands.some((operand) => containsFilter(expr, operand));
  if (shape.kind !== 'set') return true;
  return shape.operator === 'unless' || isFiltering(expr, shape.left) || isFiltering(expr, shape.right);
}

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
function withSimilarSides(
  expr: string,
  sides: readonly Side[],
  { one, of }: { readonly one: Side; readonly of: Of },
): string | undefined {
  let text = unfiltered(expr, one.shape, of);
  for (const other of similarSides(sides, one)) {
    const present = unfiltered(expr, other.shape, 'presence');
    if (text === undefined || present === undefined) return undefined;
    const { matching } = sides.indexOf(other) > sides.indexOf(one) ? other : one;
    text = join(bracketed(text), 'and', matching, bracketed(present));
  }
  return text;
}

/** Plain `or`, whatever the sides are matched on: elements with other labels are other alerts. */
function unfilteredOr(expr: string, shape: SetShape, of: Of): string | undefined {
  const sides = sidesOf(shape);
  const texts = sides.flatMap((one) => withSimilarSides(expr, sides, { one, of }) ?? []);
  return texts.length < sides.length ? undefined : texts.map(bracketed).join(' or ');
}

function unfilteredSet(expr: string, shape: SetShape, of: Of): string | undefined {
  if (shape.operator === 'or') return unfilteredOr(expr, shape, of);
  const left = unfiltered(expr, shape.left, of);
  if (left === undefined || shape.operator === 'unless') return left;
  const right = unfiltered(expr, shape.right, 'presence');
  return right === undefined ? left : join(bracketed(left), 'and', shape.matching, bracketed(right));
}

/** The text of a node without the filters inside it. */
function unfilteredNode(expr: string, node: SyntaxNode): string {
  if (hasShape(node)) {
    const inner = unfiltered(expr, shapeOfNode(expr, node), 'presence');
    if (inner !== undefined) return node.name === 'ParenExpr' ? `(${inner})` : inner;
  }
  return replaceNodes(expr, node, childrenOf(node));
}

/** The text of a range, with the nodes inside it written without their filters. */
function replaceNodes(
  expr: string,
  { from, to }: { readonly from: number; readonly to: number },
  nodes: readonly SyntaxNode[],
): string {
  let text = '';
  let at = from;
  for (const node of nodes) {
    text += expr.slice(at, node.from) + unfilteredNode(expr, node);
    at = node.to;
  }
  return text + expr.slice(at, to);
}

function unfilteredVector(expr: string, shape: Extract<Shape, { kind: 'vector' }>): string | undefined {
  if (readsAbsence(expr, shape)) return undefined;
  const { text, from, operands } = shape;
  return isFiltering(expr, shape) ? replaceNodes(expr, { from, to: from + text.length }, operands) : text;
}

/** `a > on (x) b` becomes `a + on (x) (0 * b)`: an element wherever both sides have data. */
function unfilteredMatch(
  expr: string,
  { left, right, matching }: Extract<Shape, { kind: 'match' }>,
): string | undefined {
  const [one, other] = [unfiltered(expr, left), unfiltered(expr, right)];
  if (one === undefined || other === undefined) return undefined;
  // `group_left` would take the parentheses after it for its labels.
  const matchedOn = matching.replace(/group_(?:left|right)$/i, '$& ()');
  return join(bracketed(one), '+', matchedOn, `(0 * ${bracketed(other)})`);
}

/**
 * An expression without its filters, those inside of sums and counts included. It returns an element, with the labels of
 * the breach, wherever there is data to evaluate. An alert whose labels are among them, without a breach, has recovered.
 *
 *   count by (job) (up == 0) > 3     count by (job) (up >= -Inf)
 *   a > on (x) b                     a + on (x) (0 * b)
 *   a > 1 and b > 2                  a and (b >= -Inf)
 *
 * Undefined for a breach by the absence of data: it ends when the expression no longer returns it.
 */
function unfiltered(expr: string, shape: Shape, of: Of = 'values'): string | undefined {
  if (shape.kind === 'vector') return unfilteredVector(expr, shape);
  if (shape.kind === 'set') return unfilteredSet(expr, shape, of);
  const values = shape.kind === 'filter' ? unfiltered(expr, shape.of) : unfilteredMatch(expr, shape);
  return values === undefined || of === 'values' ? values : `${bracketed(values)} >= -Inf`;
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
function exactOfSet(expr: string, shape: SetShape): Exact | undefined {
  const left = exactOf(expr, shape.left);
  if (left === undefined || left.expr.length > MAX_LENGTH) return undefined;
  const { matching, operator } = shape;
  if (operator === 'or') {
    const other = exactOf(expr, shape.right);
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
  const present = unfiltered(expr, shape.right, 'presence');
  if (present === undefined) return undefined;
  if (!isFiltering(expr, shape.right)) return { ...left, expr: both };
  const rightRecovered = join(values, 'and', matching, bracketed(present), 'unless', matching, right);
  return { ...left, expr: `(${both}) or (${rightRecovered}) ${toValueWithinBound}` };
}

/** The values that are compared with the bound, where there is one bound and missing values mean missing data. */
function exactOf(expr: string, shape: Shape): Exact | undefined {
  if (shape.kind === 'set') return exactOfSet(expr, shape);
  if (shape.kind !== 'filter' || isFiltering(expr, shape.of) || readsAbsence(expr, shape.of))
    return undefined;
  return { expr: operand(shape.of), comparison: shape.comparison, bound: shape.bound };
}

/**
 * The recovery condition of an expression: its values without the filter that makes them a breach, or, where no single
 * value decides, the presence of data. Undefined when nothing is filtered or when the breach is the absence of data: then
 * the alert ends when the expression no longer returns it.
 */
export function recoveryOf(expr: string, shape: Shape): RecoveryCondition | undefined {
  const exact = exactOf(expr, shape);
  if (exact !== undefined || !isFiltering(expr, shape)) return exact;
  const present = unfiltered(expr, shape);
  return present === undefined ? undefined : { expr: present };
}
