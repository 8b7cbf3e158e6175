import type { Microseconds, TimeWindow } from '../lib/units.ts';
import type { Attributes, Trace } from './trace.ts';

/** A search for traces that hold a matching span of `service`. */
export interface TraceSearch {
  /**
   * Absent: of any service. Not every backend can: one that cannot throws `unsupported`, at once when that is known.
   * Some older ones answer with nothing instead, so an empty answer is no proof.
   */
  readonly service?: string;
  readonly operation?: string;
  /** The matching span starts inside it. */
  readonly window: TimeWindow;
  /** Inclusive; on the matching span's own duration. */
  readonly minDuration?: Microseconds;
  /** All must match, by their string form, on one span. */
  readonly attributes?: Attributes;
  /** At most this many traces come back, an arbitrary subset when there are more. */
  readonly limit: number;
}

/** What a search gave. */
export interface FoundTraces {
  /** In no order. May hold traces that do not match: a backend filters as it can, so the caller looks again. */
  readonly traces: readonly Trace[];
  /** No other trace of the backend matches. False when the limit, or the size of the answer, may have cut it. */
  readonly isComplete: boolean;
}

/** Knows how to ask a tracing backend. Every method throws `UpstreamError`. */
export interface TraceSource {
  services(signal?: AbortSignal): Promise<readonly string[]>;
  operations(service: string, signal?: AbortSignal): Promise<readonly string[]>;
  /** No match is an empty list. An answer that is too large is asked for again with a smaller limit. */
  search(query: TraceSearch, signal?: AbortSignal): Promise<FoundTraces>;
  /** Undefined when the backend has no such trace. */
  trace(traceId: string, signal?: AbortSignal): Promise<Trace | undefined>;
}
