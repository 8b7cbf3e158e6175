import { type EpochMs, epochMs } from '../../lib/units.ts';
import { goFloat } from '../promql.ts';
import { durationText, timeText } from './go-time.ts';
import { elementsOf, type Value } from './value.ts';

function special(value: number): string | undefined {
  if (Number.isNaN(value)) return 'NaN';
  if (Number.isFinite(value)) return undefined;
  return value > 0 ? '+Inf' : '-Inf';
}

/** `%v` of a float64, as `fmt.Print` writes it. */
const floatText = (value: number): string => special(value) ?? (Object.is(value, -0) ? '-0' : goFloat(value));

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
  const size = Math.abs(rounded);
  // Without an exponent, like most values: read from its size, as texts for thousands of alerts are written.
  if (size >= 1e-4 && size < 10 ** digits) return String(rounded);
  const [mantissa = '', exponentText = '0'] = rounded.toExponential().split('e');
  const exponent = Number(exponentText);
  const count = mantissa.replaceAll(/[-.]/g, '').length;
  const limit = digits > count && count >= exponent + 1 ? count : digits;
  return exponent < -4 || exponent >= limit ? twoDigits(rounded.toExponential()) : String(rounded);
}

/** A float as `%f`, `%e` or `%g` writes it, with Go's default precision of 6 (`%g`: as many digits as it needs). */
export function formatFloat(value: number, verb: string, precision?: number): string {
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
const fourDigits = (value: number): string => formatFloat(value, 'g', 4);

/** A text inside of a JavaScript string. Source: text/template JSEscapeString. */
export const quotedForScript = (text: string): string =>
  // oxlint-disable-next-line no-control-regex -- control characters are what must be written out.
  text.replaceAll(/[\\'"<>&=\u0000-\u001f]/g, (sign) =>
    /[\\'"]/.test(sign)
      ? `\\${sign}`
      : `\\u${sign.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`,
  );

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
    case 'time':
      return timeText(value.at);
    case 'duration':
      return durationText(value.nanoseconds);
    case 'nil':
      return '<no value>';
    default:
      return printParts(value);
  }
}

/** A value that consists of others. */
function printParts(value: Value): string {
  if (value.type === 'data') return `{${Object.values(value.fields).map(print).join(' ')}}`;
  if (value.type === 'sample') {
    const { labels, value: number } = value.sample;
    return `{${print({ type: 'labels', labels })} ${floatText(number)}}`;
  }
  const elements = elementsOf(value) ?? [];
  return value.type === 'vector' || value.type === 'list'
    ? `[${elements.map(([, element]) => print(element)).join(' ')}]`
    : `map[${elements.map(([key, element]) => `${print(key)}:${print(element)}`).join(' ')}]`;
}

/* Prometheus's functions that write a number for people. Source: prometheus/common helpers/templates. */

const isNotFinite = (value: number): boolean => !Number.isFinite(value);

interface Scale {
  readonly prefixes: readonly string[];
  readonly step: (value: number) => number;
  readonly isDone: (size: number) => boolean;
}

/** Scales a number step by step and adds the prefix of the last step. */
function scaled(value: number, { prefixes, step, isDone }: Scale): string {
  let number = value;
  let prefix = '';
  for (const next of prefixes) {
    if (isDone(Math.abs(number))) break;
    prefix = next;
    number = step(number);
  }
  return fourDigits(number) + prefix;
}

const PREFIXES = ['k', 'M', 'G', 'T', 'P', 'E', 'Z', 'Y'] as const;

const LARGE: Scale = { prefixes: PREFIXES, step: (value) => value / 1_000, isDone: (size) => size < 1_000 };
const BINARY: Scale = {
  prefixes: PREFIXES.map((prefix) => `${prefix}i`),
  step: (value) => value / 1_024,
  isDone: (size) => size < 1_024,
};
const SMALL: Scale = {
  prefixes: ['m', 'u', 'n', 'p', 'f', 'a', 'z', 'y'],
  step: (value) => value * 1_000,
  isDone: (size) => size >= 1,
};

/** `1.235M`, `120m`. */
export function humanize(value: number): string {
  if (value === 0 || isNotFinite(value)) return fourDigits(value);
  return scaled(value, Math.abs(value) >= 1 ? LARGE : SMALL);
}

/** `4.883ki`. */
export function humanize1024(value: number): string {
  return Math.abs(value) <= 1 || isNotFinite(value) ? fourDigits(value) : scaled(value, BINARY);
}

/** A ratio as `7.256%`. */
export const humanizePercentage = (value: number): string => `${fourDigits(value * 100)}%`;

/** Seconds as days, hours, minutes and seconds. */
export function humanizeDuration(value: number): string {
  if (isNotFinite(value)) return fourDigits(value);
  if (value === 0) return `${fourDigits(value)}s`;
  if (Math.abs(value) < 1) return `${scaled(value, SMALL)}s`;
  const sign = value < 0 ? '-' : '';
  const size = Math.abs(value);
  const whole = Math.trunc(size);
  const parts = [
    Math.floor(whole / 86_400),
    Math.floor(whole / 3_600) % 24,
    Math.floor(whole / 60) % 60,
    whole % 60,
  ];
  const first = parts.findIndex((part) => part !== 0);
  if (first === 3) return `${sign}${fourDigits(size)}s`;
  const units = ['d', 'h', 'm', 's'];
  return (
    sign +
    parts
      .map((part, i) => `${part}${units[i] ?? ''}`)
      .slice(first)
      .join(' ')
  );
}

/** The limit of Go's int64, in nanoseconds. */
const NANOSECONDS_LIMIT = 2 ** 63;

/**
 * Unix seconds as an instant, in whole milliseconds.
 * @throws Error when Go's nanoseconds overflow.
 */
export function toInstant(seconds: number): EpochMs {
  if (Number.isNaN(seconds) || Math.abs(seconds * 1e9) >= NANOSECONDS_LIMIT) {
    const value = goFloat(seconds);
    throw new Error(`${value} cannot be represented as a nanoseconds timestamp since it overflows int64`);
  }
  // Through whole nanoseconds, as Go does, whose rounding is visible: 0.25 s after midnight may read .249.
  return epochMs(Number(BigInt(Math.trunc(seconds * 1e9)) / 1_000_000n));
}

/** Unix seconds as `2026-11-20 14:05:00.25 +0000 UTC`. */
export const humanizeTimestamp = (value: number): string =>
  isNotFinite(value) ? fourDigits(value) : timeText(toInstant(value));
