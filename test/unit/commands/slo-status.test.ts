import { describe, expect, test } from 'vitest';
import type { Alert, AlertActions, RuleGroupState, RuleState } from '../../../src/alerts/alert.ts';
import { type SloDeps, type SloRow, sloRows } from '../../../src/commands/slo-status.ts';
import { RECEIVED_GROUP } from '../../../src/evaluation/alert-receiver.ts';
import { after, DAY, MINUTE, ms, ratio } from '../../../src/lib/units.ts';
import type { ShownMessage } from '../../../src/messages/store.ts';
import { slowShareOf } from '../../../src/rules/queries.ts';
import type { RuleGroup } from '../../../src/rules/rule.ts';
import { aGroup, anAlert, aPlainRule, aRule } from '../../support/builders.ts';
import { aSourceError, createFakeMetricsSource } from '../../support/fake-metrics-source.ts';
import { createVirtualClock, START } from '../../support/virtual-clock.ts';

const now = after(START, MINUTE);

function setUp(given: {
  groups: readonly RuleGroup[];
  states?: readonly RuleState[];
  refs?: readonly ShownMessage[];
  actions?: AlertActions;
  received?: RuleGroupState;
}) {
  const metrics = createFakeMetricsSource();
  const rules = Object.fromEntries((given.states ?? []).map((state) => [state.rule.key, state]));
  const deps = {
    ruleSet: () => ({ groups: given.groups, objectives: [] }),
    store: {
      loadGroup: async (id: string): Promise<RuleGroupState | undefined> => {
        if (id === RECEIVED_GROUP.id) return given.received;
        return given.states === undefined ? undefined : { evalTime: START, rules };
      },
      actions: async (alertIds: readonly string[]) =>
        new Map(
          alertIds.flatMap((alertId) =>
            given.actions === undefined ? [] : [[alertId, given.actions] as const],
          ),
        ),
      shownMessage: async (key: string) => given.refs?.find((ref) => ref.key === key),
    },
    metrics,
    clock: createVirtualClock(now),
    errorBudget: async () => ({ kind: 'pending' }) as const,
    serviceBudgets: async () => ({ kind: 'pending' }) as const,
    problemOf: () => undefined,
  } satisfies SloDeps;
  return { deps, metrics };
}

async function rowsOf(given: Parameters<typeof setUp>[0], answer?: number) {
  const { deps, metrics } = setUp(given);
  if (answer !== undefined) metrics.answer('slow_share', [{ labels: { service: 'cart' }, value: answer }]);
  return await sloRows(deps, { now });
}

const rule = aRule();
const ok = { kind: 'ok' } as const;

test('a rule that was never evaluated is in state unknown', async () => {
  expect(await rowsOf({ groups: [aGroup()] })).toMatchObject([
    { rule: { name: 'CheckoutSlow' }, state: 'unknown' },
  ]);
});

test('an alert of Alertmanager that is open has a row; one that ended, and its rule, have none', async () => {
  const alerts = [anAlert(), anAlert({ fingerprint: 'ended', state: 'resolved' })];
  const received = { evalTime: START, rules: { [rule.key]: { rule, alerts, health: ok } } };
  expect(await rowsOf({ groups: [], received })).toMatchObject([{ state: 'firing', isReceived: true }]);
});

test('the row of an alert that Alertmanager resolved has why it stays open', async () => {
  const alerts = [anAlert({ resolvedInAlertmanager: { at: START } })];
  const received = { evalTime: START, rules: { [rule.key]: { rule, alerts, health: ok } } };
  expect(await rowsOf({ groups: [], received })).toMatchObject([{ unconfirmed: { at: START } }]);
});

test('a rule that is met shows the value nearest to its bound', async () => {
  const rows = await rowsOf({ groups: [aGroup()], states: [{ rule, alerts: [], health: ok }] }, 0.004);
  expect(rows).toMatchObject([{ state: 'ok', value: 0.004, rule: { bound: 0.01, comparison: '>' } }]);
});

test('among several services the worst value is the one shown, and NaN is none', async () => {
  const { deps, metrics } = setUp({ groups: [aGroup()], states: [{ rule, alerts: [], health: ok }] });
  metrics.answer('slow_share', [
    { labels: { service: 'a' }, value: Number.NaN },
    { labels: { service: 'b' }, value: 0.002 },
    { labels: { service: 'c' }, value: 0.001 },
  ]);
  expect(await sloRows(deps, { now })).toMatchObject([{ value: 0.002 }]);
});

test('for a rule that must stay above its bound the lowest value is the worst', async () => {
  const low = aRule({ comparison: '<', recovery: { expr: 'slow_share', comparison: '<', bound: 5 } });
  const { deps, metrics } = setUp({
    groups: [aGroup({ rules: [low] })],
    states: [{ rule: low, alerts: [], health: ok }],
  });
  metrics.answer('slow_share', [
    { labels: {}, value: 9 },
    { labels: {}, value: 7 },
  ]);
  expect(await sloRows(deps, { now })).toMatchObject([{ value: 7 }]);
});

test('a rule without a readable bound has no value when it is met', async () => {
  const plain = aPlainRule();
  const rows = await rowsOf({
    groups: [aGroup({ rules: [plain] })],
    states: [{ rule: plain, alerts: [], health: ok }],
  });
  expect(rows[0]).toMatchObject({ state: 'ok' });
  expect(rows[0]).not.toMatchObject({ value: expect.anything() });
});

test('an alert shows its value, since when, and the link to its message', async () => {
  const alert = anAlert();
  const ref = { key: alert.alertId, permalink: 'https://example.slack.com/p1' } as ShownMessage;
  const rows = await rowsOf({
    groups: [aGroup()],
    states: [{ rule, alerts: [alert], health: ok }],
    refs: [ref],
  });
  expect(rows).toMatchObject([
    {
      state: 'firing',
      subject: 'checkout',
      value: 0.072,
      since: START,
      messageUrl: 'https://example.slack.com/p1',
    },
  ]);
});

test('a rule in state ok has the time of its evaluation: its figures are newer', async () => {
  const recovering = aRule({
    recovery: { expr: 'slow_share', comparison: '>', bound: 0.01, window: ms(30_000) },
  });
  const rows = await rowsOf(
    {
      groups: [aGroup({ rules: [recovering] })],
      states: [{ rule: recovering, alerts: [], health: ok, evaluatedAt: START }],
    },
    0.004,
  );
  expect(rows).toMatchObject([{ state: 'ok', rule: { recovery: { window: 30_000 } }, evaluatedAt: START }]);
});

test('a pending alert has the duration of its rule', async () => {
  const waits = aRule({ for: MINUTE });
  const rows = await rowsOf({
    groups: [aGroup({ rules: [waits] })],
    states: [{ rule: waits, alerts: [anAlert({ state: 'pending' })], health: ok }],
  });
  expect(rows).toMatchObject([{ state: 'pending', rule: { for: MINUTE } }]);
});

describe('what people did', () => {
  const by = { by: 'U0ANN', at: now };
  const silence = {
    kind: 'silence',
    by: 'planned',
    since: START,
    silence: { id: 'ab', by: 'U0BOB' },
  } as const;
  test.each<[string, Alert, AlertActions, SloRow['people']]>([
    ['an acknowledgement', anAlert(), { acknowledged: by }, ['acknowledged by ', { person: 'U0ANN' }]],
    ['a silence', anAlert({ suppressed: silence }), {}, ['silenced by ', { person: 'U0BOB' }, ': planned']],
    [
      'both',
      anAlert({ suppressed: silence }),
      { acknowledged: by },
      ['acknowledged by ', { person: 'U0ANN' }, ', ', 'silenced by ', { person: 'U0BOB' }, ': planned'],
    ],
  ])('%s names the person', async (_, alert, actions, people) => {
    const rows = await rowsOf({
      groups: [aGroup()],
      states: [{ rule, alerts: [alert], health: ok }],
      actions,
    });
    expect(rows).toMatchObject([{ state: 'firing', people }]);
    expect(rows[0]).not.toMatchObject({ detail: expect.anything() });
  });

  test('an alert that a person ended is no alert any more, before the next evaluation too', async () => {
    const alert = anAlert({ noDataSince: START });
    const states = [{ rule, alerts: [alert], health: ok }];
    const rows = await rowsOf({ groups: [aGroup()], states, actions: { closed: by } }, 0.001);
    expect(rows).toMatchObject([{ state: 'ok' }]);
  });
});

describe('states', () => {
  test.each([
    ['pending', anAlert({ state: 'pending' }), 'pending'],
    ['firing without data', anAlert({ noDataSince: now }), 'no-data'],
  ])('an alert that is %s', async (_, alert, state) => {
    expect(
      await rowsOf({ groups: [aGroup()], states: [{ rule, alerts: [alert], health: ok }] }),
    ).toMatchObject([{ state }]);
  });

  test('a resolved alert leaves its rule met', async () => {
    const alert = anAlert({ state: 'resolved', resolvedAt: now });
    expect(
      await rowsOf({ groups: [aGroup()], states: [{ rule, alerts: [alert], health: ok }] }),
    ).toMatchObject([{ state: 'ok' }]);
  });

  test.each([
    ['a rule that is wrong', { kind: 'rule-error', message: 'parse error' } as const, 'rule-error'],
    [
      'a source that is down',
      { kind: 'source-error', message: 'refused', since: START } as const,
      'source-error',
    ],
  ])('%s has the reason', async (_, health, state) => {
    const rows = await rowsOf({ groups: [aGroup()], states: [{ rule, alerts: [], health }] });
    expect(rows).toMatchObject([{ state, detail: health.message }]);
  });
});

test('what needs a person comes first', async () => {
  const rules = ['a', 'b', 'c'].map((name) => aPlainRule({ name, key: name }));
  const [a, b, c] = rules as [typeof rule, typeof rule, typeof rule];
  const rows = await rowsOf({
    groups: [aGroup({ rules })],
    states: [
      { rule: a, alerts: [], health: ok },
      { rule: b, alerts: [], health: { kind: 'source-error', message: 'x', since: START } },
      { rule: c, alerts: [anAlert()], health: ok },
    ],
  });
  expect(rows.map(({ rule: { name } }) => name)).toEqual(['c', 'b', 'a']);
});

test('a Prometheus that is down costs the values, not the report', async () => {
  const { deps, metrics } = setUp({ groups: [aGroup()], states: [{ rule, alerts: [], health: ok }] });
  metrics.fail(aSourceError());
  const rows = await sloRows(deps, { now });
  expect(rows).toMatchObject([{ state: 'ok' }]);
  expect(rows[0]).not.toMatchObject({ value: expect.anything() });
});

test('a Prometheus that hangs costs four seconds and the values', async () => {
  const { deps, metrics } = setUp({ groups: [aGroup()], states: [{ rule, alerts: [], health: ok }] });
  metrics.answer('slow_share', () => new Promise(() => undefined));
  const report = sloRows(deps, { now });
  await deps.clock.advance(4_000);
  expect(await report).toMatchObject([{ state: 'ok' }]);
});

describe('among several services that meet an objective', () => {
  const family = { metric: 'm', unit: 'ms' as const, selector: '', serviceLabel: 'service' };
  const objective = { family, by: ['service'], quantile: ratio(0.99), threshold: ms(500), window: MINUTE };
  const watching = aRule({ objective });
  const samples = (values: Readonly<Record<string, number>>) =>
    Object.entries(values).map(([service, value]) => ({ labels: { service }, value }));
  const known = (left: number) => ({ left, period: ms(30 * DAY), over: ms(30 * DAY), at: START });

  async function worst(given: {
    recovery: Readonly<Record<string, number>>;
    shares?: Readonly<Record<string, number>>;
    left?: Readonly<Record<string, number>>;
  }) {
    const { deps, metrics } = setUp({
      groups: [aGroup({ rules: [watching] })],
      states: [{ rule: watching, alerts: [], health: ok }],
    });
    metrics.answer('slow_share', samples(given.recovery));
    if (given.shares !== undefined)
      metrics.answer(slowShareOf(family, { ...objective }), samples(given.shares));
    const services = samples(given.left ?? {}).map(({ labels, value }) => ({ labels, budget: known(value) }));
    const rows = await sloRows(
      { ...deps, serviceBudgets: async () => ({ kind: 'known', services }) },
      { now },
    );
    return rows[0]?.subject;
  }

  const calm = { auth: 0, checkout: 0, frontend: 0 };
  test('the one with the most slow requests over its own window is shown', async () => {
    expect(await worst({ recovery: calm, shares: { ...calm, checkout: 0.004 } })).toBe('checkout');
  });
  test('of equal ones the one with the least budget is shown', async () => {
    const left = { auth: 1, checkout: 0.91, frontend: 0.58 };
    expect(await worst({ recovery: calm, shares: calm, left })).toBe('frontend');
  });
  test('without an answer of Prometheus the value of the rule decides', async () => {
    expect(await worst({ recovery: { ...calm, checkout: 0.001 } })).toBe('checkout');
  });
});

test('the report on one service leaves out other services and rules that do not watch it', async () => {
  const family = { metric: 'm', unit: 'ms' as const, selector: '', serviceLabel: 'service' };
  const objective = { family, by: ['service'], quantile: ratio(0.99), threshold: ms(500), window: MINUTE };
  const watching = aRule({ objective });
  const other = aPlainRule({ name: 'Disk', key: 'Disk' });
  const cart = anAlert({ series: { service: 'cart' }, fingerprint: 'cart' });
  const { deps, metrics } = setUp({
    groups: [aGroup({ rules: [watching, other] })],
    states: [
      { rule: watching, alerts: [anAlert(), cart], health: ok },
      { rule: other, alerts: [], health: ok },
    ],
  });
  const only = (value: string) => sloRows(deps, { now, only: [{ label: 'service', value }] });
  expect(await only('cart')).toMatchObject([{ state: 'firing', subject: 'cart' }]);
  metrics.answer('slow_share', [
    { labels: { service: 'cart' }, value: 0.5 },
    { labels: { service: 'auth' }, value: 0.001 },
  ]);
  expect(await only('auth')).toMatchObject([{ rule: { name: 'CheckoutSlow' }, state: 'ok', value: 0.001 }]);
});

test('a rule whose recovery query Prometheus rejects says how its alerts end', async () => {
  const health = { kind: 'ok', recoveryRejected: 'many-to-many matching not allowed' } as const;
  const rows = await rowsOf({ groups: [aGroup()], states: [{ rule, alerts: [], health }] });
  expect(rows).toMatchObject([
    {
      state: 'ok',
      detail:
        'alerts end when no longer returned, because Prometheus rejects the recovery query: many-to-many matching not allowed',
    },
  ]);
});

test('a problem of a rule is not shown once the rule returns data', async () => {
  const given = { groups: [aGroup()], states: [{ rule, alerts: [], health: ok }] };
  const { deps, metrics } = setUp(given);
  const problem = { ...deps, problemOf: () => 'metric `slow` not found.' };
  expect(await sloRows(problem, { now })).toMatchObject([
    { state: 'not-evaluated', detail: 'metric `slow` not found.' },
  ]);
  metrics.answer('slow_share', [{ labels: { service: 'cart' }, value: 0.002 }]);
  expect(await sloRows(problem, { now })).toMatchObject([{ state: 'ok', value: 0.002 }]);
});
