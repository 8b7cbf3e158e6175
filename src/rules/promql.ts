import { type Labels, sortedLabels } from '../lib/labels.ts';

const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '"': '\\"',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

/** Quotes a text as a PromQL string, so that no label value can end it early. */
export function promqlString(text: string): string {
  return `"${text.replaceAll(/[\\"\n\r\t]/g, (character) => ESCAPES[character] ?? character)}"`;
}

/** More digits than any threshold needs, fewer than where rounding errors of binary fractions appear (1 - 0.99). */
const SIGNIFICANT_DIGITS = 12;

/** Removes rounding errors of binary fractions: `1 - 0.99` becomes 0.01. */
export const withoutNoise = (value: number): number => Number(value.toPrecision(SIGNIFICANT_DIGITS));

/** A number in PromQL, without rounding errors of binary fractions. */
export function promqlNumber(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'Inf' : '-Inf';
  return String(withoutNoise(value));
}

/**
 * A number as Go's `strconv.FormatFloat(f, 'g', -1, 64)` writes it: an exponent of at least two digits from a million
 * up and below 0.0001. Prometheus 3 rewrites `le` this way.
 */
export function goFloat(value: number): string {
  const [digits = '', exponent = '0'] = value.toExponential().split('e');
  const power = Number(exponent);
  if (power >= MIN_FIXED_EXPONENT && power < MIN_LARGE_EXPONENT) return String(value);
  return `${digits}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
}

/** A regular expression that matches only this text. */
export const escapeRegex = (text: string): string => text.replaceAll(/[.+*?^${}()|[\]\\]/g, '\\$&');

/**
 * A matcher for the bucket with this upper bound, in the format of any version: `le=~"500(\\.0)?"`, `le="0.5"`. Prometheus 3
 * turns `500` into `500.0` and `1800000` into `1.8e+06`, older servers keep what the client wrote.
 * Source: prometheus docs/migration.md, "le and quantile label values"; labels.FormatOpenMetricsFloat.
 */
export function leMatcher(bound: number): string {
  const [text, goText] = [String(bound), goFloat(bound)];
  if (!Number.isInteger(bound) && goText === text) return `le=${promqlString(text)}`;
  const pointZero = Number.isInteger(bound) ? '(\\.0)?' : '';
  const others = goText === text ? [] : [escapeRegex(goText)];
  return `le=~${promqlString([escapeRegex(text) + pointZero, ...others].join('|'))}`;
}

/** A label name, in quotes when it has characters beyond letters, digits and `_`. Prometheus 3 accepts them. */
export const promqlLabel = (name: string): string =>
  /^[A-Za-z_]\w*$/.test(name) ? name : promqlString(name);

/** Matchers for exactly these label values, in the order of the names: `a="1",b="2"`. */
export function equalityMatchers(labels: Labels): string {
  return sortedLabels(labels)
    .map(([name, value]) => `${promqlLabel(name)}=${promqlString(value)}`)
    .join(',');
}

/**
 * A selector of a metric with these matchers, empty ones left out: `m{a="b"}`. A name with other characters than letters,
 * digits, `_` and `:` is in quotes inside of the braces, as Prometheus 3 reads it.
 */
export function promqlSelector(metric: string, matchers: readonly string[]): string {
  const isPlain = /^[A-Za-z_:][\w:]*$/.test(metric);
  const given = [isPlain ? '' : promqlString(metric), ...matchers].filter((matcher) => matcher !== '');
  return `${isPlain ? metric : ''}${given.length === 0 ? '' : `{${given.join(',')}}`}`;
}

/** A matcher for any of these values: `service=~"cart|checkout"`. */
export const anyOfMatcher = (label: string, values: readonly string[]): string =>
  `${promqlLabel(label)}=~${promqlString(values.map(escapeRegex).join('|'))}`;

/** Below this exponent Go writes one. Source: strconv.FormatFloat with format `g`, as Prometheus writes `le`. */
const MIN_FIXED_EXPONENT = -4;
/** From this exponent on Go writes one: a million is `1e+06`. */
const MIN_LARGE_EXPONENT = 6;

const digitBelow = (digit: string): string => `[0-${Number(digit) - 1}]`;

/** Numbers without an exponent that are below `whole.fraction`, by the first digit in which they differ. */
function fixedBelow(whole: string, fraction: string): readonly string[] {
  const rest = String.raw`(\.[0-9]*)?`;
  const shorter = whole.length > 1 ? [`[0-9]{1,${whole.length - 1}}${rest}`] : [];
  const sameLength = Array.from(whole).flatMap((digit, i) =>
    digit === '0' ? [] : [`${whole.slice(0, i)}${digitBelow(digit)}[0-9]{${whole.length - 1 - i}}${rest}`],
  );
  const sameWhole = Array.from(fraction).flatMap((digit, i) => {
    const before = `${whole}\\.${fraction.slice(0, i)}`;
    return [
      i === 0 ? `${whole}\\.?` : before,
      ...(digit === '0' ? [] : [`${before}${digitBelow(digit)}[0-9]*`]),
    ];
  });
  return [...shorter, ...sameLength, ...sameWhole];
}

const splitAtPoint = (number: string): readonly [string, string] => {
  const [whole = '0', fraction = ''] = number.split('.');
  return [whole, fraction];
};

/** Numbers with an exponent that are below the bound: only tiny ones, unless the bound is large itself. */
function exponentialBelow(bound: number): readonly string[] {
  const [mantissa = '1', power = '0'] = bound.toExponential().split('e');
  const exponent = Number(power);
  const tiny = exponent >= MIN_FIXED_EXPONENT ? [String.raw`[0-9.]+e-[0-9]+`] : [];
  if (exponent < MIN_LARGE_EXPONENT) return tiny;
  const same = fixedBelow(...splitAtPoint(mantissa)).join('|');
  return [...tiny, String.raw`[0-9.]+e\+0*[0-${exponent - 1}]`, String.raw`(${same})e\+0*${exponent}`];
}

/**
 * A regular expression for the values of `le` below a bound, in any format: `250`, `250.0`, `2.5e+06`. PromQL anchors it.
 * For bounds from 0.0001 up to nine digits, which covers every latency in seconds or milliseconds.
 */
export function leBelow(bound: number): string {
  return [...fixedBelow(...splitAtPoint(String(bound))), ...exponentialBelow(bound)].join('|');
}
