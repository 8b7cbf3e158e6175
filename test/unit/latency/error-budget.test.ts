import { beforeEach, describe, expect, it } from 'vitest';
import {
  type BudgetOf,
  createErrorBudget,
  createServiceBudgets,
  type ErrorBudget,
} from '../../../src/latency/error-budget.ts';
import type { Sample } from '../../../src/lib/metrics-source.ts';
import { before, DAY, HOUR, MINUTE, ms, ratio } from '../../../src/lib/units.ts';
import { requestCountOf, requestRateExpr, slowShareExpr, slowShareOf } from '../../../src/rules/queries.ts';
import type { LatencyObjective } from '../../../src/rules/rule.ts';
import {
  aSourceError,
  createFakeMetricsSource,
  type FakeMetricsSource,
} from '../../support/fake-metrics-source.ts';
import { createVirtualClock, START, type VirtualClock } from '../../support/virtual-clock.ts';

const objective: LatencyObjective = {
  family: { metric: 'm_milliseconds', unit: 'ms', selector: '', serviceLabel: 'service' },
  by: ['service'],
  quantile: ratio(0.99),
  threshold: ms(500),
  window: ms(5 * MINUTE),
};
const of = (service: string): BudgetOf => ({ objective, labels: { service }, at: START });
const shareExpr = (service: string): string =>
  slowShareExpr(objective, { service }, { window: ms(30 * DAY), threshold: ms(500) });
const rateExpr = requestRateExpr(objective, { service: 'checkout' }, { window: HOUR });

describe('an error budget', () => {
  let clock: VirtualClock;
  let metrics: FakeMetricsSource;
  let budget: ErrorBudget;
  beforeEach(() => {
    clock = createVirtualClock();
    metrics = createFakeMetricsSource();
    budget = createErrorBudget({ metrics, clock });
    metrics.answer(shareExpr('checkout'), [{ labels: {}, value: 0.0038 }]);
    covers(30);
  });

  /** Days back that the histogram has samples for. */
  const covers = (days: number): void => {
    const points = Array.from({ length: days + 1 }, (_, i) => ({
      at: before(START, ms((days - i) * DAY)),
      value: 10,
    }));
    metrics.answerRange(rateExpr, [{ labels: {}, points }]);
  };

  it('is what the slow requests of the period leave of what the objective allows', async () => {
    expect(await budget(of('checkout'))).toMatchObject({ kind: 'known', period: 30 * DAY, over: 30 * DAY });
    expect((await budget(of('checkout'))) as object).toMatchObject({ left: expect.closeTo(0.62, 6) });
  });

  it('has the part of the period with data', async () => {
    covers(12);
    expect(await budget(of('checkout'))).toMatchObject({ over: 12 * DAY });
  });

  it('may be overspent', async () => {
    metrics.answer(shareExpr('checkout'), [{ labels: {}, value: 0.025 }]);
    expect(await budget(of('checkout'))).toMatchObject({ left: expect.closeTo(-1.5, 6) });
  });

  it.each<[string, readonly Sample[], number, string]>([
    ['no series', [], -1, 'no requests in 30d'],
    ['no requests', [{ labels: {}, value: Number.NaN }], 30, 'no requests in 30d'],
    ['requests, but no bucket at the threshold', [], 30, '500ms is not a bucket bound'],
  ])('is not known with %s', async (_, answer, days, reason) => {
    metrics.answer(shareExpr('checkout'), answer);
    covers(days);
    expect(await budget(of('checkout'))).toEqual({ kind: 'unknown', reason });
  });

  it('is an upper limit where the threshold is between bucket bounds', async () => {
    const approximate = { ...objective, isApproximate: true } as const;
    const expr = slowShareExpr(
      approximate,
      { service: 'checkout' },
      { window: ms(30 * DAY), threshold: ms(500) },
    );
    metrics.answer(expr, [{ labels: {}, value: 0.002 }]);
    expect(await budget({ ...of('checkout'), objective: approximate })).toMatchObject({
      left: expect.closeTo(0.8, 6),
      isAtMost: true,
    });
    expect(await budget(of('checkout'))).not.toMatchObject({ isAtMost: expect.anything() });
  });

  it('is queried once in ten minutes', async () => {
    await Promise.all([budget(of('checkout')), budget(of('checkout'))]);
    await budget({ ...of('checkout'), objective: { ...objective, window: HOUR } });
    await clock.advance(9 * MINUTE);
    await budget(of('checkout'));
    expect(metrics.queries).toHaveLength(1);
    await clock.advance(2 * MINUTE);
    await budget(of('checkout'));
    expect(metrics.queries).toHaveLength(2);
  });

  it('is queried again after a minute where there is less than a day of data', async () => {
    covers(0);
    await budget(of('checkout'));
    const first = metrics.queries.length;
    await clock.advance(MINUTE - 1);
    await budget(of('checkout'));
    expect(metrics.queries).toHaveLength(first);
    await clock.advance(2);
    await budget(of('checkout'));
    expect(metrics.queries.length).toBeGreaterThan(first);
  });

  it('is queried again two minutes after a failure', async () => {
    metrics.fail(aSourceError('bad-request', 'query processing would load too many samples.'));
    expect(await budget(of('checkout'))).toEqual({
      kind: 'unknown',
      reason: 'query processing would load too many samples',
    });
    metrics.fail(undefined);
    await clock.advance(MINUTE);
    expect(await budget(of('checkout'))).toMatchObject({ kind: 'unknown' });
    await clock.advance(MINUTE);
    expect(await budget(of('checkout'))).toMatchObject({ kind: 'known' });
  });

  it('is pending after two seconds, and known to the next caller once it is', async () => {
    let answer: (samples: readonly Sample[]) => void = () => undefined;
    metrics.answer(shareExpr('checkout'), () => new Promise((resolve) => (answer = resolve)));
    const first = budget(of('checkout'));
    await clock.whenAsleep();
    await clock.advance(2_000);
    expect(await first).toEqual({ kind: 'pending' });
    answer([{ labels: {}, value: 0.0038 }]);
    expect(await budget(of('checkout'))).toMatchObject({ kind: 'known' });
  });

  it('is queried for two services at a time, and not for all of a large alert group', async () => {
    let under = 0;
    let most = 0;
    const answers: (() => void)[] = [];
    const services = Array.from({ length: 40 }, (_, i) => `s${i}`);
    for (const service of services)
      metrics.answer(shareExpr(service), () => {
        under += 1;
        most = Math.max(most, under);
        return new Promise((resolve) =>
          answers.push(() => {
            under -= 1;
            resolve([{ labels: {}, value: 0 }]);
          }),
        );
      });
    const all = Promise.all(services.map((service) => budget(of(service))));
    for (let i = 0; i < 400; i++) {
      answers.shift()?.();
      await Promise.resolve();
    }
    const kinds = (await all).map((each) => (each.kind === 'unknown' ? each.reason : each.kind));
    expect(most).toBe(2);
    expect(kinds.filter((kind) => kind === 'known')).toHaveLength(22);
    expect(kinds.filter((kind) => kind === 'too many queries are waiting')).toHaveLength(18);
  });

  it('is none where the quantile leaves none', async () => {
    expect(
      await budget({ ...of('checkout'), objective: { ...objective, quantile: ratio(1) } }),
    ).toMatchObject({ kind: 'unknown' });
    expect(metrics.queries).toEqual([]);
  });
});

describe('the error budgets of all services', () => {
  it('need two queries, and each has the part of the period with data', async () => {
    const clock = createVirtualClock();
    const metrics = createFakeMetricsSource();
    const by = { by: ['service'] };
    const shares = slowShareOf(objective.family, { ...by, window: ms(30 * DAY), threshold: ms(500) });
    const of = (service: string, value: number) => ({ labels: { service }, value });
    metrics.answer(shares, [of('checkout', 0.0038), of('cart', 0), of('idle', Number.NaN)]);
    metrics.answerRange(requestCountOf(objective.family, { ...by, window: HOUR }), [
      { labels: { service: 'checkout' }, points: [{ at: before(START, ms(12 * DAY)), value: 10 }] },
    ]);
    const budgets = await createServiceBudgets({ metrics, clock })({ objective, at: START });
    expect(budgets).toEqual({
      kind: 'known',
      services: [
        {
          labels: { service: 'checkout' },
          budget: { left: expect.closeTo(0.62, 6), period: 30 * DAY, over: 12 * DAY, at: START },
        },
        { labels: { service: 'cart' }, budget: { left: 1, period: 30 * DAY, over: 0, at: START } },
      ],
    });
    expect(metrics.queries).toHaveLength(1);
  });
});
