import type { SyntaxNode } from '@lezer/common';
import type { Shape } from './shape.ts';
import { shapeOfNode } from './shape.ts';
import { childrenOf } from './tree.ts';

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
  const isAbsent =
    node.name === 'FunctionIdentifier' &&
    /^absent\b|^absent_over_time\b/.test(expr.slice(node.from, node.to));
  return isAbsent || childrenOf(node).some((child) => holdsAbsent(expr, child));
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

const skeleton = (text: string): string =>
  text.replaceAll(NUMBERS, (_, quoted?: string) => quoted ?? '#').replaceAll(/\s+/g, ' ');

/**
 * Whether both sides of an `or` say the same with other numbers, as burn rates over several windows do: then either of
 * them may be the reason of a breach, and neither proves a recovery alone.
 */
export const isAlike = ({ left, right }: Pick<SetShape, 'left' | 'right'>): boolean =>
  skeleton(left.text) === skeleton(right.text);

/** What becomes of NaN: it stays, so that nothing is proven by it, or it counts as not there. */
type Of = 'values' | 'presence';

function settledSet(expr: string, shape: SetShape, of: Of): string | undefined {
  const { operator, matching } = shape;
  const left = settled(expr, shape.left, of);
  if (left === undefined || operator === 'unless') return left;
  const right = settled(expr, shape.right, operator === 'and' ? 'presence' : of);
  const [one, other] = [bracketed(left), bracketed(right ?? '')];
  if (operator === 'and') return right === undefined ? left : join(one, 'and', matching, other);
  if (right === undefined) return undefined;
  // What has other labels is another alert, whatever the two sides are matched on.
  if (!isAlike(shape)) return join(one, 'or', other);
  return join(
    bracketed(join(one, 'and', matching, other)),
    'or',
    bracketed(join(other, 'and', matching, one)),
  );
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
