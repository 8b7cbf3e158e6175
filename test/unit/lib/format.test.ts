import { describe, expect, it } from 'vitest';
import { durationText, windowText } from '../../../src/lib/format.ts';
import { epochMs, us } from '../../../src/lib/units.ts';

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
