import { describe, expect, it } from 'vitest';
import { readingsOf } from '../../../../src/rules/analysis/analyse.ts';

describe('readingsOf', () => {
  const cases: Record<string, [string, readonly (readonly [string, string])[]]> = {
    'finds a metric without matchers': ['rate(requests_total[5m]) > 5', [['requests_total', '']]],
    'keeps the matchers as they are written, without those on le': [
      'histogram_quantile(0.99, sum by (le) (rate(m_bucket{job="a",le!="+Inf",code=~"5.."}[5m]))) > 1',
      [['m_bucket', 'job="a",code=~"5.."']],
    ],
    'finds both sides of a ratio, each once': [
      'sum(rate(e{c="5"}[5m])) / sum(rate(e[5m])) > 0.05 and sum(rate(e[1h])) > 0',
      [
        ['e', 'c="5"'],
        ['e', ''],
      ],
    ],
    'leaves out what names no metric': ['{job="a"} > 0', []],
    'stops at the seventh': [
      'a + b + c + d + e + f + g + h + i > 0',
      ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => [name, '']),
    ],
  };
  it.each(Object.entries(cases))('%s', (_name, [expr, expected]) => {
    expect(readingsOf(expr).map(({ metric, matchers }) => [metric, matchers])).toEqual(expected);
  });
});
