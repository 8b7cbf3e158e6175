import { parseError } from './errors.ts';
import type { Expression } from './expression.ts';
import type { Reader } from './nodes.ts';

/** An operand with something written behind it. */
export interface Suffixed {
  readonly reader: Reader;
  readonly operand: Expression;
  /** Whether the operand is in parentheses: `(x)[5m]` is not allowed. */
  readonly parenthesised: boolean;
  readonly to: number;
}

const SELECTORS = 'must be preceded by an instant vector selector or range vector selector or a subquery';

/** `operand[range]`. */
export function withRange({ reader, operand, parenthesised, to }: Suffixed, range: number): Expression {
  const { from } = operand;
  if (operand.kind !== 'vector selector' || parenthesised) {
    throw parseError(reader.source, operand.to, 'ranges only allowed for vector selectors');
  }
  if (operand.offset !== 0 || operand.at !== undefined) {
    const modifier = operand.offset === 0 ? '@' : 'offset';
    throw parseError(reader.source, from, `no ${modifier} modifiers allowed before range`);
  }
  if (range <= 0) throw parseError(reader.source, operand.to + 1, 'duration must be greater than 0');
  return { kind: 'matrix selector', selector: operand, range, from, to };
}

/** `operand offset 5m`. */
export function withOffset({ reader, operand, parenthesised, to }: Suffixed, offset: number): Expression {
  const selector = operand.kind === 'matrix selector' ? operand.selector : operand;
  if (selector.kind !== 'vector selector' || parenthesised) {
    throw parseError(reader.source, operand.from, `offset modifier ${SELECTORS}`);
  }
  if (selector.offset !== 0) {
    throw parseError(reader.source, operand.from, 'offset may not be set multiple times');
  }
  const moved = { ...selector, offset, to };
  return operand.kind === 'matrix selector' ? { ...operand, selector: moved, to } : moved;
}

/** `operand @ 1700000000`, `operand @ start()`. */
export function withAt(
  { reader, operand, parenthesised, to }: Suffixed,
  at: number | 'start' | 'end',
): Expression {
  const selector = operand.kind === 'matrix selector' ? operand.selector : operand;
  if (selector.kind !== 'vector selector' || parenthesised) {
    throw parseError(reader.source, operand.from, `@ modifier ${SELECTORS}`);
  }
  if (selector.at !== undefined) {
    throw parseError(reader.source, operand.from, '@ <timestamp> may not be set multiple times');
  }
  const pinned = { ...selector, at, to };
  return operand.kind === 'matrix selector' ? { ...operand, selector: pinned, to } : pinned;
}
