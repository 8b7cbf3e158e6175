import type { BinaryOperator, Expression, VectorMatching } from './expression.ts';

/** An operator with its modifiers, as written between two operands. */
export interface OperatorItem {
  readonly kind: 'operator';
  readonly operator: BinaryOperator;
  readonly returnsBool: boolean;
  readonly matching: VectorMatching;
  readonly at: number;
}

/** A sign before an operand. */
export interface SignItem {
  readonly kind: 'sign';
  readonly operator: '+' | '-';
  readonly at: number;
}

export interface OperandItem {
  readonly kind: 'operand';
  readonly expression: Expression;
}

/** One piece of an expression without its parentheses, in the order of the text. */
export type Item = OperatorItem | SignItem | OperandItem;

/** How tightly operators bind; equal ones group to the left, `^` to the right. Source: promql/parser/generated_parser.y. */
const BINDING: Readonly<Record<BinaryOperator, number>> = {
  or: 1,
  and: 2,
  unless: 2,
  '==': 3,
  '!=': 3,
  '>': 3,
  '<': 3,
  '>=': 3,
  '<=': 3,
  '+': 4,
  '-': 4,
  '*': 5,
  '/': 5,
  '%': 5,
  atan2: 5,
  '^': 6,
};

/** A sign binds like a multiplication: `-a ^ b` is `-(a ^ b)`, `-a * b` is `(-a) * b`. */
const SIGN_BINDING = BINDING['*'];

/**
 * Builds the tree of a flat sequence of operands and operators.
 * The grammar package leaves the place of `offset` and of signs among operators to chance (`a + b offset 5m` hangs the offset on
 * the sum), so the sequence is taken from its tree and the shape from Prometheus's own precedences.
 */
export function arrange(items: readonly Item[]): Expression {
  let position = 0;

  function operand(): Expression {
    const item = items[position++];
    if (item?.kind === 'operand') return item.expression;
    if (item?.kind !== 'sign') throw new TypeError('an operand is expected here');
    const inner = climb(SIGN_BINDING + 1);
    return signed(item, inner);
  }

  function climb(least: number): Expression {
    let left = operand();
    for (;;) {
      const item = items[position];
      if (item?.kind !== 'operator' || BINDING[item.operator] < least) return left;
      position++;
      const binding = BINDING[item.operator];
      const right = climb(item.operator === '^' ? binding : binding + 1);
      left = {
        kind: 'binary',
        operator: item.operator,
        left,
        right,
        returnsBool: item.returnsBool,
        matching: item.matching,
        operatorAt: item.at,
        from: left.from,
        to: right.to,
      };
    }
  }

  return climb(0);
}

/** A signed number is a number, so that `x * -1` has a literal operand as Prometheus sees it. */
function signed(sign: SignItem, operand: Expression): Expression {
  if (operand.kind === 'number') {
    return { ...operand, value: sign.operator === '-' ? -operand.value : operand.value, from: sign.at };
  }
  return { kind: 'unary', operator: sign.operator, operand, from: sign.at, to: operand.to };
}
