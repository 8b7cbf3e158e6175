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

/** A counter that is exposed once it was counted up, as Istio's proxies expose Envoy's statistics. */
interface Counter {
  readonly owner: Workload;
  readonly labels: Readonly<Record<string, string>>;
  value: number;
}

/** Envoy's statistics of outbound clusters that Istio's `proxyStatsMatcher` can include. */
function createClusterCounters() {
  const counters = new Map<string, Counter>();
  let uncounted: { readonly hop: RequestHop; readonly name: string; readonly times: number }[] = [];
  const add = ({ from, to }: RequestHop, name: string, times: number): void => {
    const key = `${name}|${from.workload.name}|${to.name}`;
    const { name: app, namespace } = from.workload;
    const labels = { __name__: name, app, namespace, cluster_name: to.cluster, job: 'istio-mesh' };
    const counter = counters.get(key) ?? { owner: from.workload, labels: Object.freeze(labels), value: 0 };
    counter.value += times;
    counters.set(key, counter);
  };
  return {
    observe: (hop: RequestHop): void => {
      const retries = hop.visits.length - 1;
      if (retries > 0) uncounted.push({ hop, name: 'envoy_cluster_upstream_rq_retry', times: retries });
      if (hop.flags === 'UO')
        uncounted.push({ hop, name: 'envoy_cluster_upstream_rq_pending_overflow', times: 1 });
    },
    scrape: (t: EpochMs, onSample: (sample: MeshSample) => void): void => {
      for (const { hop, name, times } of uncounted) if (hop.end <= t) add(hop, name, times);
      uncounted = uncounted.filter(({ hop }) => hop.end > t);
      for (const { labels, value } of counters.values()) onSample({ labels, t, value });
    },
    drop: (owner: Workload): void => {
      for (const [key, counter] of counters) if (counter.owner === owner) counters.delete(key);
      uncounted = uncounted.filter(({ hop }) => hop.from.workload !== owner);
    },
  };
}

/** The kernel counts ten periods a second; of a pod with enough CPU it throttles few. */
const CFS = { periodsPerMs: 0.01, throttled: 0.02, throttledWhenSlow: 0.9 };

/** cAdvisor's counters of CPU throttling, for each pod. */
function createCpuCounters(workloads: () => Iterable<Workload>) {
  const pods = new Map<Pod, readonly [all: Counter, throttled: Counter]>();
  let last: EpochMs | undefined;
  const counterOf = ({ name: pod, workload }: Pod, what: string): Counter => ({
    owner: workload,
    labels: Object.freeze({
      __name__: `container_cpu_cfs_${what}_total`,
      namespace: workload.namespace,
      pod,
      container: workload.name,
      job: 'cadvisor',
    }),
    value: 0,
  });
  return {
    scrape: (t: EpochMs, onSample: (sample: MeshSample) => void): void => {
      const periods = (t - (last ?? t)) * CFS.periodsPerMs;
      const running = [...workloads()].filter(({ effect }) => !effect.gone).flatMap((each) => each.pods);
      for (const pod of pods.keys()) if (!running.includes(pod)) pods.delete(pod);
      for (const pod of running) {
        const isSlow = (pod.workload.effect.podFactor[pod.index] ?? 1) > 1;
        const counters = pods.get(pod) ?? [counterOf(pod, 'periods'), counterOf(pod, 'throttled_periods')];
        pods.set(pod, counters);
        const [all, throttled] = counters;
        all.value += periods;
        throttled.value += periods * (isSlow ? CFS.throttledWhenSlow : CFS.throttled);
        for (const { labels, value } of counters) onSample({ labels, t, value });
      }
      last = t;
    },
  };
}

/** Creates the counters, all empty. */
export function createMeshMetrics(style: BoundStyle, workloads: () => Iterable<Workload>): MeshMetrics {
  const clusters = createClusterCounters();
  const cpu = createCpuCounters(workloads);
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
      clusters.observe(hop);
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
      clusters.scrape(t, onSample);
      cpu.scrape(t, onSample);
    },
    drop: (owner) => {
      clusters.drop(owner);
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
