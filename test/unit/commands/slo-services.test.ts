import { describe, expect, it } from 'vitest';
import type { Alert } from '../../../src/alerts/alert.ts';
import { type SloServicesView, sloServices } from '../../../src/commands/slo-services.ts';
import type { ServiceBudgets } from '../../../src/latency/error-budget.ts';
import { DAY, MINUTE, ms, ratio } from '../../../src/lib/units.ts';
import { requestCountOf, slowShareOf } from '../../../src/rules/queries.ts';
import type { ServiceObjective } from '../../../src/rules/rule.ts';
import { sloServicesMessage } from '../../../src/slack/blocks/slo-status.ts';
import { aGroup, anAlert, aRule } from '../../support/builders.ts';
import { aSourceError } from '../../support/fake-metrics-source.ts';
import { START } from '../../support/virtual-clock.ts';
import { open } from './bench.ts';

const objective: ServiceObjective = {
  family: { metric: 'm_milliseconds', unit: 'ms', selector: '', serviceLabel: 'service' },
  by: ['service'],
  quantile: ratio(0.99),
  threshold: ms(500),
  window: ms(5 * MINUTE),
};
const rule = aRule({ objective, minRequests: 50 });
const burning = aRule({
  name: 'Burn',
  key: 'Burn',
  objective: { ...objective, window: ms(60 * MINUTE) },
  burn: { long: ms(60 * MINUTE), short: ms(5 * MINUTE), factor: 14.4 },
});
const of = (service: string, value: number) => ({ labels: { service }, value });

async function viewOf(given: {
  alerts?: readonly Alert[];
  left?: Readonly<Record<string, number>>;
  isDown?: boolean;
}): Promise<SloServicesView> {
  const { deps, metrics } = open([]);
  metrics.answer(slowShareOf(objective.family, objective), [
    of('auth', 0),
    of('cart', 0),
    of('checkout', 0.004),
    of('mail', 0),
  ]);
  metrics.answer(requestCountOf(objective.family, { by: ['service'], window: objective.window }), [
    of('auth', 900),
    of('mail', 3),
  ]);
  if (given.isDown === true) metrics.fail(aSourceError());
  const services = Object.entries(given.left ?? {}).map(([service, left]) => ({
    labels: { service },
    budget: { left, period: ms(30 * DAY), over: ms(12 * DAY), at: START },
  }));
  const serviceBudgets: ServiceBudgets = async () =>
    services.length === 0 ? { kind: 'pending' } : { kind: 'known', services };
  const state = (each: typeof rule, alerts: readonly Alert[]) => ({
    rule: each,
    alerts,
    health: { kind: 'ok' } as const,
  });
  const { answer } = await sloServices.run(
    { command: { kind: 'slo-services' }, by: 'U0ANN', now: START, signal: new AbortController().signal },
    {
      ...deps,
      serviceBudgets,
      ruleSet: () => ({ groups: [aGroup({ rules: [burning, rule] })], objectives: [objective] }),
      store: {
        ...deps.store,
        loadGroup: async (id) =>
          id === aGroup().id
            ? {
                evalTime: START,
                rules: { [rule.key]: state(rule, given.alerts ?? []), [burning.key]: state(burning, []) },
              }
            : undefined,
      },
    },
  );
  if (answer.kind !== 'slo-services') throw new Error(answer.kind);
  return answer.view;
}

const namesOf = ({ rows }: SloServicesView): readonly string[] => rows.map(({ name }) => name);

describe('the services of an objective', () => {
  it('are sorted by state, then by the share of slow requests, then by budget', async () => {
    const view = await viewOf({
      alerts: [anAlert({ labels: { service: 'payments' }, series: { service: 'payments' } })],
      left: { auth: 0.58, cart: 0.91, checkout: 1, mail: 1 },
    });
    expect(namesOf(view)).toEqual(['payments', 'mail', 'checkout', 'auth', 'cart']);
    expect(view.rows.map(({ state }) => state)).toEqual(['firing', 'not-evaluated', 'ok', 'ok', 'ok']);
    expect(view.gaps).toEqual([]);
  });

  it('are listed without requests, too, with what is left of their budgets', async () => {
    const view = await viewOf({ left: { auth: 1, idle: -0.4 } });
    expect(view.rows.at(-1)).toMatchObject({ name: 'idle', state: 'not-evaluated', budget: { left: -0.4 } });
  });

  it('are listed once, whatever burn rates evaluate them too', async () => {
    expect(namesOf(await viewOf({ left: { auth: 1 } }))).toHaveLength(4);
  });

  it('say what is missing', async () => {
    expect((await viewOf({})).gaps).toEqual([
      expect.stringContaining('Error budgets are still being queried'),
    ]);
    const view = await viewOf({ isDown: true, alerts: [anAlert()] });
    expect(namesOf(view)).toEqual(['checkout']);
    expect(view.gaps).toEqual([expect.stringContaining('only services with alerts are listed')]);
  });

  it('are a table whose cells name their period', async () => {
    const message = sloServicesMessage(await viewOf({ left: { checkout: 0.43 } }));
    const table = message.blocks.find(({ type }) => type === 'table') as unknown as {
      rows: { text: string }[][];
    };
    expect(table.rows.map((row) => row.map(({ text }) => text)).slice(0, 3)).toEqual([
      ['Service', 'State', 'Slow', 'Compliance', 'Error budget', 'Objective'],
      ['mail', '➖ not evaluated', '0% in 5 min', '–', '–', 'p99 below 500 ms'],
      ['checkout', '🟢 ok', '0.4% in 5 min', '99.43% in 12 days', '43% left', 'p99 below 500 ms'],
    ]);
    expect(message.text).toBe('4 services, the worst first: mail, not evaluated');
  });
});
