import { afterEach, describe, expect, it } from 'vitest';
import { createSampleStore } from '../../../demo/prometheus/sample-store.ts';
import { createPrometheusServer } from '../../../demo/prometheus/server.ts';
import { createCommands, parseCommand } from '../../../src/commands/commands.ts';
import { createHttpClient } from '../../../src/http/http-client.ts';
import { callGrowth } from '../../../src/latency/calls.ts';
import { before, epochMs, HOUR, MINUTE, ms } from '../../../src/lib/units.ts';
import { createLogger } from '../../../src/ops/logger.ts';
import { createPrometheusMetrics } from '../../../src/prometheus/prometheus-metrics.ts';
import { NO_NAMING, type ServiceNaming } from '../../../src/rules/file/service-names.ts';
import { answerMessage } from '../../../src/slack/blocks/answer.ts';
import { createVirtualClock, START } from '../../support/virtual-clock.ts';
import { open } from './bench.ts';

const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** Ten minutes of calls, ten a second, as one end measured them. */
interface Calls {
  readonly from: string;
  readonly to: string;
  readonly reporter: 'source' | 'destination';
  readonly meanMs: number;
  readonly namespace?: string;
  readonly agoMs?: number;
  readonly labels?: Readonly<Record<string, string>>;
}

const both = (from: string, to: string, waited: number, took: number, agoMs = 0): readonly Calls[] => [
  { from, to, reporter: 'source', meanMs: waited, agoMs },
  { from, to, reporter: 'destination', meanMs: took, agoMs },
];

const METRIC = 'istio_request_duration_milliseconds';

async function started(calls: readonly Calls[], naming: ServiceNaming = NO_NAMING) {
  const samples = createSampleStore();
  for (const { from, to, reporter, meanMs, namespace = 'shop', agoMs = 0, labels } of [...calls].sort(
    (a, b) => (b.agoMs ?? 0) - (a.agoMs ?? 0),
  )) {
    const own = {
      reporter,
      source_canonical_service: from,
      source_workload_namespace: 'shop',
      destination_service_name: to,
      destination_service_namespace: namespace,
      response_code: '200',
      response_flags: '-',
      ...labels,
    };
    for (let elapsed = 0; elapsed <= 600; elapsed += 15) {
      const t = epochMs(START - agoMs - (600 - elapsed) * 1_000);
      const put = (suffix: string, value: number, le?: string): void =>
        samples.append({
          labels: { ...own, __name__: METRIC + suffix, ...(le === undefined ? {} : { le }) },
          t,
          value,
        });
      put('_sum', 10 * elapsed * meanMs);
      put('_count', 10 * elapsed);
      for (const le of ['50', '100', '250', '+Inf'])
        put('_bucket', Number(le) < meanMs ? 0 : 10 * elapsed, le);
    }
  }
  const clock = createVirtualClock(START);
  const server = createPrometheusServer({ samples, clock });
  const { url } = await server.listen();
  const http = createHttpClient({ system: 'prometheus', baseUrl: url });
  closing.push(
    () => http.close(),
    () => server.close(),
  );
  const logger = createLogger({ level: 'error', secrets: [], write: () => undefined });
  const metrics = createPrometheusMetrics({ http, deadline: ms(30_000), logger });
  const { deps } = open([]);
  const ruleSet = () => ({ ...deps.ruleSet(), naming });
  const commands = createCommands({ ...deps, metrics, clock, ruleSet });
  return {
    metrics,
    ask: (text: string) => commands.answer({ command: '/latency', text, now: START, by: 'U0ANN' }),
  };
}

const CHECKOUT_TO_PAYMENTS = both('checkout', 'payments', 120, 80);

describe('/latency <service> to <service>', () => {
  it('shows what the caller waited, what the called service took, and the difference', async () => {
    const { ask } = await started([...CHECKOUT_TO_PAYMENTS, ...both('checkout', 'payments', 40, 30, HOUR)]);
    const { answer, reproducible } = await ask('checkout to payments last 5m');
    expect(answer).toMatchObject({
      kind: 'call-latency',
      view: {
        caller: 'checkout',
        callee: 'payments',
        now: {
          caller: { mean: expect.closeTo(120, 6), requestsPerSecond: expect.closeTo(10, 6), errorShare: 0 },
          callee: { mean: expect.closeTo(80, 6), requestsPerSecond: expect.closeTo(10, 6) },
          meanDifference: expect.closeTo(40, 6),
        },
        hourAgo: { meanDifference: expect.closeTo(10, 6) },
      },
    });
    const message = answerMessage(answer);
    expect(message.text).toBe(
      'Latency of checkout to payments: checkout waited 120 ms on average, payments took 80 ms: 40 ms is network, proxies and retries.',
    );
    const table = JSON.stringify(message.blocks);
    for (const text of ['checkout waited', 'payments took', '10 req/s', 'Mean an hour ago'])
      expect(table).toContain(text);
    expect(reproducible).toBe('/latency checkout to payments last 5m');
  });

  it('shows response flags as the caller saw them', async () => {
    const [source] = CHECKOUT_TO_PAYMENTS;
    const failed = { ...source, labels: { response_code: '503', response_flags: 'UO' } } as Calls;
    const { ask } = await started([...CHECKOUT_TO_PAYMENTS, failed]);
    const message = JSON.stringify(answerMessage((await ask('checkout to payments last 5m')).answer).blocks);
    expect(message).toContain('`503`');
    expect(message).toContain('(UO)');
  });

  it('says when only one end is measured', async () => {
    const { ask } = await started(CHECKOUT_TO_PAYMENTS.slice(0, 1));
    const { answer } = await ask('checkout to payments last 5m');
    expect(answerMessage(answer).text).toContain(
      'checkout waited 120 ms on average: only one end is measured.',
    );
  });

  it('finds a service by its namespace, and does not mix two namespaces', async () => {
    const staging = CHECKOUT_TO_PAYMENTS.map((calls) => ({ ...calls, namespace: 'staging' }));
    const { ask } = await started([...CHECKOUT_TO_PAYMENTS, ...staging]);
    expect((await ask('checkout to payments last 5m')).answer).toMatchObject({
      kind: 'unknown-service',
      isAmbiguous: true,
      all: ['payments.shop', 'payments.staging'],
      retry: '/latency checkout to {service} last 5m',
    });
    expect((await ask('checkout to payments.staging last 5m')).answer).toMatchObject({
      kind: 'call-latency',
      view: { callee: 'payments.staging', now: { callee: { requestsPerSecond: expect.closeTo(10, 6) } } },
    });
  });

  it('takes the default namespace and aliases, as /trace does', async () => {
    const staging = CHECKOUT_TO_PAYMENTS.map((calls) => ({ ...calls, namespace: 'staging' }));
    const naming = { namespace: 'staging', aliases: new Map([['pay', 'payments.shop']]) };
    const { ask } = await started([...CHECKOUT_TO_PAYMENTS, ...staging], naming);
    expect((await ask('checkout to payments last 5m')).answer).toMatchObject({
      view: { callee: 'payments.staging' },
    });
    expect((await ask('checkout to Pay last 5m')).answer).toMatchObject({
      view: { callee: 'payments.shop' },
    });
  });

  it('suggests the services that are called', async () => {
    const { ask } = await started(CHECKOUT_TO_PAYMENTS);
    expect((await ask('checkout to paymnets')).answer).toMatchObject({
      kind: 'unknown-service',
      nearest: ['payments'],
      retry: '/latency checkout to {service} last 15m',
    });
  });

  it.each(['checkout to', 'to payments', 'checkout to payments cart'])('refuses "%s"', (text) => {
    expect(parseCommand('/latency', text).ok).toBe(false);
  });
});

it('callees of one name in several namespaces are listed apart', async () => {
  const { metrics } = await started([
    { from: 'checkout', to: 'payments', reporter: 'source', meanMs: 20, namespace: 'prod' },
    { from: 'checkout', to: 'payments', reporter: 'source', meanMs: 200, namespace: 'staging' },
    { from: 'checkout', to: 'cart', reporter: 'source', meanMs: 5 },
  ]);
  const query = { service: 'checkout', at: START, window: ms(5 * MINUTE), ago: HOUR };
  expect((await callGrowth(metrics, query)).map(({ service, mean }) => `${service} ${mean}`)).toEqual([
    'payments.staging 200',
    'payments.prod 20',
    'cart 5',
  ]);
});

it('callers and callees are listed by the growth of their calls, the largest first', async () => {
  const { metrics } = await started([
    ...CHECKOUT_TO_PAYMENTS,
    ...both('checkout', 'payments', 40, 30, HOUR),
    ...both('checkout', 'cart', 200, 190),
    ...both('checkout', 'cart', 195, 190, HOUR),
    ...both('frontend', 'checkout', 400, 390),
    ...both('frontend', 'checkout', 300, 290, HOUR),
    ...both('checkout', 'mail', 10, 9),
  ]);
  const query = { service: 'checkout', at: START, window: ms(5 * MINUTE), ago: HOUR };
  expect(
    (await callGrowth(metrics, query)).map(
      ({ end, service, mean, meanBefore }) => `${end} ${service} ${mean} ${meanBefore}`,
    ),
  ).toEqual([
    'caller frontend 390 290',
    'callee payments 120 40',
    'callee cart 200 195',
    'callee mail 10 undefined',
  ]);
  expect(await callGrowth(metrics, { ...query, at: before(START, ms(3 * HOUR)) })).toEqual([]);
});
