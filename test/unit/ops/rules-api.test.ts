import { describe, expect, it } from 'vitest';
import type { Alert, RuleGroupState, RuleHealth } from '../../../src/alerts/alert.ts';
import { RECEIVED_GROUP } from '../../../src/evaluation/alert-receiver.ts';
import { after, MINUTE, ms, SECOND } from '../../../src/lib/units.ts';
import { createRulesApi, type RulesFilter, scientific } from '../../../src/ops/rules-api.ts';
import type { RuleGroup } from '../../../src/rules/rule.ts';
import { aGroup, anAlert, aRule } from '../../support/builders.ts';
import { START } from '../../support/virtual-clock.ts';

const ALL: RulesFilter = { names: [], groups: [], files: [], matchers: [], excludeAlerts: false };
const TEAM_OPS = { label: 'team', operator: '=', value: 'ops' } as const;
const rule = aRule({ for: MINUTE, keepFiringFor: ms(90 * SECOND), labels: { severity: 'page' } });

const stateOf = (alerts: readonly Alert[], health: RuleHealth = { kind: 'ok' }): RuleGroupState => ({
  evalTime: START,
  rules: { [rule.key]: { rule, alerts, health, evaluatedAt: START, evaluationSeconds: 0.012 } },
});

const apiOf = (
  state?: RuleGroupState,
  groups: readonly RuleGroup[] = [aGroup({ limit: 5, rules: [rule] })],
  received?: RuleGroupState,
) =>
  createRulesApi({
    rules: () => ({ groups, objectives: [] }),
    store: {
      loadGroup: async (id) => (id === RECEIVED_GROUP.id ? received : state),
      actions: async () => new Map(),
    },
  });

const { firedAt: _firedAt, ...unfired } = anAlert();
const pending: Alert = { ...unfired, state: 'pending', fingerprint: 'p' };

describe('the rules in Prometheus’s JSON', () => {
  it('has the alerts of Alertmanager in a group of their own', async () => {
    const api = apiOf(undefined, [], stateOf([anAlert()]));
    const { groups } = await api.rules(ALL);
    expect(groups).toMatchObject([
      { file: 'Alertmanager', rules: [{ name: 'CheckoutSlow', state: 'firing' }] },
    ]);
    expect((await api.alerts()).alerts).toHaveLength(1);
  });

  it('has every field that Prometheus has, in its units', async () => {
    const alert = anAlert({ value: 2_479.304158488714, keepFiringSince: after(START, MINUTE) });
    expect(await apiOf(stateOf([alert])).rules(ALL)).toEqual({
      groups: [
        {
          name: 'checkout',
          file: 'rules.yaml',
          rules: [
            {
              state: 'firing',
              name: 'CheckoutSlow',
              query: 'slow_share > 0.01',
              duration: 60,
              keepFiringFor: 90,
              labels: { severity: 'page' },
              annotations: {},
              alerts: [
                {
                  labels: { alertname: 'CheckoutSlow', service: 'checkout', severity: 'page' },
                  annotations: { summary: 'checkout is slow' },
                  state: 'firing',
                  activeAt: '2026-11-20T14:00:00Z',
                  keepFiringSince: '2026-11-20T14:01:00Z',
                  value: '2.479304158488714e+03',
                },
              ],
              health: 'ok',
              evaluationTime: 0.012,
              lastEvaluation: '2026-11-20T14:00:00Z',
              type: 'alerting',
            },
          ],
          interval: 30,
          limit: 5,
          evaluationTime: 0.012,
          lastEvaluation: '2026-11-20T14:00:00Z',
        },
      ],
    });
  });

  const states: Readonly<Record<string, readonly [RuleGroupState | undefined, object]>> = {
    'a rule that was never evaluated': [
      undefined,
      { state: 'inactive', health: 'unknown', lastEvaluation: '0001-01-01T00:00:00Z', alerts: [] },
    ],
    'a rule whose alert waits for its time': [stateOf([pending]), { state: 'pending' }],
    'a rule with both': [stateOf([pending, anAlert()]), { state: 'firing' }],
    'a rule whose alert has ended': [
      stateOf([anAlert({ state: 'resolved' })]),
      { state: 'inactive', alerts: [] },
    ],
    'a rule that is wrong': [
      stateOf([], { kind: 'rule-error', message: 'parse error' }),
      { health: 'err', lastError: 'parse error' },
    ],
    'a rule whose source is away': [
      stateOf([], { kind: 'source-error', message: 'refused', since: START }),
      { health: 'err', lastError: 'refused' },
    ],
  };
  it.each(Object.entries(states))('%s', async (_, [state, expected]) => {
    const { groups } = await apiOf(state).rules(ALL);
    expect(groups[0]?.rules[0]).toMatchObject(expected);
  });

  const filters: Readonly<Record<string, readonly [Partial<RulesFilter>, readonly string[]]>> = {
    everything: [{}, ['checkout', 'cart']],
    'alerting rules': [{ type: 'alert' }, ['checkout', 'cart']],
    'recording rules: none are ours': [{ type: 'record' }, []],
    'by group': [{ groups: ['cart'] }, ['cart']],
    'by file': [{ files: ['other.yaml'] }, ['cart']],
    'by name of the rule': [{ names: ['CheckoutSlow'] }, ['checkout']],
    'by labels of the rule, any of several': [
      { matchers: [[{ label: 'team', operator: '=', value: 'cart' }], [TEAM_OPS]] },
      ['cart'],
    ],
    'by labels that no rule has': [{ matchers: [[TEAM_OPS]] }, []],
  };
  it.each(Object.entries(filters))('filter: %s', async (_, [filter, names]) => {
    const slow = aRule({ name: 'CartSlow', labels: { team: 'cart' } });
    const cart = aGroup({ file: 'other.yaml', name: 'cart', rules: [slow] });
    const { groups } = await apiOf(undefined, [aGroup(), cart]).rules({ ...ALL, ...filter });
    expect(groups.map(({ name }) => name)).toEqual(names);
  });

  it('leaves alerts out with exclude_alerts, and keeps the state', async () => {
    const { groups } = await apiOf(stateOf([anAlert()])).rules({ ...ALL, excludeAlerts: true });
    expect(groups[0]?.rules[0]).toMatchObject({ state: 'firing', alerts: [] });
  });
});

describe('the alerts in Prometheus’s JSON', () => {
  it('are those that are pending or firing', async () => {
    const state = stateOf([pending, anAlert(), anAlert({ state: 'resolved' })]);
    const { alerts } = await apiOf(state).alerts();
    expect(alerts.map(({ state }) => state)).toEqual(['pending', 'firing']);
  });
});

// What Go's strconv.FormatFloat(value, 'e', -1, 64) gives.
it.each([
  [1, '1e+00'],
  [0, '0e+00'],
  [-0, '-0e+00'],
  [0.072, '7.2e-02'],
  [-1.5e-300, '-1.5e-300'],
  [2.5e21, '2.5e+21'],
  [Number.NaN, 'NaN'],
  [Number.POSITIVE_INFINITY, '+Inf'],
  [Number.NEGATIVE_INFINITY, '-Inf'],
])('%d is written %s', (value, text) => {
  expect(scientific(value)).toBe(text);
});
