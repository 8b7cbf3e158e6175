import { describe, expect, test } from 'vitest';
import { createExplainSlowness, type WhyQuery, type WhySlow } from '../../../src/culprit/collect.ts';
import { coverageText, isThinlyTraced, type MeasuredObjective } from '../../../src/culprit/coverage.ts';
import { createExplainWithMetrics } from '../../../src/culprit/with-metrics.ts';
import type { MetricsSource } from '../../../src/lib/metrics-source.ts';
import { before, epochUs, MINUTE, ms, SECOND, type TimeWindow, toUs } from '../../../src/lib/units.ts';
import { createLinks } from '../../../src/links/link.ts';
import { PRESETS } from '../../../src/rules/presets.ts';
import type { SpanKind, Trace } from '../../../src/traces/trace.ts';
import { aSourceError, createFakeMetricsSource } from '../../support/fake-metrics-source.ts';
import { aTrace, aTraceSourceError, createFakeTraceSource } from '../../support/fake-trace-source.ts';
import { type Exposed, scrapedPrometheus } from '../../support/scraped-prometheus.ts';
import { createVirtualClock, START } from '../../support/virtual-clock.ts';

const SERVICE = 'checkout.shop';
const WINDOW: TimeWindow = { start: before(START, ms(15 * MINUTE)), end: START };
const OBJECTIVE: MeasuredObjective = {
  family: PRESETS.istio.family,
  threshold: ms(500),
  matchLabels: { destination_service_name: 'checkout' },
};

/** Requests in the half hour until START; `slowEvery` of them takes 800 ms. Every `tracedEvery`th is traced. */
interface Traffic {
  readonly perSecond: number;
  readonly slowEvery?: number;
  readonly tracedEvery: number;
  /** No traces in this time before START. */
  readonly silentFor?: number;
  /** Server spans of the service in each trace. */
  readonly callsPerTrace?: number;
  readonly kind?: SpanKind;
}

/** In an arbitrary order, as Jaeger returns them. */
function tracesOf({
  perSecond,
  slowEvery = Number.POSITIVE_INFINITY,
  tracedEvery,
  silentFor = 0,
  callsPerTrace = 1,
  kind = 'server',
}: Traffic): Trace[] {
  const step = (tracedEvery * callsPerTrace * SECOND) / perSecond;
  const count = Math.floor((30 * MINUTE - silentFor) / step);
  return Array.from({ length: count }, (_, i) => {
    const start = START - silentFor - (i + 1) * step;
    const duration = toUs(ms(i % slowEvery === 0 && slowEvery < Number.POSITIVE_INFINITY ? 800 : 20));
    const spans = Array.from({ length: callsPerTrace }, () => ({
      serviceName: SERVICE,
      kind,
      parentSpanId: 'f'.repeat(16),
      start: epochUs(Math.round(start * 1_000)),
      duration,
    }));
    return aTrace(i.toString(16), spans);
  }).sort((a, b) => scattered(a) - scattered(b));
}

const scattered = ({ traceId }: Trace): number => (Number.parseInt(traceId, 16) * 7_919) % 10_007;

const labels = {
  reporter: 'destination',
  destination_service_name: 'checkout',
  destination_service_namespace: 'shop',
};
const METRIC = PRESETS.istio.family.metric;

/** The histogram of a service with this many requests a second, of which so many are slow. */
const histogram = (all: number, slow: number): readonly Exposed[] =>
  [
    { name: `${METRIC}_count`, rate: all },
    { name: `${METRIC}_bucket`, le: '500', rate: all - slow },
    { name: `${METRIC}_bucket`, le: '+Inf', rate: all },
  ].map(({ name, le, rate }) => ({
    name,
    labels: le === undefined ? labels : { ...labels, le },
    normal: rate,
    slow: rate,
  }));

async function explained(
  traffic: Traffic,
  metrics: MetricsSource,
  over: Partial<WhyQuery> = {},
  { failsAfter = Number.POSITIVE_INFINITY } = {},
): Promise<WhySlow> {
  const clock = createVirtualClock(START);
  const traces = createFakeTraceSource(tracesOf(traffic));
  traces.before('search', (_signal, call) => {
    if (call > failsAfter) throw aTraceSourceError();
  });
  const explain = createExplainWithMetrics(createExplainSlowness({ traces, clock }), {
    metrics,
    traces,
    links: createLinks({}),
    clock,
  });
  return await explain({
    service: SERVICE,
    window: WINDOW,
    threshold: toUs(ms(500)),
    objective: OBJECTIVE,
    ...over,
  });
}

const prometheus = (all: number, slow: number): MetricsSource =>
  scrapedPrometheus(histogram(all, slow), WINDOW.start);

const warningsOf = ({ warnings = [] }: WhySlow): readonly string[] =>
  warnings.map((parts) =>
    parts
      .map((part) =>
        typeof part === 'string' ? part : 'at' in part ? new Date(part.at).toISOString().slice(11, 19) : '',
      )
      .join(''),
  );

describe('how many requests are traced is said', () => {
  test('with the slow ones, where few are', async () => {
    const why = await explained({ perSecond: 20, slowEvery: 20, tracedEvery: 20 }, prometheus(20, 1));
    expect(warningsOf(why)).toEqual([]);
    expect(coverageText(why.coverage as NonNullable<WhySlow['coverage']>)).toMatch(
      /^4\d of about 840 requests slower than 500 ms were traced \((4\.[5-9]|5(\.\d)?)%\)\.$/,
    );
  });

  test('counting requests, not traces, where a trace holds several', async () => {
    const why = await explained(
      { perSecond: 20, slowEvery: 20, tracedEvery: 20, callsPerTrace: 4 },
      prometheus(20, 1),
    );
    expect(why.coverage?.traced).toBeCloseTo(840, -2);
    expect(warningsOf(why)).toEqual([]);
  });

  const silent: Readonly<Record<string, { traffic: Traffic; query?: Partial<WhyQuery> }>> = {
    'all are': { traffic: { perSecond: 1, slowEvery: 20, tracedEvery: 1 } },
    'the window is too short to compare': {
      traffic: { perSecond: 20, slowEvery: 20, tracedEvery: 20 },
      query: { window: { start: before(START, ms(2 * MINUTE)), end: START } },
    },
    'the metric counts some of the requests': {
      traffic: { perSecond: 20, slowEvery: 20, tracedEvery: 20 },
      query: { objective: { ...OBJECTIVE, matchLabels: { ...OBJECTIVE.matchLabels, response_code: '200' } } },
    },
    'the metric counts some of the requests by a label in quotes': {
      traffic: { perSecond: 20, slowEvery: 20, tracedEvery: 20 },
      query: {
        objective: {
          ...OBJECTIVE,
          family: { ...OBJECTIVE.family, selector: 'reporter="destination","http.route"="/cart"' },
        },
      },
    },
    'one operation was searched': {
      traffic: { perSecond: 20, slowEvery: 20, tracedEvery: 20 },
      query: { operation: 'GET /cart' },
    },
    'no objective counts them': {
      traffic: { perSecond: 20, slowEvery: 20, tracedEvery: 20 },
      query: { objective: undefined },
    },
  };
  test.each(Object.entries(silent))('but not where %s', async (_, { traffic, query }) => {
    const { perSecond } = traffic;
    const why = await explained(traffic, prometheus(perSecond, perSecond / 20), query);
    expect([why.coverage, warningsOf(why)]).toEqual([undefined, []]);
  });

  test('but not where Prometheus fails, and the result stays', async () => {
    const metrics = createFakeMetricsSource();
    metrics.fail(aSourceError());
    const why = await explained({ perSecond: 20, slowEvery: 20, tracedEvery: 20 }, metrics);
    expect([why.coverage, warningsOf(why)]).toEqual([undefined, []]);
    expect(why.result.kind).toBe('not-slower');
  });
});

describe('metrics and traces that disagree', () => {
  test('slow requests that are not traced contradict the p99 of the histogram', async () => {
    const why = await explained({ perSecond: 20, tracedEvery: 20 }, prometheus(20, 2));
    expect(warningsOf(why)).toEqual([
      expect.stringMatching(
        /^Prometheus and traces disagree: about 10% of requests are slower than 500 ms by the histogram, 0% by the traces \(0 of \d[\d,]+\)\./,
      ),
    ]);
  });

  test('slow traces that the histogram does not count contradict it too', async () => {
    const why = await explained({ perSecond: 20, slowEvery: 10, tracedEvery: 20 }, prometheus(20, 0.01));
    expect(warningsOf(why)).toEqual([
      expect.stringMatching(
        /traces show at least \d+ requests slower than 500 ms, the histogram counts about \d+\. Quantiles of the histogram are too low\.$/,
      ),
    ]);
  });

  test('slow traces that are kept by tail sampling are no contradiction', async () => {
    const why = await explained({ perSecond: 20, slowEvery: 3, tracedEvery: 40 }, prometheus(20, 0.5));
    expect(warningsOf(why)).toEqual([]);
  });
});

describe('traces that stop', () => {
  test('are said with the time, while requests go on', async () => {
    const why = await explained({ perSecond: 20, tracedEvery: 20, silentFor: 6 * MINUTE }, prometheus(20, 0));
    expect(warningsOf(why)).toEqual([
      `The traces of ${SERVICE} stop at ${new Date(START - 6 * MINUTE - SECOND).toISOString().slice(11, 19)}. Prometheus counts about 6,000 requests since then.`,
    ]);
  });

  test.each([
    ['there are none at all', { perSecond: 0.0001, tracedEvery: 1 }],
    ['they stopped before', { perSecond: 20, tracedEvery: 20, silentFor: 17 * MINUTE }],
  ])('are said where %s', async (_, traffic) => {
    const why = await explained(traffic, prometheus(20, 0));
    expect(warningsOf(why)).toEqual([
      `There are no traces of ${SERVICE} in this time. Prometheus counts about 17,000 requests.`,
    ]);
  });

  test('with the requests are no problem', async () => {
    const stopped = histogram(20, 0).map((each) => ({ ...each, slow: 0 }));
    const metrics = scrapedPrometheus(stopped, before(START, ms(6 * MINUTE)));
    const why = await explained({ perSecond: 20, tracedEvery: 20, silentFor: 6 * MINUTE }, metrics);
    expect(warningsOf(why)).toEqual([]);
  });

  test('are not said where a search failed', async () => {
    const query = { failsAfter: 3 };
    const traffic = { perSecond: 20, tracedEvery: 20, silentFor: 6 * MINUTE };
    expect(warningsOf(await explained(traffic, prometheus(20, 0), {}, query))).toEqual([]);
  });

  test('are not said of a service whose spans have no kind', async () => {
    const traffic = { perSecond: 20, tracedEvery: 20, kind: 'unspecified' } as const;
    const why = await explained(traffic, prometheus(20, 0));
    expect([why.coverage, warningsOf(why)]).toEqual([undefined, []]);
  });

  test('of a service with few requests can be chance', async () => {
    const why = await explained(
      { perSecond: 0.1, tracedEvery: 5, silentFor: 3 * MINUTE },
      prometheus(0.1, 0),
    );
    expect(warningsOf(why)).toEqual([]);
  });
});

test.each([
  [4, false, true],
  [4, true, false],
  [40, false, false],
])('%d traced of 1,200 slow requests (at least: %s): thinly traced %s', (traced, isAtLeast, isThin) => {
  const coverage = {
    requests: 15_000,
    traced: 450,
    threshold: ms(500),
    slow: { requests: 1_200, traced, isAtLeast },
  };
  expect(isThinlyTraced(coverage)).toBe(isThin);
});
