import { describe, expect, it } from 'vitest';
import { DAY, MINUTE, ms, ratio } from '../../../src/lib/units.ts';
import { checkExpression } from '../../../src/rules/analysis/check-expression.ts';
import { PRESETS } from '../../../src/rules/presets.ts';
import {
  bucketRatesExpr,
  errorShareExpr,
  objectiveLabels,
  quantileExpr,
  requestRateExpr,
  slowShareExpr,
} from '../../../src/rules/queries.ts';
import type { LatencyFamily } from '../../../src/rules/rule.ts';

const window = ms(5 * MINUTE);

it('the labels of an alert that its objective groups by', () => {
  const labels = { service: 'checkout', zone: '', severity: 'page', alertname: 'A' };
  expect(objectiveLabels({ by: ['service', 'zone', 'team'] }, labels)).toEqual({ service: 'checkout' });
});

describe('queries about one service', () => {
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

  it('a metric without matchers has no braces, and one without failures has no share of them', () => {
    const bare: LatencyFamily = { metric: 'm_seconds', unit: 's', selector: '', serviceLabel: 'job' };
    expect(requestRateExpr({ family: bare }, {}, reading)).toBe('sum(rate(m_seconds_count[5m]))');
    expect(errorShareExpr({ family: bare }, {}, reading)).toBeUndefined();
    expect(slowShareExpr({ family: bare }, {}, { ...reading, threshold: ms(250) })).toContain('{le="0.25"}');
  });
});
