import type { Microseconds, TimeWindow } from '../lib/units.ts';
import type { Attributes, Trace } from './trace.ts';

/** A search for traces that hold a matching span of `service`. */
export interface TraceSearch {
  /**
   * Absent: any service. A backend that does not support that throws `unsupported`. Some older ones return nothing
   * instead, so an empty answer proves nothing.
   */
  readonly service?: string;
  readonly operation?: string;
  /** The matching span starts inside it. */
  readonly window: TimeWindow;
  /** Inclusive; on the matching span's own duration. */
  readonly minDuration?: Microseconds;
  /** All must match, by their string form, on one span. */
  readonly attributes?: Attributes;
  /** The maximum number of traces returned, an arbitrary subset when there are more. */
  readonly limit: number;
  /**
   * Only what a ranking needs is read: of the spans of `service` their kind, whether they failed, and `REQUEST_ATTRIBUTES`; of
   * all others their times and names.
   */
  readonly isRanking?: boolean;
}

/** The result of a search. */
export interface TraceSearchResult {
  /** Unordered. May include traces that do not match: backends filter differently, so the caller filters again. */
  readonly traces: readonly Trace[];
  /** No other trace of the backend matches. False when the limit or the size of the answer may have truncated it. */
  readonly isComplete: boolean;
  /** The parts of the window that could not be read, because a trace in them is too large, when everything else is complete. */
  readonly unreadable?: readonly TimeWindow[];
}

/** A tracing backend. Every method throws `UpstreamError`. */
export interface TraceSource {
  services(signal?: AbortSignal): Promise<readonly string[]>;
  operations(service: string, signal?: AbortSignal): Promise<readonly string[]>;
  /** An empty list when nothing matches. An answer that is too large is requested in parts. */
  search(query: TraceSearch, signal?: AbortSignal): Promise<TraceSearchResult>;
  /** Undefined when the backend has no such trace. */
  trace(traceId: string, signal?: AbortSignal): Promise<Trace | undefined>;
}
