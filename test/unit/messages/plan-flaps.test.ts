import { describe, expect, it } from 'vitest';
import type { Alert } from '../../../src/alerts/alert.ts';
import type { NotificationLimits } from '../../../src/messages/plan.ts';
import type { Decided } from '../../support/decided.ts';
import { alertOf, many, over, play, seconds } from '../evaluation/rule-play.ts';

const MINUTE = 60;

/** Less urgent than a page, which is always notified. */
const labelsOf = (number: number, severity = 'ticket') => ({ ...alertOf(number).labels, severity });

/** The run of an alert that begins at an evaluation time. */
const runOf = (evalTime: number, number = 1): Alert =>
  alertOf(number, {
    labels: labelsOf(number),
    alertId: `run-${number}-${evalTime}`,
    activeAt: seconds(evalTime),
    firedAt: seconds(evalTime),
  });

/** An alert that fires for a minute and is quiet for a minute, over and over; what is notified, by evaluation time. */
function flapping(rounds: number, limits: Partial<NotificationLimits> = {}) {
  const rule = play({ groupThreshold: 10, flapThreshold: 6, ...limits });
  const notified: (readonly [number, Decided])[] = [];
  const tick = (evalTime: number, alert: Alert): void => {
    for (const entry of rule.tick(evalTime, [alert]))
      if (entry.kind !== 'refresh') notified.push([evalTime, entry]);
  };
  for (let round = 0; round < rounds; round++) {
    const start = round * 2 * MINUTE;
    tick(start, runOf(start));
    tick(start + MINUTE, over(runOf(start), start + MINUTE));
  }
  return {
    rule,
    tick,
    kinds: () => notified.map(([evalTime, { kind }]) => `${evalTime / MINUTE} ${kind}`),
    notified: () => notified.map(([, entry]) => entry),
  };
}

const THREE_ROUNDS = ['0 firing', '1 resolved', '2 firing', '3 resolved', '4 firing', '5 resolved'];

describe('an alert that comes and goes', () => {
  it('is notified for three rounds, then said to flap in one line below its last message', () => {
    const { kinds, notified } = flapping(20);
    expect(kinds()).toEqual([...THREE_ROUNDS, '6 flapping']);
    const line = notified().at(-1);
    expect(line?.alertId).toBe('run-1-240');
    expect(line?.note).toBe(
      'svc-0001: flapping, fired 4 times in the last hour. The next message is posted after 15 min of firing or quiet.',
    );
  });

  it('says in /slo that it is held back, and until when', () => {
    const { rule, tick } = flapping(3);
    tick(6 * MINUTE, runOf(6 * MINUTE));
    expect(rule.alerts()[0]?.suppressed).toEqual({
      kind: 'flapping',
      by: 'fired 4 times in the last hour',
      since: seconds(6 * MINUTE),
      until: seconds(21 * MINUTE),
    });
  });

  it('is notified at once when it is far worse than at its earlier peaks', () => {
    const worse = (value: number): readonly string[] => {
      const { kinds, tick } = flapping(4);
      const run = runOf(8 * MINUTE);
      tick(8 * MINUTE, { ...run, value: run.peak, peak: run.peak });
      tick(9 * MINUTE, { ...run, value, peak: value });
      return kinds().slice(7);
    };
    const { peak } = runOf(0);
    expect(worse(1.5 * peak)).toEqual([]);
    expect(worse(2.5 * peak)).toEqual(['9 firing']);
  });

  it('is posted when it has fired for a quarter of an hour, and its end is notified', () => {
    const { kinds, tick, rule } = flapping(3);
    const run = runOf(6 * MINUTE);
    for (let evalTime = 6; evalTime < 25; evalTime++) tick(evalTime * MINUTE, run);
    expect(kinds().slice(6)).toEqual(['6 flapping', '21 firing']);
    expect(rule.alerts()[0]?.suppressed).toBeUndefined();
    tick(25 * MINUTE, over(run, 25 * MINUTE));
    expect(kinds().slice(8)).toEqual(['25 resolved']);
  });

  it('is said to be quiet when it has been for a quarter of an hour', () => {
    const { kinds, notified, tick } = flapping(4);
    const last = over(runOf(6 * MINUTE), 7 * MINUTE);
    for (let evalTime = 8; evalTime < 22; evalTime++) tick(evalTime * MINUTE, last);
    expect(kinds().slice(6)).toEqual(['6 flapping', '21 stable']);
    expect(notified().at(-1)).toMatchObject({
      alertId: 'run-1-240',
      note: 'svc-0001: stable for 15 min, fired 4 times in the last hour.',
    });
  });

  it('is notified as ever once the hour has passed', () => {
    const { kinds, tick } = flapping(3);
    const later = 65 * MINUTE;
    tick(later, runOf(later));
    expect(kinds().slice(6)).toEqual(['65 firing']);
  });

  it.each([
    ['a limit of 0 tells everything', 0, 10],
    ['a limit of 2 tells one round', 2, 1],
    ['of an odd limit the last is left, so that every firing has its end', 5, 2],
  ])('%s', (_, flap, rounds) => {
    const { kinds } = flapping(10, { flapThreshold: flap });
    expect(kinds().filter((notified) => notified.endsWith('firing'))).toHaveLength(rounds);
    expect(kinds().filter((notified) => notified.endsWith('resolved'))).toHaveLength(rounds);
  });

  it('is forgotten after an hour of quiet: what is kept is bounded', () => {
    const { rule, tick } = flapping(20);
    const last = over(runOf(38 * MINUTE), 39 * MINUTE);
    for (let evalTime = 40; evalTime < 60; evalTime++) tick(evalTime * MINUTE, last);
    const [history] = Object.values(rule.flaps());
    expect(history?.fired.length).toBeLessThanOrEqual(60);
    for (let evalTime = 60; evalTime < 110; evalTime++) rule.tick(evalTime * MINUTE, []);
    expect(rule.flaps()).toEqual({});
  });
});

it('a page is always notified, however often it comes and goes', () => {
  const rule = play({ groupThreshold: 10, flapThreshold: 2 });
  const kinds: string[] = [];
  for (let round = 0; round < 8; round++) {
    const start = round * 2 * MINUTE;
    const run = { ...runOf(start), labels: labelsOf(1, 'page') };
    for (const [evalTime, alert] of [
      [start, run],
      [start + MINUTE, over(run, start + MINUTE)],
    ] as const)
      kinds.push(...rule.tick(evalTime, [alert]).map(({ kind }) => kind));
  }
  expect(kinds.filter((kind) => kind === 'firing')).toHaveLength(8);
  expect(kinds).not.toContain('flapping');
});

describe('many that come and go together', () => {
  it('share the line as they share the message', () => {
    const rule = play({ groupThreshold: 10, flapThreshold: 6 });
    const entries: Decided[] = [];
    for (let round = 0; round < 6; round++) {
      const start = round * 2 * MINUTE;
      const runs = many(12).map((_, index) => runOf(start, index + 1));
      entries.push(...rule.tick(start, runs));
      entries.push(
        ...rule.tick(
          start + MINUTE,
          runs.map((run) => over(run, start + MINUTE)),
        ),
      );
    }
    const kinds = entries.filter(({ kind }) => kind !== 'refresh').map(({ kind }) => kind);
    expect(kinds).toEqual(['firing', 'resolved', 'firing', 'resolved', 'firing', 'resolved', 'flapping']);
    expect(entries.find(({ kind }) => kind === 'flapping')?.note).toMatch(
      /^12 alerts: flapping, fired up to 4 times/,
    );
  });
});
