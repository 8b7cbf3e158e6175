import { describe, expect, it } from 'vitest';
import { DAY, MINUTE, ms, ratio } from '../../../src/lib/units.ts';
import { checkExpression } from '../../../src/rules/analysis/syntax.ts';
import { PRESETS } from '../../../src/rules/presets.ts';
import {
  bucketRatesExpr,
  equalityMatchers,
  errorShareExpr,
  goFloat,
  leMatcher,
  objectiveLabels,
  promqlNumber,
  promqlString,
  quantileExpr,
  requestRateExpr,
  slowShareExpr,
} from '../../../src/rules/queries.ts';
import type { LatencyFamily } from '../../../src/rules/rule.ts';

const window = ms(5 * MINUTE);

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
  ])('the number %d is written without noise', (value, expected) => {
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
  it.each(written)('the bound %d is found however it is written', (bound, forms) => {
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

  it('the labels of an alert that its objective knows', () => {
    const labels = { service: 'checkout', zone: '', severity: 'page', alertname: 'A' };
    expect(objectiveLabels({ by: ['service', 'zone', 'team'] }, labels)).toEqual({ service: 'checkout' });
  });
});

describe('questions about one service', () => {
  const { family } = PRESETS.istio;
  const labels = { destination_service_name: 'check"out' };
  const matchers = 'reporter="destination",destination_service_name="check\\"out"';
  const metric = 'istio_request_duration_milliseconds';
  const reading = { window };

  const cases: Readonly<Record<string, readonly [string | undefined, string]>> = {
    'its p99': [
      quantileExpr({ family }, labels, { ...reading, quantile: ratio(0.99) }),
      `histogram_quantile(0.99, sum by (le) (rate(${metric}_bucket{${matchers}}[5m])))`,
    ],
    'its p99 a day ago': [
      quantileExpr({ family }, labels, { ...reading, quantile: ratio(0.99), offset: DAY }),
      `histogram_quantile(0.99, sum by (le) (rate(${metric}_bucket{${matchers}}[5m] offset 1d)))`,
    ],
    'its share of slow requests': [
      slowShareExpr({ family }, labels, { ...reading, threshold: ms(500) }),
      `1 - sum(rate(${metric}_bucket{reporter="destination",le=~"500(\\\\.0)?",destination_service_name="check\\"out"}[5m])) / sum(rate(${metric}_count{${matchers}}[5m]))`,
    ],
    'its requests per second': [
      requestRateExpr({ family }, labels, reading),
      `sum(rate(${metric}_count{${matchers}}[5m]))`,
    ],
    'its share of failures': [
      errorShareExpr({ family }, labels, reading),
      `(sum(rate(${metric}_count{reporter="destination",response_code=~"5..",destination_service_name="check\\"out"}[5m])) or vector(0)) / sum(rate(${metric}_count{${matchers}}[5m]))`,
    ],
    'its buckets': [
      bucketRatesExpr({ family }, labels, reading),
      `sum by (le) (rate(${metric}_bucket{${matchers}}[5m]))`,
    ],
  };
  it.each(Object.entries(cases))('%s', (_, [expr, expected]) => {
    expect(expr).toBe(expected);
    expect(checkExpression(expected)).toEqual([]);
  });

  it('a metric without matchers has no braces, and one that tells no failures has no share of them', () => {
    const bare: LatencyFamily = { metric: 'm_seconds', unit: 's', selector: '', serviceLabel: 'job' };
    expect(requestRateExpr({ family: bare }, {}, reading)).toBe('sum(rate(m_seconds_count[5m]))');
    expect(errorShareExpr({ family: bare }, {}, reading)).toBeUndefined();
    expect(slowShareExpr({ family: bare }, {}, { ...reading, threshold: ms(250) })).toContain('{le="0.25"}');
  });
});
