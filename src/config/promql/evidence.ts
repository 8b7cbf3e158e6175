import { promqlNumber } from '../../domain/slo/promql.ts';
import type { Comparison, RecoveryEvidence } from '../../domain/slo/rule.ts';
import type { Shape } from './shape.ts';

type SetShape = Extract<Shape, { kind: 'set' }>;

/** The expression as written, parentheses around what they were around. */
function written(shape: Shape): string {
  return shape.kind === 'filter'
    ? `${operand(shape.of)} ${shape.comparison} ${promqlNumber(shape.bound)}`
    : shape.text;
}

const isSimple = (text: string): boolean => /^[\w:]+(?:\{[^{}]*\})?$/.test(text);

function bracketed(text: string): string {
  return isSimple(text) ? text : `(${text})`;
}

const operand = (shape: Shape): string => (shape.kind === 'plain' ? shape.text : bracketed(written(shape)));

/** The expression without its filters: it has an element wherever there is data to judge by. */
function unfiltered(shape: Shape): string {
  if (shape.kind === 'plain') return shape.text;
  if (shape.kind === 'filter') return unfiltered(shape.of);
  return combined(shape, unfiltered(shape.left), unfiltered(shape.right));
}

function hasFilter(shape: Shape): boolean {
  if (shape.kind === 'set') return hasFilter(shape.left) || hasFilter(shape.right);
  return shape.kind === 'filter';
}

function combined({ operator, matching }: SetShape, left: string, right: string): string {
  return [bracketed(left), operator, ...(matching === '' ? [] : [matching]), bracketed(right)].join(' ');
}

/** A value near the bound that does not meet the comparison. */
function harmless(comparison: Comparison, bound: number): number {
  if (comparison === '>=') return bound - 1;
  return comparison === '<=' || comparison === '==' ? bound + 1 : bound;
}

const join = (...parts: readonly string[]): string => parts.filter((part) => part !== '').join(' ');

/*
 * For `A > 1 and B > 2` there are two ways out of the breach, and one way to lose sight of it:
 *
 *   A above, B above    breach: A's value is evidence of nothing
 *   A at or below 1     recovered: A's value shows it
 *   A above, B below    recovered: A's place with a harmless value, since the comparison is held against A's bound
 *   A or B without data nothing: no evidence
 */
function evidenceOfSet(shape: SetShape): RecoveryEvidence | undefined {
  const left = evidenceOf(shape.left);
  if (left === undefined) return undefined;
  const { matching } = shape;
  const [e, right] = [bracketed(left.expr), bracketed(written(shape.right))];
  const zeroed = `* 0 + ${promqlNumber(harmless(left.comparison, left.bound))}`;
  if (shape.operator === 'unless') {
    const expr = `${join(`(${e}`, 'unless', matching, `${right})`)} or ${join(`(${e}`, 'and', matching, `${right})`)} ${zeroed}`;
    return { ...left, expr };
  }
  if (shape.operator === 'and') {
    const held = join(e, 'and', matching, right);
    if (!hasFilter(shape.right)) return { ...left, expr: held };
    const there = bracketed(unfiltered(shape.right));
    const released = join(e, 'and', matching, there, 'unless', matching, right);
    return { ...left, expr: `(${held}) or (${released}) ${zeroed}` };
  }
  const other = evidenceOf(shape.right);
  const isSame = other?.bound === left.bound && other.comparison === left.comparison;
  return isSame ? { ...left, expr: join(e, 'or', matching, bracketed(other.expr)) } : undefined;
}

/**
 * What shows that a breach of this expression is over, rather than out of sight: the expression without the filter that
 * makes a breach of a value. Undefined when there is no filter against a number to take away, or when one filter stands
 * on another.
 */
export function evidenceOf(shape: Shape): RecoveryEvidence | undefined {
  if (shape.kind === 'plain') return undefined;
  if (shape.kind === 'set') return evidenceOfSet(shape);
  if (hasFilter(shape.of)) return undefined;
  return { expr: operand(shape.of), comparison: shape.comparison, bound: shape.bound };
}
