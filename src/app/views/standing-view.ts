import type { Microseconds, Milliseconds } from '../../domain/units.ts';

/** Where a request stands among all of one service, as that service's latency histogram knows it: between two shares. */
export interface HopStanding {
  readonly service: string;
  readonly duration: Microseconds;
  /** How many spans the service has on the way; the longest is the one that is placed. */
  readonly spans: number;
  /** The shares of requests that were faster: certainly, and at most. */
  readonly atLeast: number;
  readonly atMost: number;
  /** The bucket that the duration falls into; `high` is absent above the highest bound. */
  readonly low: Milliseconds;
  readonly high?: Milliseconds;
  /** Among how many requests, about. */
  readonly requests: number;
  /** `source`: as a gateway measured its own calls, since nobody measures it as a destination. */
  readonly side: 'source' | 'destination';
  /** The span is the application's own, and the histogram its proxy's: a little longer than what is compared with it. */
  readonly isOwnSpan: boolean;
}

/** Where a request stands at each service of its critical path, from the outside in. */
export interface StandingView {
  /** Compared with the last hour; otherwise with the hour up to the request's end. */
  readonly isRecent: boolean;
  /** Services whose latency is not measured are left out. */
  readonly rows: readonly HopStanding[];
  /** Why nothing is known, when Prometheus did not answer. */
  readonly notices: readonly string[];
}
