import { afterEach, describe, expect, test } from 'vitest';
import { createSampleStore } from '../../../demo/prometheus/sample-store.ts';
import { createPrometheusServer } from '../../../demo/prometheus/server.ts';
import { type LatencyView, latencyOfService } from '../../../src/commands/latency.ts';
import { createHttpClient } from '../../../src/http/http-client.ts';
import type { MetricsSource } from '../../../src/lib/metrics-source.ts';
import {
  before,
  DAY,
  type EpochMs,
  epochMs,
  HOUR,
  MINUTE,
  type Milliseconds,
  ms,
  ratio,
} from '../../../src/lib/units.ts';
import { createLinks } from '../../../src/links/link.ts';
import { createLogger } from '../../../src/ops/logger.ts';
import { createPrometheusMetrics } from '../../../src/prometheus/prometheus-metrics.ts';
import { PRESETS } from '../../../src/rules/presets.ts';
import type { ServiceObjective } from '../../../src/rules/rule.ts';
import { aSourceError } from '../../support/fake-metrics-source.ts';
import { createVirtualClock, START } from '../../support/virtual-clock.ts';
import { open } from './bench.ts';

const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

interface Traffic {
  readonly service: string;
  readonly namespace?: string;
  /** Requests per second by the bucket they fall into. */
  readonly rates: Readonly<Record<string, number>>;
  readonly errors?: number;
  readonly until: EpochMs;
  /** Labels in place of those of a destination. */
  readonly labels?: Readonly<Record<string, string>>;
}

const BOUNDS = ['100.0', '250.0', '500.0', '1000.0', '+Inf'];

/** Ten minutes of steady traffic before `until`, scraped every 15 s. */
function feed(samples: ReturnType<typeof createSampleStore>, traffic: Traffic): void {
  const name = 'istio_request_duration_milliseconds';
  const total = Object.values(traffic.rates).reduce((sum, rate) => sum + rate, 0);
  const failing = traffic.errors ?? 0;
  const own = {
    destination_service_name: traffic.service,
    destination_service_namespace: traffic.namespace ?? 'shop',
    reporter: 'destination',
    ...traffic.labels,
  };
  for (let elapsed = 0; elapsed <= 600; elapsed += 15) {
    const t = epochMs(traffic.until - (600 - elapsed) * 1_000);
    for (const [code, share] of [
      ['200', 1 - failing],
      ['503', failing],
    ] as const) {
      if (share === 0) continue;
      const labels = { ...own, response_code: code };
      let below = 0;
      for (const le of BOUNDS) {
        below += traffic.rates[le] ?? 0;
        samples.append({
          labels: { ...labels, __name__: `${name}_bucket`, le },
          t,
          value: below * elapsed * share,
        });
      }
      samples.append({ labels: { ...labels, __name__: `${name}_count` }, t, value: total * elapsed * share });
    }
  }
}

const istio: ServiceObjective = {
  family: PRESETS.istio.family,
  by: ['destination_service_name'],
  quantile: ratio(0.99),
  threshold: ms(500),
  window: MINUTE,
};

/** The queries of the last answer. */
let queries: string[] = [];

function counting(metrics: MetricsSource): MetricsSource {
  queries = [];
  return {
    ...metrics,
    instant: async (query, signal) => {
      queries.push(query.expr);
      if (query.expr.includes('_sum') && isBroken) throw aSourceError();
      return await metrics.instant(query, signal);
    },
    range: async (query, signal) => {
      queries.push(query.expr);
      return await metrics.range(query, signal);
    },
    labelValues: async (query, signal) => {
      queries.push(query.label);
      return await metrics.labelValues(query, signal);
    },
  };
}

/** Whether the breakdown fails. */
let isBroken = false;

async function report(
  traffic: readonly Traffic[],
  service: string,
  {
    objectives = [istio],
    last = ms(5 * MINUTE),
  }: { objectives?: readonly ServiceObjective[]; last?: Milliseconds } = {},
) {
  const samples = createSampleStore();
  for (const one of [...traffic].sort((a, b) => a.until - b.until)) feed(samples, one);
  const clock = createVirtualClock(START);
  const server = createPrometheusServer({ samples, clock });
  const { url } = await server.listen();
  const http = createHttpClient({ system: 'prometheus', baseUrl: url });
  closing.push(
    () => http.close(),
    () => server.close(),
  );
  const logger = createLogger({ level: 'error', secrets: [], write: () => undefined });
  const deps = {
    ...open([]).deps,
    ruleSet: () => ({ groups: [], objectives }),
    metrics: counting(createPrometheusMetrics({ http, deadline: ms(30_000), logger })),
    links: createLinks({ prometheus: 'http://prometheus:9090' }),
    clock,
  };
  const command = { kind: 'latency', service, last } as const;
  const { signal } = new AbortController();
  return (await latencyOfService.run({ command, by: 'U0ANN', now: START, signal }, deps)).answer;
}

async function view(
  traffic: readonly Traffic[],
  name = 'checkout',
  last?: Milliseconds,
): Promise<LatencyView> {
  const answer = await report(traffic, name, { last });
  if (answer.kind !== 'latency') throw new Error(`unexpected answer ${JSON.stringify(answer)}`);
  return answer.view;
}

const calm = (until: EpochMs): Traffic => ({ service: 'checkout', rates: { '100.0': 9, '250.0': 1 }, until });

test('quantiles come with the bucket they lie in', async () => {
  const { columns } = await view([calm(START)]);
  expect(columns[0]).toMatchObject({ label: 'now' });
  expect(columns[0]?.quantiles.map(({ quantile, low, high }) => [quantile, low, high])).toEqual([
    [0.5, 0, 100],
    [0.95, 100, 250],
    [0.99, 100, 250],
  ]);
  // 9 of 10 requests a second are under 100 ms: the 99th of a hundred is nine tenths of the way from 100 to 250.
  expect(columns[0]?.quantiles[2]?.value).toBeCloseTo(235, 6);
  expect(columns[0]?.requestsPerSecond).toBeCloseTo(10, 6);
});

test('a quantile above the highest bound has no upper end', async () => {
  const { columns } = await view([{ service: 'checkout', rates: { '100.0': 1, '+Inf': 9 }, until: START }]);
  expect(columns[0]?.quantiles[2]).toEqual({ quantile: 0.99, value: 1_000, low: 1_000 });
});

test('an hour and a day ago are measured at that time, and a time without traffic is reported', async () => {
  const { columns, notices } = await view([
    calm(START),
    { service: 'checkout', rates: { '500.0': 4 }, until: before(START, HOUR) },
  ]);
  expect(columns.map(({ label, requestsPerSecond }) => [label, Math.round(requestsPerSecond ?? -1)])).toEqual(
    [
      ['now', 10],
      ['an hour ago', 4],
      ['a day ago', -1],
    ],
  );
  expect(notices).toEqual(['No requests were measured a day ago.']);
});

test('now is the last minutes, beside the window of the command, and rates count the time with data', async () => {
  const { columns } = await view([calm(START)], 'checkout', ms(20 * MINUTE));
  expect(columns.map(({ label, window }) => [label, window / MINUTE])).toEqual([
    ['now', 5],
    ['last', 20],
    ['an hour ago', 20],
    ['a day ago', 20],
  ]);
  // Ten of the twenty minutes have data.
  expect(columns[1]?.requestsPerSecond).toBeGreaterThan(9.8);
  expect(columns[1]?.requestsPerSecond).toBeLessThan(10.4);
});

test('the share of errors is that of the failed requests', async () => {
  const { columns } = await view([{ ...calm(START), errors: 0.25 }, calm(before(START, DAY))]);
  expect(columns[0]?.errorShare).toBeCloseTo(0.25, 6);
  expect(columns[2]?.errorShare).toBe(0);
});

test('the chart has at most twenty points, each with the objective beside it', async () => {
  const { chart } = await view([calm(START)]);
  expect(chart?.series.map(({ name }) => name)).toEqual(['p99', 'objective']);
  expect(chart?.at.length).toBeGreaterThan(10);
  expect(chart?.at.length).toBeLessThanOrEqual(20);
  expect(chart?.at.at(-1)).toBe(START);
  expect(chart?.series[1]?.values.every((value) => value === 500)).toBe(true);
  const others: readonly ServiceObjective[] = [
    { ...istio, quantile: ratio(0.5), threshold: ms(50) },
    { ...istio, family: { ...istio.family, selector: 'reporter="source"' }, threshold: ms(100) },
  ];
  const answer = await report([calm(START)], 'checkout', { objectives: [...others, istio] });
  if (answer.kind !== 'latency') throw new Error(answer.kind);
  expect(answer.view.chart?.series[1]?.values[0]).toBe(500);
});

test('the link has the expression and the window of the command', async () => {
  const { links } = await view([calm(START)]);
  const url = new URL(links[0]?.url ?? '');
  expect(url.searchParams.get('g0.expr')).toContain('histogram_quantile(0.99');
  expect(url.searchParams.get('g0.range_input')).toBe('5m');
  // The column "now" is over the whole window, a point of the graph is not.
  expect(url.searchParams.get('g0.expr')).toContain('[1m]');
  expect(url.searchParams.get('g1.expr')).toMatch(/^histogram_quantile\(0\.99.*\[5m\]/);
  expect(url.searchParams.get('g0.end_input')).toBe('2026-11-20 14:00:00');
});

describe('the name of the service', () => {
  test('a name as tracing writes it is the service in that namespace', async () => {
    const { service, columns } = await view(
      [calm(START), { service: 'checkout', namespace: 'staging', rates: { '100.0': 3 }, until: START }],
      'checkout.staging',
    );
    expect(service).toBe('checkout.staging');
    expect(columns[0]?.requestsPerSecond).toBeCloseTo(3, 6);
  });

  const two = [
    calm(START),
    { service: 'checkout', namespace: 'staging', rates: { '100.0': 3 }, until: START },
  ];

  test('a name in two namespaces is never the sum of both: a person chooses', async () => {
    expect(await report(two, 'checkout')).toEqual({
      kind: 'unknown-service',
      name: 'checkout',
      isAmbiguous: true,
      nearest: ['checkout.shop', 'checkout.staging'],
      all: ['checkout.shop', 'checkout.staging'],
      retry: '/latency {service}',
    });
  });

  test('a namespace that the service is not in is answered with those it is in', async () => {
    expect(await report(two, 'checkout.stagging')).toMatchObject({
      kind: 'unknown-service',
      name: 'checkout.stagging',
      nearest: ['checkout.shop', 'checkout.staging'],
    });
  });

  test('an unknown name is answered with the nearest one', async () => {
    expect(await report([calm(START)], 'chekout')).toEqual({
      kind: 'unknown-service',
      name: 'chekout',
      nearest: ['checkout'],
      all: ['checkout'],
      retry: '/latency {service}',
    });
  });

  test('a gateway is measured by the calls it made, against no objective', async () => {
    const gateway = { reporter: 'source', source_workload: 'istio-ingressgateway' };
    const { columns, notices, slos, chart } = await view(
      [calm(START), { ...calm(START), service: 'frontend', rates: { '500.0': 7 }, labels: gateway }],
      'istio-ingressgateway',
    );
    expect(columns[0]?.requestsPerSecond).toBeCloseTo(7, 6);
    expect(columns[0]?.quantiles[2]).toMatchObject({ low: 250, high: 500 });
    expect(notices[0]).toMatch(/^No service calls it through the mesh/);
    expect(slos).toEqual([]);
    expect(chart?.series.map(({ name }) => name)).toEqual(['p99']);
  });

  test('without rules the histogram is Istio’s', async () => {
    expect(await report([calm(START)], 'checkout', { objectives: [] })).toMatchObject({ kind: 'latency' });
  });
});

test('an answer takes 21 queries, whatever the number of versions and outcomes', async () => {
  await view([{ ...calm(START), errors: 0.25 }]);
  expect(queries).toHaveLength(21);
});

test('a breakdown that fails costs a line, not the answer', async () => {
  isBroken = true;
  try {
    const { columns, breakdown, notices } = await view([
      calm(START),
      calm(before(START, HOUR)),
      calm(before(START, DAY)),
    ]);
    expect(columns[0]?.requestsPerSecond).toBeCloseTo(10, 6);
    expect(breakdown).toBeUndefined();
    expect(notices).toEqual([expect.stringMatching(/^No breakdown by version and outcome: /)]);
  } finally {
    isBroken = false;
  }
});
