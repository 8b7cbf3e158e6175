import type { Labels } from '../labels.ts';
import { sortedLabels } from '../labels.ts';
import type { Milliseconds, Ratio } from '../units.ts';
import { formatDuration } from '../units.ts';
import type { LatencyFamily } from './rule.ts';

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

/** Twelve digits: more than any threshold needs, fewer than where binary fractions show (1 - 0.99). */
const SIGNIFICANT_DIGITS = 12;

/** Rounds away the noise of binary fractions: `1 - 0.99` becomes 0.01. */
export const withoutNoise = (value: number): number => Number(value.toPrecision(SIGNIFICANT_DIGITS));

/** Writes a number as PromQL reads it, without the noise of binary fractions. */
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
  if (power >= -4 && power < 6) return String(value);
  return `${digits}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
}

/**
 * The ways a bucket bound is written in `le`: Prometheus 3 turns `500` into `500.0` and `1800000` into `1.8e+06`, older
 * servers keep what the client wrote.
 * Source: prometheus docs/migration.md, "le and quantile label values"; labels.FormatOpenMetricsFloat.
 */
function leForms(bound: number): readonly string[] {
  const plain = String(bound);
  const forms = new Set([plain, ...(Number.isInteger(bound) ? [`${plain}.0`] : []), goFloat(bound)]);
  return [...forms];
}

const escapeRegex = (text: string): string => text.replaceAll(/[.+*?^${}()|[\]\\]/g, '\\$&');

/** A matcher for the bucket with this upper bound, whatever version wrote it: `le=~"500(\\.0)?"`, `le="0.5"`. */
export function leMatcher(bound: number): string {
  const [plain = '', ...others] = leForms(bound);
  if (others.length === 0) return `le=${promqlString(plain)}`;
  const pointZero = others.includes(`${plain}.0`) ? '(\\.0)?' : '';
  const rest = others.filter((form) => form !== `${plain}.0`).map(escapeRegex);
  return `le=~${promqlString([escapeRegex(plain) + pointZero, ...rest].join('|'))}`;
}

/** A length of time in the unit a metric's `le` is in. */
export function inFamilyUnit(family: LatencyFamily, duration: Milliseconds): number {
  return family.unit === 'ms' ? duration : withoutNoise(duration / 1_000);
}

/** Matchers that pick exactly these label values: `a="1",b="2"`, in the order of the names. */
export function equalityMatchers(labels: Labels): string {
  return sortedLabels(labels)
    .map(([name, value]) => `${name}=${promqlString(value)}`)
    .join(',');
}

/** What to read of a histogram: over which time, up to when, of which series. */
export interface Reading {
  readonly window: Milliseconds;
  /** How long before the evaluation's instant the window ends. */
  readonly offset?: Milliseconds;
  /** Label values to restrict to: those that name one service. */
  readonly matchLabels?: Labels;
  /** Labels to keep apart; none gives one number. */
  readonly by?: readonly string[];
}

function selector(metric: string, matchers: readonly string[]): string {
  const given = matchers.filter((matcher) => matcher !== '');
  return given.length === 0 ? metric : `${metric}{${given.join(',')}}`;
}

interface Part extends Reading {
  readonly suffix: '_bucket' | '_count';
  readonly matchers?: readonly string[];
  readonly read?: 'rate' | 'increase';
}

function summed(family: LatencyFamily, part: Part): string {
  const series = selector(`${family.metric}${part.suffix}`, [
    family.selector,
    ...(part.matchers ?? []),
    equalityMatchers(part.matchLabels ?? {}),
  ]);
  const offset =
    part.offset === undefined || part.offset === 0 ? '' : ` offset ${formatDuration(part.offset)}`;
  const sum = part.by === undefined || part.by.length === 0 ? 'sum' : `sum by (${part.by.join(', ')}) `;
  return `${sum}(${part.read ?? 'rate'}(${series}[${formatDuration(part.window)}]${offset}))`;
}

/** The share of requests slower than a threshold, 0 to 1. Exact when the threshold is a bucket bound, empty when it is not. */
export function slowShareOf(family: LatencyFamily, reading: Reading & { threshold: Milliseconds }): string {
  const le = leMatcher(inFamilyUnit(family, reading.threshold));
  const fast = summed(family, { ...reading, suffix: '_bucket', matchers: [le] });
  const all = summed(family, { ...reading, suffix: '_count' });
  return `1 - ${fast} / ${all}`;
}

/** How many requests there were in the window. */
export function requestCountOf(family: LatencyFamily, reading: Reading): string {
  return summed(family, { ...reading, suffix: '_count', read: 'increase' });
}

/** What the builders below need of a `LatencyObjective`. */
interface OfFamily {
  readonly family: LatencyFamily;
}

interface Span {
  readonly window: Milliseconds;
  readonly offset?: Milliseconds;
}

/** A quantile of the request durations of what `matchLabels` pick, in the family's unit. NaN without requests. */
export function quantileExpr(
  { family }: OfFamily,
  matchLabels: Labels,
  reading: Span & { quantile: Ratio },
): string {
  const buckets = bucketRatesExpr({ family }, matchLabels, reading);
  return `histogram_quantile(${promqlNumber(reading.quantile)}, ${buckets})`;
}

/** The share of requests slower than a threshold, of what `matchLabels` pick: 0 to 1, NaN without requests. */
export function slowShareExpr(
  { family }: OfFamily,
  matchLabels: Labels,
  reading: Span & { threshold: Milliseconds },
): string {
  return slowShareOf(family, { ...reading, matchLabels });
}

/** Requests per second of what `matchLabels` pick. */
export function requestRateExpr({ family }: OfFamily, matchLabels: Labels, reading: Span): string {
  return summed(family, { ...reading, matchLabels, suffix: '_count' });
}

/** The share of requests that failed, 0 to 1; undefined when the metric does not tell failures apart. */
export function errorShareExpr({ family }: OfFamily, matchLabels: Labels, reading: Span): string | undefined {
  if (family.errorSelector === undefined) return undefined;
  const failed = summed(family, {
    ...reading,
    matchLabels,
    suffix: '_count',
    matchers: [family.errorSelector],
  });
  // A service without a single failure has no series for failures: that is 0, not unknown.
  return `(${failed} or vector(0)) / ${requestRateExpr({ family }, matchLabels, reading)}`;
}

/** Requests per second under each bucket bound (cumulative, by `le`): tells between which bounds a quantile lies. */
export function bucketRatesExpr({ family }: OfFamily, matchLabels: Labels, reading: Span): string {
  return summed(family, { ...reading, matchLabels, by: ['le'], suffix: '_bucket' });
}

/** The labels of an alert that its objective gives verdicts for: what restricts a query to the alert's own series. */
export function objectiveLabels({ by }: { readonly by: readonly string[] }, labels: Labels): Labels {
  return Object.fromEntries(by.map((name) => [name, labels[name] ?? '']).filter(([, value]) => value !== ''));
}
