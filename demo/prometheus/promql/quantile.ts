/** A cumulative bucket of a classic histogram: how many observations are at most `bound`. */
export interface Bucket {
  readonly bound: number;
  count: number;
}

/** Adds up buckets with the same bound (`le="1"` and `le="1.0"`). The buckets must be sorted. */
function merged(buckets: readonly Bucket[]): Bucket[] {
  const result: Bucket[] = [];
  for (const { bound, count } of buckets) {
    const last = result.at(-1);
    if (last?.bound === bound) last.count += count;
    else result.push({ bound, count });
  }
  return result;
}

const SMALLEST_NORMAL = 2.2250738585072014e-308;

/** Whether two counts differ by rounding only. Source: prometheus/prometheus util/almost.Equal. */
function almostEqual(a: number, b: number, tolerance: number): boolean {
  if (a === b || (Number.isNaN(a) && Number.isNaN(b))) return true;
  const difference = Math.abs(a - b);
  const sum = Math.abs(a) + Math.abs(b);
  if (a === 0 || b === 0 || sum < SMALLEST_NORMAL) return difference < tolerance * SMALLEST_NORMAL;
  return difference / Math.min(sum, Number.MAX_VALUE) < tolerance;
}

/** Cumulative counts cannot fall; scrapes that are not atomic and rounding make them do so. */
function forceMonotonic(buckets: Bucket[], tolerance: number): void {
  let highest = -Infinity;
  for (const bucket of buckets) {
    const rises = bucket.count > highest && !almostEqual(highest, bucket.count, tolerance);
    if (rises) highest = bucket.count;
    // NaN neither rises nor falls and stays.
    else if (!Number.isNaN(bucket.count)) bucket.count = highest;
  }
}

/**
 * The quantile `q` of a classic histogram by linear interpolation within the bucket that holds it.
 * NaN without observations, without a `+Inf` bucket, or with fewer than two buckets; the highest finite bound when the quantile lies in the
 * `+Inf` bucket; the first bucket starts at 0 when its bound is positive; -Inf and +Inf for q outside 0..1.
 * Source: prometheus/prometheus promql/quantile.go BucketQuantile.
 */
export function bucketQuantile(q: number, unsorted: readonly Bucket[], tolerance: number): number {
  if (Number.isNaN(q)) return Number.NaN;
  if (q < 0) return -Infinity;
  if (q > 1) return Infinity;
  const sorted = [...unsorted].sort((a, b) => a.bound - b.bound || 0);
  if (sorted.at(-1)?.bound !== Infinity) return Number.NaN;
  const buckets = merged(sorted);
  forceMonotonic(buckets, tolerance);
  const observations = buckets.at(-1)?.count as number;
  if (buckets.length < 2 || observations === 0) return Number.NaN;
  return interpolated(buckets, q * observations);
}

function interpolated(buckets: readonly Bucket[], rank: number): number {
  const last = buckets.length - 1;
  let index = 0;
  // A NaN rank is in no bucket: the search then ends at the last one, as Go's sort.Search does.
  while (index < last && !((buckets[index] as Bucket).count >= rank)) index++;
  const { bound, count } = buckets[index] as Bucket;
  if (index === last) return (buckets[last - 1] as Bucket).bound;
  if (index === 0) return bound <= 0 ? bound : bound * (rank / count);
  const below = buckets[index - 1] as Bucket;
  return below.bound + (bound - below.bound) * ((rank - below.count) / (count - below.count));
}
