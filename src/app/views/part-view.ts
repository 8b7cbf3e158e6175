import type { PathPart } from '../../domain/trace/path-parts.ts';
import type { EpochUs, Microseconds, Ratio } from '../../domain/units.ts';
import type { StandingView } from './standing-view.ts';

/** One span of a service in a request. */
export interface PartSpan {
  readonly operation: string;
  /** What it was asked for: `GET /cart/{id}`; empty when the span does not say. */
  readonly asked: string;
  readonly duration: Microseconds;
  /** How long after the request's root it began, on the root's clock; below zero where clocks differ all the same. */
  readonly offset: number;
  readonly isError: boolean;
  /** How it ended; empty when it does not say. */
  readonly status: string;
}

/** What one service did in one request. */
export interface PartView {
  readonly service: string;
  readonly traceId: string;
  /** Set when it was asked for by its request id. */
  readonly requestId?: string;
  readonly rootService: string;
  readonly start: EpochUs;
  /** Of the root: what the shares are of. */
  readonly rootDuration: Microseconds;
  /** The service's spans, the longest first: as its proxy saw them, where the proxy did. */
  readonly spans: readonly PartSpan[];
  readonly hiddenSpans: number;
  /** The longest span's share of the root's duration: above 1 where it did not run within it. */
  readonly share: Ratio;
  /**
   * How much of the root's critical path lies in that span and below it; absent when the span is not under that root.
   */
  readonly onPath?: Microseconds;
  /** What that span's duration was spent on, the largest first: its own code, and what it waited for. */
  readonly spentOn: {
    readonly rows: readonly (PathPart & { readonly share: Ratio })[];
    readonly hidden: { readonly count: number; readonly time: Microseconds };
  };
  /** Where the longest span stands among all of the service. */
  readonly standing?: StandingView;
  readonly notices: readonly string[];
  readonly url?: string;
}
