import type { Labels } from '../lib/labels.ts';
import { sortedLabels } from '../lib/labels.ts';
import type { Milliseconds, Ratio } from '../lib/units.ts';
import { formatDuration } from '../lib/units.ts';
import { leBelow } from './le-below.ts';
import type { LatencyFamily, LatencyObjective } from './rule.ts';

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

/** A text as a regular expression that matches nothing else. */
export const escapeRegex = (text: string): string => text.replaceAll(/[.+*?^${}()|[\]\\]/g, '\\$&');

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
  readonly metric: string;
  readonly matchers?: readonly string[];
  readonly read?: 'rate' | 'increase';
  /** Taken of every series before they are summed. */
  readonly each?: string;
}

function summed(family: LatencyFamily, part: Part): string {
  const series = selector(part.metric, [
    family.selector,
    ...(part.matchers ?? []),
    equalityMatchers(part.matchLabels ?? {}),
  ]);
  const offset =
    part.offset === undefined || part.offset === 0 ? '' : ` offset ${formatDuration(part.offset)}`;
  const sum = part.by === undefined || part.by.length === 0 ? 'sum' : `sum by (${part.by.join(', ')}) `;
  const rate = `${part.read ?? 'rate'}(${series}[${formatDuration(part.window)}]${offset})`;
  return `${sum}(${part.each === undefined ? rate : `${part.each} (${rate})`})`;
}

/** The metric that has one series for each histogram, and none for its buckets: what requests are counted by. */
export const countMetricOf = ({ metric, histogram }: LatencyFamily): string =>
  histogram === 'native' ? metric : `${metric}_count`;

/** Requests counted: per second, or over the window. */
function counted(family: LatencyFamily, part: Omit<Part, 'metric'>): string {
  const sum = summed(family, { ...part, metric: countMetricOf(family) });
  return family.histogram === 'native' ? `histogram_count(${sum})` : sum;
}

const bucketMetricOf = ({ metric }: LatencyFamily): string => `${metric}_bucket`;

interface Threshold {
  readonly threshold: Milliseconds;
  readonly isApproximate?: true;
}

/*
 * Requests per second that are fast, or may be:
 *
 *      threshold      bound above it
 *   ------|----------------|---------
 *   fast  |  cannot be notified |  slow
 *
 * Of every histogram the bucket at its smallest bound that is not below the threshold: services with bounds of their own
 * are summed right, and +Inf is always one of them.
 */
function maybeFast(family: LatencyFamily, { threshold, ...reading }: Reading & Threshold): string {
  const below = promqlString(leBelow(inFamilyUnit(family, threshold)));
  const part = { ...reading, metric: bucketMetricOf(family), each: 'min without (le)' };
  return summed(family, { ...part, matchers: [`le!~${below}`] });
}

function fast(family: LatencyFamily, reading: Reading & Threshold): string {
  if (reading.isApproximate === true) return maybeFast(family, reading);
  const le = leMatcher(inFamilyUnit(family, reading.threshold));
  return summed(family, { ...reading, metric: bucketMetricOf(family), matchers: [le] });
}

/**
 * The share of requests slower than a threshold, 0 to 1. Exact when the threshold is a bucket bound; when it is not, empty,
 * or with `isApproximate` the share that is certainly slower: by the bound above. Of a native histogram as
 * `histogram_fraction` interpolates inside the bucket that holds the threshold.
 */
export function slowShareOf(family: LatencyFamily, reading: Reading & Threshold): string {
  if (family.histogram === 'native') {
    const rates = summed(family, { ...reading, metric: family.metric });
    return `1 - histogram_fraction(0, ${promqlNumber(inFamilyUnit(family, reading.threshold))}, ${rates})`;
  }
  return `1 - ${fast(family, reading)} / ${counted(family, reading)}`;
}

/** How many requests there were in the window. */
export function requestCountOf(family: LatencyFamily, reading: Reading): string {
  return counted(family, { ...reading, read: 'increase' });
}

/** What the builders below need of a `LatencyObjective`. */
type OfFamily = Pick<LatencyObjective, 'family' | 'isApproximate'>;

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
  { family, isApproximate }: OfFamily,
  matchLabels: Labels,
  reading: Span & { threshold: Milliseconds },
): string {
  return slowShareOf(family, {
    ...reading,
    matchLabels,
    ...(isApproximate === true ? { isApproximate } : {}),
  });
}

/** Requests per second of what `matchLabels` pick. */
export function requestRateExpr({ family }: OfFamily, matchLabels: Labels, reading: Span): string {
  return counted(family, { ...reading, matchLabels });
}

/** The share of requests that failed, 0 to 1; undefined when the metric does not tell failures apart. */
export function errorShareExpr({ family }: OfFamily, matchLabels: Labels, reading: Span): string | undefined {
  if (family.errorSelector === undefined) return undefined;
  const failed = counted(family, { ...reading, matchLabels, matchers: [family.errorSelector] });
  // A service without a single failure has no series for failures: that is 0, not unknown.
  return `(${failed} or vector(0)) / ${requestRateExpr({ family }, matchLabels, reading)}`;
}

/**
 * Requests per second under each bucket bound: tells between which bounds a quantile lies. One sample for each `le`,
 * cumulative; of a native histogram one sample that holds its buckets.
 */
export function bucketRatesExpr({ family }: OfFamily, matchLabels: Labels, reading: Span): string {
  if (family.histogram === 'native')
    return summed(family, { ...reading, matchLabels, metric: family.metric });
  return summed(family, { ...reading, matchLabels, by: ['le'], metric: bucketMetricOf(family) });
}

/** A matcher for any of these values: `service=~"cart|checkout"`. */
export const anyOfMatcher = (label: string, values: readonly string[]): string =>
  `${label}=~${promqlString(values.map(escapeRegex).join('|'))}`;

/** What `bucketRatesExpr` asks for, apart by `by` as well, of what `matchers` pick: one question about many. */
export function bucketRatesBy(
  family: LatencyFamily,
  reading: {
    readonly window: Milliseconds;
    readonly by: readonly string[];
    readonly matchers: readonly string[];
  },
): string {
  return family.histogram === 'native'
    ? summed(family, { ...reading, metric: family.metric })
    : summed(family, { ...reading, by: ['le', ...reading.by], metric: bucketMetricOf(family) });
}

/** The mean duration of a mesh's requests at either end of the call, by `reporter`. Of histograms with buckets alone. */
export function meanBySideExpr(
  { metric }: LatencyFamily,
  matchLabels: Labels,
  { window }: Pick<Span, 'window'>,
): string {
  const matchers = ['reporter=~"source|destination"', equalityMatchers(matchLabels)];
  const rate = (suffix: string): string =>
    `sum by (reporter) (rate(${selector(`${metric}${suffix}`, matchers)}[${formatDuration(window)}]))`;
  return `${rate('_sum')} / ${rate('_count')}`;
}

/** The labels of an alert that its objective gives verdicts for: what restricts a query to the alert's own series. */
export function objectiveLabels({ by }: { readonly by: readonly string[] }, labels: Labels): Labels {
  return Object.fromEntries(by.map((name) => [name, labels[name] ?? '']).filter(([, value]) => value !== ''));
}
