import { describe, expect, it } from 'vitest';
import { UpstreamError } from '../../../src/lib/errors.ts';
import type { Series } from '../../../src/lib/metrics-source.ts';
import { after, before, epochUs, MINUTE, ms, ratio, SECOND, us } from '../../../src/lib/units.ts';
import { createLinks } from '../../../src/links/link.ts';
import { createEvidenceCollector, type EvidenceOptions } from '../../../src/messages/evidence.ts';
import { bucketRatesExpr, quantileExpr, slowShareExpr } from '../../../src/rules/queries.ts';
import type { LatencyObjective } from '../../../src/rules/rule.ts';
import type { FindSlowest } from '../../../src/traces/find-slowest.ts';
import type { ResolvedService } from '../../../src/traces/resolve-service.ts';
import { anAlert, aPlainRule, aRule } from '../../support/builders.ts';
import { aSourceError, createFakeMetricsSource } from '../../support/fake-metrics-source.ts';
import { createSpyLogger } from '../../support/spies.ts';
import { createVirtualClock, START } from '../../support/virtual-clock.ts';

const objective: LatencyObjective = {
  family: {
    metric: 'http_server_request_duration_seconds',
    unit: 's',
    selector: '',
    serviceLabel: 'service',
  },
  by: ['service'],
  quantile: ratio(0.99),
  threshold: ms(500),
  window: ms(5 * MINUTE),
};
const rule = aRule({ objective });
const alert = anAlert();
const LABELS = { service: 'checkout' };
const READING = { window: ms(5 * MINUTE) };
const RATES = bucketRatesExpr(objective, LABELS, READING);
const QUANTILE = quantileExpr(objective, LABELS, { ...READING, quantile: ratio(0.99) });

const row = {
  traceId: 'a'.repeat(32),
  duration: us(900_000),
  traceDuration: us(950_000),
  start: epochUs(START * 1_000),
  operation: 'GET /',
  isError: false,
};

type Query = Parameters<FindSlowest>[0];

function stage(over: Partial<EvidenceOptions> & { resolved?: ResolvedService } = {}) {
  const { resolved = { kind: 'found', service: 'checkout.shop' }, ...more } = over;
  const clock = createVirtualClock();
  const logger = createSpyLogger();
  const metrics = createFakeMetricsSource();
  const bucket = (le: string, value: number) => ({ labels: { le }, value });
  metrics.answer(RATES, [bucket('0.5', 92.8), bucket('1', 99.9), bucket('+Inf', 100)]);
  const points = [1, 2, 3].map((n) => ({ at: after(START, ms(n * MINUTE)), value: n / 4 }));
  metrics.answerRange(QUANTILE, [{ labels: {}, points } satisfies Series]);
  const queries: Query[] = [];
  const enrich = createEvidenceCollector({
    metrics,
    clock,
    logger,
    links: createLinks({ jaeger: 'https://jaeger.example' }),
    resolveService: () => Promise.resolve(resolved),
    findSlowest: async (query) => {
      queries.push(query);
      return { rows: [row], isComplete: true, completeness: 'Complete: the only trace', searches: 1 };
    },
    ...more,
  });
  return { enrich, clock, logger, metrics, queries };
}

describe('an alert is enriched', () => {
  it('with what its histogram knows, its share, its burn, its chart and its traces', async () => {
    const { enrich, queries } = stage();
    const found = await enrich({ alert, rule });
    expect(found).toMatchObject({
      latency: { quantile: 0.99, low: 500, high: 1_000 },
      slowShare: 0.072,
      traces: {
        kind: 'found',
        completeness: 'Complete: the only trace',
        rows: [{ ...row, url: `https://jaeger.example/trace/${row.traceId}` }],
      },
      traceService: 'checkout.shop',
      gaps: [],
    });
    expect(found.latency?.value).toBeCloseTo(936.6, 1);
    expect(found.burnRate).toBeCloseTo(7.2, 6);
    expect(found.chart).toEqual({
      title: 'p99 of checkout',
      unit: 'ms',
      at: [1, 2, 3].map((n) => after(START, ms(n * MINUTE))),
      series: [
        { name: 'p99, interpolated', values: [250, 500, 750] },
        { name: 'objective', values: [500, 500, 500] },
      ],
    });
    expect(queries).toEqual([
      {
        service: 'checkout.shop',
        window: { start: before(START, MINUTE), end: after(START, MINUTE) },
        isFailed: undefined,
        count: 5,
      },
    ]);
  });

  it('asks for the share where the verdict was another number, at the instant of the verdict', async () => {
    const { enrich, metrics } = stage();
    const share = slowShareExpr(objective, LABELS, { ...READING, threshold: ms(500) });
    metrics.answer(share, [{ labels: {}, value: 0.2 }]);
    const latencyRule = aRule({ objective, valueKind: 'latency' });
    const found = await enrich({ alert: anAlert({ value: 0.9 }), rule: latencyRule });
    expect(found.slowShare).toBe(0.2);
    expect(metrics.queries).toContainEqual({ expr: share, at: alert.seenAt });
  });

  it('without a quantile once it has ended: what that looks back on is the breach', async () => {
    const { enrich, metrics } = stage();
    const ended = anAlert({ state: 'resolved', resolvedAt: after(START, ms(2 * MINUTE)), value: 0 });
    const found = await enrich({ alert: ended, rule });
    expect(found.latency).toBeUndefined();
    expect(found.chart).toBeDefined();
    expect(metrics.queries).toEqual([]);
  });

  it('shows no chart of a single point, and no points that are no numbers', async () => {
    const { enrich, metrics } = stage();
    const at = (n: number) => after(START, ms(n * SECOND));
    const points = [
      { at: at(1), value: Number.NaN },
      { at: at(2), value: 1 },
    ];
    metrics.answerRange(QUANTILE, [{ labels: {}, points }]);
    expect((await enrich({ alert, rule })).chart).toBeUndefined();
    metrics.answerRange(QUANTILE, [{ labels: {}, points: [...points, { at: at(3), value: 2 }] }]);
    expect((await enrich({ alert, rule })).chart?.at).toEqual([at(2), at(3)]);
  });

  it('with traces alone where the rule has no histogram', async () => {
    const { enrich, metrics } = stage();
    const found = await enrich({ alert, rule: aPlainRule() });
    expect(found).toMatchObject({ traces: { kind: 'found' }, gaps: [] });
    expect(found.latency).toBeUndefined();
    expect(metrics.queries).toEqual([]);
  });

  it('with failed traces of its own window where the rule counts errors (M7)', async () => {
    const { enrich, queries } = stage();
    await enrich({ alert, rule: aPlainRule({ measures: 'errors', lookback: ms(2 * MINUTE) }) });
    expect(queries[0]).toMatchObject({
      isFailed: true,
      window: { start: START - 2 * MINUTE, end: alert.seenAt },
    });
    await enrich({ alert, rule });
    expect(queries[1]?.isFailed).toBeUndefined();
  });

  it('with traces of the service that the expression names (R8)', async () => {
    const { enrich, queries } = stage();
    const nameless = anAlert({ labels: { alertname: 'A' }, series: {} });
    const service = { from: 'matcher', label: 'service', value: 'checkout' } as const;
    await enrich({ alert: nameless, rule: aPlainRule({ service }) });
    expect(queries[0]?.service).toBe('checkout.shop');
  });

  const shops = ['checkout.blog', 'checkout.shop'];
  it.each([
    ['none is the usual one', { kind: 'ambiguous', candidates: shops }],
    ['the default namespace says another', { kind: 'found', service: 'checkout.blog', among: shops }],
  ] as const)('picks the service in the namespace of the alert: %s', async (_, resolved) => {
    const { enrich, queries } = stage({ resolved });
    const labels = { alertname: 'CheckoutSlow', service: 'checkout', namespace: 'shop' };
    await enrich({ alert: anAlert({ labels }), rule });
    expect(queries[0]?.service).toBe('checkout.shop');
  });
});

describe('what cannot be had costs a line', () => {
  it.each([
    ['ambiguous', { kind: 'ambiguous', candidates: ['checkout.a', 'checkout.b'] }],
    ['unknown', { kind: 'unknown', nearest: [], all: [] }],
  ] as const)('no traces of a service that is %s', async (_name, resolved) => {
    const { enrich } = stage({ resolved });
    expect((await enrich({ alert, rule })).traces).toEqual({
      kind: 'unavailable',
      reason: 'Jaeger has no service that matches checkout.',
    });
  });

  it('no traces where no label names a service', async () => {
    const { enrich } = stage();
    const nameless = anAlert({ labels: { alertname: 'A' } });
    expect((await enrich({ alert: nameless, rule: aPlainRule() })).traces).toMatchObject({
      reason: 'the alert has no service label.',
    });
  });

  it('Prometheus down: the traces are there all the same', async () => {
    const { enrich, metrics } = stage();
    metrics.fail(aSourceError('unavailable', 'Prometheus refused the connection.'));
    const found = await enrich({ alert, rule });
    expect(found.gaps.toSorted()).toEqual([
      'No chart: Prometheus refused the connection.',
      'No p99: Prometheus refused the connection.',
    ]);
    expect(found).toMatchObject({ slowShare: 0.072, traces: { kind: 'found' } });
  });

  it('Jaeger down: the figures are there all the same', async () => {
    const error = new UpstreamError({
      system: 'jaeger',
      code: 'unavailable',
      message: 'Jaeger answered 503.',
      advice: '',
    });
    const { enrich } = stage({ findSlowest: () => Promise.reject(error) });
    expect(await enrich({ alert, rule })).toMatchObject({
      latency: { quantile: 0.99 },
      traces: { kind: 'unavailable', reason: 'Jaeger answered 503.' },
    });
  });

  it('everything hangs: after the deadline it is said what did not answer, and all is notified to end', async () => {
    let aborted = 0;
    const hang = (signal?: AbortSignal): Promise<never> =>
      new Promise(() => {
        signal?.addEventListener('abort', () => {
          aborted += 1;
        });
      });
    const { enrich, clock } = stage({
      metrics: { instant: (_query, signal) => hang(signal), range: (_query, signal) => hang(signal) },
      findSlowest: (_query, signal) => hang(signal),
    });
    const found = enrich({ alert, rule });
    await clock.advance(8 * SECOND);
    expect(await found).toMatchObject({
      slowShare: 0.072,
      traces: { kind: 'unavailable', reason: 'Jaeger did not respond within 8 s.' },
    });
    expect((await found).gaps.toSorted()).toEqual([
      'No chart: Prometheus did not respond within 8 s.',
      'No p99: Prometheus did not respond within 8 s.',
    ]);
    expect(aborted).toBe(3);
  });

  it('Jaeger down in a alertGroup: the first alert finds out, the others do not wait, and half a minute later one asks again', async () => {
    let searches = 0;
    const { enrich, clock } = stage({
      findSlowest: () => {
        searches += 1;
        return Promise.reject(aSourceError('unavailable', 'Jaeger answered 503.'));
      },
    });
    const reasons = [];
    for (const pause of [0, 10, 19, 1]) {
      await clock.advance(pause * SECOND);
      reasons.push((await enrich({ alert, rule })).traces);
    }
    expect(reasons).toEqual(
      Array.from({ length: 4 }, () => ({ kind: 'unavailable', reason: 'Jaeger answered 503.' })),
    );
    expect(searches).toBe(2);
  });

  it('a slow search is notified in time to show what it has', async () => {
    const { enrich, clock } = stage({
      findSlowest: (_query, signal) =>
        new Promise((resolve) => {
          signal?.addEventListener('abort', () => {
            resolve({
              rows: [row],
              isComplete: false,
              completeness: 'Incomplete: timed out after 3 searches',
              searches: 3,
            });
          });
        }),
    });
    const found = enrich({ alert, rule });
    await clock.advance(7 * SECOND);
    expect((await found).traces).toMatchObject({
      kind: 'found',
      completeness: 'Incomplete: timed out after 3 searches',
    });
  });

  it('a mistake of the program is in the log, and the alert goes on', async () => {
    const { enrich, logger } = stage({ findSlowest: () => Promise.reject(new TypeError('oops')) });
    expect((await enrich({ alert, rule })).traces).toMatchObject({ kind: 'unavailable' });
    expect(logger.messages('error')).toEqual(['the trace search of an alert failed']);
  });
});

describe('the chart of a resolved alert', () => {
  it('goes on for a minute after the end, over the look-back of the recovery condition', async () => {
    const metrics = createFakeMetricsSource();
    const ends: number[] = [];
    const { enrich, clock } = stage({
      metrics: {
        instant: (query, signal) => metrics.instant(query, signal),
        range: (query, signal) => {
          ends.push(query.window.end);
          return metrics.range(query, signal);
        },
      },
    });
    const recovering = aRule({
      objective,
      recovery: { expr: 'slow_share', comparison: '>', bound: 0.01, window: ms(30 * SECOND) },
    });
    const window = ms(30 * SECOND);
    const points = [1, 2].map((n) => ({ at: after(START, ms(n * MINUTE)), value: n / 4 }));
    metrics.answerRange(quantileExpr(objective, LABELS, { window, quantile: ratio(0.99) }), [
      { labels: {}, points },
    ]);
    const ended = anAlert({ state: 'resolved', resolvedAt: START, resolveReason: 'recovered' });
    for (const ago of [0, 30, 90]) {
      await clock.advance(ms(after(START, ms(ago * SECOND)) - clock.now()));
      expect((await enrich({ alert: ended, rule: recovering })).chart).toBeDefined();
    }
    expect(ends).toEqual([0, 30, 60].map((seconds) => after(START, ms(seconds * SECOND))));
  });
});
