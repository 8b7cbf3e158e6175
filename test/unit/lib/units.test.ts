import { assert, integer, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  after,
  before,
  between,
  epochMs,
  epochUs,
  formatDuration,
  ms,
  parseDuration,
  toEpochMs,
  toEpochUs,
  toMs,
  toUs,
  us,
} from '../../../src/lib/units.ts';

describe('a duration in Prometheus syntax', () => {
  it.each([
    ['0', 0],
    ['0s', 0],
    ['500ms', 500],
    ['30s', 30_000],
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['1d', 86_400_000],
    ['2w', 1_209_600_000],
    ['1y', 31_536_000_000],
    ['1m1ms', 60_001],
    ['1y2w3d4h5m6s7ms', 33_019_506_007],
    ['90m', 5_400_000],
    ['007s', 7_000],
  ])('%s is read as %d ms', (text, expected) => {
    expect(parseDuration(text)).toBe(expected);
  });

  it.each([
    '',
    '5',
    '1.5h',
    '30m1h',
    '5 m',
    '-5m',
    '5M',
    '1h1h',
    'm',
    '5ms5s',
    '1e3s',
    '5m ',
    '9'.repeat(20).concat('y'),
  ])('%j is refused', (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });

  it.each([
    [0, '0s'],
    [1, '1ms'],
    [1_500, '1s500ms'],
    [60_000, '1m'],
    [5_400_000, '1h30m'],
    [86_400_000, '1d'],
    [604_800_000, '1w'],
    [7_776_000_000, '90d'],
    [31_536_000_000, '1y'],
    [31_536_000_001, '365d1ms'],
  ])('%d ms is written %s', (value, expected) => {
    expect(formatDuration(ms(value))).toBe(expected);
  });

  it('that was written is read back the same', () => {
    assert(
      property(integer({ min: 0, max: 400 * 86_400_000 }), (value) => {
        expect(parseDuration(formatDuration(ms(value)))).toBe(value);
      }),
    );
  });
});

describe('units are turned into each other', () => {
  it('milliseconds and microseconds', () => {
    expect(toUs(ms(1.5))).toBe(1_500);
    expect(toMs(us(1_500))).toBe(1.5);
  });

  it('instants, rounded down to the millisecond', () => {
    expect(toEpochUs(epochMs(1_700_000_000_123))).toBe(1_700_000_000_123_000);
    expect(toEpochMs(epochUs(1_700_000_000_123_999))).toBe(1_700_000_000_123);
  });

  it('instants move by durations', () => {
    expect(after(epochMs(100), ms(20))).toBe(120);
    expect(before(epochMs(100), ms(20))).toBe(80);
    expect(between(epochMs(100), epochMs(80))).toBe(-20);
  });
});
