import type { EpochMs } from '../../src/lib/units.ts';
import type { RequestHop, Visit } from './simulate.ts';
import type { Pod, Workload } from './world.ts';

/** One scraped value. `labels` is the same frozen object at every scrape of a series: a receiver may key on its identity. */
export interface MeshSample {
  /** All labels, `__name__` included. */
  readonly labels: Readonly<Record<string, string>>;
  readonly t: EpochMs;
  readonly value: number;
}

/** Istio's default bounds in ms, which are Envoy's. Source: envoy source/common/stats/histogram_impl.cc. */
export const ISTIO_BOUNDS_MS: readonly number[] = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 600_000,
  1_800_000, 3_600_000,
];

/**
 * How the `le` label writes a whole number. Envoy exposes `500`; Prometheus 3 stores it as `500.0`
 * (https://prometheus.io/docs/prometheus/latest/migration/), Prometheus 2 as it came.
 */
export type BoundStyle = 'prometheus-2' | 'prometheus-3';

interface Series {
  /** The workload whose sidecar exposes the series. */
  readonly owner: Workload;
  readonly totalLabels: Readonly<Record<string, string>>;
  readonly bucketLabels: readonly Readonly<Record<string, string>>[];
  readonly sumLabels: Readonly<Record<string, string>>;
  readonly countLabels: Readonly<Record<string, string>>;
  /** Requests per bucket, not cumulated; the last is +Inf. */
  readonly buckets: number[];
  count: number;
  sum: number;
}

interface Observation {
  readonly series: Series;
  readonly end: number;
  readonly durationMs: number;
}

interface Exchange {
  readonly reporter: 'source' | 'destination';
  readonly from: Pod;
  readonly to: Workload;
  /** The pod that answered; absent when none did. */
  readonly answeredBy: Pod | undefined;
  readonly status: number;
  readonly flags: string;
}

/** The counters of all sidecars. A request counts from the moment it is finished. */
export interface MeshMetrics {
  observeHop(hop: RequestHop): void;
  /** `from` is the pod that called. */
  observeVisit(visit: Visit, from: Pod): void;
  /** Counts what is finished by `t` and hands out every series. */
  scrape(t: EpochMs, onSample: (sample: MeshSample) => void): void;
  /** Forgets the series of a workload whose pods are gone. */
  drop(owner: Workload): void;
}

function writeBound(bound: number, style: BoundStyle): string {
  return style === 'prometheus-3' && Number.isInteger(bound) ? `${bound}.0` : String(bound);
}

function labelsOf(exchange: Exchange): Record<string, string> {
  const { from: caller, to, answeredBy } = exchange;
  const from = caller.workload;
  // What a sidecar knows of its peer it learns from the answer: without one, not even the workload.
  const answered = answeredBy === undefined ? 'unknown' : to.name;
  const version = answeredBy?.version ?? 'unknown';
  return {
    reporter: exchange.reporter,
    source_workload: from.name,
    source_workload_namespace: from.namespace,
    source_canonical_service: from.name,
    source_canonical_revision: caller.version,
    source_version: caller.version,
    destination_workload: answered,
    destination_workload_namespace: answeredBy === undefined ? 'unknown' : to.namespace,
    destination_canonical_service: answered,
    destination_canonical_revision: version,
    destination_version: version,
    destination_service: to.host,
    destination_service_name: to.name,
    destination_service_namespace: to.namespace,
    request_protocol: 'http',
    response_code: String(exchange.status),
    response_flags: exchange.flags,
    connection_security_policy: exchange.reporter === 'destination' ? 'mutual_tls' : 'unknown',
    job: 'istio-mesh',
  };
}

function createSeries(exchange: Exchange, style: BoundStyle): Series {
  const shared = labelsOf(exchange);
  const named = (name: string, more?: Record<string, string>): Readonly<Record<string, string>> =>
    Object.freeze({ __name__: name, ...shared, ...more });
  const bounds = [...ISTIO_BOUNDS_MS.map((bound) => writeBound(bound, style)), '+Inf'];
  return {
    owner: exchange.reporter === 'source' ? exchange.from.workload : exchange.to,
    totalLabels: named('istio_requests_total'),
    bucketLabels: bounds.map((le) => named('istio_request_duration_milliseconds_bucket', { le })),
    sumLabels: named('istio_request_duration_milliseconds_sum'),
    countLabels: named('istio_request_duration_milliseconds_count'),
    buckets: bounds.map(() => 0),
    count: 0,
    sum: 0,
  };
}

function count(series: Series, durationMs: number): void {
  let bucket = 0;
  while (bucket < ISTIO_BOUNDS_MS.length && durationMs > (ISTIO_BOUNDS_MS[bucket] ?? Infinity)) bucket += 1;
  series.buckets[bucket] = (series.buckets[bucket] ?? 0) + 1;
  series.count += 1;
  series.sum += durationMs;
}

function expose(series: Series, t: EpochMs, onSample: (sample: MeshSample) => void): void {
  onSample({ labels: series.totalLabels, t, value: series.count });
  let cumulated = 0;
  series.bucketLabels.forEach((labels, i) => {
    cumulated += series.buckets[i] ?? 0;
    onSample({ labels, t, value: cumulated });
  });
  onSample({ labels: series.sumLabels, t, value: series.sum });
  onSample({ labels: series.countLabels, t, value: series.count });
}

/** Creates the counters, all empty. */
export function createMeshMetrics(style: BoundStyle): MeshMetrics {
  const seriesByKey = new Map<string, Series>();
  let unfinished: Observation[] = [];

  const seriesFor = (exchange: Exchange): Series => {
    const { reporter, from, to, answeredBy, status, flags } = exchange;
    const ends = `${from.workload.name}|${from.version}|${to.name}|${answeredBy?.version}`;
    const key = `${reporter}|${ends}|${status}|${flags}`;
    let series = seriesByKey.get(key);
    if (series === undefined) {
      series = createSeries(exchange, style);
      seriesByKey.set(key, series);
    }
    return series;
  };
  const settle = (t: number): void => {
    const open: Observation[] = [];
    for (const observation of unfinished) {
      if (observation.end <= t) count(observation.series, observation.durationMs);
      else open.push(observation);
    }
    unfinished = open;
  };
  return {
    observeHop: (hop) => {
      const exchange: Exchange = {
        reporter: 'source',
        from: hop.from,
        to: hop.to,
        answeredBy: hop.visits.at(-1)?.pod,
        ...answerOf(hop),
      };
      unfinished.push({ series: seriesFor(exchange), end: hop.end, durationMs: durationOf(hop) });
    },
    observeVisit: (visit, from) => {
      const { pod } = visit;
      const exchange: Exchange = {
        reporter: 'destination',
        from,
        to: pod.workload,
        answeredBy: pod,
        ...answerOf(visit),
      };
      unfinished.push({ series: seriesFor(exchange), end: visit.end, durationMs: durationOf(visit) });
    },
    scrape: (t, onSample) => {
      settle(t);
      for (const series of seriesByKey.values()) if (series.count > 0) expose(series, t, onSample);
    },
    drop: (owner) => {
      for (const [key, series] of seriesByKey) if (series.owner === owner) seriesByKey.delete(key);
      unfinished = unfinished.filter((observation) => observation.series.owner !== owner);
    },
  };
}

/** In whole microseconds, as the spans have it, so that metrics and traces agree to the last request on either side of a bound. */
const durationOf = ({ start, end }: { start: number; end: number }): number =>
  (Math.round(end * 1_000) - Math.round(start * 1_000)) / 1_000;

const answerOf = ({
  status,
  flags,
}: {
  status: number;
  flags: string;
}): { status: number; flags: string } => ({
  status,
  flags,
});
