import { describe, expect, it } from 'vitest';
import { ms } from '../../../src/lib/units.ts';
import { runTimeline, TICK } from '../../support/timeline.ts';

describe('an alert of a rule whose values tell nothing, only that there is data', () => {
  const rule = { recovery: { expr: 'there' } };

  it('is over as soon as there is data and no breach, and keeps the value it breached with', () => {
    const { states, alerts } = runTimeline('0.5 _ ok7', { rule });
    expect(states).toBe('FF.');
    expect(alerts[2]).toMatchObject({
      state: 'resolved',
      resolveReason: 'no-longer-breaching',
      value: 0.5,
    });
  });

  it('is without data until there is some, then kept firing', () => {
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

  it('ends without data where its rule says so', () => {
    expect(runTimeline('0.5 _', { rule: { ...rule, onNoData: 'resolve' } }).states).toBe('F.');
  });
});
