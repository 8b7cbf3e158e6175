import type { PartDifference } from '../../domain/trace/compare-paths.ts';
import type { PairedSpans, UnpairedSpans } from '../../domain/trace/compare-structure.ts';
import type { EpochUs, Microseconds } from '../../domain/units.ts';

/** One of the two requests that are compared. */
export interface ComparedTrace {
  readonly traceId: string;
  /** Set when it was asked for by its request id. */
  readonly requestId?: string;
  /** Set when it was picked as a usual request of its kind: among how many it is the one of median duration. */
  readonly usualAmong?: number;
  readonly rootService: string;
  readonly rootOperation: string;
  /** What it was asked for, without what differs from request to request: `GET /product/{id}`; empty when unknown. */
  readonly asked: string;
  readonly start: EpochUs;
  /** Of its root span: the whole that its critical path divides. */
  readonly duration: Microseconds;
  readonly spanCount: number;
  readonly isError: boolean;
  readonly status: string;
  readonly url?: string;
}

/** A list that shows the first few of many. */
export interface Shown<T> {
  readonly rows: readonly T[];
  readonly hidden: number;
}

/** Two requests side by side. Differences are the second's minus the first's. */
export interface ComparisonView {
  readonly a: ComparedTrace;
  readonly b: ComparedTrace;
  /** In microseconds: of the durations of the two roots, and so of all rows of `path` with what is left out. */
  readonly difference: number;
  readonly path: Shown<PartDifference> & { readonly hiddenDifference: number };
  /** Spans that both have, in the order of the tree: those whose durations differ most. */
  readonly paired: Shown<PairedSpans> & { readonly pairCount: number };
  readonly onlyInA: Shown<UnpairedSpans>;
  readonly onlyInB: Shown<UnpairedSpans>;
  /** What a reader must know before trusting it. */
  readonly notices: readonly string[];
  /** Jaeger's own comparison of the two. */
  readonly url?: string;
}
