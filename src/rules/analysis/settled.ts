import type { SyntaxNode } from '@lezer/common';
import type { Shape } from './shape.ts';
import { shapeOfNode } from './shape.ts';
import { childrenOf, isAbsence } from './tree.ts';

type Plain = Extract<Shape, { kind: 'plain' }>;
type SetShape = Extract<Shape, { kind: 'set' }>;

const isSimple = (text: string): boolean => /^[\w:]+(?:\{[^{}]*\})?$/.test(text);

/** In parentheses, unless it is a selector alone. */
export const bracketed = (text: string): string => (isSimple(text) ? text : `(${text})`);

/** Parts of an expression with blanks between them; empty ones are left out. */
export const join = (...parts: readonly string[]): string => parts.filter((part) => part !== '').join(' ');

/** Whether a part has a shape of its own, rather than being a call or a selector. */
const hasShape = ({ name }: SyntaxNode): boolean => name === 'BinaryExpr' || name === 'ParenExpr';

function holdsAbsent(expr: string, node: SyntaxNode): boolean {
  return isAbsence(expr, node) || childrenOf(node).some((child) => holdsAbsent(expr, child));
}

function holdsFilter(expr: string, node: SyntaxNode): boolean {
  if (hasShape(node)) return isSelective(expr, shapeOfNode(expr, node));
  return childrenOf(node).some((child) => holdsFilter(expr, child));
}

/** Whether elements are there because something else is not, as those of `absent()`. */
export function readsAbsence(expr: string, shape: Shape): boolean {
  switch (shape.kind) {
    case 'plain':
      return shape.operands.some((operand) => holdsAbsent(expr, operand));
    case 'filter':
      return readsAbsence(expr, shape.of);
    default:
      return readsAbsence(expr, shape.left) || readsAbsence(expr, shape.right);
  }
}

/** Whether elements come and go with their values: by a filter, at the top or inside (`count(up == 0)`), or by `unless`. */
export function isSelective(expr: string, shape: Shape): boolean {
  if (shape.kind === 'plain') return shape.operands.some((operand) => holdsFilter(expr, operand));
  if (shape.kind !== 'set') return true;
  return shape.operator === 'unless' || isSelective(expr, shape.left) || isSelective(expr, shape.right);
}

/** Numbers and durations, those at the end of a recorded name among them; quoted texts, so that nothing inside them is taken. */
const NUMBERS =
  /("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)|(?:\d+(?:\.\d+)?(?:ms|[smhdwy]))+(?!\w)|(?<![\w:])\d[\d.]*(?:e[+-]?\d+)?/gi;

const skeletonOf = (text: string): string =>
  text.replaceAll(NUMBERS, (_, quoted?: string) => quoted ?? '#').replaceAll(/\s+/g, ' ');

/** One of the sides of `a or b or c`, and what it is matched on with those before it. */
interface Side {
  readonly shape: Shape;
  readonly matching: string;
  /** Its text without its numbers. */
  readonly skeleton: string;
}

const sidesOf = (shape: Shape, matching = ''): readonly Side[] =>
  shape.kind === 'set' && shape.operator === 'or'
    ? [...sidesOf(shape.left, matching), ...sidesOf(shape.right, shape.matching)]
    : [{ shape, matching, skeleton: skeletonOf(shape.text) }];

/**
 * The sides that say the same with other numbers, as burn rates over several windows do: any of them may be the reason of
 * a breach, and none proves a recovery alone.
 */
const alike = (sides: readonly Side[], one: Side): readonly Side[] =>
  sides.filter((side) => side !== one && side.skeleton === one.skeleton);

/** Whether some sides of an `or` say the same with other numbers. */
export function hasAlikeSides(shape: Shape): boolean {
  const sides = sidesOf(shape);
  return new Set(sides.map(({ skeleton }) => skeleton)).size < sides.length;
}

/** What becomes of NaN: it stays, so that nothing is proven by it, or it counts as not there. */
type Of = 'values' | 'presence';

/** A side with what its like say, on the labels that the later of the two is matched on. */
function besideItsLike(
  expr: string,
  sides: readonly Side[],
  { one, of }: { one: Side; of: Of },
): string | undefined {
  let text = settled(expr, one.shape, of);
  for (const other of alike(sides, one)) {
    const there = settled(expr, other.shape, 'presence');
    if (text === undefined || there === undefined) return undefined;
    const { matching } = sides.indexOf(other) > sides.indexOf(one) ? other : one;
    text = join(bracketed(text), 'and', matching, bracketed(there));
  }
  return text;
}

/** What has other labels is another alert, whatever the sides are matched on. */
function settledOr(expr: string, shape: SetShape, of: Of): string | undefined {
  const sides = sidesOf(shape);
  const texts = sides.flatMap((one) => besideItsLike(expr, sides, { one, of }) ?? []);
  return texts.length < sides.length ? undefined : texts.map(bracketed).join(' or ');
}

function settledSet(expr: string, shape: SetShape, of: Of): string | undefined {
  if (shape.operator === 'or') return settledOr(expr, shape, of);
  const left = settled(expr, shape.left, of);
  if (left === undefined || shape.operator === 'unless') return left;
  const right = settled(expr, shape.right, 'presence');
  return right === undefined ? left : join(bracketed(left), 'and', shape.matching, bracketed(right));
}

/** The text of a part with every filter inside it let through. */
function opened(expr: string, node: SyntaxNode): string {
  if (hasShape(node)) {
    const inner = settled(expr, shapeOfNode(expr, node), 'presence');
    if (inner !== undefined) return node.name === 'ParenExpr' ? `(${inner})` : inner;
  }
  return spliced(expr, { from: node.from, to: node.to, parts: childrenOf(node) });
}

/** The text from `from` to `to`, with the parts in it opened. */
function spliced(
  expr: string,
  { from, to, parts }: { from: number; to: number; parts: readonly SyntaxNode[] },
): string {
  let text = '';
  let at = from;
  for (const part of parts) {
    text += expr.slice(at, part.from) + opened(expr, part);
    at = part.to;
  }
  return text + expr.slice(at, to);
}

function settledPlain(expr: string, shape: Plain): string | undefined {
  if (readsAbsence(expr, shape)) return undefined;
  const { text, from, operands } = shape;
  return isSelective(expr, shape) ? spliced(expr, { from, to: from + text.length, parts: operands }) : text;
}

/**
 * An expression with its filters let through, those inside of sums and counts as well: it has an element, with the labels
 * of the breach, wherever there is data to tell a breach by. So an element of it that is no breach is over.
 *
 *   count by (job) (up == 0) > 3     count by (job) (up >= -Inf)
 *   a > on (x) b                     a + on (x) (0 * b)
 *   a > 1 and b > 2                  a and (b >= -Inf)
 *
 * Undefined for what breaches by the absence of data: that it vanishes is the end.
 */
export function settled(expr: string, shape: Shape, of: Of = 'values'): string | undefined {
  if (shape.kind === 'plain') return settledPlain(expr, shape);
  if (shape.kind === 'set') return settledSet(expr, shape, of);
  const values = shape.kind === 'filter' ? settled(expr, shape.of) : matched(expr, shape);
  return values === undefined || of === 'values' ? values : `${bracketed(values)} >= -Inf`;
}

function matched(
  expr: string,
  { left, right, matching }: Extract<Shape, { kind: 'match' }>,
): string | undefined {
  const [one, other] = [settled(expr, left), settled(expr, right)];
  if (one === undefined || other === undefined) return undefined;
  // `group_left` would take the parentheses after it for its labels.
  const matchedOn = matching.replace(/group_(?:left|right)$/i, '$& ()');
  return join(bracketed(one), '+', matchedOn, `(0 * ${bracketed(other)})`);
}
