import type { NativeBucket } from './metrics-source.ts';

/** One cumulative bucket of a classic histogram: how many observations (or how many a second) were at most `le`. */
export interface Bucket {
  /** In the metric's own unit; +Infinity for the last one. */
  readonly le: number;
  readonly count: number;
}

/** A quantile as a histogram knows it: somewhere between two bounds, and a guess inside them. */
export interface HistogramQuantile {
  /** The linear interpolation inside the bucket, as `histogram_quantile` gives it. */
  readonly value: number;
  /** The bucket's lower bound: the quantile is above it. */
  readonly low: number;
  /** The bucket's upper bound: the quantile is at or below it. Absent when it lies above the highest finite bound. */
  readonly high?: number;
}

/** Sorted by bound, equal bounds merged, and never falling: rates of buckets scraped apart can cross a little. */
function monotonic(buckets: readonly Bucket[]): readonly Bucket[] {
  const byBound = new Map<number, number>();
  for (const { le, count } of buckets) byBound.set(le, (byBound.get(le) ?? 0) + count);
  let highest = 0;
  return [...byBound]
    .sort(([a], [b]) => a - b)
    .map(([le, count]) => {
      highest = Math.max(highest, count);
      return { le, count: highest };
    });
}

/**
 * The quantile of a classic histogram, with the bucket it falls into.
 *
 *     count   ______________ total
 *     rank -> |        _____|        value: where the line between the two corners of the bucket meets the rank
 *             |  _____/     |
 *             |_/___________|
 *               low  high   +Inf
 *
 * Undefined when nothing was observed or the +Inf bucket is missing. Source: Prometheus promql/quantile.go,
 * bucketQuantile: the lowest bucket starts at 0 unless its bound is not above 0, and the +Inf bucket answers with the
 * highest finite bound.
 */
export function histogramQuantile(
  quantile: number,
  buckets: readonly Bucket[],
): HistogramQuantile | undefined {
  const sorted = monotonic(buckets.filter(({ count }) => !Number.isNaN(count)));
  const total = sorted.at(-1);
  const highest = sorted.at(-2);
  if (total?.le !== Number.POSITIVE_INFINITY || highest === undefined || total.count === 0) return undefined;
  const rank = quantile * total.count;
  const index = sorted.findIndex(({ count }) => count >= rank);
  const bucket = sorted[index] ?? total;
  if (bucket === total) return { value: highest.le, low: highest.le };
  return interpolated(bucket, sorted[index - 1], rank);
}

function interpolated(bucket: Bucket, previous: Bucket | undefined, rank: number): HistogramQuantile {
  if (previous === undefined && bucket.le <= 0) return { value: bucket.le, low: bucket.le, high: bucket.le };
  const low = previous?.le ?? 0;
  const below = previous?.count ?? 0;
  const within = bucket.count - below;
  const value = within === 0 ? bucket.le : low + (bucket.le - low) * ((rank - below) / within);
  return { value, low, high: bucket.le };
}

/** The share of observations above a threshold, as far as the bounds beside it tell. */
export interface ShareAbove {
  /** The bounds beside the threshold; both are the threshold itself when it is one of them. */
  readonly low: number;
  /** Absent above the highest finite bound. */
  readonly high?: number;
  /** Above `high`: certainly above the threshold. */
  readonly atLeast: number;
  /** Above `low`: what may be above the threshold. */
  readonly atMost: number;
}

/**
 * How much lies above a threshold that may stand between two bounds.
 *
 *        low      threshold     high
 *     ----|-----------|-----------|------
 *         '------ at most --------'---- at least ->
 *
 * Undefined when nothing was observed or the +Inf bucket is missing.
 */
export function shareAbove(threshold: number, buckets: readonly Bucket[]): ShareAbove | undefined {
  const sorted = monotonic(buckets.filter(({ count }) => !Number.isNaN(count)));
  const total = sorted.at(-1);
  if (total?.le !== Number.POSITIVE_INFINITY || total.count === 0) return undefined;
  const below = sorted.findLast(({ le }) => le <= threshold);
  const above = sorted.find(({ le }) => le >= threshold) ?? total;
  const shareOver = (count: number): number => 1 - count / total.count;
  return {
    low: below?.le ?? 0,
    high: Number.isFinite(above.le) ? above.le : undefined,
    atLeast: shareOver(above.count),
    atMost: shareOver(below?.count ?? 0),
  };
}

/** The buckets of a native histogram as those of a classic one: cumulative, with a bound on either side of every gap. */
export function cumulative(buckets: readonly NativeBucket[]): readonly Bucket[] {
  const classic: Bucket[] = [];
  let count = 0;
  for (const bucket of [...buckets].sort((a, b) => a.high - b.high)) {
    if (bucket.low > (classic.at(-1)?.le ?? 0)) classic.push({ le: bucket.low, count });
    count += bucket.count;
    classic.push({ le: bucket.high, count });
  }
  return [...classic, { le: Number.POSITIVE_INFINITY, count }];
}

/** Where one value stands among what a histogram has observed. */
export interface HistogramRank {
  /** The share of observations that are certainly smaller, 0 to 1. */
  readonly atLeast: number;
  /** The share that is at most smaller: what lies in the value's own bucket cannot be notified apart. */
  readonly atMost: number;
  /** The bounds of its bucket; `high` is absent above the highest finite bound. */
  readonly low: number;
  readonly high?: number;
  /** All observations, in the unit of the buckets' counts. */
  readonly total: number;
}

/**
 * Where a value stands among all that were observed: an interval, since a bucket keeps no order.
 *
 *     count  ____________________ total
 *            |            ___|       atMost: all up to the bucket's upper bound
 *            |     ______|           atLeast: all up to its lower bound
 *            |____|
 *                 low  x high
 *
 * Undefined when nothing was observed or the +Inf bucket is missing.
 */
export function histogramRank(value: number, buckets: readonly Bucket[]): HistogramRank | undefined {
  const sorted = monotonic(buckets.filter(({ count }) => !Number.isNaN(count)));
  const total = sorted.at(-1);
  if (total?.le !== Number.POSITIVE_INFINITY || total.count === 0) return undefined;
  const index = sorted.findIndex(({ le }) => le >= value);
  const bucket = sorted[index] ?? total;
  const below = sorted[index - 1];
  return {
    atLeast: (below?.count ?? 0) / total.count,
    atMost: bucket.count / total.count,
    low: below?.le ?? 0,
    high: Number.isFinite(bucket.le) ? bucket.le : undefined,
    total: total.count,
  };
}

/** `p99`, `p99.9`, `p50`. */
export function quantileName(quantile: number): string {
  return `p${Number((quantile * 100).toFixed(6))}`;
}
