import { type Bucket, cumulative, histogramQuantile, shareAbove } from '../lib/histogram.ts';
import type { Sample, Series } from '../lib/metrics-source.ts';
import { type Milliseconds, ms } from '../lib/units.ts';
import { inFamilyUnit } from '../rules/queries.ts';
import type { LatencyFamily, LatencyObjective } from '../rules/rule.ts';
import type { ChartView, QuantileEstimate, SlowBetween } from './figures.ts';

/** Slack's line chart takes at most this many points. */
export const CHART_POINTS = 20;

/** A value in the histogram's own unit as milliseconds. */
export const inMs = ({ unit }: LatencyFamily, value: number): Milliseconds =>
  ms(unit === 's' ? value * 1_000 : value);

/** The buckets that the answer to `bucketRatesExpr` holds: one sample for each `le`, or one native histogram. */
export function bucketsOf(rates: readonly Sample[]): readonly Bucket[] {
  const native = rates[0]?.histogram;
  if (native !== undefined) return cumulative(native);
  return rates.map(({ labels, value }) => ({
    le: Number(labels.le?.replace('+Inf', 'Infinity')),
    count: value,
  }));
}

/** The share of slow requests as far as the bounds beside a threshold tell; undefined when nothing was observed. */
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

/** A quantile with the bucket it lies in, in milliseconds; undefined when nothing was observed. */
export function estimateOf(
  family: LatencyFamily,
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

/** A latency over time, with its threshold as a second, constant line; undefined with fewer than two points to draw. */
export function latencyChart(of: {
  readonly family: LatencyFamily;
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
