import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evalTimeOf, spreadOffset } from '../../../src/evaluation/schedule.ts';
import { epochMs, ms } from '../../../src/lib/units.ts';

const interval = fc.integer({ min: 1, max: 86_400 }).map((seconds) => ms(seconds * 1_000));
const instant = fc.integer({ min: 0, max: 4_102_444_800_000 }).map(epochMs);

describe('evalTimeOf', () => {
  it.each([
    ['on the grid', 60_000, 30_000, 0, 60_000],
    ['just before a point', 59_999, 30_000, 0, 30_000],
    ['with an offset', 60_000, 30_000, 7_000, 37_000],
    ['on an offset point', 67_000, 30_000, 7_000, 67_000],
    ['before the first offset point', 3_000, 30_000, 7_000, -23_000],
  ])('%s', (_, now, every, offset, evalTime) => {
    expect(evalTimeOf(epochMs(now), ms(every), ms(offset))).toBe(evalTime);
  });

  it('is not in the future, less than an interval old, and on the grid', () => {
    fc.assert(
      fc.property(instant, interval, fc.string(), (now, every, id) => {
        const offset = spreadOffset(id, every);
        const evalTime = evalTimeOf(now, every, offset);
        expect(evalTime).toBeLessThanOrEqual(now);
        expect(now - evalTime).toBeLessThan(every);
        expect(Math.abs((evalTime - offset) % every)).toBe(0);
      }),
    );
  });

  it('never decreases', () => {
    fc.assert(
      fc.property(instant, fc.nat(), interval, (now, more, every) => {
        expect(evalTimeOf(epochMs(now + more), every, ms(0))).toBeGreaterThanOrEqual(
          evalTimeOf(now, every, ms(0)),
        );
      }),
    );
  });
});

describe('spreadOffset', () => {
  it('is a whole number of seconds within the interval, and always the same', () => {
    fc.assert(
      fc.property(fc.string(), interval, (id, every) => {
        const offset = spreadOffset(id, every);
        expect(offset % 1_000).toBe(0);
        expect(offset).toBeGreaterThanOrEqual(0);
        expect(offset).toBeLessThan(every);
        expect(spreadOffset(id, every)).toBe(offset);
      }),
    );
  });

  it('is distributed evenly over the interval', () => {
    const counts = Array.from({ length: 30 }, () => 0);
    for (let i = 0; i < 3_000; i++) {
      const second = spreadOffset(`rules.yaml;group-${i}`, ms(30_000)) / 1_000;
      counts[second] = (counts[second] ?? 0) + 1;
    }
    // 100 are expected for each second; five standard deviations are 50.
    expect(Math.min(...counts)).toBeGreaterThan(50);
    expect(Math.max(...counts)).toBeLessThan(150);
  });

  it('is the same in every version: replicas of different versions share a grid', () => {
    expect(spreadOffset('rules.yaml;checkout', ms(30_000))).toBe(
      spreadOffset('rules.yaml;checkout', ms(30_000)),
    );
    expect(spreadOffset('rules.yaml;checkout', ms(30_000))).toBe(21_000);
  });
});
