import { describe, expect, it } from 'vitest';
import type { Alert, RuleGroupState } from '../../../src/alerts/alert.ts';
import {
  createOtherGroupStates,
  type SuppressOptions,
  suppressAlerts,
} from '../../../src/evaluation/suppress-alerts.ts';
import { parseMatchers } from '../../../src/lib/matcher.ts';
import { after, MINUTE } from '../../../src/lib/units.ts';
import { NO_POLICY, type NotificationPolicy } from '../../../src/policy/suppress.ts';
import { anAlert, aRule } from '../../support/builders.ts';
import { START } from '../../support/virtual-clock.ts';

const matchers = (text: string) => {
  const read = parseMatchers(text);
  return read.ok ? read.matchers : [];
};
const rule = aRule();
const about = (service: string, over: Partial<Alert> = {}): Alert =>
  anAlert({ labels: { alertname: 'Slow', service, severity: 'page' }, ...over });
const groupOf = (...alerts: readonly Alert[]): RuleGroupState => ({
  evalTime: START,
  rules: { [rule.key]: { rule, alerts, health: { kind: 'ok' } } },
});

function setUp(policy: Partial<NotificationPolicy>, groups: Readonly<Record<string, RuleGroupState>> = {}) {
  const loaded: string[] = [];
  const parts: SuppressOptions = {
    states: createOtherGroupStates({
      store: {
        groups: async () => Object.keys(groups),
        loadGroup: async (id) => {
          loaded.push(id);
          return groups[id];
        },
      },
      clock: { now: () => START },
    }),
    notifications: {
      policy: () => ({ ...NO_POLICY, ...policy }),
      localTime: () => ({ year: 2026, month: 1, day: 1, weekday: 4, minute: 0 }),
      callGraphAt: async () => {
        loaded.push('calls');
        return new Map([['checkout', new Set(['payments'])]]);
      },
    },
  };
  const evaluate = async (...alerts: readonly Alert[]) => {
    const [suppressed] = await suppressAlerts(parts, { group: 'own', evalTime: START, queryTime: START }, [
      { rule, alerts },
    ]);
    return suppressed ?? { alerts: [], changed: new Set<string>() };
  };
  return { evaluate, loaded };
}

const GRAPH = { inhibitsByCallGraph: true };
const RULES = {
  inhibitRules: [
    { source: matchers('service="payments"'), target: matchers('service="checkout"'), equal: ['severity'] },
  ],
};
const SILENT_PAYMENTS = {
  silences: [
    { matchers: matchers('service="payments"'), endsAt: after(START, MINUTE), createdBy: 'ann', comment: '' },
  ],
};

describe("the suppression of a group's alerts", () => {
  it('is none without inhibit rules, and loads no other alerts', async () => {
    const { evaluate, loaded } = setUp({});
    const alert = about('checkout');
    expect((await evaluate(alert)).alerts).toEqual([alert]);
    expect(loaded).toEqual([]);
  });

  it('loads no other alerts while nothing is firing', async () => {
    const { evaluate, loaded } = setUp({ ...GRAPH, ...RULES }, { other: groupOf(about('payments')) });
    await evaluate(about('checkout', { state: 'pending' }), about('cart', { state: 'resolved' }));
    expect(loaded).toEqual([]);
  });

  it('may be by an alert of another group', async () => {
    const { evaluate, loaded } = setUp(RULES, { other: groupOf(about('payments')) });
    const { alerts } = await evaluate(about('checkout'));
    expect(alerts[0]?.suppressed).toMatchObject({ kind: 'inhibited', by: 'Slow' });
    expect(loaded).toEqual(['other']);
  });

  it.each([
    ['firing', 'inhibited'],
    ['pending', undefined],
    ['resolved', undefined],
  ] as const)('is by inhibit rules while the other alert is firing: %s', async (state, expected) => {
    const { evaluate } = setUp(RULES, { other: groupOf(about('payments', { state })) });
    const { alerts } = await evaluate(about('checkout'));
    expect(alerts[0]?.suppressed?.kind).toBe(expected);
  });

  it('is by an alert of the own group as it is now, not as it was stored', async () => {
    const { evaluate } = setUp(RULES, { own: groupOf(about('payments', { state: 'resolved' })) });
    const { alerts } = await evaluate(about('checkout'), about('payments'));
    expect(alerts.map(({ suppressed }) => suppressed?.kind)).toEqual(['inhibited', undefined]);
  });

  it('may be by a slow callee of another group', async () => {
    const { evaluate } = setUp(GRAPH, { other: groupOf(about('payments')) });
    const { alerts } = await evaluate(about('checkout'));
    expect(alerts[0]?.suppressed).toMatchObject({ kind: 'call-graph', by: 'payments' });
  });

  it('is not by a callee that is silenced since this evaluation', async () => {
    const { evaluate } = setUp({ ...GRAPH, ...SILENT_PAYMENTS }, { other: groupOf(about('payments')) });
    expect((await evaluate(about('checkout'))).alerts[0]?.suppressed).toBeUndefined();
  });

  it('is removed when it ends, and never kept for a resolved alert', async () => {
    const { evaluate } = setUp({});
    const suppressed = { kind: 'silence', by: 'ann', since: START } as const;
    const { alerts } = await evaluate(
      about('a', { suppressed }),
      about('b', { suppressed, state: 'resolved' }),
    );
    expect(alerts.map((alert) => alert.suppressed)).toEqual([undefined, undefined]);
  });
});

describe('the services that an alert explains', () => {
  it('are stored with it, and change its message only when they change', async () => {
    const { evaluate } = setUp(GRAPH);
    const payments = about('payments');
    const first = await evaluate(payments, about('checkout'));
    const [cause, folded] = first.alerts as [Alert, Alert];
    expect(cause.alsoSlow).toEqual(['checkout']);
    expect([...first.changed]).toEqual([payments.fingerprint, folded.fingerprint]);
    expect([...(await evaluate(cause, folded)).changed]).toEqual([]);
    const alone = await evaluate(cause);
    expect(alone.alerts[0]?.alsoSlow).toBeUndefined();
    expect([...alone.changed]).toEqual([payments.fingerprint]);
  });

  it.each<[string, Alert['suppressed'], Partial<NotificationPolicy>, boolean]>([
    ['begins', undefined, SILENT_PAYMENTS, true],
    ['ends', { kind: 'silence', by: 'ann', since: START }, {}, true],
    ['is another one', { kind: 'maintenance', by: 'ann', since: START }, SILENT_PAYMENTS, true],
    ['goes on', { kind: 'silence', by: 'ann: service="payments"', since: START }, SILENT_PAYMENTS, false],
    ['is found later, of what was notified', { kind: 'flapping', by: 'x', since: START }, {}, false],
  ])('is news for it when what holds it back %s', async (_, suppressed, policy, isNews) => {
    const { evaluate } = setUp(policy);
    const payments = about('payments', suppressed === undefined ? {} : { suppressed });
    expect([...(await evaluate(payments)).changed]).toEqual(isNews ? [payments.fingerprint] : []);
  });

  it('are kept when it has resolved', async () => {
    const { evaluate } = setUp(GRAPH);
    const { alerts } = await evaluate(about('payments', { state: 'resolved', alsoSlow: ['checkout'] }));
    expect(alerts[0]?.alsoSlow).toEqual(['checkout']);
  });
});
