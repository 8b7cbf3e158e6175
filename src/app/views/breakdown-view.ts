import type { Milliseconds } from '../../domain/units.ts';
import type { Shown } from './comparison-view.ts';
import type { QuantileEstimate } from './figures.ts';

/** The requests that one version of a service answered. */
export interface VersionSlice {
  readonly version: string;
  /** Of all requests to the service, 0 to 1. */
  readonly share: number;
  readonly p50?: QuantileEstimate;
  readonly p99?: QuantileEstimate;
  /** Absent when the metric does not tell failures apart. */
  readonly errorShare?: number;
}

/** The requests that ended in one way. */
export interface OutcomeSlice {
  /** `200`, `503`; empty when there was none. */
  readonly code: string;
  /** gRPC's own status; empty for other protocols. */
  readonly grpcStatus: string;
  /** Envoy's response flags in words; empty for none. */
  readonly flags: string;
  readonly isFailure: boolean;
  readonly share: number;
  readonly p99?: QuantileEstimate;
}

/** What one end of the calls to a service measured. */
export interface SideLatency {
  readonly p50?: QuantileEstimate;
  readonly p99?: QuantileEstimate;
  readonly requestsPerSecond: number;
}

/** A service's latency, told apart. A list is empty where there is nothing to tell apart. */
export interface LatencyBreakdown {
  readonly versions: Shown<VersionSlice>;
  readonly outcomes: Shown<OutcomeSlice> & {
    /** Who saw them: what never reached the service is known to its callers alone. */
    readonly side: 'source' | 'destination';
  };
  /** Present where both ends of the calls are measured. */
  readonly sides?: {
    readonly source: SideLatency;
    readonly destination: SideLatency;
    /** What network and proxies took of a request on average; absent when the two ends counted different requests. */
    readonly meanBetween?: Milliseconds;
  };
}
