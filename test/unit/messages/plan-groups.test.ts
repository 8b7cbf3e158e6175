import { describe, expect, it } from 'vitest';
import type { Alert, RuleState } from '../../../src/alerts/alert.ts';
import { retireAlertGroups } from '../../../src/messages/plan-groups.ts';
import type { RoutedDestination } from '../../../src/policy/route.ts';
import { type Decided, decided } from '../../support/decided.ts';
import { START } from '../../support/virtual-clock.ts';
import { alertOf, at, many, over, play, seconds } from '../evaluation/rule-play.ts';

const SILENCE = { kind: 'silence', by: 'ann', since: START } as const;

const notified = (entries: readonly Decided[]): readonly string[] =>
  entries.map(({ kind, alertGroup }) =>
    alertGroup === undefined
      ? kind
      : alertGroup.detailPage === undefined
        ? `alertGroup ${kind}`
        : `page ${alertGroup.detailPage.number}`,
  );

describe('when alerts share a message', () => {
  const rows: Readonly<Record<string, readonly [readonly Alert[], number, readonly string[]]>> = {
    'as many as the limit each have their own': [many(10), 10, Array.from({ length: 10 }, () => 'firing')],
    'one more share one, which shows all of them': [many(11), 10, ['alertGroup firing']],
    'more than the table holds are listed in its thread': [many(37), 10, ['alertGroup firing', 'page 1']],
    'a reply lists fifty': [many(101), 10, ['alertGroup firing', 'page 1', 'page 2', 'page 3']],
    'a limit of 0 means never': [many(40), 0, Array.from({ length: 40 }, () => 'firing')],
    'those that are held back do not count': [
      [...many(10), ...many(20, 100).map((alert) => ({ ...alert, suppressed: SILENCE }))],
      10,
      Array.from({ length: 10 }, () => 'firing'),
    ],
  };
  it.each(Object.entries(rows))('%s', (_, [alerts, groupThreshold, expected]) => {
    expect(notified(play({ groupThreshold, flapThreshold: 0 }).tick(0, alerts))).toEqual(expected);
  });

  it('counts by channel: each has its own message, of those that go there', () => {
    const rule = play();
    const entries = rule.tick(0, many(24), ({ labels }) => [
      { channel: '#all', mentions: [], isMuted: false },
      ...(labels['service'] === 'svc-0001' ? [{ channel: '#one', mentions: [], isMuted: false }] : []),
    ]);
    expect(entries.map(({ kind, destination }) => `${kind} ${destination?.channel}`)).toEqual([
      'firing #one',
      'firing #all',
      'refresh #all',
    ]);
    expect(new Set(entries.map(({ alertId }) => alertId)).size).toBe(3);
  });

  it('gives the same message a name that every replica finds', () => {
    const [a, b] = [play().tick(0, many(11)), play().tick(0, many(11))];
    expect(a).toEqual(b);
    expect(a[0]?.id).toBe(`${a[0]?.alertId}:firing`);
  });

  it('shows the worst first, and carries a bounded part of thousands', () => {
    const [main, ...pages] = play().tick(0, many(5_000));
    expect(main?.alertGroup?.rows.map(({ name }) => name).slice(0, 2)).toEqual(['svc-5000', 'svc-4999']);
    expect(main?.alertGroup).toMatchObject({ counts: { firing: 5_000, 'no-data': 0, resolved: 0 } });
    expect(pages).toHaveLength(100);
    const sizes = [main, ...pages].map((entry) => JSON.stringify(entry?.update).length);
    expect(Math.max(...sizes)).toBeLessThan(20_000);
    // Replies leave room for other alerts of the channel.
    expect(pages.map(({ notBefore }) => (notBefore - START) / 1_000).slice(0, 3)).toEqual([0, 2, 4]);
  });
});

describe('the life of a alertGroup', () => {
  it('is notified once, edited now and then, and ends once when all are over', () => {
    const rule = play();
    const alerts = many(12);
    expect(notified(rule.tick(0, alerts))).toEqual(['alertGroup firing']);
    expect(notified(rule.tick(15, alerts))).toEqual([]);
    const halved = alerts.map((alert, index) => (index < 6 ? over(alert, 30) : alert));
    expect(notified(rule.tick(30, halved))).toEqual(['alertGroup refresh']);
    const [end] = rule.tick(
      45,
      alerts.map((alert) => over(alert, 45)),
    );
    expect(end).toMatchObject({ kind: 'resolved', alertGroup: { counts: { firing: 0, resolved: 12 } } });
    expect(rule.alertGroups()).toEqual([]);
    expect(
      notified(
        rule.tick(
          60,
          alerts.map((alert) => over(alert, 45)),
        ),
      ),
    ).toEqual([]);
  });

  it('takes in what begins while it lasts, in a reply that lists it, and posts nothing for it alone', () => {
    const rule = play();
    const first = many(30);
    rule.tick(0, first);
    expect(notified(rule.tick(60, [...first, alertOf(900)]))).toEqual(['alertGroup refresh', 'page 2']);
    // What comes soon after is added to that reply, when its time has come.
    expect(notified(rule.tick(75, [...first, alertOf(900), alertOf(901)]))).toEqual([]);
    expect(notified(rule.tick(120, [...first, alertOf(900), alertOf(901)]))).toEqual([
      'alertGroup refresh',
      'page 2',
    ]);
    expect(notified(rule.tick(500, [...first, ...many(3, 900)]))).toContain('page 3');
  });

  it('takes back an alert that breaches again without a word, and shows its new run', () => {
    const rule = play();
    const alerts = many(12);
    rule.tick(0, alerts);
    const [one, ...others] = alerts as [Alert, ...Alert[]];
    rule.tick(30, [over(one, 30), ...others]);
    const again: Alert = { ...one, alertId: 'again', activeAt: seconds(60), firedAt: seconds(60) };
    expect(notified(rule.tick(60, [again, ...others]))).toEqual(['alertGroup refresh']);
    expect(rule.alertGroups()[0]?.replies[0]?.alerts.map(({ alertId }) => alertId)).toContain('again');
  });

  it('takes in nobody when an hour has passed without any: what begins then is notified by itself', () => {
    const rule = play();
    const [lasts, ...others] = many(12) as [Alert, ...Alert[]];
    rule.tick(0, [lasts, ...others]);
    rule.tick(3_000, [lasts, alertOf(900)]);
    expect(notified(rule.tick(6_500, [lasts, alertOf(901)]))).toContain('page 3');
    const [back] = others as [Alert, ...Alert[]];
    const again: Alert = { ...back, alertId: 'again', activeAt: seconds(10_200), firedAt: seconds(10_200) };
    const late = rule.tick(10_200, [lasts, again, alertOf(902)]);
    expect(late.filter(({ kind, alertGroup }) => kind === 'firing' && alertGroup === undefined)).toHaveLength(
      2,
    );
    expect(rule.alertGroups()).toHaveLength(1);
    // The alert group ends with its own, and those that have messages of their own end in these.
    const ends = rule.tick(10_230, [over(lasts, 10_230), again, over(alertOf(902), 10_230)]);
    expect(notified(ends).filter((each) => each.endsWith('resolved'))).toEqual([
      'resolved',
      'alertGroup resolved',
    ]);
  });

  it('is followed by another when many begin after it came to rest', () => {
    const rule = play();
    const first = many(12);
    rule.tick(0, first);
    const second = rule.tick(3_600, [...first, ...many(11, 500)]);
    expect(notified(second)).toContain('alertGroup firing');
    expect(new Set(rule.alertGroups().map(({ alertId }) => alertId)).size).toBe(2);
    // Who joins now joins the one that grows.
    const third = rule.tick(3_660, [...first, ...many(12, 500)]);
    const page = third.find(({ alertGroup }) => alertGroup?.detailPage !== undefined);
    expect(page?.parent).toBe(rule.alertGroups()[1]?.alertId);
  });

  it('grows for a day at most', () => {
    const rule = play();
    const [lasts, ...others] = many(12) as [Alert, ...Alert[]];
    rule.tick(0, [lasts, ...others]);
    const toldAt: number[] = [];
    for (let half = 1; half <= 60; half++) {
      const entries = rule.tick(half * 1_800, [lasts, alertOf(1_000 + half)]);
      if (entries.some(({ kind, alertGroup }) => kind === 'firing' && alertGroup === undefined))
        toldAt.push(half);
    }
    expect(toldAt[0]).toBe(48);
    expect(toldAt).toHaveLength(13);
  });

  it('keeps what is over after the alert itself is forgotten', () => {
    const rule = play();
    const [one, ...others] = many(12) as [Alert, ...Alert[]];
    rule.tick(0, [one, ...others]);
    rule.tick(30, [over(one, 30), ...others]);
    rule.tick(1_000, others);
    const [end] = rule.tick(
      1_030,
      others.map((alert) => over(alert, 1_030)),
    );
    expect(end?.alertGroup?.counts).toEqual({ firing: 0, 'no-data': 0, resolved: 12 });
    expect(end?.alertGroup?.rows.every(({ resolveReason }) => resolveReason === 'recovered')).toBe(true);
  });

  it('keeps an alert whose labels change as the same row', () => {
    const rule = play();
    rule.tick(0, many(12));
    const [first, ...rest] = rule.alerts();
    const relabeled = { ...(first as Alert), fingerprint: 'other', value: 1 };
    const [edit] = rule.tick(30, [relabeled, ...rest]);
    expect(edit?.alertGroup?.counts).toEqual({ firing: 12, 'no-data': 0, resolved: 0 });
    expect(edit?.alertGroup?.rows[0]).toMatchObject({ fingerprint: 'other', alertId: first?.alertId });
  });

  it('shows an alert whose severity changes as continued, and counts it once', () => {
    const rule = play();
    rule.tick(0, many(12));
    const [first, ...rest] = rule.alerts() as [Alert, ...Alert[]];
    const begun = alertOf(1, { fingerprint: 'ticket', alertId: 'ticket', continues: first.alertId });
    const continuedAs = { alertId: begun.alertId, severity: 'ticket' };
    const ended: Alert = { ...over(first, 30), resolveReason: 'continued', continuedAs };
    const entries = rule.tick(30, [ended, begun, ...rest]);
    expect(notified(entries)).toEqual(['alertGroup refresh', 'page 2']);
    expect(entries[0]?.alertGroup?.counts).toEqual({ firing: 12, 'no-data': 0, resolved: 0 });
    const [end] = rule.tick(
      60,
      rule.alerts().map((alert) => (alert.state === 'resolved' ? alert : over(alert, 60))),
    );
    expect(end?.alertGroup?.counts).toEqual({ firing: 0, 'no-data': 0, resolved: 12 });
  });

  it('ends with its rule, and nobody says that all is well', () => {
    const rule = play();
    rule.tick(0, many(30));
    const state: RuleState = {
      rule: at.rule,
      alerts: rule.alerts(),
      alertGroups: rule.alertGroups(),
      health: { kind: 'ok' },
    };
    const entries = decided(retireAlertGroups(at, seconds(30), state));
    expect(notified(entries)).toEqual(['alertGroup resolved', 'page 1']);
    expect(entries[0]?.alertGroup?.rows[0]).toMatchObject({
      state: 'resolved',
      resolveReason: 'rule-removed',
    });
  });
});

describe('whom an alert group calls', () => {
  const mentions = { page: ['S0PAGE000'], ticket: ['S0TICKET0'] } as const;
  const route = ({ labels }: Alert): readonly RoutedDestination[] => [
    { mentions: mentions[labels['severity'] === 'page' ? 'page' : 'ticket'], isMuted: false },
  ];
  const ticket = (number: number): Alert => {
    const { labels } = alertOf(number);
    return alertOf(number, { labels: { ...labels, severity: 'ticket' } });
  };
  const called = (entries: readonly Decided[]) =>
    entries
      .filter(({ alertGroup, kind }) => kind === 'firing' || alertGroup?.detailPage !== undefined)
      .map(({ destination }) => destination?.mentions);

  it('is everybody whom one of its alerts calls, once', () => {
    const entries = play().tick(
      0,
      [...many(6), ...Array.from({ length: 6 }, (_, i) => ticket(500 + i))],
      route,
    );
    expect(called(entries)).toEqual([['S0PAGE000', 'S0TICKET0']]);
  });

  it('is nobody again when more of the same join', () => {
    const rule = play();
    const first = many(12);
    rule.tick(0, first, route);
    expect(called(rule.tick(60, [...first, alertOf(900)], route))).toEqual([[]]);
  });

  it('is who answers pages when tickets gain a page, and once', () => {
    const rule = play();
    const first = Array.from({ length: 12 }, (_, index) => ticket(index + 1));
    rule.tick(0, first, route);
    expect(called(rule.tick(60, [...first, alertOf(900)], route))).toEqual([['S0PAGE000']]);
    expect(called(rule.tick(500, [...first, alertOf(900), alertOf(901)], route)).at(-1)).toEqual([]);
  });

  it('is who answers pages even when they heard of the tickets already', () => {
    const both = (): readonly RoutedDestination[] => [{ mentions: ['S0TEAM000'], isMuted: false }];
    const rule = play();
    const first = Array.from({ length: 12 }, (_, index) => ticket(index + 1));
    rule.tick(0, first, both);
    expect(called(rule.tick(60, [...first, alertOf(900)], both))).toEqual([['S0TEAM000']]);
  });
});
