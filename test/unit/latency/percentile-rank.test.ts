import { describe, expect, test } from 'vitest';
import { createRankRequest, type ServerSpan } from '../../../src/latency/percentile-rank.ts';
import type { Sample } from '../../../src/lib/metrics-source.ts';
import { before, type EpochMs, HOUR, MINUTE, ms, ratio, us } from '../../../src/lib/units.ts';
import { PRESETS } from '../../../src/rules/presets.ts';
import type { ServiceObjective } from '../../../src/rules/rule.ts';
import { aSourceError } from '../../support/fake-metrics-source.ts';
import { createVirtualClock, START } from '../../support/virtual-clock.ts';

const span = (over: Partial<ServerSpan> = {}): ServerSpan => ({
  service: 'checkout.shop',
  duration: us(300_000),
  spans: 1,
  measuredBy: 'proxy',
  canonicalService: 'checkout',
  namespace: 'shop',
  ...over,
});

/** 100 requests a second: 90 up to 100 ms, 9 up to 500 ms, one above. */
const RATES: readonly (readonly [string, number])[] = [
  ['100', 90],
  ['500', 99],
  ['+Inf', 100],
];

const samples = (labels: Readonly<Record<string, string>>, times = 1): readonly Sample[] =>
  RATES.map(([le, value]) => ({ labels: { ...labels, le }, value: value * times }));

const checkout = { destination_canonical_service: 'checkout', destination_workload_namespace: 'shop' };

function place(given: {
  readonly spans: readonly ServerSpan[];
  readonly answer?: readonly Sample[] | Error;
  readonly ended?: EpochMs;
  readonly objectives?: readonly ServiceObjective[];
  readonly breachStart?: EpochMs;
}) {
  const asked: { expr: string; at: EpochMs }[] = [];
  const { spans, answer = [], ended = before(START, MINUTE), objectives = [], breachStart } = given;
  const run = createRankRequest({
    metrics: {
      instant: async (query) => {
        asked.push(query);
        if (answer instanceof Error) throw answer;
        return answer;
      },
    },
    rules: () => ({ objectives }),
    clock: createVirtualClock(),
  });
  return run({ spans, ended, now: START, breachStart }).then((view) => ({ view, asked }));
}

describe('the percentile rank of a request', () => {
  const cases: Readonly<
    Record<string, { span: Partial<ServerSpan>; rates?: readonly Sample[]; expected: object | undefined }>
  > = {
    'inside a bucket: between the shares at its two bounds': {
      span: { duration: us(300_000) },
      expected: { atLeast: 0.9, atMost: 0.99, low: 100, high: 500, requests: 360_000, isOwnSpan: false },
    },
    'in the lowest bucket: perhaps the fastest of all': {
      span: { duration: us(20_000) },
      expected: { atLeast: 0, atMost: 0.9, low: 0, high: 100 },
    },
    'above the highest bound: no upper end': {
      span: { duration: us(9_000_000) },
      expected: { atLeast: 0.99, atMost: 1, low: 500 },
    },
    'on a bound, which its bucket includes': {
      span: { duration: us(100_000) },
      expected: { atLeast: 0, atMost: 0.9, low: 0, high: 100 },
    },
    'by the application’s own span, which the mesh does not measure': {
      span: { measuredBy: 'application' },
      expected: { atLeast: 0.9, isOwnSpan: true },
    },
    "by the span's service name, without attributes of a proxy": {
      span: { service: 'checkout.shop', canonicalService: undefined, namespace: undefined },
      expected: { atLeast: 0.9 },
    },
    'nowhere, when its own namespace is not measured': {
      span: { namespace: 'staging' },
      expected: undefined,
    },
    'nowhere, when the name alone could be one of two services': {
      span: { service: 'checkout', canonicalService: undefined, namespace: undefined },
      rates: [...samples(checkout), ...samples({ ...checkout, destination_workload_namespace: 'staging' })],
      expected: undefined,
    },
    'nowhere, when nothing was requested': { span: {}, rates: samples(checkout, 0), expected: undefined },
    'nowhere, without metrics': { span: {}, rates: [], expected: undefined },
  };
  test.each(Object.entries(cases))('%s', async (_, { span: over, rates = samples(checkout), expected }) => {
    const { view } = await place({ spans: [span(over)], answer: rates });
    if (expected === undefined) expect(view.rows).toEqual([]);
    else expect(view.rows).toMatchObject([expected]);
    expect(view.notices).toEqual([]);
  });

  test('asks one question for all services, and for gateways as their calls were seen from inside them', async () => {
    const gateway = {
      source_canonical_service: 'istio-ingressgateway',
      source_workload_namespace: 'istio-system',
    };
    const { view, asked } = await place({
      spans: [
        span({
          service: 'istio-ingressgateway.istio-system',
          canonicalService: 'istio-ingressgateway',
          namespace: 'istio-system',
          measuredBy: 'gateway',
        }),
        span(),
        span({ service: 'pay+ments.shop', canonicalService: 'pay+ments' }),
      ],
      answer: [...samples(checkout), ...samples(gateway)],
    });
    expect(asked).toHaveLength(1);
    expect(asked[0]?.expr).toBe(
      'sum by (le, destination_canonical_service, destination_workload_namespace) ' +
        '(rate(istio_request_duration_milliseconds_bucket{reporter="destination",destination_canonical_service=~"checkout|pay\\\\+ments"}[1h]))' +
        ' or sum by (le, source_canonical_service, source_workload_namespace) ' +
        '(rate(istio_request_duration_milliseconds_bucket{reporter="source",source_canonical_service=~"istio-ingressgateway"}[1h]))',
    );
    expect(view.rows.map(({ service, side }) => [service, side])).toEqual([
      ['istio-ingressgateway.istio-system', 'source'],
      ['checkout.shop', 'destination'],
    ]);
  });

  test('an application’s own histogram is compared with the application’s own span', async () => {
    const family = PRESETS['otel-http'].family;
    const { view, asked } = await place({
      spans: [span({ service: 'checkout', measuredBy: 'application' })],
      objectives: [
        { family, by: ['service_name'], quantile: ratio(0.99), threshold: ms(500), window: MINUTE },
      ],
      answer: [
        { labels: { service_name: 'checkout', le: '0.25' }, value: 8 },
        { labels: { service_name: 'checkout', le: '0.5' }, value: 9 },
        { labels: { service_name: 'checkout', le: '+Inf' }, value: 10 },
        { labels: { service_name: 'cart', le: '+Inf' }, value: 10 },
      ],
    });
    expect(asked[0]?.expr).toContain('service_name=~"checkout"');
    expect(view.rows).toMatchObject([
      { atLeast: 0.8, atMost: 0.9, low: 250, high: 500, isOwnSpan: false, medianUpTo: 250 },
    ]);
  });

  test('an older request is compared with the hour up to its end', async () => {
    const ended = before(START, ms(5 * HOUR));
    const { view, asked } = await place({ spans: [span()], ended, answer: samples(checkout) });
    expect(view.period).toBe('before-end');
    expect(asked[0]?.at).toBe(ended + 30_000);
  });

  test('a request in a breach is compared with the hour before it', async () => {
    const { view, asked } = await place({
      spans: [span()],
      answer: samples(checkout),
      breachStart: before(START, ms(20 * MINUTE)),
    });
    expect(view).toMatchObject({ period: 'before-breach', rows: [{ service: 'checkout.shop' }] });
    expect(asked.map(({ at }) => at)).toEqual([before(START, ms(20 * MINUTE))]);
  });

  test('without data before the breach it is compared with the last hour', async () => {
    const { view, asked } = await place({ spans: [span()], breachStart: before(START, ms(20 * MINUTE)) });
    expect(view.period).toBe('last-hour');
    expect(asked.map(({ at }) => at)).toEqual([before(START, ms(20 * MINUTE)), START]);
  });

  test('a request from before the breach is compared as usual', async () => {
    const { view } = await place({ spans: [span()], breachStart: START });
    expect(view.period).toBe('last-hour');
  });

  test('a failing Prometheus costs a line, not the answer', async () => {
    const { view } = await place({ spans: [span()], answer: aSourceError() });
    expect(view).toMatchObject({ rows: [], notices: [expect.stringContaining('connection refused')] });
  });

  test('a Prometheus that does not answer is given up after two and a half seconds', async () => {
    const clock = createVirtualClock();
    let isAborted = false;
    const run = createRankRequest({
      metrics: {
        instant: (_, signal) =>
          new Promise(() => signal?.addEventListener('abort', () => (isAborted = true), { once: true })),
      },
      rules: () => ({ objectives: [] }),
      clock,
    });
    const answer = run({ spans: [span()], ended: START, now: START });
    await clock.advance(2_500);
    expect((await answer).notices).toEqual([expect.stringContaining('within 2.5 s')]);
    expect(isAborted).toBe(true);
  });

  test('without spans nothing is asked', async () => {
    const { view, asked } = await place({ spans: [] });
    expect([view.rows, asked]).toEqual([[], []]);
  });
});
