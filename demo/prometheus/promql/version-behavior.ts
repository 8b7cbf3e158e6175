/** Where the versions of Prometheus answer the same query differently. */
export interface VersionBehavior {
  /** Ranges and the lookback leave out a sample exactly at their start (3.x); 2.x takes it in. */
  readonly rangeIsLeftOpen: boolean;
  /**
   * `rate` of a counter that would have been zero within the range: 2.x moves the start to the zero point before it checks whether the start
   * is near enough to extrapolate to, 3.x afterwards.
   */
  readonly zeroPointBeforeThreshold: boolean;
  /** Adjacent buckets that differ relatively by less than this count as equal in `histogram_quantile`; 0 in 2.x. */
  readonly bucketTolerance: number;
  /** Whether `sum` and `avg` carry their rounding error along and the mean is the sum's share (3.x), or not (2.x). */
  readonly compensatedSums: boolean;
  /** Whether a comparison that filters refuses an ambiguous match even when the elements would be filtered out (3.x). */
  readonly filteredMatchesCount: boolean;
  /** Whether the error about duplicate series names them in the order of their text (3.x), or the later one first (2.x). */
  readonly duplicatesAreSorted: boolean;
  /** Whether `.` in a regular expression matches a line break. */
  readonly dotMatchesNewline: boolean;
}

/** Prometheus 3. Source: prometheus v3.15 promql/engine.go, functions.go, quantile.go, model/labels/regexp.go. */
export const PROMETHEUS_3: VersionBehavior = {
  rangeIsLeftOpen: true,
  zeroPointBeforeThreshold: false,
  bucketTolerance: 1e-12,
  compensatedSums: true,
  filteredMatchesCount: true,
  duplicatesAreSorted: true,
  dotMatchesNewline: true,
};

/** Prometheus 2 up to 2.42, which Debian 12 ships. Source: prometheus v2.42 promql/engine.go, functions.go, quantile.go. */
export const PROMETHEUS_2: VersionBehavior = {
  rangeIsLeftOpen: false,
  zeroPointBeforeThreshold: true,
  bucketTolerance: 0,
  compensatedSums: false,
  filteredMatchesCount: false,
  duplicatesAreSorted: false,
  dotMatchesNewline: false,
};
