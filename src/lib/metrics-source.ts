import { createLimiter } from './concurrency.ts';
import type { Labels } from './labels.ts';
import { between, type EpochMs, type Milliseconds, ms, SECOND, type TimeWindow } from './units.ts';

/** One bucket of a native histogram, empty ones left out. */
export interface NativeBucket {
  readonly low: number;
  readonly high: number;
  readonly count: number;
}

/** One element of an instant vector. */
export interface Sample {
  readonly labels: Labels;
  readonly value: number;
  /** The buckets of a native histogram, whose value counts as 0. */
  readonly histogram?: readonly NativeBucket[];
}

/** One series of a range query. */
export interface Series {
  readonly labels: Labels;
  readonly points: readonly { readonly at: EpochMs; readonly value: number }[];
}

/**
 * Queries of a Prometheus.
 * @throws UpstreamError from every method: `bad-request` when the expression is wrong, `too-large` when it returns too much, other
 * codes when the source fails.
 */
export interface MetricsSource {
  /**
   * Evaluates an expression at an instant. A scalar is one sample without labels. `rejectsPartial`: an answer that the
   * source reports as partial (a store of Thanos is down, a remote read failed) is an error.
   */
  instant(
    query: { expr: string; at: EpochMs; rejectsPartial?: boolean },
    signal?: AbortSignal,
  ): Promise<readonly Sample[]>;
  range(
    query: { expr: string; window: TimeWindow; step: Milliseconds },
    signal?: AbortSignal,
  ): Promise<readonly Series[]>;
  /** Values of a label, of all series or of those that match a selector. */
  labelValues(query: { label: string; match?: string }, signal?: AbortSignal): Promise<readonly string[]>;
}

/** The same source with at most so many queries at the same time; the others wait their turn and can be cancelled meanwhile. */
export function limitQueries(source: MetricsSource, concurrency: number): MetricsSource {
  const limiter = createLimiter(concurrency);
  return {
    instant: (query, signal) => limiter.run(() => source.instant(query, signal), signal),
    range: (query, signal) => limiter.run(() => source.range(query, signal), signal),
    labelValues: (query, signal) => limiter.run(() => source.labelValues(query, signal), signal),
  };
}

/** A response of the source with the time in its `Date` header, and the local times of the exchange. */
export interface ServerTime {
  /** In whole seconds, rounded down. */
  readonly date: EpochMs;
  readonly sentAt: EpochMs;
  readonly receivedAt: EpochMs;
}

/**
 * How far the source's clock is ahead of the local one, in ms: `known`, moved only as far as the exchange shows it to be
 * wrong. The source wrote the date between sending and receiving, so each exchange bounds the offset. Undefined when the
 * local clock was set meanwhile.
 */
export function clockOffset(
  { date, sentAt, receivedAt }: ServerTime,
  known = ms(0),
): Milliseconds | undefined {
  const least = between(receivedAt, date);
  const most = between(sentAt, date) + SECOND;
  return least > most ? undefined : ms(Math.min(Math.max(known, least), most));
}

/** What a query cost the source. */
export interface QueryCost {
  /** Execution time. */
  readonly seconds: number;
  /** Most samples in memory at once. */
  readonly peakSamples: number;
}

/** Costs of queries, where the source reports them. Throws as `MetricsSource` does. */
export interface QueryCosts {
  /** Undefined when the source does not report it. */
  cost(query: { expr: string; at: EpochMs }, signal?: AbortSignal): Promise<QueryCost | undefined>;
}
