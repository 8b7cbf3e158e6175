import type { EpochMs, Milliseconds } from '../../src/lib/units.ts';
import {
  BUCKET_BOUND,
  compareLabels,
  type Labels,
  labelsOf,
  labelValue,
  METRIC_NAME,
  withLabel,
} from './labels.ts';
import { type Matcher, matchesAll } from './matcher.ts';
import { createSeriesBuffer, type SeriesBuffer } from './series-buffer.ts';

/** One measured value of one series; `labels` hold the metric name as `__name__`. */
export interface AppendedSample {
  readonly labels: Readonly<Record<string, string>>;
  readonly t: EpochMs;
  readonly value: number;
}

/** A single observation attached to a series, usually with the trace it came from (`labels: { trace_id }`). */
export interface AppendedExemplar {
  /** The labels of the series (for a histogram, of the bucket) it belongs to. */
  readonly series: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly t: EpochMs;
  readonly value: number;
}

/** What `/api/v1/metadata` says of a metric family. */
export interface MetricMetadata {
  readonly type: 'counter' | 'gauge' | 'histogram' | 'summary' | 'unknown';
  readonly help: string;
  readonly unit: string;
}

/** A series as the evaluator reads it. */
export interface StoredSeries {
  readonly labels: Labels;
  readonly samples: SeriesBuffer;
}

/** An exemplar with its series' labels in canonical form. */
export interface StoredExemplar {
  readonly series: Labels;
  readonly labels: Labels;
  readonly t: number;
  readonly value: number;
}

/** Appends to one series without looking it up each time. */
export interface SeriesAppender {
  append(t: EpochMs, value: number): void;
}

/** Samples in memory: written by a simulated scrape, read by the embedded Prometheus. */
export interface SampleStore {
  /**
   * Appends one sample. Time moves forward within a series: an older sample, or another value for the same time, throws a
   * RangeError, as Prometheus refuses both. The same value again is ignored.
   */
  append(sample: AppendedSample): void;
  /** The same for one series, for writers that append to it again and again. */
  appender(labels: Readonly<Record<string, string>>): SeriesAppender;
  /** Ends a series at `t` as Prometheus does when its target is gone: instant selectors stop finding it at once. */
  markStale(labels: Readonly<Record<string, string>>, t: EpochMs): void;
  /** Appends an exemplar. Only the newest are kept (`exemplarCapacity`), as in Prometheus's circular storage. */
  appendExemplar(exemplar: AppendedExemplar): void;
  /** Describes a metric family for `/api/v1/metadata`. */
  describe(metric: string, metadata: MetricMetadata): void;
  /** The series that satisfy every matcher, in the order of their labels. */
  select(matchers: readonly Matcher[]): readonly StoredSeries[];
  /** The exemplars of the series that satisfy every matcher, oldest first. */
  exemplars(matchers: readonly Matcher[]): readonly StoredExemplar[];
  metadata(): ReadonlyMap<string, MetricMetadata>;
  /** How many series and samples are stored. */
  size(): { readonly series: number; readonly samples: number };
}

export interface SampleStoreOptions {
  /** Samples older than the newest one by more than this are forgotten. Default: none are. */
  readonly retention?: Milliseconds;
  /** Write `le="500"` as `le="500.0"`, as Prometheus 3 does at scrape. Default false: labels are kept as given. */
  readonly normaliseLe?: boolean;
  /** How many exemplars are kept. Default 10,000. */
  readonly exemplarCapacity?: number;
}

interface MutableSeries extends StoredSeries {
  readonly metric: string;
}

/** Old samples are dropped once per this share of the retention, not at each append. */
const SWEEPS_PER_RETENTION = 20;

/** Prometheus 3 writes whole bucket bounds with one decimal (its migration guide, "le and quantile label values"). */
function normalisedBound(labels: Labels): Labels {
  const bound = labelValue(labels, BUCKET_BOUND);
  return /^-?\d+$/.test(bound) ? withLabel(labels, BUCKET_BOUND, `${bound}.0`) : labels;
}

function pushInOrder(series: StoredSeries, t: number, value: number): boolean {
  const { samples } = series;
  const last = samples.end > samples.first ? (samples.times[samples.end - 1] as number) : -Infinity;
  if (t > last) {
    samples.push(t, value);
    return true;
  }
  if (t < last) throw new RangeError(`out of order sample: ${t} after ${last}`);
  if (!Object.is(samples.values[samples.end - 1], value)) {
    throw new RangeError(`duplicate sample for timestamp ${t}`);
  }
  return false;
}

/** The value a matcher pins `__name__` to, when there is one: the key of the index. */
const pinnedMetric = (matchers: readonly Matcher[]): string | undefined =>
  matchers.find((m) => m.name === METRIC_NAME && m.operator === '=' && m.value !== '')?.value;

/** The series of one metric. */
interface Family {
  readonly byKey: Map<string, MutableSeries>;
  /** The same in the order of their labels; undefined after a change. */
  sorted: readonly MutableSeries[] | undefined;
}

function inOrder(family: Family): readonly MutableSeries[] {
  family.sorted ??= [...family.byKey.values()].sort((a, b) => compareLabels(a.labels, b.labels));
  return family.sorted;
}

/** The series of a store by identity and by metric name. */
function createSeriesIndex() {
  const byKey = new Map<string, MutableSeries>();
  const families = new Map<string, Family>();

  function familyOf(metric: string): Family {
    let family = families.get(metric);
    if (family === undefined) {
      family = { byKey: new Map(), sorted: undefined };
      families.set(metric, family);
    }
    return family;
  }

  return {
    get: (labels: Labels): MutableSeries | undefined => byKey.get(labels.key),
    all: (): Iterable<MutableSeries> => byKey.values(),
    count: (): number => byKey.size,
    getOrAdd(labels: Labels): MutableSeries {
      const known = byKey.get(labels.key);
      if (known !== undefined) return known;
      const metric = labelValue(labels, METRIC_NAME);
      const created: MutableSeries = { labels, samples: createSeriesBuffer(), metric };
      byKey.set(labels.key, created);
      const family = familyOf(metric);
      family.byKey.set(labels.key, created);
      family.sorted = undefined;
      return created;
    },
    remove({ labels, metric }: MutableSeries): void {
      byKey.delete(labels.key);
      const family = familyOf(metric);
      family.byKey.delete(labels.key);
      family.sorted = undefined;
      if (family.byKey.size === 0) families.delete(metric);
    },
    select(matchers: readonly Matcher[]): readonly MutableSeries[] {
      const metric = pinnedMetric(matchers);
      const chosen = metric === undefined ? [...families.values()] : [families.get(metric)];
      const selected = chosen
        .filter((family) => family !== undefined)
        .flatMap((family) => inOrder(family).filter((series) => matchesAll(matchers, series.labels)));
      return metric === undefined ? selected.sort((a, b) => compareLabels(a.labels, b.labels)) : selected;
    },
  };
}

/** The newest exemplars, oldest first. */
function createExemplarRing(capacity: number) {
  let kept: StoredExemplar[] = [];
  return {
    add(exemplar: StoredExemplar): void {
      kept.push(exemplar);
      // Cut in bulk: moving everything by one place for each exemplar would be slow.
      if (kept.length > capacity * 2) kept = kept.slice(-capacity);
    },
    dropBefore(oldest: number): void {
      kept = kept.filter(({ t }) => t >= oldest);
    },
    select: (matchers: readonly Matcher[]): readonly StoredExemplar[] =>
      kept.slice(-capacity).filter(({ series }) => matchesAll(matchers, series)),
  };
}

/** Creates an empty store. */
export function createSampleStore(options: SampleStoreOptions = {}): SampleStore {
  const { retention, normaliseLe = false, exemplarCapacity = 10_000 } = options;
  const index = createSeriesIndex();
  const ring = createExemplarRing(exemplarCapacity);
  const described = new Map<string, MetricMetadata>();
  let nextSweep = -Infinity;

  const canonical = (record: Readonly<Record<string, string>>): Labels =>
    normaliseLe ? normalisedBound(labelsOf(record)) : labelsOf(record);

  function sweep(t: number): void {
    if (retention === undefined || t < nextSweep) return;
    nextSweep = t + retention / SWEEPS_PER_RETENTION;
    for (const series of index.all()) {
      series.samples.dropBefore(t - retention);
      if (series.samples.first === series.samples.end) index.remove(series);
    }
    ring.dropBefore(t - retention);
  }

  function appendTo(series: MutableSeries, t: number, value: number): void {
    if (pushInOrder(series, t, value)) sweep(t);
  }

  return {
    append: ({ labels, t, value }) => appendTo(index.getOrAdd(canonical(labels)), t, value),
    appender(record) {
      const labels = canonical(record);
      // Looked up each time: a series without a sample within the retention is forgotten and starts anew.
      return { append: (t, value) => appendTo(index.getOrAdd(labels), t, value) };
    },
    markStale(record, t) {
      const samples = index.get(canonical(record))?.samples;
      if (samples !== undefined && (samples.times[samples.end - 1] as number) < t) samples.pushStale(t);
    },
    appendExemplar: ({ series, labels, t, value }) =>
      ring.add({ series: canonical(series), labels: labelsOf(labels), t, value }),
    describe: (metric, metadata) => void described.set(metric, metadata),
    select: (matchers) => index.select(matchers),
    exemplars: (matchers) => ring.select(matchers),
    metadata: () => described,
    size() {
      let samples = 0;
      for (const series of index.all()) samples += series.samples.end - series.samples.first;
      return { series: index.count(), samples };
    },
  };
}
