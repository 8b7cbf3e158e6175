/**
 * What Jaeger, being a Go program, makes of numbers, durations, times and JSON in its parameters, and the texts in which it refuses
 * them. Those texts reach the client, so they are kept word for word.
 */

/** A refusal in Go's own words. */
export class GoError extends Error {
  override readonly name = 'GoError';
}

/** Microseconds may be written with the micro sign or with the Greek letter. */
const NANOSECONDS: ReadonlyMap<string, number> = new Map([
  ['ns', 1],
  ['us', 1_000],
  ['\u00b5s', 1_000],
  ['\u03bcs', 1_000],
  ['ms', 1_000_000],
  ['s', 1_000_000_000],
  ['m', 60_000_000_000],
  ['h', 3_600_000_000_000],
]);

/** Reads a duration such as `1.5s` or `1h30m` as time.ParseDuration does. Returns microseconds, with fractions. */
export function parseGoDuration(text: string): number {
  const quoted = JSON.stringify(text);
  const sign = text.startsWith('-') ? -1 : 1;
  let rest = text.replace(/^[-+]/, '');
  if (rest === '0') return 0;
  if (rest === '') throw new GoError(`time: invalid duration ${quoted}`);
  let total = 0;
  while (rest !== '') {
    const number = /^(?:\d+\.?\d*|\.\d+)/.exec(rest)?.[0];
    if (number === undefined) throw new GoError(`time: invalid duration ${quoted}`);
    rest = rest.slice(number.length);
    const unit = /^[^\d.]+/.exec(rest)?.[0];
    if (unit === undefined) throw new GoError(`time: missing unit in duration ${quoted}`);
    const size = NANOSECONDS.get(unit);
    if (size === undefined)
      throw new GoError(`time: unknown unit ${JSON.stringify(unit)} in duration ${quoted}`);
    total += Number(number) * size;
    rest = rest.slice(unit.length);
  }
  // Go truncates to whole nanoseconds; rounding first takes away the noise of binary fractions.
  return (sign * Math.trunc(Number(total.toFixed(3)))) / 1_000;
}

const trimZeros = (text: string): string => (text.includes('.') ? text.replace(/\.?0+$/, '') : text);

/** Writes a duration as Go prints it: `52ms`, `-611.1615ms`, `1h0m0.5s`. */
export function formatGoDuration(nanoseconds: number): string {
  const sign = nanoseconds < 0 ? '-' : '';
  const size = Math.abs(nanoseconds);
  if (size === 0) return '0s';
  if (size < 1_000) return `${sign}${size}ns`;
  if (size < 1_000_000) return `${sign}${trimZeros((size / 1_000).toFixed(3))}µs`;
  if (size < 1_000_000_000) return `${sign}${trimZeros((size / 1_000_000).toFixed(6))}ms`;
  const hours = Math.floor(size / 3_600_000_000_000);
  const minutes = Math.floor((size % 3_600_000_000_000) / 60_000_000_000);
  const seconds = `${trimZeros(((size % 60_000_000_000) / 1_000_000_000).toFixed(9))}s`;
  if (hours > 0) return `${sign}${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${sign}${minutes}m${seconds}` : `${sign}${seconds}`;
}

/** Reads a whole number as strconv.ParseInt and strconv.Atoi do; `by` is the name in the refusal. */
export function parseGoInt(text: string, by: 'ParseInt' | 'Atoi' = 'ParseInt'): number {
  if (!/^[-+]?\d+$/.test(text)) {
    throw new GoError(`strconv.${by}: parsing ${JSON.stringify(text)}: invalid syntax`);
  }
  return Number(text);
}

/** Reads a boolean as strconv.ParseBool does. */
export function parseGoBool(text: string): boolean {
  if (/^(?:1|t|T|TRUE|true|True)$/.test(text)) return true;
  if (/^(?:0|f|F|FALSE|false|False)$/.test(text)) return false;
  throw new GoError(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`);
}

const LAYOUT = '2006-01-02T15:04:05.999999999Z07:00';
const LAYOUT_PARTS: readonly (readonly [pattern: RegExp, layout: string])[] = [
  [/^\d{4}/, '2006'],
  [/^-/, '-'],
  [/^\d{2}/, '01'],
  [/^-/, '-'],
  [/^\d{2}/, '02'],
  [/^T/, 'T'],
  [/^\d{2}/, '15'],
  [/^:/, ':'],
  [/^\d{2}/, '04'],
  [/^:/, ':'],
  [/^\d{2}(?:\.\d+)?/, '05'],
  [/^(?:Z|[-+]\d{2}:\d{2})$/, 'Z07:00'],
];

/** Reads an RFC 3339 instant with up to nine decimals. Returns microseconds since 1970 (nanoseconds are cut off). */
export function parseGoTime(text: string): number {
  const cannot = (rest: string, layout: string): GoError =>
    new GoError(
      `parsing time ${JSON.stringify(text)} as "${LAYOUT}": cannot parse ${JSON.stringify(rest)} as "${layout}"`,
    );
  let rest = text;
  for (const [pattern, layout] of LAYOUT_PARTS) {
    const found = pattern.exec(rest)?.[0];
    if (found === undefined) throw cannot(rest, layout);
    rest = rest.slice(found.length);
  }
  const fraction = /\.(\d+)/.exec(text)?.[1] ?? '';
  const whole = Date.parse(text.replace(/\.\d+/, ''));
  if (Number.isNaN(whole)) throw new GoError(`parsing time ${JSON.stringify(text)}: out of range`);
  return whole * 1_000 + Number(fraction.padEnd(6, '0').slice(0, 6));
}

/** An instant as Go's Time.String prints it in UTC. */
export function formatGoTime(nanoseconds: bigint): string {
  const seconds = new Date(Number(nanoseconds / 1_000_000_000n) * 1_000)
    .toISOString()
    .slice(0, 19)
    .replace('T', ' ');
  const fraction = String(nanoseconds % 1_000_000_000n)
    .padStart(9, '0')
    .replace(/0+$/, '');
  return `${seconds}${fraction === '' ? '' : `.${fraction}`} +0000 UTC`;
}

const LITERALS: Readonly<Record<string, string>> = { n: 'null', t: 'true', f: 'false' };

function jsonComplaint(text: string): string {
  const start = text.trimStart();
  if (start === '') return 'unexpected end of JSON input';
  const literal = LITERALS[start[0] ?? ''];
  if (literal !== undefined) {
    const at = literal.split('').findIndex((letter, i) => start[i] !== letter);
    const found = start[at];
    if (at > 0 && found !== undefined) {
      return `invalid character '${found}' in literal ${literal} (expecting '${literal[at]}')`;
    }
  }
  if (start.startsWith('{')) return 'unexpected end of JSON input';
  return `invalid character '${start[0] ?? ''}' looking for beginning of value`;
}

/** Reads a JSON object with string values into a map, as json.Unmarshal into map[string]string does. */
export function parseGoStringMap(text: string): Record<string, string> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new GoError(jsonComplaint(text), { cause: error });
  }
  if (parsed === null) return {};
  if (typeof parsed !== 'object' || Array.isArray(parsed)) {
    throw new GoError(`json: cannot unmarshal ${goKind(parsed)} into Go value of type map[string]string`);
  }
  for (const value of Object.values(parsed)) {
    if (typeof value !== 'string') {
      throw new GoError(`json: cannot unmarshal ${goKind(value)} into Go value of type string`);
    }
  }
  return parsed as Record<string, string>;
}

function goKind(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}
