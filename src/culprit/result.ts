import type { AttributeFinding } from './attributes.ts';
import type { TraceProfile } from './profile.ts';
import { type CohortComparison, type Comparer, type PieceDelta } from './score.ts';

/** What made a service slow. */
export type CulpritKind =
  | 'own-code'
  | 'database'
  | 'queueing'
  | 'network'
  | 'retries'
  | 'more-calls'
  | 'bad-replica'
  | 'new-version'
  | 'external';

/** How sure the result is: the share of resamples that agree, capped by what the traces can show. */
export type Confidence = 'high' | 'medium' | 'unclear';

/** A service with its part of the slowdown. Times in microseconds per trace. */
export interface Candidate {
  readonly service: string;
  /** The operation with the largest slowdown; empty when none stands out. */
  readonly operation: string;
  readonly kind: CulpritKind;
  readonly slowdown: number;
  /** Of the whole slowdown, 0 to 1. */
  readonly share: number;
  /** Of `network`: the other side. Of `more-calls`: what is called. Of `bad-replica`: the pod. Of `new-version`: the version. Of `database`: the database. */
  readonly detail: string;
  /**
   * Of a second cause: the service that it ran in parallel to, and that was waited for. The slowdown is then that which is left once that
   * service is fixed.
   */
  readonly parallelTo?: string;
}

/** Why there is no comparison. */
export type NotCompared =
  | { readonly kind: 'too-few'; readonly slow: number; readonly normal: number }
  | { readonly kind: 'not-slower'; readonly slow: number; readonly normal: number };

/** What slow traces of one endpoint have that normal ones have not. */
export interface CulpritResult {
  readonly kind: 'compared';
  /** The first is the culprit, unless the confidence is `unclear`; at most ten. */
  readonly candidates: readonly Candidate[];
  /** A second, simultaneous cause: what is left of the slowdown once the first is taken out. */
  readonly second?: Candidate;
  readonly confidence: Confidence;
  /** Why the confidence is not `high`: full sentences. */
  readonly caveats: readonly string[];
  /** Resamples in which the first candidate came first, of how many. */
  readonly agreeing: number;
  readonly resamples: number;
  readonly slow: number;
  readonly normal: number;
  /** Mean duration of the slow traces minus that of the normal ones, and what no service explains. Microseconds. */
  readonly slowdown: number;
  readonly unattributed: number;
  /** All pieces, the largest slowdown first. */
  readonly pieces: readonly PieceDelta[];
  readonly attributes: readonly AttributeFinding[];
}

export interface Sets {
  readonly comparer: Comparer;
  readonly slow: readonly TraceProfile[];
  readonly normal: readonly TraceProfile[];
  readonly comparison: CohortComparison;
  readonly attributes: readonly AttributeFinding[];
}
