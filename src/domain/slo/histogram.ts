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

/** `p99`, `p99.9`, `p50`. */
export function quantileName(quantile: number): string {
  return `p${Number((quantile * 100).toFixed(6))}`;
}
