import {
  type EpochMs,
  type EpochUs,
  epochUs,
  type Microseconds,
  type TimeWindow,
  toEpochUs,
  us,
} from '../../src/lib/units.ts';
import type { Journey } from './simulate.ts';
import type { Traced } from './spans.ts';

/** What one pod did for a request. */
export interface RecordedVisit {
  /** As Jaeger names it: `checkout.shop`. */
  readonly service: string;
  readonly pod: string;
  readonly startUs: EpochUs;
  readonly durationUs: Microseconds;
  readonly status: number;
  /** Absent when the request is not traced. */
  readonly traceId: string | undefined;
  readonly spanId: string | undefined;
}

/** One request through the mesh, as it truly happened. */
export interface RecordedRequest {
  readonly requestId: string;
  /** The name of the way in: `home`, `checkout`, ... */
  readonly route: string;
  readonly startUs: EpochUs;
  readonly durationUs: Microseconds;
  readonly status: number;
  readonly traced: boolean;
  /** The trace that began at the gateway first; empty when not traced. */
  readonly traceIds: readonly string[];
  readonly visits: readonly RecordedVisit[];
}

/** A trace with the longest server span that a service has in it. */
export interface RecordedTrace {
  readonly traceId: string;
  readonly requestId: string;
  readonly spanId: string;
  readonly startUs: EpochUs;
  readonly durationUs: Microseconds;
  readonly status: number;
}

/** The mesh's own memory: the truth that answers about it are compared with. */
export interface MeshRecord {
  /**
   * The `k` traces in which `service` (`checkout.shop`) was slowest, longest first. Ranked by the longest of the service's server
   * spans that start inside the window; both ends count. Requests that are not traced cannot appear.
   */
  slowest(service: string, window: TimeWindow, k: number): RecordedTrace[];
  byRequestId(requestId: string): RecordedRequest | undefined;
  /** All requests that entered inside the window, oldest first. */
  requests(window: TimeWindow): RecordedRequest[];
}

/** The record and the way to write to it. */
export interface WritableRecord extends MeshRecord {
  add(entry: { journey: Journey; requestId: string; route: string; traced: Traced | undefined }): void;
  /** Forgets what entered before `t`. */
  forget(t: EpochMs): void;
}

function recordVisits(journey: Journey, traced: Traced | undefined): RecordedVisit[] {
  return journey.visits.map((visit) => {
    const span = traced?.spans.get(visit);
    const startUs = Math.round(visit.start * 1_000);
    return {
      service: visit.pod.workload.tracingName,
      pod: visit.pod.name,
      startUs: epochUs(startUs),
      durationUs: us(Math.round(visit.end * 1_000) - startUs),
      status: visit.status,
      traceId: span?.traceId,
      spanId: span?.spanId,
    };
  });
}

function longestPerTrace(request: RecordedRequest, service: string, window: TimeWindow): RecordedTrace[] {
  const best = new Map<string, RecordedTrace>();
  for (const visit of request.visits) {
    if (visit.service !== service || visit.traceId === undefined || visit.spanId === undefined) continue;
    if (visit.startUs < toEpochUs(window.start) || visit.startUs > toEpochUs(window.end)) continue;
    const known = best.get(visit.traceId);
    if (known !== undefined && known.durationUs >= visit.durationUs) continue;
    const { traceId, spanId, startUs, durationUs, status } = visit;
    best.set(traceId, { traceId, requestId: request.requestId, spanId, startUs, durationUs, status });
  }
  return [...best.values()];
}

/** Creates an empty record. */
export function createRecord(): WritableRecord {
  let inOrder: RecordedRequest[] = [];
  const byId = new Map<string, RecordedRequest>();
  return {
    add: ({ journey, requestId, route, traced }) => {
      const visits = recordVisits(journey, traced);
      const [root] = visits;
      if (root === undefined) return;
      const request: RecordedRequest = {
        requestId,
        route,
        startUs: root.startUs,
        durationUs: root.durationUs,
        status: root.status,
        traced: traced !== undefined,
        traceIds: traced === undefined ? [] : [...traced.traces.keys()],
        visits,
      };
      inOrder.push(request);
      byId.set(requestId, request);
    },
    forget: (t) => {
      const firstKept = inOrder.findIndex((request) => request.startUs >= toEpochUs(t));
      const gone = firstKept === -1 ? inOrder.length : firstKept;
      if (gone === 0) return;
      for (const request of inOrder.slice(0, gone)) byId.delete(request.requestId);
      inOrder = inOrder.slice(gone);
    },
    slowest: (service, window, k) =>
      inOrder
        .flatMap((request) => longestPerTrace(request, service, window))
        .sort((a, b) => b.durationUs - a.durationUs || a.startUs - b.startUs)
        .slice(0, k),
    byRequestId: (requestId) => byId.get(requestId),
    requests: (window) =>
      inOrder.filter(({ startUs }) => startUs >= toEpochUs(window.start) && startUs <= toEpochUs(window.end)),
  };
}
