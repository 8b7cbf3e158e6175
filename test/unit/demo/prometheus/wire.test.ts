import { describe, expect, it } from 'vitest';
import { formatScalar, formatTimestamp, formatValue } from '../../../../demo/prometheus/http/wire.ts';

describe('a sample value is written', () => {
  it.each([
    [0, '0'],
    [-0, '-0'],
    [1, '1'],
    [0.1 + 0.2, '0.30000000000000004'],
    [1e20, '100000000000000000000'],
    [1e21, '1e+21'],
    [1.5e300, '1.5e+300'],
    [0.000001, '0.000001'],
    [1e-7, '1e-07'],
    [-2.5e-9, '-2.5e-09'],
    [5e-324, '5e-324'],
    [Infinity, '+Inf'],
    [-Infinity, '-Inf'],
    [Number.NaN, 'NaN'],
  ])('%d as %s', (value, text) => {
    expect(formatValue(value)).toBe(text);
  });
});

describe('a scalar is written without an exponent:', () => {
  it.each([
    [1e21, '1000000000000000000000'],
    [-1.25e22, '-12500000000000000000000'],
    [1e-7, '0.0000001'],
    [-1.5e-9, '-0.0000000015'],
    [2.5, '2.5'],
    [Infinity, '+Inf'],
  ])('%d as %s', (value, text) => {
    expect(formatScalar(value)).toBe(text);
  });
});

describe('a time stamp is written in seconds', () => {
  it.each([
    [1_435_781_430_781, '1435781430.781'],
    [1_435_781_430_000, '1435781430'],
    [1_435_781_430_005, '1435781430.005'],
    [-1_500, '-1.500'],
    [0, '0'],
  ])('%d ms as %s', (t, text) => {
    expect(formatTimestamp(t)).toBe(text);
  });
});
