import { describe, expect, it } from 'vitest';
import type { Alert } from '../../../src/alerts/alert.ts';
import { type SloDeps, sloRows } from '../../../src/commands/slo-status.ts';
import type { Budget } from '../../../src/latency/error-budget.ts';
import { DAY, MINUTE, ms, ratio } from '../../../src/lib/units.ts';
import { bucketRatesExpr, requestCountOf } from '../../../src/rules/queries.ts';
import type { ServiceObjective, SloRule } from '../../../src/rules/rule.ts';
import { aGroup, anAlert, aRule } from '../../support/builders.ts';
import { aSourceError, createFakeMetricsSource } from '../../support/fake-metrics-source.ts';
import { createVirtualClock, START } from '../../support/virtual-clock.ts';

const objective: ServiceObjective = {
  family: { metric: 'm_milliseconds', unit: 'ms', selector: '', serviceLabel: 'service' },
  by: ['service'],
  quantile: ratio(0.99),
  threshold: ms(500),
  window: ms(5 * MINUTE),
};
const rule = aRule({ objective });
const guarded = aRule({ objective, minRequests: 50 });
const COUNT = requestCountOf(objective.family, { by: ['service'], window: objective.window });
const ratesOf = (service: string): string =>
  bucketRatesExpr(objective, { service }, { window: objective.window });
const known: Budget = { kind: 'known', left: 0.62, period: ms(30 * DAY), over: ms(30 * DAY), at: START };

function setUp(given: { rules?: readonly SloRule[]; alerts?: readonly Alert[]; budget?: Budget } = {}) {
  const { rules = [rule], alerts = [], budget = known } = given;
  const metrics = createFakeMetricsSource();
  const bucket = (le: string, value: number) => ({ labels: { le }, value });
  for (const service of ['checkout', 'cart'])
    metrics.answer(ratesOf(service), [bucket('500', 92.8), bucket('1000', 99.9), bucket('+Inf', 100)]);
  const states = Object.fromEntries(
    rules.map((each) => [
      each.key,
      { rule: each, alerts, health: { kind: 'ok' }, evaluatedAt: START } as const,
    ]),
  );
  const deps: SloDeps = {
    ruleSet: () => ({ groups: [aGroup({ rules })], objectives: [objective] }),
    store: {
      loadGroup: async (id) => (id === aGroup().id ? { evalTime: START, rules: states } : undefined),
      shownMessage: async () => undefined,
      actions: async () => new Map(),
    },
    metrics,
    clock: createVirtualClock(START),
    errorBudget: async () => budget,
    serviceBudgets: async () => ({ kind: 'pending' }),
    problemOf: () => undefined,
  };
  return { metrics, rows: () => sloRows(deps, { now: START }) };
}

describe('the figures of a row', () => {
  it('are the quantile, the share and the budget, of an alert', async () => {
    const { rows } = setUp({ alerts: [anAlert()], budget: known });
    const [row] = await rows();
    expect(row?.figures).toEqual({
      latency: { quantile: 0.99, value: expect.closeTo(936.6, 1), low: 500, high: 1_000 },
      slow: { low: 500, high: 500, atLeast: expect.closeTo(0.072, 9), atMost: expect.closeTo(0.072, 9) },
      budget: known,
    });
  });

  it('are those of the service nearest to its bound, where the rule is met', async () => {
    const { rows, metrics } = setUp();
    metrics.answer('slow_share', [
      { labels: { service: 'cart' }, value: 0.004 },
      { labels: { service: 'checkout' }, value: 0.001 },
    ]);
    const [row] = await rows();
    expect(row).toMatchObject({ state: 'ok', subject: 'cart', value: 0.004 });
    expect(metrics.queries.map(({ expr }) => expr)).toContain(ratesOf('cart'));
  });

  it('are an interval where the threshold is no bucket bound', async () => {
    const odd = aRule({ objective: { ...objective, threshold: ms(750) }, valueKind: 'latency' });
    const { rows } = setUp({ rules: [odd], alerts: [anAlert()] });
    const [row] = await rows();
    expect(row?.figures?.slow).toEqual({
      low: 500,
      high: 1_000,
      atLeast: expect.closeTo(0.001, 9),
      atMost: expect.closeTo(0.072, 9),
    });
  });

  it.each<Budget>([{ kind: 'unknown', reason: 'Prometheus did not answer in time' }, { kind: 'pending' }])(
    'hold the reason when the budget is unknown: $kind',
    async (budget) => {
      const { rows } = setUp({ alerts: [anAlert()], budget });
      expect((await rows())[0]?.figures?.budget).toEqual(budget);
    },
  );

  it('are missing when the source does not answer', async () => {
    const { rows, metrics } = setUp({ alerts: [anAlert()] });
    metrics.fail(aSourceError());
    expect((await rows())[0]).toMatchObject({ state: 'firing', figures: { budget: known } });
    expect((await rows())[0]?.figures?.latency).toBeUndefined();
  });

  it('are measured for twelve rows only, the most urgent ones', async () => {
    const rules = Array.from({ length: 15 }, (_, i) => aRule({ name: `R${i}`, objective }));
    const { rows } = setUp({ rules, alerts: [anAlert()] });
    expect((await rows()).map(({ figures }) => figures !== undefined)).toEqual([
      ...Array.from({ length: 12 }, () => true),
      false,
      false,
      false,
    ]);
  });
});

describe('a service with too few requests', () => {
  const at = (service: string, value: number) => ({ labels: { service }, value });
  const cases: Record<string, [readonly ReturnType<typeof at>[], readonly ReturnType<typeof at>[], object]> =
    {
      'is not evaluated, and says how many requests there were': [
        [],
        [at('cart', 3.2), at('checkout', 1)],
        { state: 'not-evaluated', detail: '3 requests in 5m, at least 50 required' },
      ],
      'is not evaluated without any request': [
        [],
        [at('cart', 0)],
        { state: 'not-evaluated', detail: 'no requests in 5m' },
      ],
      'is shown for some services beside the state of the others': [
        [at('checkout', 0.001)],
        [at('cart', 3), at('checkout', 900)],
        { state: 'ok', detail: '1 service not evaluated: fewer than 50 requests in 5m' },
      ],
    };
  it.each(Object.entries(cases))('%s', async (_name, [values, counts, expected]) => {
    const { rows, metrics } = setUp({ rules: [guarded] });
    metrics.answer('slow_share', values);
    metrics.answer(COUNT, counts);
    expect((await rows())[0]).toMatchObject(expected);
  });

  it('is not mentioned when every service has requests enough', async () => {
    const { rows, metrics } = setUp({ rules: [guarded] });
    metrics.answer('slow_share', [at('checkout', 0.001)]);
    metrics.answer(COUNT, [at('checkout', 900)]);
    expect((await rows())[0]).not.toMatchObject({ detail: expect.anything() });
  });

  it('is not mentioned when Prometheus does not answer: nothing is known then', async () => {
    const { rows, metrics } = setUp({ rules: [guarded] });
    metrics.fail(aSourceError());
    expect((await rows())[0]).toMatchObject({ state: 'ok' });
  });
});
