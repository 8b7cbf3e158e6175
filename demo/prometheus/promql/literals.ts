import { parseDuration } from '../../../src/lib/units.ts';

const ESCAPES: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  "'": "'",
  '"': '"',
};

const ESCAPE = /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|([^]))|\\$/g;

/**
 * The text of a PromQL string literal: Go's escapes in '...' and "...", none in `...`.
 * Returns undefined when the quotes do not match or an escape is not Go's.
 * Source: prometheus/prometheus util/strutil.Unquote.
 */
export function unquote(literal: string): string | undefined {
  const quote = literal[0];
  if (literal.length < 2 || quote !== literal.at(-1)) return undefined;
  const body = literal.slice(1, -1);
  if (quote === '`') return body;
  if (/(?<!\\)(?:\\\\)*\\$/.test(body)) return undefined;
  let valid = true;
  const text = body.replace(ESCAPE, (...groups: (string | undefined)[]) => {
    const [, byte, short, long, octal, letter] = groups;
    const code = byte ?? short ?? long;
    if (code !== undefined) return codePoint(Number.parseInt(code, 16));
    if (octal !== undefined) return codePoint(Number.parseInt(octal, 8));
    const otherQuote = (letter === '"' || letter === "'") && letter !== quote;
    const replacement = letter === undefined || otherQuote ? undefined : ESCAPES[letter];
    valid &&= replacement !== undefined;
    return replacement ?? '';
  });
  return valid ? text : undefined;
}

const codePoint = (code: number): string => (code > 0x10ffff ? '\uFFFD' : String.fromCodePoint(code));

/** A PromQL number: decimal, hexadecimal, Inf, NaN, with `_` between digits; or a duration, which counts seconds. */
export function parseNumber(text: string): number | undefined {
  const plain = text.replaceAll('_', '');
  if (/^[+-]?inf$/i.test(plain)) return plain.startsWith('-') ? -Infinity : Infinity;
  if (/^[+-]?nan$/i.test(plain)) return Number.NaN;
  if (/^0x[0-9a-f]+$/i.test(plain)) return Number.parseInt(plain.slice(2), 16);
  // Go reads a leading zero as octal, which Prometheus therefore does as well.
  if (/^0[0-7]+$/.test(plain)) return Number.parseInt(plain, 8);
  if (/^(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(plain)) return Number(plain);
  const duration = parseDuration(text);
  return duration === undefined ? undefined : duration / 1_000;
}

/** The length of a range or offset in ms: a duration (`5m`) or a number of seconds (`300`). */
export function parseLength(text: string): number | undefined {
  const seconds = parseNumber(text);
  return seconds === undefined || !Number.isFinite(seconds) ? undefined : Math.round(seconds * 1_000);
}
