import { describe, expect, it } from 'vitest';
import type { Alert, RuleGroupState } from '../../../src/alerts/alert.ts';
import { type SuppressOptions, suppressAlerts } from '../../../src/evaluation/suppress-alerts.ts';
import { parseMatchers } from '../../../src/lib/matcher.ts';
import { after, MINUTE } from '../../../src/lib/units.ts';
import { NO_POLICY, type NoisePolicy } from '../../../src/policy/suppress.ts';
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

function setUp(policy: Partial<NoisePolicy>, groups: Readonly<Record<string, RuleGroupState>> = {}) {
  const asked: string[] = [];
  const parts: SuppressOptions = {
    states: {
      others: async () => {
        asked.push(...Object.keys(groups));
        return Object.values(groups);
      },
    },
    noise: {
      policy: () => ({ ...NO_POLICY, ...policy }),
      localTime: () => ({ year: 2026, month: 1, day: 1, weekday: 4, minute: 0 }),
      callGraphAt: async () => {
        asked.push('calls');
        return new Map([['checkout', new Set(['payments'])]]);
      },
    },
  };
  const evaluate = async (...alerts: readonly Alert[]) => {
    const [held] = await suppressAlerts(parts, { group: 'own', evalTime: START, queryTime: START }, [
      { rule, alerts },
    ]);
    return held ?? { alerts: [], changed: new Set<string>() };
  };
  return { evaluate, asked };
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

describe('what holds the alerts of a group back', () => {
  it('is nothing, and nothing is asked, without rules for it', async () => {
    const { evaluate, asked } = setUp({});
    const alert = about('checkout');
    expect((await evaluate(alert)).alerts).toEqual([alert]);
    expect(asked).toEqual([]);
  });

  it('is not looked for elsewhere while nothing fires', async () => {
    const { evaluate, asked } = setUp({ ...GRAPH, ...RULES }, { other: groupOf(about('payments')) });
    await evaluate(about('checkout', { state: 'pending' }), about('cart', { state: 'resolved' }));
    expect(asked).toEqual([]);
  });

  it('may be an alert of another group', async () => {
    const { evaluate, asked } = setUp(RULES, { other: groupOf(about('payments')) });
    const { alerts } = await evaluate(about('checkout'));
    expect(alerts[0]?.suppressed).toMatchObject({ kind: 'inhibited', by: 'Slow' });
    expect(asked).toEqual(['other']);
  });

  it('may be a slow callee of another group', async () => {
    const { evaluate } = setUp(GRAPH, { other: groupOf(about('payments')) });
    const { alerts } = await evaluate(about('checkout'));
    expect(alerts[0]?.suppressed).toMatchObject({ kind: 'call-graph', by: 'payments' });
  });

  it('is no callee that is silenced since this very evalTime', async () => {
    const { evaluate } = setUp({ ...GRAPH, ...SILENT_PAYMENTS }, { other: groupOf(about('payments')) });
    expect((await evaluate(about('checkout'))).alerts[0]?.suppressed).toBeUndefined();
  });

  it('is forgotten when it is over, and never kept for an alert that ended', async () => {
    const { evaluate } = setUp({});
    const suppressed = { kind: 'silence', by: 'ann', since: START } as const;
    const { alerts } = await evaluate(
      about('a', { suppressed }),
      about('b', { suppressed, state: 'resolved' }),
    );
    expect(alerts.map((alert) => alert.suppressed)).toEqual([undefined, undefined]);
  });
});

describe('what a message stands for', () => {
  it('is named in it, and news only when it changes', async () => {
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

  it.each<[string, Alert['suppressed'], Partial<NoisePolicy>, boolean]>([
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

  it('stays when it has ended: that is what it stood for', async () => {
    const { evaluate } = setUp(GRAPH);
    const { alerts } = await evaluate(about('payments', { state: 'resolved', alsoSlow: ['checkout'] }));
    expect(alerts[0]?.alsoSlow).toEqual(['checkout']);
  });
});
