import { formatFloat, print } from './go-format.ts';
import { GO_TYPES, type Value } from './value.ts';

/* Go's `fmt.Sprintf`. Source: fmt/print.go and fmt/format.go. */

const NAMED: Readonly<Record<string, string>> = {
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
  '"': '\\"',
};

/** `%q`: a text in Go's quotes. */
function quote(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what must be written out.
  const escaped = text.replaceAll(/[\u0000-\u001f\u007f\\"]/g, (character) => {
    return NAMED[character] ?? `\\x${(character.codePointAt(0) ?? 0).toString(16).padStart(2, '0')}`;
  });
  return `"${escaped}"`;
}

/** A verb that does not fit its value, as package fmt prints it: `%!d(float64=1.5)`. */
const mismatch = (verb: string, value: Value): string => `%!${verb}(${GO_TYPES[value.type]}=${print(value)})`;

function truncated(text: string, precision?: number): string {
  return precision === undefined ? text : Array.from(text).slice(0, precision).join('');
}

function hexOf(text: string): string {
  const bytes = Array.from(new TextEncoder().encode(text));
  return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Everything outside of ASCII as an escape, which `+` asks for. */
const inAscii = (quoted: string): string =>
  quoted.replaceAll(/\P{ASCII}/gu, (character) => {
    const hex = (character.codePointAt(0) ?? 0).toString(16);
    return hex.length > 4 ? `\\U${hex.padStart(8, '0')}` : `\\u${hex.padStart(4, '0')}`;
  });

function quoted(text: string, flags: string): string {
  if (flags.includes('#') && !/[`\n]/.test(text)) return `\`${text}\``;
  return flags.includes('+') ? inAscii(quote(text)) : quote(text);
}

function formatString(text: string, verb: string, { flags, precision }: Layout): string | undefined {
  const short = truncated(text, precision);
  switch (verb) {
    case 's':
      return short;
    case 'q':
      return quoted(short, flags);
    case 'x':
      return hexOf(short);
    case 'X':
      return hexOf(short).toUpperCase();
    default:
      return undefined;
  }
}

const RADIX: Readonly<Record<string, number>> = { d: 10, x: 16, X: 16, o: 8, b: 2 };

function formatInt(value: number, verb: string, precision = 0): string | undefined {
  const radix = RADIX[verb];
  if (radix !== undefined) {
    const digits = Math.abs(value).toString(radix).padStart(precision, '0');
    return `${value < 0 ? '-' : ''}${verb === 'X' ? digits.toUpperCase() : digits}`;
  }
  switch (verb) {
    case 'q':
      return `'${String.fromCodePoint(value)}'`;
    case 'c':
      return String.fromCodePoint(value);
    case 'U':
      return `U+${value.toString(16).toUpperCase().padStart(4, '0')}`;
    default:
      return undefined;
  }
}

/** `E` and `G` write the exponent in upper case. */
function floatOf(value: number, verb: string, precision?: number): string {
  const text = formatFloat(value, verb.toLowerCase(), precision);
  return /[EG]/.test(verb) ? text.replace(/e(?=[+-]\d)/, 'E') : text;
}

/** Undefined when the verb does not fit the value. */
function formatOwn(value: Value, verb: string, layout: Layout): string | undefined {
  switch (value.type) {
    case 'float':
      return 'fFeEgG'.includes(verb) ? floatOf(value.number, verb, layout.precision) : undefined;
    case 'int':
      return formatInt(value.number, verb, layout.precision);
    case 'bool':
      return verb === 't' ? String(value.bool) : undefined;
    case 'string':
      return formatString(value.text, verb, layout);
    default:
      return verb === 's' ? print(value) : undefined;
  }
}

function formatVerb(value: Value, verb: string, layout: Layout): string {
  if (verb === 'T') return GO_TYPES[value.type];
  return verb === 'v' ? print(value) : (formatOwn(value, verb, layout) ?? mismatch(verb, value));
}

/** What a directive asks for besides its verb. */
interface Layout {
  readonly flags: string;
  readonly width: number;
  readonly precision?: number;
}

const BASES: Readonly<Record<string, string>> = { x: '0x', X: '0X', o: '0', b: '0b' };

/** The sign that `+` and a blank ask for, and the base that `#` does. */
function signed(text: string, verb: string, { flags }: Layout): string {
  const sign = /^[+-]/.exec(text)?.[0];
  const digits = sign === undefined ? text : text.slice(1);
  const base = flags.includes('#') ? (BASES[verb] ?? '') : '';
  const plus = flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '';
  return `${sign ?? plus}${base}${digits}`;
}

const isNumeric = (value: Value, verb: string): boolean =>
  (value.type === 'float' || value.type === 'int') && !'cqUT'.includes(verb);

function padded(text: string, value: Value, { verb, ...layout }: Layout & { readonly verb: string }): string {
  const { flags, width } = layout;
  const isNumber = isNumeric(value, verb);
  const whole = isNumber ? signed(text, verb, layout) : text;
  if (flags.includes('-')) return whole.padEnd(width);
  const isFinite = !/(?:Inf|NaN)$/.test(text);
  if (!flags.includes('0') || !isNumber || !isFinite) return whole.padStart(width);
  const sign = /^[+ -]/.exec(whole)?.[0] ?? '';
  return sign + whole.slice(sign.length).padStart(width - sign.length, '0');
}

/** `%`, flags, width, precision and verb; `[2]` chooses an argument, `*` takes a width or a precision from one. */
const DIRECTIVE = /%([-+# 0]*)((?:\[\d+\])?\*|\d*)(?:\.((?:\[\d+\])?\*|\d*))?(\[\d+\])?([^]|$)/gu;

/** The arguments of a format, taken in order or by their index. */
function createTaker(values: readonly Value[]) {
  let next = 0;
  let isReordered = false;
  const choose = (index: string | undefined): void => {
    const number = /^\[(\d+)\]/.exec(index ?? '')?.[1];
    if (number === undefined) return;
    next = Number(number) - 1;
    isReordered = true;
  };
  return {
    /** The next argument; undefined where there is none. */
    take: (index?: string): Value | undefined => {
      choose(index);
      return values[next++];
    },
    isMissingIndex: (index: string | undefined): boolean =>
      index !== undefined && index !== '' && values[Number(index.slice(1, -1)) - 1] === undefined,
    /** Those that no directive took; not said of arguments that are taken by their index. */
    extra: (): readonly Value[] => (isReordered ? [] : values.slice(next)),
  };
}

/** A width or a precision: written, or with `*` an argument. `null`: the argument is no int. */
function sizeOf(
  written: string | undefined,
  take: (index?: string) => Value | undefined,
): number | null | undefined {
  if (written === undefined) return undefined;
  if (!written.endsWith('*')) return Number(written);
  const value = take(written);
  return value?.type === 'int' ? value.number : null;
}

/** A value under a directive; `null` is a width or a precision that is no int. */
function directive(
  value: Value,
  verb: string,
  given: { readonly flags: string; readonly wide?: number | null; readonly digits?: number | null },
): string {
  const { flags, wide, digits } = given;
  const width = wide ?? 0;
  const precision = digits ?? undefined;
  const layout: Layout = {
    flags: width < 0 ? `-${flags}` : flags,
    width: Math.abs(width),
    precision: (precision ?? 0) < 0 ? undefined : precision,
  };
  const wrong = `${wide === null ? '%!(BADWIDTH)' : ''}${digits === null ? '%!(BADPREC)' : ''}`;
  return `${wrong}${padded(formatVerb(value, verb, layout), value, { ...layout, verb })}`;
}

/** Go's `fmt.Sprintf`. */
export function sprintf(format: string, values: readonly Value[]): string {
  const { take, isMissingIndex, extra } = createTaker(values);
  const text = format.replaceAll(DIRECTIVE, (...match: unknown[]) => {
    const [, flags = '', width, precision, index, verb = ''] = match as (string | undefined)[];
    if (verb === '') return '%!(NOVERB)';
    const wide = sizeOf(width, take);
    const digits = sizeOf(precision, take);
    if (verb === '%') return '%';
    if (isMissingIndex(index)) return `%!${verb}(BADINDEX)`;
    const value = take(index);
    if (value === undefined) return `%!${verb}(MISSING)`;
    return directive(value, verb, { flags, wide, digits });
  });
  const others = extra().map((value) => `${GO_TYPES[value.type]}=${print(value)}`);
  return others.length === 0 ? text : `${text}%!(EXTRA ${others.join(', ')})`;
}
