import { parseDuration } from '../../lib/units.ts';
import { withoutNoise } from '../queries.ts';

const NUMBER = /^(?:inf|(?:\d[\d_]*\.?\d*|\.\d+)(?:e[+-]?\d+)?)$/i;
const TOKEN = /\s*((?:\d[\w.]*(?:(?<=[\d.]e)[+-]\d+)?|\.\d+(?:e[+-]?\d+)?|inf)|[-+*/()])/giy;

function tokensOf(text: string): readonly string[] | undefined {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  const trimmed = text.trimEnd();
  while (TOKEN.lastIndex < trimmed.length) {
    const match = TOKEN.exec(trimmed);
    if (match === null) return undefined;
    tokens.push(match[1] ?? '');
  }
  return tokens;
}

/** A number, or a duration, which counts seconds. */
function numberOf(token: string): number | undefined {
  if (/^inf$/i.test(token)) return Infinity;
  if (NUMBER.test(token)) return Number(token.replaceAll('_', ''));
  const duration = parseDuration(token);
  return duration === undefined ? undefined : duration / 1_000;
}

/** The tokens of a constant, read from the left. Each reader gives undefined where no constant stands. */
interface Reader {
  readonly tokens: readonly string[];
  position: number;
}

const peek = ({ tokens, position }: Reader): string | undefined => tokens[position];

function factor(reader: Reader): number | undefined {
  const token = peek(reader);
  if (token === undefined) return undefined;
  reader.position++;
  if (token === '+' || token === '-') {
    const value = factor(reader);
    return value === undefined || token === '+' ? value : -value;
  }
  if (token !== '(') return numberOf(token);
  const value = sum(reader);
  const isClosed = peek(reader) === ')';
  reader.position++;
  return isClosed ? value : undefined;
}

const CALCULATIONS: Readonly<Record<string, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
};

/** Operators of one rank, grouped to the left. */
function chain(
  reader: Reader,
  operators: string,
  next: (reader: Reader) => number | undefined,
): number | undefined {
  let value = next(reader);
  for (let token = peek(reader); token !== undefined && operators.includes(token); token = peek(reader)) {
    reader.position++;
    const right = next(reader);
    if (value === undefined || right === undefined) return undefined;
    value = CALCULATIONS[token]?.(value, right);
  }
  return value;
}

const product = (reader: Reader): number | undefined => chain(reader, '*/', factor);
const sum = (reader: Reader): number | undefined => chain(reader, '+-', product);

/**
 * The value of a constant: a number with its sign, a duration (which counts seconds), or a calculation with them, such
 * as the burn rates that generators write: `(14.4 * 0.001)`. Undefined for anything else.
 */
export function literalOf(text: string): number | undefined {
  const tokens = tokensOf(text);
  if (tokens === undefined || tokens.length === 0) return undefined;
  const reader: Reader = { tokens, position: 0 };
  const value = sum(reader);
  if (value === undefined || reader.position < tokens.length) return undefined;
  return tokens.length > 2 ? withoutNoise(value) : value;
}
