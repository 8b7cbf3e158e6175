import { describe, expect, it } from 'vitest';
import {
  bound,
  boundRange,
  burn,
  durationText,
  rate,
  share,
  timeSpan,
  windowText,
} from '../../../src/lib/format.ts';
import { epochMs, ms, us } from '../../../src/lib/units.ts';

describe('formatted values', () => {
  it.each([
    [0, '0 ms'],
    [0.5, '0.5 µs'],
    [999, '999 µs'],
    [999.6, '1 ms'],
    [1_000, '1 ms'],
    [8_126, '8.1 ms'],
    [9_960, '10 ms'],
    [81_260, '81 ms'],
    [812_345, '812 ms'],
    [999_600, '1 s'],
    [1_240_000, '1.24 s'],
    [12_340_000, '12.3 s'],
    [125_000_000, '125 s'],
    [-8_126, '-8.1 ms'],
    [Number.POSITIVE_INFINITY, '+Inf'],
    [Number.NaN, 'NaN'],
  ])('%d µs is %s', (micros, text) => {
    expect(durationText(us(micros))).toBe(text);
  });

  it.each([
    [Date.UTC(2026, 10, 20, 14), Date.UTC(2026, 10, 20, 14, 10), 'from 14:00 to 14:10 UTC'],
    [Date.UTC(2026, 10, 20, 14, 0, 5), Date.UTC(2026, 10, 20, 14, 10), 'from 14:00:05 to 14:10 UTC'],
    [Date.UTC(2026, 10, 19, 23, 50), Date.UTC(2026, 10, 20, 0, 10), 'from 2026-11-19 23:50 to 00:10 UTC'],
  ])('a window %d to %d is %s', (start, end, text) => {
    expect(windowText({ start: epochMs(start), end: epochMs(end) })).toBe(text);
  });
});

const each = (
  name: string,
  write: (value: number) => string,
  cases: Readonly<Record<string, number>>,
): void => {
  describe(name, () => {
    it.each(Object.entries(cases))('%s', (text, value) => {
      expect(write(value)).toBe(text);
    });
  });
};

each('a bound, as it was configured', (value) => bound(ms(value)), {
  '0.5 ms': 0.5,
  '500 ms': 500,
  '1 s': 1_000,
  '2.5 s': 2_500,
  '3600 s': 3_600_000,
});

each('a period', (value) => timeSpan(ms(value)), {
  '0 s': -5,
  '45 s': 45_000,
  '12 min': 720_000,
  '12 min 5 s': 725_000,
  '1 h': 3_600_000,
  '1 h 5 min': 3_900_000,
  '2 h': 7_190_000,
  '2 d 3 h': 183_600_000,
  '1 d': 86_400_000,
});

each('a share', share, {
  '0%': 0,
  'under 0.1%': 0.000_4,
  '0.1%': 0.001,
  '7.2%': 0.072,
  '10%': 0.0996,
  '34%': 0.3411,
  '98%': 0.984,
  '99.71%': 0.99712,
  '99.9%': 0.999,
  '99.99%': 0.9999,
  'over 99.99%': 0.999999,
  '100%': 1,
  NaN: Number.NaN,
});

each('a burn rate', burn, { '0.55x': 0.55, '7.2x': 7.2, '10x': 9.96, '14.4x': 14.4, '100x': 99.96 });
each('a request rate', rate, {
  '0 req/s': 0,
  '0.012 req/s': 0.012,
  '12.3 req/s': 12.34,
  '1,235 req/s': 1_234.6,
});

describe('a range of two bounds', () => {
  it.each([
    ['1 to 5 ms', 1, 5],
    ['500 ms to 1 s', 500, 1_000],
  ])('%s', (text, low, high) => {
    expect(boundRange(ms(low), ms(high))).toBe(text);
  });
});
