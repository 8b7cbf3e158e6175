import type { Labels } from '../lib/labels.ts';
import { formatDuration, type Milliseconds, ms, type Ratio } from '../lib/units.ts';
import {
  equalityMatchers,
  leBelow,
  leMatcher,
  promqlLabel,
  promqlNumber,
  promqlSelector,
  promqlString,
  withoutNoise,
} from './promql.ts';
import { type LatencyHistogram, type LatencyObjective, TEST_LABEL } from './rule.ts';

/** A duration in the unit of the metric's `le`. */
export function inFamilyUnit(family: LatencyHistogram, duration: Milliseconds): number {
  return family.unit === 'ms' ? duration : withoutNoise(duration / 1_000);
}

/** The time a query looks back. */
interface Lookback {
  readonly window: Milliseconds;
  /** How long before the evaluation time the window ends. */
  readonly offset?: Milliseconds;
}

/** A query of a histogram. */
export interface HistogramQuery extends Lookback {
  /** Label values to restrict to: those that name one service. */
  readonly matchLabels?: Labels;
  /** Labels to group by; without any the query returns one number. */
  readonly by?: readonly string[];
  /** In place of `by`: all labels but these. */
  readonly without?: readonly string[];
}

interface RateQuery extends HistogramQuery {
  readonly metric: string;
  readonly matchers?: readonly string[];
  readonly read?: 'rate' | 'increase';
  /** An aggregation of each series before the sum. */
  readonly each?: string;
}

function sumOf({ by = [], without }: Pick<RateQuery, 'by' | 'without'>): string {
  const list = (labels: readonly string[]): string => labels.map(promqlLabel).join(', ');
  if (without !== undefined) return `sum without (${list(without)}) `;
  return by.length === 0 ? 'sum' : `sum by (${list(by)}) `;
}

function summed(family: LatencyHistogram, query: RateQuery): string {
  const { matchers = [], matchLabels = {}, offset = 0, read = 'rate', each } = query;
  const series = promqlSelector(query.metric, [family.selector, ...matchers, equalityMatchers(matchLabels)]);
  const shift = offset === 0 ? '' : ` offset ${formatDuration(ms(offset))}`;
  const rate = `${read}(${series}[${formatDuration(query.window)}]${shift})`;
  return `${sumOf(query)}(${each === undefined ? rate : `${each} (${rate})`})`;
}

/** The metric with one series for each histogram: `_count`, or the native histogram itself. */
export const countMetricOf = ({ metric, histogram }: LatencyHistogram): string =>
  histogram === 'native' ? metric : `${metric}_count`;

/** The number of requests: per second, or over the window. */
function counted(family: LatencyHistogram, query: Omit<RateQuery, 'metric'>): string {
  const sum = summed(family, { ...query, metric: countMetricOf(family) });
  return family.histogram === 'native' ? `histogram_count(${sum})` : sum;
}

const bucketMetricOf = ({ metric }: LatencyHistogram): string => `${metric}_bucket`;

interface Threshold {
  readonly threshold: Milliseconds;
  readonly isApproximate?: true;
}

/*
 * Requests per second that may be within the threshold:
 *
 *      threshold      bound above it
 *   ------|----------------|---------
 *   fast  |     unknown    |  slow
 *
 * Of each histogram the bucket at its smallest bound that is not below the threshold. Services with different bounds are
 * summed correctly, and +Inf is always one of the bounds.
 */
function maybeFast(family: LatencyHistogram, { threshold, ...query }: HistogramQuery & Threshold): string {
  const below = promqlString(leBelow(inFamilyUnit(family, threshold)));
  const rates = { ...query, metric: bucketMetricOf(family), each: 'min without (le)' };
  return summed(family, { ...rates, matchers: [`le!~${below}`] });
}

function fast(family: LatencyHistogram, query: HistogramQuery & Threshold): string {
  if (query.isApproximate === true) return maybeFast(family, query);
  const le = leMatcher(inFamilyUnit(family, query.threshold));
  const without = query.without === undefined ? undefined : [...query.without, 'le'];
  return summed(family, { ...query, without, metric: bucketMetricOf(family), matchers: [le] });
}

/**
 * The share of requests slower than a threshold, 0 to 1. Exact when the threshold is a bucket bound. Otherwise empty, or
 * with `isApproximate` the share slower than the next bound above. For a native histogram `histogram_fraction`
 * interpolates inside the bucket of the threshold.
 */
export function slowShareOf(family: LatencyHistogram, query: HistogramQuery & Threshold): string {
  if (family.histogram === 'native') {
    const rates = summed(family, { ...query, metric: family.metric });
    return `1 - histogram_fraction(0, ${promqlNumber(inFamilyUnit(family, query.threshold))}, ${rates})`;
  }
  return `1 - ${fast(family, query)} / ${counted(family, query)}`;
}

/** The number of requests in the window. */
export function requestCountOf(family: LatencyHistogram, query: HistogramQuery): string {
  return counted(family, { ...query, read: 'increase' });
}

/** What the queries below need of a `LatencyObjective`. */
type OfFamily = Pick<LatencyObjective, 'family' | 'isApproximate'>;

/** A quantile of the request durations of the series with `matchLabels`, in the family's unit. NaN without requests. */
export function quantileExpr(
  { family }: OfFamily,
  matchLabels: Labels,
  lookback: Lookback & { quantile: Ratio },
): string {
  const buckets = bucketRatesExpr({ family }, matchLabels, lookback);
  return `histogram_quantile(${promqlNumber(lookback.quantile)}, ${buckets})`;
}

/** The share of requests slower than a threshold, of the series with `matchLabels`: 0 to 1, NaN without requests. */
export function slowShareExpr(
  { family, isApproximate }: OfFamily,
  matchLabels: Labels,
  lookback: Lookback & { threshold: Milliseconds },
): string {
  return slowShareOf(family, { ...lookback, matchLabels, isApproximate });
}

/** Requests per second of the series with `matchLabels`. */
export function requestRateExpr({ family }: OfFamily, matchLabels: Labels, lookback: Lookback): string {
  return counted(family, { ...lookback, matchLabels });
}

/** The share of failed requests, 0 to 1; undefined when the metric does not distinguish them. */
export function errorShareExpr(
  { family }: OfFamily,
  matchLabels: Labels,
  lookback: Lookback,
): string | undefined {
  if (family.errorSelector === undefined) return undefined;
  const failed = counted(family, { ...lookback, matchLabels, matchers: [family.errorSelector] });
  // A service without a single failure has no series for failures: that is 0, not unknown.
  return `(${failed} or vector(0)) / ${requestRateExpr({ family }, matchLabels, lookback)}`;
}

/**
 * Requests per second under each bucket bound, cumulative, one sample for each `le`. For a native histogram one sample
 * with its buckets.
 */
export function bucketRatesExpr({ family }: OfFamily, matchLabels: Labels, lookback: Lookback): string {
  return bucketRatesBy(family, { ...lookback, matchLabels });
}

/** The same, grouped by further labels and restricted by matchers: one query for many services. */
export function bucketRatesBy(
  family: LatencyHistogram,
  query: HistogramQuery & { readonly matchers?: readonly string[] },
): string {
  return family.histogram === 'native'
    ? summed(family, { ...query, metric: family.metric })
    : summed(family, { ...query, by: ['le', ...(query.by ?? [])], metric: bucketMetricOf(family) });
}

/** The mean duration of a mesh's requests at either end of the call, by `reporter`. Of histograms with buckets only. */
export function meanBySideExpr(
  { metric }: LatencyHistogram,
  matchLabels: Labels,
  { window }: Pick<Lookback, 'window'>,
): string {
  const matchers = ['reporter=~"source|destination"', equalityMatchers(matchLabels)];
  const rate = (suffix: string): string =>
    `sum by (reporter) (rate(${promqlSelector(`${metric}${suffix}`, matchers)}[${formatDuration(window)}]))`;
  return `${rate('_sum')} / ${rate('_count')}`;
}

/** The labels of a series that its objective groups by: they restrict a query to that series. */
export function objectiveLabels(
  { by, without }: Pick<LatencyObjective, 'by' | 'without'>,
  series: Labels,
): Labels {
  const dropped = new Set([...(without ?? []), 'le', TEST_LABEL]);
  const names =
    without === undefined
      ? by
      : Object.keys(series)
          .filter((name) => !dropped.has(name))
          .sort();
  return Object.fromEntries(
    names.map((name) => [name, series[name] ?? '']).filter(([, value]) => value !== ''),
  );
}
