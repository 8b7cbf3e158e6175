import { describe, expect, it } from 'vitest';
import type { Alert, Transition } from '../../../src/alerts/alert.ts';
import { after, ms } from '../../../src/lib/units.ts';
import type { RoutedDestination } from '../../../src/policy/route.ts';
import { aGroup, anAlert, aRule } from '../../support/builders.ts';
import { decideRule } from '../../support/decided.ts';
import { START } from '../../support/virtual-clock.ts';

const at = { group: aGroup(), rule: aRule() };
const seconds = (count: number) => after(START, ms(count * 1_000));

const decide = (alert: Alert, evalTime: number, kind?: Transition['kind']) =>
  decideRule(at, seconds(evalTime), {
    alerts: [alert],
    transitions: kind === undefined ? [] : [{ kind, alert }],
  });

describe('what is notified of an alert', () => {
  it.each([
    ['nothing while it is pending', 'pending', []],
    ['nothing when it was only pending', 'dropped', []],
    ['that its data is gone', 'no-data', ['no-data']],
    ['that its data is back', 'data-back', ['data-back']],
    ['that it ended', 'resolved', ['resolved']],
  ] as const)('%s', (_, transition, kinds) => {
    const { entries } = decide(anAlert({ refreshedAt: seconds(290) }), 300, transition);
    expect(entries.map(({ kind }) => kind)).toEqual(kinds);
  });

  it('starts and ends under one id per alert, whichever replica decides it, and whenever', () => {
    const alert = anAlert();
    const notified = anAlert({ refreshedAt: START });
    const ids = [
      decide(alert, 30, 'firing'),
      decide(alert, 60, 'firing'),
      decide(notified, 90, 'resolved'),
    ].map(({ entries }) => entries[0]?.id);
    expect(ids).toEqual([`${alert.alertId}:firing`, `${alert.alertId}:firing`, `${alert.alertId}:resolved`]);
  });

  it('tells what can happen again under an id with its evalTime', () => {
    const alert = anAlert({ refreshedAt: START });
    expect(decide(alert, 60, 'no-data').entries[0]?.id).toBe(
      `${alert.alertId}:no-data:${seconds(60) / 1_000}`,
    );
  });

  it('carries the alert and the rule as they are now, due at once', () => {
    const [entry] = decide(anAlert(), 60, 'firing').entries;
    expect(entry?.update.desired?.group).toBe(at.group.id);
    expect(entry).toMatchObject({
      rule: at.rule,
      alert: { value: 0.072, refreshedAt: seconds(60), shownValue: 0.072 },
      createdAt: seconds(60),
      notBefore: seconds(60),
    });
  });
});

it('messages of one rule say what tells their alerts apart', () => {
  const alertOf = (variant: string) =>
    anAlert({ labels: { alertname: 'A', variant, zone: 'a' }, series: { variant, zone: 'a' } });
  const alerts = [alertOf('one'), alertOf('two')];
  const { entries } = decideRule(at, seconds(60), {
    alerts,
    transitions: alerts.map((alert) => ({ kind: 'firing', alert })),
  });
  expect(entries.map(({ update }) => update.desired?.apart)).toEqual([['variant'], ['variant']]);
  expect(decide(alertOf('one'), 60, 'firing').entries[0]?.update.desired?.apart).toBeUndefined();
});

describe('when a message is brought up to date', () => {
  const shown = anAlert({ refreshedAt: START, shownValue: 0.05 });
  const rows: Readonly<Record<string, readonly [Alert, number, boolean]>> = {
    'when the value changed and thirty seconds have passed': [shown, 30, true],
    'not before thirty seconds have passed': [shown, 29, false],
    'not while the value stands still': [{ ...shown, shownValue: shown.value }, 299, false],
    'every five minutes even so': [{ ...shown, shownValue: shown.value }, 300, true],
    'not while it is pending': [{ ...shown, state: 'pending' }, 300, false],
    'not after its end': [{ ...shown, state: 'resolved' }, 300, false],
    'not while there is no data': [{ ...shown, noDataSince: START }, 300, false],
    'not for a value that is still NaN': [{ ...shown, value: Number.NaN, shownValue: Number.NaN }, 60, false],
  };

  it.each(Object.entries(rows))('%s', (_, [alert, evalTime, isDue]) => {
    const { entries, alerts } = decide(alert, evalTime);
    expect(entries.map(({ kind }) => kind)).toEqual(isDue ? ['refresh'] : []);
    expect(alerts[0]).toEqual(
      isDue
        ? { ...alert, refreshedAt: seconds(evalTime), shownValue: alert.value, postedTo: [{ mentions: [] }] }
        : alert,
    );
  });

  it('does not follow up news of the same tick with an edit', () => {
    expect(decide(shown, 300, 'data-back').entries.map(({ kind }) => kind)).toEqual(['data-back']);
  });
});

describe('where an alert is notified', () => {
  const shop = { channel: '#shop', mentions: ['S0SHOP000'], isMuted: false };
  const pages = { channel: '#pages', mentions: [], isMuted: false };
  const night = { channel: '#night', mentions: [], isMuted: true };
  const silence = { kind: 'silence', by: 'ann', since: START } as const;

  const tell = (alert: Alert, routes: readonly RoutedDestination[], kind?: Transition['kind']) => {
    const { entries, alerts } = decideRule(at, seconds(300), {
      alerts: [alert],
      transitions: kind === undefined ? [] : [{ kind, alert }],
      route: () => routes,
    });
    const notified = entries.map((entry) => `${entry.kind} ${entry.destination?.channel ?? 'default'}`);
    return { notified, entries, alert: alerts[0] as Alert };
  };

  it('is in each channel of its routes, under names of their own', () => {
    const { notified, entries, alert } = tell(anAlert(), [shop, pages], 'firing');
    expect(notified).toEqual(['firing #shop', 'firing #pages']);
    expect(entries.map(({ alertId }) => alertId)).toEqual([alert.alertId, `${alert.alertId}+1`]);
    expect(entries.map(({ destination }) => destination?.mentions)).toEqual([['S0SHOP000'], []]);
    expect(tell({ ...alert, state: 'resolved' }, [], 'resolved').notified).toEqual([
      'resolved #shop',
      'resolved #pages',
    ]);
  });

  it('is settled by the first post: a tree that changes later posts nothing anew', () => {
    const { alert } = tell(anAlert(), [shop], 'firing');
    expect(tell(alert, [pages]).notified).toEqual([]);
    expect(tell(alert, [pages], 'resolved').notified).toEqual(['resolved #shop']);
  });

  it('waits for a muted route, whose end it hears of only if it was posted there', () => {
    const { notified, alert } = tell(anAlert(), [shop, night], 'firing');
    expect(notified).toEqual(['firing #shop']);
    expect(tell(alert, [shop, night], 'resolved').notified).toEqual(['resolved #shop']);
    const later = tell(alert, [shop, { ...night, isMuted: false }], 'data-back');
    expect(later.notified).toEqual(['data-back #shop', 'firing #night']);
    expect(tell(later.alert, [shop, night], 'resolved').notified).toEqual([
      'resolved #shop',
      'resolved #night',
    ]);
  });

  it('is nowhere while all routes are muted, and says so', () => {
    const { notified, alert } = tell(anAlert(), [night], 'firing');
    expect(notified).toEqual([]);
    expect(alert.suppressed).toEqual({ kind: 'time', by: 'its route', since: START });
  });

  it('is nowhere while it is suppressed; it is posted when that ends and it still fires', () => {
    const { notified, alert } = tell(anAlert({ suppressed: silence }), [shop], 'firing');
    expect(notified).toEqual([]);
    const { suppressed: _, ...free } = alert;
    expect(tell(free, [shop]).notified).toEqual(['firing #shop']);
    expect(tell({ ...free, state: 'resolved' }, [shop], 'resolved').notified).toEqual([]);
  });

  it('leaves a thread alone while it is suppressed, but tells its end', () => {
    const posted = anAlert({ suppressed: silence, refreshedAt: START, postedTo: [{ mentions: [] }] });
    expect(tell(posted, [shop], 'no-data').notified).toEqual(['refresh default']);
    expect(tell({ ...posted, state: 'resolved' }, [shop], 'resolved').notified).toEqual(['resolved default']);
  });

  it('was notified where its rule says, when that was before there were routes', () => {
    const ruled = { ...at, rule: aRule({ channel: '#rule' }) };
    const { entries } = decideRule(ruled, seconds(300), {
      alerts: [anAlert({ refreshedAt: START, state: 'resolved' })],
      transitions: [{ kind: 'resolved', alert: anAlert() }],
      route: () => [shop],
    });
    expect(entries.map(({ destination }) => destination)).toEqual([{ channel: '#rule', mentions: [] }]);
  });
});
