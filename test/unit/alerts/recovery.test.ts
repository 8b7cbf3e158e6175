import { describe, expect, it } from 'vitest';
import { meets } from '../../../src/alerts/recovery.ts';
import { ms } from '../../../src/lib/units.ts';
import { runTimeline, TICK } from '../../support/timeline.ts';

describe('an alert of a rule whose recovery condition has no comparison', () => {
  const rule = { recovery: { expr: 'there' } };

  it('resolves when there is data and no breach, and keeps its last breaching value', () => {
    const { states, alerts } = runTimeline('0.5 _ ok7', { rule });
    expect(states).toBe('FF.');
    expect(alerts[2]).toMatchObject({
      state: 'resolved',
      resolveReason: 'no-longer-breaching',
      value: 0.5,
    });
  });

  it('has no data until there is some, then keeps firing', () => {
    const { states, transitions } = runTimeline('0.5 _ nan ok7 ok7', {
      rule: { ...rule, keepFiringFor: ms(TICK) },
    });
    expect(states).toBe('FFNK.');
    expect(transitions).toEqual([
      [0, 'firing'],
      [2, 'no-data'],
      [3, 'data-back'],
      [4, 'resolved'],
    ]);
  });

  it('ends without data as closed, and with failed recovery queries as no longer returned', () => {
    const noData = ms(2 * TICK);
    const reasonOf = (row: string) =>
      runTimeline(row, { rule: { ...rule, noData } }).alerts.at(-1)?.resolveReason;
    expect([reasonOf('0.5 _ _ _'), reasonOf('0.5 ? ?')]).toEqual(['no-data', 'no-longer-returned']);
  });

  it('resolves without data if its rule says so', () => {
    expect(runTimeline('0.5 _', { rule: { ...rule, noData: 'resolve' } }).states).toBe('F.');
  });
});

describe('meets', () => {
  it.each([
    ['>', [false, false, true]],
    ['>=', [false, true, true]],
    ['<', [true, false, false]],
    ['<=', [true, true, false]],
    ['==', [false, true, false]],
    ['!=', [true, false, true]],
  ] as const)('compares with %s as PromQL does', (comparison, expected) => {
    expect([1, 2, 3].map((value) => meets(value, comparison, 2))).toEqual(expected);
    expect(meets(Number.NaN, comparison, 2)).toBe(comparison === '!=');
  });
});
