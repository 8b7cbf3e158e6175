import { describe, expect, test } from 'vitest';
import {
  formatGoDuration,
  formatGoTime,
  parseGoBool,
  parseGoDuration,
  parseGoInt,
  parseGoStringMap,
  parseGoTime,
} from '../../../../demo/jaeger/go-text.ts';

describe('durations', () => {
  test.each([
    ['250ms', 250_000],
    ['250.001ms', 250_001],
    ['1.5s', 1_500_000],
    ['1h30m', 5_400_000_000],
    ['8760h', 31_536_000_000_000],
    ['12us', 12],
    ['12µs', 12],
    ['1ns', 0.001],
    ['0', 0],
    ['-2ms', -2_000],
    ['.5s', 500_000],
  ])('%s is %d µs', (text, expected) => {
    expect(parseGoDuration(text)).toBe(expected);
  });

  test.each([
    ['250', 'time: missing unit in duration "250"'],
    ['', 'time: invalid duration ""'],
    ['fast', 'time: invalid duration "fast"'],
    ['5 ms', 'time: unknown unit " ms" in duration "5 ms"'],
    ['5constructor', 'time: unknown unit "constructor" in duration "5constructor"'],
  ])('"%s" is refused as Go does', (text, message) => {
    expect(() => parseGoDuration(text)).toThrow(message);
  });

  test.each([
    [52_000_000, '52ms'],
    [-611_161_500, '-611.1615ms'],
    [0, '0s'],
    [812, '812ns'],
    [1_500, '1.5µs'],
    [1_500_000_000, '1.5s'],
    [61_000_000_000, '1m1s'],
    [3_600_500_000_000, '1h0m0.5s'],
  ])('%d ns is written %s', (nanoseconds, text) => {
    expect(formatGoDuration(nanoseconds)).toBe(text);
  });
});

describe('instants', () => {
  const noon = Date.parse('2026-11-20T12:00:00Z') * 1_000;
  test.each([
    ['2026-11-20T12:00:00Z', noon],
    ['2026-11-20T12:00:00.25Z', noon + 250_000],
    ['2026-11-20T12:00:00.123456789Z', noon + 123_456],
    ['2026-11-20T14:00:00+02:00', noon],
  ])('%s is read', (text, expected) => {
    expect(parseGoTime(text)).toBe(expected);
  });

  test.each([
    ['1795168700000000', 'cannot parse "168700000000" as "-"'],
    ['2026-11-20', 'cannot parse "" as "T"'],
    ['2026-11-20T12:00:00', 'cannot parse "" as "Z07:00"'],
    ['tomorrow', 'cannot parse "tomorrow" as "2006"'],
  ])('%s is refused as Go does', (text, message) => {
    expect(() => parseGoTime(text)).toThrow(message);
  });

  test('are printed as Go prints them', () => {
    expect(formatGoTime(BigInt(noon) * 1_000n)).toBe('2026-11-20 12:00:00 +0000 UTC');
    expect(formatGoTime(BigInt(noon) * 1_000n + 1n)).toBe('2026-11-20 12:00:00.000000001 +0000 UTC');
  });
});

describe('numbers, booleans and maps', () => {
  test('are read', () => {
    expect(parseGoInt('-12')).toBe(-12);
    expect([parseGoBool('true'), parseGoBool('0')]).toEqual([true, false]);
    expect(parseGoStringMap('{"a:b":"c"}')).toEqual({ 'a:b': 'c' });
    expect(parseGoStringMap('null')).toEqual({});
  });

  test.each<[string, () => unknown, string]>([
    ['an integer', () => parseGoInt('1.5'), 'strconv.ParseInt: parsing "1.5": invalid syntax'],
    ['a depth', () => parseGoInt('x', 'Atoi'), 'strconv.Atoi: parsing "x": invalid syntax'],
    ['a boolean', () => parseGoBool('yes'), 'strconv.ParseBool: parsing "yes": invalid syntax'],
    ['a literal', () => parseGoStringMap('notjson'), "invalid character 'o' in literal null (expecting 'u')"],
    ['a word', () => parseGoStringMap('hello'), "invalid character 'h' looking for beginning of value"],
    ['half an object', () => parseGoStringMap('{"a":'), 'unexpected end of JSON input'],
    [
      'a number as value',
      () => parseGoStringMap('{"a":1}'),
      'json: cannot unmarshal number into Go value of type string',
    ],
    [
      'a list',
      () => parseGoStringMap('[]'),
      'json: cannot unmarshal array into Go value of type map[string]string',
    ],
  ])('%s that is wrong is refused as Go does', (_what, parse, message) => {
    expect(parse).toThrow(message);
  });
});
