import { assert, integer, oneof, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkExpression } from '../../../src/rules/analysis/check-expression.ts';
import {
  equalityMatchers,
  goFloat,
  leBelow,
  leMatcher,
  promqlNumber,
  promqlString,
} from '../../../src/rules/promql.ts';
import { runsOf } from '../../support/runs.ts';

describe('parts of an expression', () => {
  it.each([
    ['plain', '"plain"'],
    ['say "hi"', '"say \\"hi\\""'],
    ['back\\slash', '"back\\\\slash"'],
    ['two\nlines\tand\rmore', '"two\\nlines\\tand\\rmore"'],
    ['"} or up{a="', '"\\"} or up{a=\\""'],
    ['grün →', '"grün →"'],
  ])('the text %j is quoted', (text, expected) => {
    expect(promqlString(text)).toBe(expected);
    expect(checkExpression(`a{b=${promqlString(text)}}`)).toEqual([]);
  });

  it.each([
    [1 - 0.99, '0.01'],
    [14.4 * (1 - 0.999), '0.0144'],
    [500, '500'],
    [0.1 + 0.2, '0.3'],
    [-1.5, '-1.5'],
    [1e21, '1e+21'],
    [Number.POSITIVE_INFINITY, 'Inf'],
    [Number.NEGATIVE_INFINITY, '-Inf'],
    [Number.NaN, 'NaN'],
  ])('the number %d is written without rounding errors', (value, expected) => {
    expect(promqlNumber(value)).toBe(expected);
    expect(checkExpression(`a > ${promqlNumber(value)}`)).toEqual([]);
  });

  it.each([
    [500, '500'],
    [0.005, '0.005'],
    [0.0001, '0.0001'],
    [0.000_05, '5e-05'],
    [999_999, '999999'],
    [1_800_000, '1.8e+06'],
  ])('Go writes %d as %s', (value, expected) => {
    expect(goFloat(value)).toBe(expected);
  });

  const written: readonly (readonly [number, readonly string[]])[] = [
    [500, ['500', '500.0']],
    [1, ['1', '1.0']],
    [0.5, ['0.5']],
    [0.005, ['0.005']],
    [2.5, ['2.5']],
    [0.000_05, ['0.00005', '5e-05']],
    [1_800_000, ['1800000', '1800000.0', '1.8e+06']],
  ];
  it.each(written)('the bound %d is found in every format', (bound, forms) => {
    const matcher = leMatcher(bound);
    const [, operator, value = ''] = /^le(=~?)"(.*)"$/.exec(matcher) ?? [];
    const pattern = value.replaceAll('\\\\', '\\');
    const isFound = (le: string): boolean =>
      operator === '=' ? le === value : new RegExp(`^(?:${pattern})$`).test(le);
    expect(forms.filter((form) => !isFound(form))).toEqual([]);
    const others = forms
      .flatMap((form) => [`${form}0`, `1${form}`, form.replace('.', 'x')])
      .filter((le) => !forms.includes(le));
    expect(others.filter((le) => Number(le) !== bound && isFound(le))).toEqual([]);
    expect(checkExpression(`a{${matcher}}`)).toEqual([]);
  });

  it('label values become matchers in the order of their names, empty ones left out', () => {
    expect(equalityMatchers({ b: '2', a: '1"', c: '' })).toBe('a="1\\"",b="2"');
  });
});

const matches = (bound: number, le: string): boolean => new RegExp(`^(?:${leBelow(bound)})$`).test(le);

describe('the bounds below a threshold', () => {
  const cases: Readonly<Record<string, readonly [number, readonly string[], readonly string[]]>> = {
    'milliseconds as older and newer servers write them': [
      750,
      ['0.5', '1', '1.0', '5', '50.0', '500', '500.0', '749.9'],
      ['750', '750.0', '751', '1000', '1000.0', '1e+06', '1.8e+06', '3600000', '+Inf'],
    ],
    seconds: [
      0.3,
      ['0', '0.0', '0.005', '0.01', '0.25', '0.2999', '5e-05'],
      ['0.3', '0.30', '0.5', '1', '1.0', '2.5', '10', '10.0', '+Inf'],
    ],
    'seconds with several decimals': [0.35, ['0.3', '0.30', '0.349', '0.1'], ['0.35', '0.4', '1.0']],
    'a decimal that ends in a zero in between': [
      1.05,
      ['1', '1.', '1.0', '1.04', '0.9'],
      ['1.05', '1.1', '2'],
    ],
    'more than a million': [
      1_900_000,
      ['500', '1000000', '1800000', '1e+06', '1.8e+06', '600000.0', '1.85e+06'],
      ['1900000', '1.9e+06', '1.91e+06', '2e+06', '3.6e+06', '1e+07', '+Inf'],
    ],
  };
  it.each(Object.entries(cases))('%s', (_, [bound, below, others]) => {
    expect(below.filter((le) => !matches(bound, le))).toEqual([]);
    expect(others.filter((le) => matches(bound, le))).toEqual([]);
  });

  const latency = oneof(
    integer({ min: 1, max: 100_000_000 }),
    integer({ min: 1, max: 10_000_000 }).map((ms) => ms / 1_000),
  );
  it('are exactly those, in every format', () => {
    assert(
      property(latency, latency, (bound, le) => {
        const forms = [String(le), goFloat(le), ...(Number.isInteger(le) ? [`${le}.0`] : [])];
        for (const form of forms) expect(matches(bound, form), `${form} below ${bound}`).toBe(le < bound);
      }),
      { numRuns: runsOf(3_000) },
    );
  });

  it('are distinguished digit by digit', () => {
    assert(
      property(latency, integer({ min: -3, max: 3 }), (bound, steps) => {
        const le = Number((bound + steps / 1_000).toFixed(3));
        if (le > 0) expect(matches(bound, String(le))).toBe(le < bound);
      }),
      { numRuns: runsOf(3_000) },
    );
  });
});
