import { describe, expect, it } from 'vitest';
import { evalTimesOf, evaluationsIn, spreadOffset } from '../../../src/evaluation/schedule.ts';
import { after, HOUR, MINUTE, ms, SECOND } from '../../../src/lib/units.ts';
import { aGroup } from '../../support/builders.ts';
import { START } from '../../support/virtual-clock.ts';

const window = { start: START, end: after(START, ms(3 * HOUR + 7 * SECOND)) };
const groups = [
  aGroup({ name: 'slow', interval: ms(7 * MINUTE) }),
  aGroup({ name: 'fast', interval: ms(20 * SECOND) }),
  aGroup({ name: 'cron', interval: MINUTE, schedule: '0 * * * * *' }),
  aGroup({ name: 'rare', interval: ms(5 * HOUR) }),
];
const evaluations = (step?: typeof MINUTE) =>
  [...evaluationsIn(groups.map((group) => evalTimesOf(group, { window, step })))].map(
    ({ group, evalTime }) => ({ name: group.name, evalTime }),
  );

describe('the evaluations of a window', () => {
  it.each(groups)(
    'are every evaluation time of the grid of $name, once, both ends within',
    ({ name, id, interval }) => {
      const offset = name === 'cron' ? 0 : spreadOffset(id, interval);
      const expected: number[] = [];
      for (let at = Math.floor(window.start / 1_000) * 1_000; at <= window.end; at += 1_000)
        if ((at - offset) % interval === 0) expected.push(at);
      expect(evaluations().flatMap((turn) => (turn.name === name ? turn.evalTime : []))).toEqual(expected);
    },
  );

  it('are sorted by time, then in the order of the rule files', () => {
    const order = groups.map(({ name }) => name);
    for (const all of [evaluations(), evaluations(MINUTE)]) {
      const sorted = all.toSorted(
        (a, b) => a.evalTime - b.evalTime || order.indexOf(a.name) - order.indexOf(b.name),
      );
      expect(all).toEqual(sorted);
    }
  });

  it('are one step apart when a step is given, also for a group with a longer interval', () => {
    const rare = evaluations(MINUTE).filter(({ name }) => name === 'rare');
    expect(rare.length).toBe(180);
  });
});
