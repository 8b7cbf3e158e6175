import { share, significant } from '../lib/format.ts';
import type { Labels } from '../lib/labels.ts';
import type { Series } from '../lib/metrics-source.ts';
import { flagsInWords } from '../lib/response-flags.ts';
import {
  type EpochMs,
  epochMs,
  formatDuration,
  type Milliseconds,
  ms,
  SECOND,
  type TimeWindow,
} from '../lib/units.ts';
import { equalityMatchers, escapeRegex, promqlSelector, promqlString } from '../rules/promql.ts';
import { type CountedShare, isMoreThanByChance } from './attributes.ts';
import type { Candidate, CulpritKind } from './result.ts';
import { RELEASE_LEAD, VERSION_LABEL, versionChange, versionRange } from './versions.ts';

/** The culprit that metrics are to support, with the two windows that are compared. They have the same length. */
export interface SignalSubject {
  readonly candidate: Pick<Candidate, 'service' | 'kind' | 'detail'>;
  readonly window: TimeWindow;
  readonly normal: TimeWindow;
}

/** One query of a check; with a `range` it is a range query up to `at`. */
export interface SignalQuery {
  readonly expr: string;
  readonly at: EpochMs;
  readonly range?: { readonly start: EpochMs; readonly step: Milliseconds };
}

/** What metrics say in support of a culprit, as one line: `text`, and the time that ends it. Names are not escaped. */
export interface MetricSignal {
  readonly text: string;
  readonly at?: EpochMs;
  /** The query behind the number. */
  readonly expr: string;
}

/** Some queries, and what their results say; nothing where a metric is missing or did not clearly change. */
export interface SignalCheck {
  readonly queries: readonly SignalQuery[];
  readonly read: (results: readonly (readonly Series[])[]) => MetricSignal | undefined;
}

/** Signals that are shown. */
const MOST_SIGNALS = 3;

type CheckName =
  | 'version'
  | 'deployment'
  | 'flags'
  | 'retries'
  | 'overflow'
  | 'connections'
  | 'throttling'
  | 'restarts';

/** Which metrics can support which kind of culprit, the most likely cause first. */
const CHECKS: Readonly<Record<CulpritKind, readonly CheckName[]>> = {
  'own-code': ['version', 'deployment', 'throttling', 'restarts', 'flags'],
  'new-version': ['version', 'deployment', 'throttling', 'restarts', 'flags'],
  'bad-replica': ['throttling', 'restarts', 'version', 'deployment', 'flags'],
  queueing: ['overflow', 'flags', 'throttling', 'restarts', 'version', 'deployment'],
  // A process without CPU answers late on all its connections.
  network: ['connections', 'flags', 'throttling', 'retries', 'restarts', 'version', 'deployment'],
  retries: ['retries', 'flags', 'overflow', 'restarts', 'version', 'deployment'],
  'more-calls': ['version', 'deployment', 'flags'],
  database: ['flags', 'version', 'deployment', 'restarts'],
  external: ['flags', 'version', 'deployment', 'restarts'],
};

/** Everything that a check is made from. */
interface Subject extends SignalSubject {
  /** As Istio's metrics name it. Its traces are named `<app>.<namespace>`. */
  readonly name: string;
  readonly namespace: string | undefined;
  /** Only calls of this service. */
  readonly caller?: string;
  /** The range of a window's counters: `[75s]`. */
  readonly range: string;
}

/** The checks for a culprit, in the order in which their signals are shown: at most eight. */
export function signalChecks(of: SignalSubject): readonly SignalCheck[] {
  const { kind, detail, service } = of.candidate;
  const subject = subjectOf(of, service);
  const checks = CHECKS[kind].map((check) => MAKERS[check](subject));
  // The connection that is slow may be one to the culprit, or one from it to its peer.
  return kind === 'network' && detail !== ''
    ? [...checks, flagsCheck({ ...subjectOf(of, detail), caller: subject.name })]
    : checks;
}

function subjectOf(of: SignalSubject, service: string): Subject {
  const [name = '', namespace] = service.split('.');
  const seconds = Math.max(1, Math.round((of.window.end - of.window.start) / SECOND));
  return { ...of, name, namespace, range: formatDuration(ms(seconds * SECOND)) };
}

const MAKERS: Readonly<Record<CheckName, (of: Subject) => SignalCheck>> = {
  version: versionCheck,
  deployment: deploymentCheck,
  flags: flagsCheck,
  retries: (of) => envoyCheck(of, { metric: 'rq_retry', text: `Retries to ${of.name}` }),
  overflow: (of) =>
    envoyCheck(of, {
      metric: 'rq_pending_overflow',
      text: `Requests to ${of.name} refused by the circuit breaker (too many pending)`,
    }),
  connections: connectionCheck,
  throttling: throttlingCheck,
  restarts: restartCheck,
};

/** An expression over both windows: what is slow first. */
const inBoth = (expr: string, { window, normal }: SignalSubject): readonly SignalQuery[] => [
  { expr, at: window.end },
  { expr, at: normal.end },
];

/** The value of a query that returns one element; 0 without one. */
const valueOf = (result: readonly Series[] | undefined): number => {
  const value = result?.[0]?.points[0]?.value ?? 0;
  return Number.isFinite(value) ? value : 0;
};

/**
 * A share changed clearly: at least 1%, at least twice what it was, and by chance less probable than 1%, divided by the checks of
 * a culprit (Fisher's exact test with Bonferroni's correction, as for attributes of traces).
 */
const CLEAR = { share: 0.01, factor: 2, probability: 0.01 / 8 };

function isClearlyMore(now: CountedShare, before: CountedShare): boolean {
  if (now.of <= 0 || before.of <= 0 || now.count < now.of * CLEAR.share) return false;
  if (now.count / now.of < (before.count / before.of) * CLEAR.factor) return false;
  return isMoreThanByChance(now, before, CLEAR.probability);
}

/** Requests to the service, as the callers' proxies count them. */
const requestsTo = ({ name, namespace, caller }: Subject): Labels => ({
  reporter: 'source',
  ...(caller === undefined ? {} : { source_canonical_service: caller }),
  destination_service_name: name,
  ...(namespace === undefined ? {} : { destination_service_namespace: namespace }),
});

const REQUESTS = 'istio_requests_total';

const selector = (metric: string, labels: Labels, ...matchers: readonly string[]): string =>
  promqlSelector(
    metric,
    [equalityMatchers(labels), ...matchers].filter((text) => text !== ''),
  );

/** Envoy's response flags of the calls to the service, by caller. */
function flagsCheck(of: Subject): SignalCheck {
  const expr = `sum by (source_canonical_service, response_flags) (increase(${selector(REQUESTS, requestsTo(of))}[${of.range}]))`;
  return {
    queries: inBoth(expr, of),
    read: ([now = [], before = []]) => {
      const worst = now
        .map(({ labels }) => ({ labels, now: countedOf(now, labels), before: countedOf(before, labels) }))
        .filter(
          ({ labels, now: n, before: b }) =>
            flagsInWords(labels['response_flags'] ?? '') !== '' && isClearlyMore(n, b),
        )
        .sort((a, b) => b.now.count / b.now.of - a.now.count / a.now.of)[0];
      if (worst === undefined) return undefined;
      const { source_canonical_service: caller = 'unknown', response_flags: flags = '' } = worst.labels;
      const [n, b] = [worst.now.count / worst.now.of, worst.before.count / worst.before.of];
      return {
        expr,
        text: `${caller} to ${of.name}: ${flagsInWords(flags)} in ${share(n)} of requests, before ${share(b)}`,
      };
    },
  };
}

/** Requests of one caller that ended with these flags, of all its requests. */
function countedOf(
  rows: readonly Series[],
  { source_canonical_service: caller, response_flags: flags }: Labels,
): CountedShare {
  const ofCaller = rows.filter(({ labels }) => labels['source_canonical_service'] === caller);
  const sum = (some: readonly Series[]): number => some.reduce((total, row) => total + valueOf([row]), 0);
  return {
    count: sum(ofCaller.filter(({ labels }) => labels['response_flags'] === flags)),
    of: sum(ofCaller),
  };
}

/**
 * Istio's name of the outbound clusters of a service, `outbound|8080|v1|payments.shop.svc.cluster.local`, of all ports and subsets.
 * Istio exports these statistics only where `proxyStatsMatcher` includes them.
 */
const clusterMatcher = ({ name, namespace }: Subject): string => {
  const host = [name, ...(namespace === undefined ? [] : [namespace])].map(escapeRegex).join('[.]');
  return `cluster_name=~${promqlString(`outbound.+[|]${host}[.].+`)}`;
};

/** A counter of Envoy's clusters per request to the service. */
function envoyCheck(
  of: Subject,
  { metric, text }: { readonly metric: string; readonly text: string },
): SignalCheck {
  const expr = `sum(increase(${selector(`envoy_cluster_upstream_${metric}`, {}, clusterMatcher(of))}[${of.range}]))`;
  const requests = `sum(increase(${selector(REQUESTS, requestsTo(of))}[${of.range}]))`;
  return {
    queries: [...inBoth(expr, of), ...inBoth(requests, of)],
    read: ([now, before, ofNow, ofBefore]) => {
      const n = { count: valueOf(now), of: valueOf(ofNow) };
      const b = { count: valueOf(before), of: valueOf(ofBefore) };
      if (!isClearlyMore(n, b)) return undefined;
      const per = ({ count, of: all }: CountedShare): string => significant((100 * count) / all, 2);
      return { expr, text: `${text}: ${per(n)} per 100 requests, before ${per(b)}` };
    },
  };
}

/** A mean connection setup counts as slower from twice the time and this many milliseconds more on, and with enough connections. */
const SLOWER_SETUP = { factor: 2, ms: 5, connections: 5 };

/** The time until a connection is established, which includes the TLS handshake. */
function connectionCheck(of: Subject): SignalCheck {
  const sum = (suffix: string): string =>
    `sum(increase(${selector(`envoy_cluster_upstream_cx_connect_ms_${suffix}`, {}, clusterMatcher(of))}[${of.range}]))`;
  return {
    queries: [...inBoth(sum('sum'), of), ...inBoth(sum('count'), of)],
    read: ([now, before, ofNow, ofBefore]) => {
      const [n, b] = [valueOf(now) / valueOf(ofNow), valueOf(before) / valueOf(ofBefore)];
      const isSlower = n >= b * SLOWER_SETUP.factor && n >= b + SLOWER_SETUP.ms;
      if (!isSlower || valueOf(ofNow) < SLOWER_SETUP.connections) return undefined;
      const text = `Connection setup to ${of.name}, TLS included: ${significant(n, 2)} ms on average, before ${significant(b, 2)} ms`;
      return { expr: `${sum('sum')} / ${sum('count')}`, text };
    },
  };
}

/** Names that Kubernetes generates have no vowels (apimachinery, util/rand). */
const GENERATED = '[^aeiou-]';

/**
 * The containers of the culprit's pods: of one pod where it is to blame, otherwise of those named after a Deployment, a DaemonSet or a
 * StatefulSet of the service's name, which may end with a version.
 */
function podMatchers({ candidate: { kind, detail }, name, namespace }: Subject): readonly string[] {
  const owner = `${escapeRegex(name)}(-v[0-9]+)?`;
  const pods = `${owner}-((${GENERATED}{6,10}-)?${GENERATED}{5}|[0-9]+)`;
  return [
    ...(namespace === undefined ? [] : [`namespace=${promqlString(namespace)}`]),
    kind === 'bad-replica' ? `pod=${promqlString(detail)}` : `pod=~${promqlString(pods)}`,
    'container!=""',
  ];
}

/** What a line about pods is about. */
const placeOf = ({ candidate: { kind, detail }, name }: Subject): string =>
  kind === 'bad-replica' ? detail : name;

/** The name of a container where it says more than the service's. */
const containerText = ({ name }: Subject, { labels: { container = '' } }: Series): string =>
  container === '' || container === name ? '' : ` (container ${container})`;

/** The container with the largest value, and what it had before. */
function worstContainer([now = [], before = []]: readonly (readonly Series[])[]) {
  const [series] = [...now].sort((a, b) => valueOf([b]) - valueOf([a]));
  if (series === undefined) return undefined;
  const { container } = series.labels;
  const same = before.filter(({ labels }) => labels['container'] === container);
  return { series, now: valueOf([series]), before: valueOf(same) };
}

/**
 * From this share of throttled periods on, and from twice the share before: the threshold of the alert CPUThrottlingHigh
 * (kubernetes-mixin, cpuThrottlingPercent).
 */
const THROTTLED = { share: 0.25, factor: 2 };

function throttlingCheck(of: Subject): SignalCheck {
  const sum = (what: string): string =>
    `sum by (container) (increase(${selector(`container_cpu_cfs_${what}_total`, {}, ...podMatchers(of))}[${of.range}]))`;
  const expr = `${sum('throttled_periods')} / ${sum('periods')}`;
  return {
    queries: inBoth(expr, of),
    read: (results) => {
      const worst = worstContainer(results);
      if (worst === undefined) return undefined;
      const { series, now: n, before: b } = worst;
      if (n < THROTTLED.share || n < b * THROTTLED.factor) return undefined;
      const text = `CPU of ${placeOf(of)}${containerText(of, series)} throttled in ${share(n)} of periods, before ${share(b)}`;
      return { expr, text };
    },
  };
}

/** Any restart counts, unless there were as many before. Of several kube-state-metrics, one is read. */
function restartCheck(of: Subject): SignalCheck {
  const series = `${selector('kube_pod_container_status_restarts_total', {}, ...podMatchers(of))}[${of.range}]`;
  const expr = `sum by (container) (max by (pod, container) (max_over_time(${series}) - min_over_time(${series})))`;
  return {
    queries: inBoth(expr, of),
    read: (results) => {
      const worst = worstContainer(results);
      if (worst === undefined) return undefined;
      const { series, now: n, before: b } = worst;
      if (n < 1 || n < b * CLEAR.factor) return undefined;
      const text = `Restarts of ${placeOf(of)}${containerText(of, series)}: ${significant(n)}, before ${significant(b)}`;
      return { expr, text };
    },
  };
}

/** A version of the service that took its first requests, or clearly more of them. */
function versionCheck(of: Subject): SignalCheck {
  const range = versionRange(of.window);
  const labels = { ...requestsTo(of), reporter: 'destination' };
  const expr = `sum by (${VERSION_LABEL}) (rate(${selector(REQUESTS, labels)}[${range.lookback}]))`;
  return {
    queries: [{ expr, at: of.window.end, range }],
    read: ([rows = []]) => {
      const change = versionChange(rows, { window: of.window, step: range.step });
      if (change === undefined) return undefined;
      const version = `Version ${change.version} of ${of.name}`;
      if ('began' in change) return { expr, text: `${version} began`, at: change.began };
      const text = `${version} takes ${share(change.share)} of requests, before ${share(change.shareBefore)}`;
      return { expr, text };
    },
  };
}

/** A ReplicaSet of the service that was created shortly before the slow window or in it, where the version label stayed the same. */
function deploymentCheck(of: Subject): SignalCheck {
  const matchers = [
    ...(of.namespace === undefined ? [] : [`namespace=${promqlString(of.namespace)}`]),
    `replicaset=~${promqlString(`${escapeRegex(of.name)}(-v[0-9]+)?-${GENERATED}{6,10}`)}`,
  ];
  const expr = `max by (replicaset) (${selector('kube_replicaset_created', {}, ...matchers)})`;
  return {
    queries: [{ expr, at: of.window.end }],
    read: ([rows = []]) => {
      const [newest] = [...rows].sort((a, b) => valueOf([b]) - valueOf([a]));
      const at = epochMs(valueOf(newest && [newest]) * SECOND);
      if (newest === undefined || at < of.window.start - RELEASE_LEAD || at > of.window.end) return undefined;
      return { expr, text: `ReplicaSet ${newest.labels['replicaset'] ?? ''} was created`, at };
    },
  };
}

/** The signals that are shown: the first ones, of a release only one. */
export function chooseSignals(found: readonly (MetricSignal | undefined)[]): readonly MetricSignal[] {
  const all = found.filter((each) => each !== undefined);
  const release = all.find(({ at }) => at !== undefined);
  return all.filter((each) => each.at === undefined || each === release).slice(0, MOST_SIGNALS);
}
