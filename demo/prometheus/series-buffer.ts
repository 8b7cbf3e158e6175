/** The samples of one series in rising time order, in growing typed arrays. */
export interface SeriesBuffer {
  /** Time stamps in ms since the epoch; only the indexes from `first` up to `end` (exclusive) hold samples. */
  readonly times: Float64Array;
  readonly values: Float64Array;
  readonly first: number;
  readonly end: number;
  /** Appends a sample that is not older than the last one. */
  push(t: number, value: number): void;
  /** Forgets the samples older than `oldest`. */
  dropBefore(oldest: number): void;
  /** The index of the first sample with a time `>= t`, or `end`. */
  indexAtOrAfter(t: number): number;
  /** Whether the sample at an index is a staleness marker: the series ended there. */
  isStale(index: number): boolean;
  /** Appends a staleness marker. */
  pushStale(t: number): void;
}

const INITIAL_CAPACITY = 64;

/**
 * Creates an empty buffer. Forgotten samples leave a gap at the front that is closed when the arrays are next copied, so that
 * appending and forgetting are both constant time on average.
 */
export function createSeriesBuffer(): SeriesBuffer {
  const stale = new Set<number>();
  let times = new Float64Array(INITIAL_CAPACITY);
  let values = new Float64Array(INITIAL_CAPACITY);
  let first = 0;
  let end = 0;

  function makeRoom(): void {
    const live = end - first;
    const capacity = live * 2 > times.length ? times.length * 2 : times.length;
    const nextTimes = new Float64Array(capacity);
    const nextValues = new Float64Array(capacity);
    nextTimes.set(times.subarray(first, end));
    nextValues.set(values.subarray(first, end));
    times = nextTimes;
    values = nextValues;
    first = 0;
    end = live;
  }

  function indexAtOrAfter(t: number): number {
    let low = first;
    let high = end;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((times[middle] as number) < t) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  function push(t: number, value: number): void {
    if (end === times.length) makeRoom();
    times[end] = t;
    values[end] = value;
    end++;
  }

  return {
    get times() {
      return times;
    },
    get values() {
      return values;
    },
    get first() {
      return first;
    },
    get end() {
      return end;
    },
    push,
    pushStale(t) {
      stale.add(t);
      push(t, Number.NaN);
    },
    isStale: (index) => stale.size > 0 && stale.has(times[index] as number),
    indexAtOrAfter,
    dropBefore(oldest) {
      const next = indexAtOrAfter(oldest);
      for (; first < next; first++) stale.delete(times[first] as number);
    },
  };
}
