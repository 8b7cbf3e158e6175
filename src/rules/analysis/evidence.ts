import { promqlNumber } from '../queries.ts';
import type { Comparison, RecoveryCondition } from '../rule.ts';
import { bracketed, hasAlikeSides, isSelective, join, readsAbsence, settled } from './settled.ts';
import type { Shape } from './shape.ts';

type SetShape = Extract<Shape, { kind: 'set' }>;
type Exact = Required<Pick<RecoveryCondition, 'expr' | 'comparison' | 'bound'>>;

/** The expression as written, parentheses around what they were around. */
function written(shape: Shape): string {
  return shape.kind === 'filter'
    ? `${operand(shape.of)} ${shape.comparison} ${promqlNumber(shape.bound)}`
    : shape.text;
}

const operand = (shape: Shape): string => (shape.kind === 'plain' ? shape.text : bracketed(written(shape)));

/** A value near the bound that does not meet the comparison. */
function harmless(comparison: Comparison, bound: number): number {
  if (comparison === '>=') return bound - 1;
  return comparison === '<=' || comparison === '==' ? bound + 1 : bound;
}

/** Each `and` doubles the text: from here on, that there is data must do. */
const LONGEST = 4_000;

/*
 * For `A > 1 and B > 2` there are two ways out of the breach, and one way to lose sight of it:
 *
 *   A above, B above    breach: A's value is evidence of nothing
 *   A at or below 1     recovered: A's value shows it
 *   A above, B below    recovered: A's place with a harmless value, since the comparison is held against A's bound
 *   A or B without data nothing: no evidence
 */
function exactOfSet(expr: string, shape: SetShape): Exact | undefined {
  const left = exactOf(expr, shape.left);
  if (left === undefined || left.expr.length > LONGEST) return undefined;
  const { matching, operator } = shape;
  if (operator === 'or') {
    const other = exactOf(expr, shape.right);
    const isSame = other?.bound === left.bound && other.comparison === left.comparison;
    return isSame && !hasAlikeSides(shape)
      ? { ...left, expr: join(bracketed(left.expr), 'or', bracketed(other.expr)) }
      : undefined;
  }
  const [e, right] = [bracketed(left.expr), bracketed(written(shape.right))];
  const zeroed = `* 0 + ${promqlNumber(harmless(left.comparison, left.bound))}`;
  if (operator === 'unless') {
    const over = `${join(`(${e}`, 'unless', matching, `${right})`)} or ${join(`(${e}`, 'and', matching, `${right})`)} ${zeroed}`;
    return { ...left, expr: over };
  }
  const there = settled(expr, shape.right, 'presence');
  if (there === undefined) return undefined;
  const held = join(e, 'and', matching, right);
  if (!isSelective(expr, shape.right)) return { ...left, expr: held };
  const released = join(e, 'and', matching, bracketed(there), 'unless', matching, right);
  return { ...left, expr: `(${held}) or (${released}) ${zeroed}` };
}

/** The values that are held against the bound, where there is one bound and its values are always there. */
function exactOf(expr: string, shape: Shape): Exact | undefined {
  if (shape.kind === 'set') return exactOfSet(expr, shape);
  if (shape.kind !== 'filter' || isSelective(expr, shape.of) || readsAbsence(expr, shape.of))
    return undefined;
  return { expr: operand(shape.of), comparison: shape.comparison, bound: shape.bound };
}

/**
 * What shows that a breach of this expression is over, rather than out of sight: its values without the filter that makes
 * a breach of them, or, where no one value tells, that there is data to judge by. Undefined when nothing is filtered, or
 * when a breach is the absence of something: then its end is that it vanishes.
 */
export function evidenceOf(expr: string, shape: Shape): RecoveryCondition | undefined {
  const exact = exactOf(expr, shape);
  if (exact !== undefined || !isSelective(expr, shape)) return exact;
  const there = settled(expr, shape);
  return there === undefined ? undefined : { expr: there };
}
