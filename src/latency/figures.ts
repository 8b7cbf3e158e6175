import { type Bucket, cumulative, histogramQuantile, shareAbove } from '../lib/histogram.ts';
import type { Sample, Series } from '../lib/metrics-source.ts';
import { type EpochMs, type Milliseconds, ms } from '../lib/units.ts';
import { inFamilyUnit } from '../rules/queries.ts';
import type { LatencyHistogram, LatencyObjective } from '../rules/rule.ts';

/** The maximum number of points in a line chart of Slack. */
export const CHART_POINTS = 20;

/** Converts a value in the histogram's unit to milliseconds. */
export const inMs = ({ unit }: LatencyHistogram, value: number): Milliseconds =>
  ms(unit === 's' ? value * 1_000 : value);

/** The buckets in the result of `bucketRatesExpr`: one sample for each `le`, or one native histogram. */
export function bucketsOf(rates: readonly Sample[]): readonly Bucket[] {
  const native = rates[0]?.histogram;
  if (native !== undefined) return cumulative(native);
  return rates.map(({ labels, value }) => ({
    le: Number(labels.le?.replace('+Inf', 'Infinity')),
    count: value,
  }));
}

/** The share of requests over a threshold, within the bucket bounds around it; undefined without requests. */
export function slowBetweenOf(
  { family, threshold }: Pick<LatencyObjective, 'family' | 'threshold'>,
  buckets: readonly Bucket[],
): SlowBetween | undefined {
  const found = shareAbove(inFamilyUnit(family, threshold), buckets);
  if (found === undefined) return undefined;
  const { low, high, atLeast, atMost } = found;
  return {
    low: inMs(family, low),
    high: high === undefined ? undefined : inMs(family, high),
    atLeast,
    atMost,
  };
}

/** A quantile with its bucket, in milliseconds; undefined without requests. */
export function estimateOf(
  family: LatencyHistogram,
  quantile: number,
  buckets: readonly Bucket[],
): QuantileEstimate | undefined {
  const found = histogramQuantile(quantile, buckets);
  if (found === undefined) return undefined;
  const { value, low, high } = found;
  return {
    quantile,
    value: inMs(family, value),
    low: inMs(family, low),
    high: high === undefined ? undefined : inMs(family, high),
  };
}

/** A latency over time, with its threshold as a second, constant line; undefined with fewer than two points. */
export function latencyChart(of: {
  readonly family: LatencyHistogram;
  readonly series: Series | undefined;
  readonly title: string;
  readonly name: string;
  readonly threshold?: { readonly name: string; readonly value: Milliseconds };
}): ChartView | undefined {
  const { family, series, title, name, threshold } = of;
  const points = (series?.points ?? []).filter(({ value }) => Number.isFinite(value)).slice(-CHART_POINTS);
  if (points.length < 2) return undefined;
  return {
    title,
    unit: 'ms',
    at: points.map(({ at }) => at),
    series: [
      { name, values: points.map(({ value }) => inMs(family, value)) },
      ...(threshold === undefined
        ? []
        : [{ name: threshold.name, values: points.map(() => threshold.value) }]),
    ],
  };
}

/** A quantile of a histogram: an estimate inside a bucket. `high` is absent above the highest bound. */
export interface QuantileEstimate {
  readonly quantile: number;
  readonly value: Milliseconds;
  readonly low?: Milliseconds;
  readonly high?: Milliseconds;
}

/** The share of slow requests, which is between `atLeast` and `atMost` when the threshold is not a bucket bound. */
export interface SlowBetween {
  /** The bounds around the threshold; `high` is absent above the highest. Equal: the threshold is a bound, and the share exact. */
  readonly low: Milliseconds;
  readonly high?: Milliseconds;
  readonly atLeast: number;
  readonly atMost: number;
}

/** A line chart: at most 20 points, each series with one value per point. */
export interface ChartView {
  readonly title: string;
  readonly unit: string;
  readonly at: readonly EpochMs[];
  readonly series: readonly { readonly name: string; readonly values: readonly number[] }[];
}
