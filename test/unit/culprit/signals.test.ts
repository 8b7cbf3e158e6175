import { expect, test, vi } from 'vitest';
import type { WhySlow } from '../../../src/culprit/collect.ts';
import type { Candidate, CulpritResult } from '../../../src/culprit/result.ts';
import { createExplainWithMetrics } from '../../../src/culprit/with-metrics.ts';

import type { Phrase } from '../../../src/lib/format.ts';
import type { MetricsSource } from '../../../src/lib/metrics-source.ts';
import { before, MINUTE, ms, SECOND, type TimeWindow } from '../../../src/lib/units.ts';
import { createLinks } from '../../../src/links/link.ts';
import { aCandidate, aCulpritResult } from '../../support/culprit-result.ts';
import { aSourceError, createFakeMetricsSource } from '../../support/fake-metrics-source.ts';
import { createFakeTraceSource } from '../../support/fake-trace-source.ts';
import { type Exposed, scrapedPrometheus } from '../../support/scraped-prometheus.ts';
import { createVirtualClock, START } from '../../support/virtual-clock.ts';

const LENGTH = ms(5 * MINUTE);
const SLOW: TimeWindow = { start: before(START, LENGTH), end: START };
const scraped = (series: readonly Exposed[]): MetricsSource => scrapedPrometheus(series, SLOW.start);
const NORMAL: TimeWindow = { start: before(START, ms(2 * LENGTH)), end: SLOW.start };
const requests = (
  flags: string,
  normal: number,
  slow: number,
  ends: Readonly<Record<string, string>> = {},
): Exposed => ({
  name: 'istio_requests_total',
  labels: {
    reporter: 'source',
    source_canonical_service: 'checkout',
    destination_service_name: 'payments',
    destination_service_namespace: 'shop',
    response_flags: flags,
    ...ends,
  },
  normal,
  slow,
});
const version = (name: string, normal: number, slow: number, since?: number): Exposed => ({
  name: 'istio_requests_total',
  labels: {
    reporter: 'destination',
    destination_version: name,
    destination_service_name: 'payments',
    destination_service_namespace: 'shop',
  },
  normal,
  slow,
  since,
});
const cluster = (metric: string, normal: number, slow: number): Exposed => ({
  name: `envoy_cluster_upstream_${metric}`,
  labels: { cluster_name: 'outbound|8080|v1|payments.shop.svc.cluster.local' },
  normal,
  slow,
});
const pod = (metric: string, normal: number, slow: number, name = 'payments-6d4f9cbd7c-x2b9q'): Exposed => ({
  name: metric,
  labels: { namespace: 'shop', pod: name, container: 'payments' },
  normal,
  slow,
});
const throttled = (normal: number, slow: number, name?: string): readonly Exposed[] => [
  pod('container_cpu_cfs_periods_total', 10, 10, name),
  pod('container_cpu_cfs_throttled_periods_total', normal, slow, name),
];

const resultOf = (over: Partial<Candidate>, confidence: CulpritResult['confidence'] = 'high'): WhySlow => ({
  endpoint: {},
  result: aCulpritResult({ candidates: [aCandidate({ operation: '', ...over })], confidence }),
  slow: { window: SLOW },
  normal: { window: NORMAL },
  searches: 10,
  isIncomplete: false,
});

async function signalsOf(why: WhySlow, metrics: MetricsSource): Promise<readonly Phrase[]> {
  const explain = createExplainWithMetrics(async () => why, {
    metrics,
    traces: createFakeTraceSource([]),
    links: createLinks({ prometheus: 'https://prometheus.example' }),
    clock: createVirtualClock(START),
  });
  const { signals = [] } = await explain({ service: 'checkout.shop', window: SLOW });
  return signals;
}

const time = (at: number): string => new Date(at).toISOString().slice(11, 19);
const textOf = (phrase: Phrase): string =>
  phrase
    .map((part) => {
      if (typeof part === 'string') return part;
      if ('text' in part) return part.text;
      return 'at' in part ? time(part.at) : '';
    })
    .join('');

const shown: Readonly<
  Record<
    string,
    { kind: Candidate['kind']; detail?: string; series: readonly Exposed[]; texts: readonly string[] }
  >
> = {
  'the circuit breaker and its flag, of an overloaded service': {
    kind: 'queueing',
    series: [requests('-', 10, 9), requests('UO', 0, 1), cluster('rq_pending_overflow', 0, 1)],
    texts: [
      'Requests to payments refused by the circuit breaker (too many pending): 10 per 100 requests, before 0',
      'checkout to payments: too many requests are waiting: circuit breaker (UO) in 10% of requests, before 0%',
    ],
  },
  'retries, which can be more than the requests': {
    kind: 'retries',
    series: [requests('-', 10, 10), cluster('rq_retry', 0.1, 15)],
    texts: ['Retries to payments: 150 per 100 requests, before 0.98'],
  },
  'flags of the calls to the other side of a slow network, from the culprit alone': {
    kind: 'network',
    detail: 'auth.shop',
    series: [
      requests('-', 10, 9, { source_canonical_service: 'payments', destination_service_name: 'auth' }),
      requests('UF', 0, 1, { source_canonical_service: 'payments', destination_service_name: 'auth' }),
      requests('-', 10, 1, { destination_service_name: 'auth' }),
      requests('UH', 0, 9, { destination_service_name: 'auth' }),
    ],
    texts: ['payments to auth: no connection to the called side (UF) in 10% of requests, before 0%'],
  },
  'connections that take longer to set up': {
    kind: 'network',
    series: [cluster('cx_connect_ms_sum', 2, 85), cluster('cx_connect_ms_count', 1, 1)],
    texts: ['Connection setup to payments, TLS included: 85 ms on average, before 2 ms'],
  },
  'a version that took its first requests': {
    kind: 'own-code',
    series: [version('v1', 10, 0), version('v2', 0, 10, 7 * MINUTE)],
    texts: [`Version v2 of payments began ${time(SLOW.start + 15 * SECOND)}`],
  },
  'a canary that got more of the requests': {
    kind: 'new-version',
    series: [version('v1', 9, 4), version('v2', 1, 6)],
    texts: ['Version v2 of payments takes 50% of requests, before 10%'],
  },
  'a new ReplicaSet, where versions have no labels': {
    kind: 'own-code',
    series: [
      {
        name: 'kube_replicaset_created',
        labels: { namespace: 'shop', replicaset: 'payments-6d4f9cbd7c' },
        normal: SLOW.start / 1_000 - 120,
        slow: SLOW.start / 1_000 - 120,
        isGauge: true,
      },
      {
        name: 'kube_replicaset_created',
        labels: { namespace: 'shop', replicaset: 'payments-db-5c7d9f8b4' },
        normal: SLOW.start / 1_000,
        slow: SLOW.start / 1_000,
        isGauge: true,
      },
    ],
    texts: [`ReplicaSet payments-6d4f9cbd7c was created ${time(SLOW.start - 2 * MINUTE)}`],
  },
  'a release once, by its version': {
    kind: 'own-code',
    series: [
      version('v1', 10, 0),
      version('v2', 0, 10),
      {
        name: 'kube_replicaset_created',
        labels: { namespace: 'shop', replicaset: 'payments-6d4f9cbd7c' },
        normal: SLOW.start / 1_000,
        slow: SLOW.start / 1_000,
        isGauge: true,
      },
    ],
    texts: [`Version v2 of payments began ${time(SLOW.start + 15 * SECOND)}`],
  },
  'throttled CPU': {
    kind: 'own-code',
    series: throttled(0.1, 8),
    texts: ['CPU of payments throttled in 80% of periods, before 1%'],
  },
  'throttled CPU of the replica to blame, and only of it': {
    kind: 'bad-replica',
    detail: 'payments-6d4f9cbd7c-zzzzz',
    series: [...throttled(0.1, 1), ...throttled(0.1, 8, 'payments-6d4f9cbd7c-zzzzz')],
    texts: ['CPU of payments-6d4f9cbd7c-zzzzz throttled in 80% of periods, before 1%'],
  },
  restarts: {
    kind: 'own-code',
    series: [pod('kube_pod_container_status_restarts_total', 0, 1 / 100)],
    texts: ['Restarts of payments: 2, before 0'],
  },
};

test.each(Object.entries(shown))('shows %s', async (_, { kind, detail = '', series, texts }) => {
  const signals = await signalsOf(resultOf({ kind, detail }), scraped(series));
  expect(signals.map(textOf)).toEqual(texts);
  for (const [first] of signals)
    expect(first).toMatchObject({
      url: expect.stringMatching(/^https:\/\/prometheus\.example\/graph\?g0\.expr=.{20,650}$/),
    });
});

const quiet: Readonly<Record<string, { kind: Candidate['kind']; series: readonly Exposed[] }>> = {
  'metrics that do not exist': { kind: 'network', series: [] },
  'the same flags as before': { kind: 'own-code', series: [requests('-', 10, 10), requests('UH', 0.5, 0.5)] },
  'twice as many of next to none': {
    kind: 'own-code',
    series: [requests('-', 50, 50), requests('UH', 0.1, 0.3)],
  },
  'a handful of events, which may be chance': {
    kind: 'own-code',
    series: [requests('-', 0.2, 0.2), requests('UH', 0, 0.005)],
  },
  'a refusal that always was': {
    kind: 'queueing',
    series: [requests('-', 10, 10), cluster('rq_pending_overflow', 1, 1.2)],
  },
  'connections as fast as before': {
    kind: 'network',
    series: [cluster('cx_connect_ms_sum', 20, 26), cluster('cx_connect_ms_count', 1, 1)],
  },
  'throttling below the threshold of the usual alert': { kind: 'own-code', series: throttled(0.1, 2) },
  'throttling that always was': { kind: 'own-code', series: throttled(6, 7) },
  'throttling of another workload': {
    kind: 'own-code',
    series: throttled(0.1, 8, 'payments-db-6d4f9cbd7c-x2b9q'),
  },
  'throttling of another pod than the one to blame': { kind: 'bad-replica', series: throttled(0.1, 8) },
  'a service that has been scraped for a few minutes': {
    kind: 'own-code',
    series: [version('v1', 10, 10, 7 * MINUTE)],
  },
  'a ReplicaSet of yesterday': {
    kind: 'own-code',
    series: [
      {
        name: 'kube_replicaset_created',
        labels: { namespace: 'shop', replicaset: 'payments-6d4f9cbd7c' },
        normal: START / 1_000 - 86_400,
        slow: START / 1_000 - 86_400,
        isGauge: true,
      },
    ],
  },
  'a signal that says nothing about this kind of culprit': { kind: 'database', series: throttled(0.1, 8) },
};

test.each(Object.entries(quiet))('says nothing of %s', async (_, { kind, series }) => {
  expect(await signalsOf(resultOf({ kind, detail: 'payments-6d4f9cbd7c-zzzzz' }), scraped(series))).toEqual(
    [],
  );
});

test('shows at most three, in the order of the kind', async () => {
  const metrics = scraped([
    ...throttled(0.1, 8),
    pod('kube_pod_container_status_restarts_total', 0, 1 / 100),
    version('v1', 10, 0),
    version('v2', 0, 10),
    requests('-', 10, 9),
    requests('UO', 0, 1),
    cluster('rq_pending_overflow', 0, 1),
  ]);
  const started = async (kind: Candidate['kind']) =>
    (await signalsOf(resultOf({ kind }), metrics)).map((signal) =>
      textOf(signal).split(' ').slice(0, 2).join(' '),
    );
  expect(await started('own-code')).toEqual(['Version v2', 'CPU of', 'Restarts of']);
  expect(await started('queueing')).toEqual(['Requests to', 'checkout to', 'CPU of']);
});

test.each(['own-code', 'network', 'retries', 'queueing', 'bad-replica', 'database'] as const)(
  'makes a bounded number of queries for %s',
  async (kind) => {
    const metrics = createFakeMetricsSource();
    await signalsOf(resultOf({ kind, detail: 'auth.shop' }), metrics);
    expect(metrics.queries.length).toBeGreaterThan(0);
    expect(metrics.queries.length).toBeLessThanOrEqual(18);
  },
);

test('queries nothing where no culprit is named', async () => {
  const metrics = createFakeMetricsSource();
  expect(await signalsOf(resultOf({}, 'unclear'), metrics)).toEqual([]);
  expect(metrics.queries).toEqual([]);
});

test('a Prometheus that fails costs the signals and not the culprit', async () => {
  const metrics = createFakeMetricsSource();
  metrics.fail(aSourceError());
  expect(await signalsOf(resultOf({}), metrics)).toEqual([]);
});

test('a query that never ends costs only its own signal', async () => {
  const clock = createVirtualClock(START);
  const prometheus = scraped(throttled(0.1, 8));
  const metrics: MetricsSource = { ...prometheus, range: () => new Promise(() => undefined) };
  let answered = 0;
  const counting: MetricsSource = {
    ...metrics,
    instant: async (query) => {
      answered += 1;
      return await metrics.instant(query);
    },
  };
  const options = { metrics: counting, traces: createFakeTraceSource([]), links: createLinks({}), clock };
  const explained = createExplainWithMetrics(
    async () => resultOf({}),
    options,
  )({
    service: 'checkout.shop',
    window: SLOW,
  });
  // Of the replicas, throttling, restarts and flags.
  await vi.waitFor(() => expect(answered).toBe(7), { interval: 1 });
  await clock.advance(ms(4 * SECOND));
  const { signals = [] } = await explained;
  expect(signals.map(textOf)).toEqual(['CPU of payments throttled in 80% of periods, before 1%']);
});

test('what was found for the culprit of a breach is not queried again for ten minutes; what a person wants to know is', async () => {
  const clock = createVirtualClock(START);
  const source = scraped([version('v1', 10, 0), version('v2', 0, 10, 4 * MINUTE)]);
  let queries = 0;
  const counted: MetricsSource = {
    ...source,
    instant: (query, signal) => {
      queries += 1;
      return source.instant(query, signal);
    },
    range: (query, signal) => {
      queries += 1;
      return source.range(query, signal);
    },
  };
  let why = resultOf({ service: 'payments.shop', kind: 'new-version', detail: 'v2' });
  const explain = createExplainWithMetrics(async () => why, {
    metrics: counted,
    traces: createFakeTraceSource([]),
    links: createLinks({}),
    clock,
  });
  const queriesOf = async (isBreach?: true): Promise<number> => {
    queries = 0;
    const { signals = [] } = await explain({ service: 'checkout.shop', window: SLOW, isBreach });
    expect(signals.length).toBeGreaterThan(0);
    return queries;
  };
  const first = await queriesOf(true);
  expect(first).toBeGreaterThan(0);
  expect(await queriesOf(true)).toBeLessThan(first);
  expect(await queriesOf()).toBe(first);
  await clock.advance(ms(11 * MINUTE));
  expect(await queriesOf(true)).toBe(first);
  why = resultOf({ service: 'payments.shop', kind: 'own-code' });
  expect(await queriesOf(true)).toBeGreaterThan(1);
});
