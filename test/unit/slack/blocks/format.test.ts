import { describe, expect, it } from 'vitest';
import { quantileName } from '../../../../src/lib/histogram.ts';
import { ms } from '../../../../src/lib/units.ts';
import { bucketText, estimate, latency, roughly, ruleValue } from '../../../../src/slack/blocks/format.ts';

const each = <Value>(
  name: string,
  write: (value: Value) => string,
  cases: Readonly<Record<string, Value>>,
): void => {
  describe(name, () => {
    it.each(Object.entries(cases))('%s', (text, value) => {
      expect(write(value)).toBe(text);
    });
  });
};

each('a latency', (value) => latency(ms(value)), {
  '0 ms': 0,
  '250 µs': 0.25,
  '999 µs': 0.9994,
  '1 ms': 0.9996,
  '8.1 ms': 8.12,
  '10 ms': 9.96,
  '812 ms': 812.4,
  '999 ms': 999.4,
  '1 s': 999.6,
  '1.24 s': 1_240,
  '12.4 s': 12_400,
  '412 s': 412_000,
  '3600 s': 3_600_000,
  NaN: Number.NaN,
  '+Inf': Number.POSITIVE_INFINITY,
});

each('a quantile', quantileName, { p50: 0.5, p95: 0.95, p99: 0.99, 'p99.9': 0.999 });

each('a quantile as its bucket', bucketText, {
  '500 ms to 1 s': { value: ms(812), low: ms(500), high: ms(1_000) },
  'up to 5 ms': { value: ms(3), low: ms(0), high: ms(5) },
  'over 3600 s': { value: ms(3_600_000), low: ms(3_600_000) },
  '≈ 812 ms': { value: ms(812) },
  'no requests': { value: ms(Number.NaN), low: ms(0), high: ms(5) },
});

describe('what a histogram knows', () => {
  const cases: Record<string, [Parameters<typeof estimate>[0], string]> = {
    '812 ms (between 500 ms and 1 s)': [{ value: ms(812), low: ms(500), high: ms(1_000) }, '≈ 812 ms'],
    'over 3600 s': [{ value: ms(3_600_000), low: ms(3_600_000) }, 'over 3600 s'],
    '812 ms': [{ value: ms(812) }, '≈ 812 ms'],
  };
  it.each(Object.entries(cases))('%s', (text, [known, short]) => {
    expect(estimate(known)).toBe(text);
    expect(roughly(known)).toBe(short);
  });
});

describe("a rule's value", () => {
  const cases: Record<string, [number, Parameters<typeof ruleValue>[1]]> = {
    '7.2%': [0.072, { kind: 'slow-share' }],
    '812 ms': [812, { kind: 'latency', unit: 'ms' }],
    '1.24 s': [1.24, { kind: 'latency', unit: 's' }],
    '500 ms': [500, { kind: 'latency' }],
    '42 requests': [42, { kind: 'number', unit: 'requests' }],
    '0.333': [1 / 3, { kind: 'number' }],
    '12,346': [12_345.6, { kind: 'number' }],
    NaN: [Number.NaN, { kind: 'number' }],
    '1.23e18': [1.234e18, { kind: 'number' }],
  };
  it.each(Object.entries(cases))('%s', (text, [value, how]) => {
    expect(ruleValue(value, how)).toBe(text);
  });
});
