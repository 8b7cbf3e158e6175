import { type Labels, sortedLabels } from '../../lib/labels.ts';
import { goFloat } from '../promql.ts';

/** A value of a template: the types of Go that occur. */
export type Value =
  | { readonly type: 'float'; readonly number: number }
  | { readonly type: 'int'; readonly number: number }
  | { readonly type: 'string'; readonly text: string }
  | { readonly type: 'bool'; readonly bool: boolean }
  | { readonly type: 'labels'; readonly labels: Labels };

function special(value: number): string | undefined {
  if (Number.isNaN(value)) return 'NaN';
  if (Number.isFinite(value)) return undefined;
  return value > 0 ? '+Inf' : '-Inf';
}

/** `%v` of a float64, as `fmt.Print` writes it. */
const floatText = (value: number): string => special(value) ?? goFloat(value);

const twoDigits = (exponential: string): string =>
  exponential.replace(/e([+-])(\d)$/, (_, sign: string, digit: string) => `e${sign}0${digit}`);

/** How many digits after the requested ones are checked for an exact tie. */
const TIE_DIGITS = 60;

/** `%.Nf`: rounds an exact tie to the even digit, as Go does. JavaScript rounds it up. */
function fixed(value: number, decimals: number): string {
  const exact = value.toFixed(Math.min(100, decimals + TIE_DIGITS));
  const cut = exact.length - (Math.min(100, decimals + TIE_DIGITS) - decimals);
  const isTie = /^50*$/.test(exact.slice(cut));
  if (!isTie) return value.toFixed(decimals);
  const kept = exact.slice(0, cut).replace(/\.$/, '');
  return Number(kept.at(-1)) % 2 === 0 ? kept : value.toFixed(decimals);
}

/** `%.Ng`: the shorter of both forms, without zeros at the end. Source: strconv/ftoa.go, case 'g'. */
function general(value: number, precision: number): string {
  const digits = Math.max(1, precision);
  const rounded = Number(value.toPrecision(Math.min(100, digits)));
  const [mantissa = '', exponentText = '0'] = rounded.toExponential().split('e');
  const exponent = Number(exponentText);
  const count = mantissa.replaceAll(/[-.]/g, '').length;
  const limit = digits > count && count >= exponent + 1 ? count : digits;
  return exponent < -4 || exponent >= limit ? twoDigits(rounded.toExponential()) : String(rounded);
}

/** A float as `%f`, `%e` or `%g` writes it, with Go's default precision of 6 (`%g`: as many digits as it needs). */
function formatFloat(value: number, verb: string, precision?: number): string {
  const name = special(value);
  if (name !== undefined) return name;
  switch (verb.toLowerCase()) {
    case 'f':
      return fixed(value, precision ?? 6);
    case 'e':
      return twoDigits(value.toExponential(precision ?? 6));
    default:
      return precision === undefined ? goFloat(value) : general(value, precision);
  }
}

/** `%.4g`, the format of all humanize functions. */
export const fourDigits = (value: number): string => formatFloat(value, 'g', 4);

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

/** A value as `{{ }}` prints it. */
export function print(value: Value): string {
  switch (value.type) {
    case 'float':
      return floatText(value.number);
    case 'int':
      return String(value.number);
    case 'string':
      return value.text;
    case 'bool':
      return String(value.bool);
    case 'labels':
      return `map[${sortedLabels(value.labels)
        .map(([name, text]) => `${name}:${text}`)
        .join(' ')}]`;
  }
}

const GO_TYPES: Readonly<Record<Value['type'], string>> = {
  float: 'float64',
  int: 'int',
  string: 'string',
  bool: 'bool',
  labels: 'map[string]string',
};

/** A verb that does not fit its value, as package fmt prints it: `%!d(float64=1.5)`. */
const mismatch = (verb: string, value: Value): string => `%!${verb}(${GO_TYPES[value.type]}=${print(value)})`;

function truncated(text: string, precision?: number): string {
  return precision === undefined ? text : Array.from(text).slice(0, precision).join('');
}

function formatString(text: string, verb: string, precision?: number): string | undefined {
  if (verb === 's') return truncated(text, precision);
  return verb === 'q' ? quote(truncated(text, precision)) : undefined;
}

/** Undefined when the verb does not fit the value. */
function formatOwn(value: Value, verb: string, precision?: number): string | undefined {
  switch (value.type) {
    case 'float':
      return 'fFeEgG'.includes(verb) ? formatFloat(value.number, verb, precision) : undefined;
    case 'int':
      return verb === 'd' ? String(value.number) : undefined;
    case 'bool':
      return verb === 't' ? String(value.bool) : undefined;
    case 'string':
      return formatString(value.text, verb, precision);
    case 'labels':
      return verb === 's' ? print(value) : undefined;
  }
}

function formatVerb(value: Value, verb: string, precision?: number): string {
  return verb === 'v' ? print(value) : (formatOwn(value, verb, precision) ?? mismatch(verb, value));
}

interface Layout {
  readonly flags: string;
  readonly width: number;
}

function padded(text: string, value: Value, { flags, width }: Layout): string {
  const isNumber = value.type === 'float' || value.type === 'int';
  const signed = isNumber && flags.includes('+') && !/^[+-]/.test(text) ? `+${text}` : text;
  if (flags.includes('-')) return signed.padEnd(width);
  if (!flags.includes('0') || !isNumber) return signed.padStart(width);
  const sign = /^[+-]/.exec(signed)?.[0] ?? '';
  return sign + signed.slice(sign.length).padStart(width - sign.length, '0');
}

const DIRECTIVE = /%([-+# 0]*)(\d*)(?:\.(\d*))?([^])/g;

/** Go's `fmt.Sprintf` for the verbs v s q d f e g t. */
export function sprintf(format: string, values: readonly Value[]): string {
  let used = 0;
  const text = format.replaceAll(DIRECTIVE, (...match: unknown[]) => {
    const [, flags = '', width = '', precision, verb = ''] = match as (string | undefined)[];
    if (verb === '%') return '%';
    const value = values[used++];
    if (value === undefined) return `%!${verb}(MISSING)`;
    // A point without digits is a precision of zero.
    const digits = precision === undefined ? undefined : Number(precision);
    return padded(formatVerb(value, verb, digits), value, { flags, width: Number(width) });
  });
  const extra = values.slice(used).map((value) => `${GO_TYPES[value.type]}=${print(value)}`);
  return extra.length === 0 ? text : `${text}%!(EXTRA ${extra.join(', ')})`;
}
