import { describe, expect, it, test } from 'vitest';
import { after, HOUR, ms } from '../../../src/lib/units.ts';
import { at, createPlay, PRINT, type Said, SILENCE } from './receive-play.ts';

type Play = ReturnType<typeof createPlay>;

const firing = (minutes: number, startsAt = 0, from?: string): Said => ({
  at: at(minutes),
  status: 'firing',
  startsAt: at(startsAt),
  from,
});
const resolved = (minutes: number, startsAt: number, endsAt: number, from?: string): Said => ({
  ...firing(minutes, startsAt, from),
  status: 'resolved',
  endsAt: at(endsAt),
});

it('keeps when Alertmanager resolved it, until Prometheus shows recovery or it is sent again', () => {
  const play = createPlay();
  const end = () => play.alerts().map(({ resolvedInAlertmanager }) => resolvedInAlertmanager);
  play.say(firing(1), { value: 812 });
  play.say(resolved(10, 0, 9));
  expect(end()).toEqual([{ at: at(9) }]);
  play.evaluate(at(11), { value: 812 });
  expect(end()).toEqual([{ at: at(9), until: at(16) }]);
  play.say(firing(12), { value: 812 });
  expect(end()).toEqual([undefined]);
  play.say(resolved(13, 0, 12));
  play.evaluate(at(60), { value: null, recovery: 100 });
  expect(play.alerts()).toMatchObject([{ state: 'resolved', resolvedInAlertmanager: undefined }]);
});

it('has its message updated although the value is the same', () => {
  const play = createPlay();
  play.say(firing(1), { value: 812 });
  play.show();
  play.evaluate(at(2), { value: 812 });
  expect(play.alerts()).toMatchObject([{ value: 812, shownValue: 812 }]);
  play.say(resolved(10, 0, 9), { value: 812 });
  expect(play.alerts()).toMatchObject([{ value: 812, shownValue: undefined }]);
});

describe('the life of an alert that Alertmanagers send', () => {
  test.each<[string, (play: Play) => void, readonly string[]]>([
    [
      'it fires once and is resolved once, however often each is sent',
      (play) => {
        for (const minutes of [1, 1, 240]) play.say(firing(minutes));
        for (const minutes of [300, 300, 301]) play.say(resolved(minutes, 0, 299));
      },
      ['firing', 'resolved: resolved-by-alertmanager'],
    ],
    [
      'a firing notification that is sent again after the end does not reopen it',
      (play) => {
        play.say(firing(1));
        play.say(resolved(10, 0, 9));
        play.say(firing(11));
        play.say(firing(600));
      },
      ['firing', 'resolved: resolved-by-alertmanager'],
    ],
    [
      'a later start is another occurrence',
      (play) => {
        play.say(firing(1));
        play.say(resolved(10, 0, 9));
        play.say(firing(12, 11));
      },
      ['firing', 'resolved: resolved-by-alertmanager', 'firing'],
    ],
    [
      'an earlier or later start of an alert that is open is not: Alertmanager merges starts',
      (play) => {
        play.say(firing(5, 4));
        play.say(firing(6, 3));
        play.say(firing(7, 5));
      },
      ['firing'],
    ],
    [
      'an end of the occurrence before changes nothing',
      (play) => {
        play.say(firing(1));
        play.say(resolved(10, 0, 9));
        play.say(firing(12, 11));
        play.say(resolved(13, 0, 9));
      },
      ['firing', 'resolved: resolved-by-alertmanager', 'firing'],
    ],
    [
      'an end without a beginning is none, and its late beginning neither',
      (play) => {
        play.say(resolved(10, 0, 9));
        play.say(firing(11));
      },
      [],
    ],
    [
      'when Prometheus returns it again, Alertmanager resolved it falsely: it is reopened',
      (play) => {
        play.say(firing(1), { value: 812 });
        play.say(resolved(10, 0, 9), { value: null, recovery: 100 });
        play.say(firing(15), { value: 900 });
      },
      ['firing', 'resolved: recovered', 'firing'],
    ],
    [
      'while Prometheus does not respond its end waits, and what fires on is the same occurrence',
      (play) => {
        play.say(firing(1), { value: 812 });
        play.say(resolved(10, 0, 9));
        play.evaluate(at(60));
        play.say(firing(61, 60), { value: 812 });
        play.say(resolved(70, 60, 69));
        play.evaluate(at(71), { value: null, recovery: 100 });
      },
      ['firing', 'resolved: recovered'],
    ],
    [
      'what Prometheus still returns ends when it is not sent again: its rule was changed',
      (play) => {
        play.say(firing(1), { value: 812 });
        play.say(resolved(10, 0, 9), { value: 812 });
        play.evaluate(at(15), { value: 812 });
        play.evaluate(at(16), { value: 812 });
      },
      ['firing', 'resolved: resolved-by-alertmanager'],
    ],
    [
      'a Prometheus that has no data, as after a restart, confirms no end; without data it ends as resolved there',
      (play) => {
        play.say(firing(1), { value: 812 });
        play.say(resolved(10, 0, 9), { value: null, recovery: Number.NaN });
        play.evaluate(at(15), { value: null, recovery: Number.NaN });
        play.evaluate(at(16), { value: null, recovery: Number.NaN });
      },
      ['firing', 'resolved: resolved-by-alertmanager'],
    ],
    [
      'a recovery that Prometheus shows is one',
      (play) => {
        play.say(firing(1), { value: 812 });
        play.say(resolved(10, 0, 9), { value: null, recovery: 120 });
      },
      ['firing', 'resolved: recovered'],
    ],
    [
      'another Alertmanager that still says that it fires keeps it open',
      (play) => {
        play.say(firing(1, 0, 'a'));
        play.say(resolved(10, 0, 9, 'b'));
        play.evaluate(at(12));
        play.say(firing(14, 0, 'a'));
        play.evaluate(at(60));
      },
      ['firing'],
    ],
    [
      'until it is resolved there too',
      (play) => {
        play.say(firing(1, 0, 'a'));
        play.say(resolved(10, 0, 9, 'b'));
        play.say(firing(11, 0, 'a'));
        play.say(resolved(12, 0, 11, 'a'));
      },
      ['firing', 'resolved: resolved-by-alertmanager'],
    ],
    [
      'or that one is silent for longer than its group interval',
      (play) => {
        play.say(firing(1, 0, 'a'));
        play.say(resolved(10, 0, 9, 'b'));
        play.evaluate(at(15));
        play.evaluate(at(16));
      },
      ['firing', 'resolved: resolved-by-alertmanager'],
    ],
    [
      'or Prometheus does not return it',
      (play) => {
        play.say(firing(1, 0, 'a'), { value: 812 });
        play.say(resolved(10, 0, 9, 'b'), { value: null, recovery: 100 });
      },
      ['firing', 'resolved: recovered'],
    ],
    [
      'it stays open while Prometheus returns it and the two disagree',
      (play) => {
        play.say(firing(1, 0, 'a'), { value: 812 });
        play.say(resolved(10, 0, 9, 'b'), { value: 812 });
        play.evaluate(at(60), { value: 812 });
      },
      ['firing'],
    ],
    [
      'without a notification of its end it ends half an hour after Prometheus shows the recovery',
      (play) => {
        play.say(firing(1), { value: 812 });
        play.evaluate(at(5), { value: 700 });
        play.evaluate(at(34), { value: null, recovery: 100 });
        play.evaluate(at(35), { value: null, recovery: 100 });
      },
      ['firing', 'resolved: recovered'],
    ],
    [
      'at once where Alertmanager does not list it any more either',
      (play) => {
        play.say(firing(1), { value: 812 });
        play.evaluate(at(2), { value: 812, listed: [] });
        play.evaluate(at(3), { value: null, recovery: 100, listed: [] });
      },
      ['firing', 'resolved: recovered'],
    ],
    [
      'not while Alertmanager lists it',
      (play) => {
        play.say(firing(1), { value: 812 });
        for (const minutes of [60, 2_000])
          play.evaluate(at(minutes), { value: null, recovery: 100, listed: [undefined] });
      },
      ['firing'],
    ],
    [
      'missing data is no recovery, and another Prometheus that never returned it shows nothing',
      (play) => {
        play.say(firing(1), { value: 812 });
        play.evaluate(at(600), { value: null });
        play.say(firing(601, 600));
        const other = createPlay();
        other.say(firing(1), { value: null });
        other.evaluate(at(600), { value: null, recovery: 100 });
        expect(other.changes).toEqual(['firing']);
      },
      ['firing'],
    ],
    [
      'it is closed when nothing was sent for a day',
      (play) => {
        play.say({ ...firing(1), hasExpr: false });
        play.evaluate(after(at(0), ms(24 * HOUR)));
        play.evaluate(after(at(1), ms(24 * HOUR)));
      },
      ['firing', 'resolved: not-notified'],
    ],
  ])('%s', (_, act, changes) => {
    const play = createPlay();
    act(play);
    expect(play.changes).toEqual(changes);
  });

  it('begins and ends at the times of Prometheus, with the value that the expression returns', () => {
    const play = createPlay();
    play.say(firing(2), { value: 812 });
    play.evaluate(at(3), { value: 640 });
    expect(play.alerts()[0]).toMatchObject({
      activeAt: at(0),
      firedAt: at(0),
      value: 640,
      peak: 812,
      series: { service: 'checkout' },
      annotations: { summary: 'slow' },
    });
    play.say(resolved(10, 0, 7), { value: null, recovery: 100 });
    expect(play.alerts()[0]).toMatchObject({ state: 'resolved', resolvedAt: at(7) });
  });

  it('is suppressed as Alertmanager lists it, until it lists it otherwise or the alert ends', () => {
    const play = createPlay();
    const suppressed = () => play.received()[PRINT]?.suppressed;
    play.say(firing(1));
    play.evaluate(at(2), { listed: [SILENCE] });
    play.evaluate(at(3), { listed: [{ ...SILENCE, since: at(3) }] });
    play.say(firing(4));
    expect(suppressed()).toEqual(SILENCE);
    play.evaluate(at(5), { listed: [undefined] });
    expect(suppressed()).toBeUndefined();
    play.evaluate(at(6), { listed: [SILENCE] });
    play.say(resolved(7, 0, 6));
    expect(suppressed()).toBeUndefined();
  });

  it('tells alerts apart by their labels, not by the order of them', () => {
    const play = createPlay();
    const labels = { severity: 'page', service: 'checkout', alertname: 'SlowCheckout' };
    play.say(firing(1));
    play.say({ ...firing(1), labels });
    play.say({ ...firing(1), labels: { ...labels, service: 'cart', 'k8s.cluster': 'eu' } });
    expect(play.changes).toEqual(['firing', 'firing']);
  });

  it('gives the same occurrence the same id on every replica, and each occurrence another one', () => {
    const [one, other] = [createPlay(), createPlay()];
    one.say(firing(1));
    other.say(firing(3, 0, 'b'));
    expect(one.alerts()[0]?.alertId).toBe(other.alerts()[0]?.alertId);
    one.say(resolved(5, 0, 4));
    one.say(firing(9, 8));
    expect(one.alerts()[0]?.alertId).not.toBe(other.alerts()[0]?.alertId);
  });

  it('forgets an alert a day after its end', () => {
    const play = createPlay();
    play.say(firing(1));
    play.say(resolved(10, 0, 9));
    play.evaluate(after(at(9), ms(24 * HOUR)));
    expect(Object.keys(play.received())).toHaveLength(1);
    play.evaluate(after(at(11), ms(24 * HOUR)));
    expect(play.received()).toEqual({});
  });
});
