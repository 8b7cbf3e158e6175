import type { Labels } from './labels.ts';
import type { EpochMs, Milliseconds, TimeWindow } from './units.ts';

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
 * Knows how to ask a Prometheus. Every method throws `UpstreamError`: `bad-request` when the expression is wrong, any
 * other code when the source is at fault.
 */
export interface MetricsSource {
  /**
   * Evaluates an expression at an instant. A scalar answer is one sample without labels. `isProof`: an answer that the
   * source itself calls partial (a store of Thanos is away, a remote read failed) is an error and no answer.
   */
  instant(
    query: { expr: string; at: EpochMs; isProof?: boolean },
    signal?: AbortSignal,
  ): Promise<readonly Sample[]>;
  range(
    query: { expr: string; window: TimeWindow; step: Milliseconds },
    signal?: AbortSignal,
  ): Promise<readonly Series[]>;
  /** Values of a label, of all series or of those that match a selector. */
  labelValues(query: { label: string; match?: string }, signal?: AbortSignal): Promise<readonly string[]>;
}

/** What answering a query cost the source. */
export interface QueryCost {
  /** From when the query was taken up. */
  readonly seconds: number;
  /** The most samples that were held at once. */
  readonly peakSamples: number;
}

/** Knows what queries cost: some sources tell. Throws as `MetricsSource` does. */
export interface QueryCosts {
  /** Undefined when the source does not tell. */
  cost(query: { expr: string; at: EpochMs }, signal?: AbortSignal): Promise<QueryCost | undefined>;
}
