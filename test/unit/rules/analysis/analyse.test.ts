import { describe, expect, it } from 'vitest';
import { analyseExpression, metricsNeededBy, metricsOf } from '../../../../src/rules/analysis/analyse.ts';

const P99 =
  'histogram_quantile(0.99, sum by (le, destination_service_name) (rate(istio_request_duration_milliseconds_bucket{reporter="destination"}[5m])))';

describe('bound, comparison and recovery condition of an expression', () => {
  const cases: Readonly<Record<string, readonly [string, (readonly [string, number, string])?]>> = {
    'a comparison with a number': ['a > 1', ['>', 1, 'a']],
    'in parentheses': ['((a > 1))', ['>', 1, 'a']],
    'operands in parentheses': ['(a + b) > (1)', ['>', 1, 'a + b']],
    'the number on the left is turned round': ['500 <= a', ['>=', 500, 'a']],
    'a negative number': ['a > -1', ['>', -1, 'a']],
    'a negative number on the left': ['-1 < a', ['>', -1, 'a']],
    'a negated vector': ['-a > 1', ['>', 1, '-a']],
    'an exponent': ['a >= 1.5e3', ['>=', 1_500, 'a']],
    'a calculated number': ['a > (14.4 * 0.0009999999999999432)', ['>', 0.0144, 'a']],
    'a calculated number without parentheses': ['a > 1 + 2 * (3 - 4) / 2', ['>', 0, 'a']],
    'a calculated number on the left': ['2 * 3 < a', ['>', 6, 'a']],
    'a negated calculation': ['a < -(1 - 3)', ['<', 2, 'a']],
    infinity: ['a < +Inf', ['<', Number.POSITIVE_INFINITY, 'a']],
    'underscores between digits': ['a > 1_000', ['>', 1_000, 'a']],
    'the burn rates of generators': [
      '(e5m{s="x"} > (14.4 * 0.001)) and ignoring (window) (e1h{s="x"} > (14.4 * 0.001))',
      [
        '>',
        0.0144,
        '(e5m{s="x"} and ignoring (window) (e1h{s="x"} > 0.0144)) or (e5m{s="x"} and ignoring (window) (e1h{s="x"} >= -Inf) unless ignoring (window) (e1h{s="x"} > 0.0144)) * 0 + 0.0144',
      ],
    ],
    'a duration counts seconds': ['a > 5m', ['>', 300, 'a']],
    'a comparison for equality': ['up == 0', ['==', 0, 'up']],
    'an offset before the comparison': ['a + b offset 5m > 3', ['>', 3, 'a + b offset 5m']],
    'arithmetic on the left': ['rate(x[5m]) * 100 / 2 > 5', ['>', 5, 'rate(x[5m]) * 100 / 2']],
    'a comment and several lines': ['a # first\n  + b\n> 1 # last', ['>', 1, 'a + b']],
    'a guard without a filter': ['a > 1 and b', ['>', 1, 'a and b']],
    'a guard that matches on labels': [
      'a > 1 and on (x) b offset 1h',
      ['>', 1, 'a and on (x) (b offset 1h)'],
    ],
    'an exception': ['a > 1 unless b', ['>', 1, '(a unless b) or (a and b) * 0 + 1']],
    'two filters, both needed': [
      'a > 1 and b > 2',
      ['>', 1, '(a and (b > 2)) or (a and (b >= -Inf) unless (b > 2)) * 0 + 1'],
    ],
    'two filters with >=': [
      'a >= 1 and b > 2',
      ['>=', 1, '(a and (b > 2)) or (a and (b >= -Inf) unless (b > 2)) * 0 + 0'],
    ],
    'two filters with <=': [
      'a <= 1 and b > 2',
      ['<=', 1, '(a and (b > 2)) or (a and (b >= -Inf) unless (b > 2)) * 0 + 2'],
    ],
    'either of two filters with one bound': ['a > 1 or b > 1', ['>', 1, 'a or b']],
    'a comparison that answers 0 or 1': ['a > bool 1'],
    'no comparison': ['absent(up)'],
    'a comparison of two series': ['a > on (x) group_left b'],
  };
  it.each(Object.entries(cases))('%s', (_, [expr, expected]) => {
    const { comparison, bound, recovery } = analyseExpression(expr);
    expect([comparison, bound, recovery?.expr]).toEqual(expected ?? [undefined, undefined, undefined]);
    if (expected !== undefined) expect(recovery).toMatchObject({ comparison, bound });
  });

  it('a filter on a filter keeps its bound', () => {
    expect(analyseExpression('(a > 1) < 5')).toMatchObject({ bound: 5, comparison: '<' });
  });

  const there: Readonly<Record<string, readonly [string, string]>> = {
    'either of two filters with two bounds': ['a > 1 or on (x) b > 2', 'a or b'],
    'the same by other windows': [
      'a5m > 1 or on (x) a1h > 2',
      '(a5m and on (x) (a1h >= -Inf)) or (a1h and on (x) (a5m >= -Inf))',
    ],
    'the same of other services': ['a{s="1"} > 1 or a{s="2"} > 2', 'a{s="1"} or a{s="2"}'],
    'a filter on the right only': ['a unless b > 3', 'a'],
  };
  it.each(Object.entries(there))(
    'the recovery condition is the presence of data: %s',
    (_, [expr, expected]) => {
      expect(analyseExpression(expr).recovery).toEqual({ expr: expected });
    },
  );
});

it('the recovery condition of many conditions stays in proportion to them', () => {
  const conditions = Array.from({ length: 30 }, (_, i) => `a${i}x > ${i}`);
  expect(analyseExpression(conditions.join(' and ')).recovery?.expr.length).toBeLessThan(10_000);
});

describe('a latency objective in an expression', () => {
  it('is read from a quantile of a histogram above a bound', () => {
    expect(analyseExpression(`${P99} > 500`)).toEqual({
      valueKind: 'latency',
      bound: 500,
      comparison: '>',
      unit: 'ms',
      lookback: 300_000,
      objective: {
        family: {
          metric: 'istio_request_duration_milliseconds',
          unit: 'ms',
          selector: 'reporter="destination"',
          serviceLabel: 'destination_service_name',
          errorSelector: 'response_code=~"5.."',
        },
        by: ['destination_service_name'],
        quantile: 0.99,
        threshold: 500,
        window: 300_000,
      },
      recovery: { expr: P99, comparison: '>', bound: 500 },
    });
  });

  const found: Readonly<Record<string, readonly [string, object, string?]>> = {
    'the labels behind the sum': [
      'histogram_quantile(.9, sum(rate(m_seconds_bucket[1h])) by (job, le)) > 0.25',
      { by: ['job'], quantile: 0.9, threshold: 250, window: 3_600_000 },
    ],
    'parentheses at every step': [
      '(histogram_quantile((0.9), (sum by (le, app) (rate(m_ms_bucket[5m]))))) >= 20',
      { by: ['app'], threshold: 20 },
    ],
    'increase in place of rate': [
      'histogram_quantile(0.5, sum by (le, service) (increase(m_seconds_bucket[30m]))) > 1',
      { threshold: 1_000, window: 1_800_000 },
    ],
    'a native histogram, which has no `le`': [
      'histogram_quantile(0.95, sum by (service) (rate(m_seconds{a="b"}[5m]))) > 0.3',
      {
        family: {
          metric: 'm_seconds',
          unit: 's',
          selector: 'a="b"',
          serviceLabel: 'service',
          histogram: 'native',
        },
        threshold: 300,
      },
    ],
    'the number on the left': [
      '0.5 < histogram_quantile(0.95, sum by (le, service) (rate(m_seconds_bucket[5m])))',
      { threshold: 500 },
    ],
    'a guard beside it': [
      'histogram_quantile(0.95, sum by (le, service) (rate(m_seconds_bucket[5m]))) > 0.5 and sum by (service) (rate(m_seconds_count[5m])) > 1',
      { threshold: 500 },
    ],
    'the unit from the annotation': [
      'histogram_quantile(0.95, sum by (le, service) (rate(latency_bucket[5m]))) > 500',
      { threshold: 500, family: { metric: 'latency', unit: 'ms', selector: '', serviceLabel: 'service' } },
      'ms',
    ],
    'matchers as they are written, without those on le': [
      'histogram_quantile(0.95, sum by (le, service) (rate(m_seconds_bucket{a="x,y", le!="1", b=~"c|d",}[5m]))) > 1',
      { family: { metric: 'm_seconds', unit: 's', selector: 'a="x,y",b=~"c|d"', serviceLabel: 'service' } },
    ],
    'the service that its selector names (R8)': [
      'histogram_quantile(0.95, sum by (le) (rate(istio_request_duration_milliseconds_bucket{destination_service_name="checkout"}[1m]))) > 10',
      {
        family: {
          metric: 'istio_request_duration_milliseconds',
          unit: 'ms',
          selector: 'destination_service_name="checkout"',
          serviceLabel: 'destination_service_name',
        },
        by: [],
        threshold: 10,
        window: 60_000,
      },
    ],
    'every series alone': [
      'histogram_quantile(0.99, rate(m_seconds_bucket{service="cart"}[5m])) > 1',
      { family: { selector: 'service="cart"', serviceLabel: 'service' }, by: [], without: [] },
    ],
    'a native histogram of every series': [
      'histogram_quantile(0.99, rate(m_seconds[5m])) > 1',
      { family: { histogram: 'native' }, without: [] },
    ],
    'labels left out': [
      'histogram_quantile(0.99, sum without (instance, pod) (rate(m_seconds_bucket[5m]))) > 0.15',
      { by: [], without: ['instance', 'pod'], threshold: 150 },
    ],
    'no service': [
      'histogram_quantile(0.99, sum(rate(m_seconds_bucket[5m])) by (le)) > 1',
      { family: { metric: 'm_seconds', unit: 's', serviceLabel: undefined }, by: [] },
    ],
    'a value in another unit': [
      'histogram_quantile(0.95, sum by (le, service) (rate(m_seconds_bucket[5m]))) * 1000 > 500',
      { family: { unit: 's' }, threshold: 500 },
    ],
    'a metric with dots': [
      'histogram_quantile(0.95, sum by (le, "service.name") (rate({"http.server.request.duration_seconds_bucket", "k8s.cluster"="prod"}[5m]))) > 0.5',
      {
        family: {
          metric: 'http.server.request.duration_seconds',
          selector: '"k8s.cluster"="prod"',
          serviceLabel: 'service.name',
        },
        by: ['service.name'],
        threshold: 500,
      },
    ],
    'failures by what a preset knows of the metric': [
      'histogram_quantile(0.95, sum by (le, service_name) (rate(traces_span_metrics_duration_seconds_bucket[5m]))) > 1',
      { family: { errorSelector: 'status_code="STATUS_CODE_ERROR"', unit: 's' } },
    ],
  };
  it.each(Object.entries(found))('is found with %s', (_, [expr, objective, unit]) => {
    const analysis = analyseExpression(expr, unit);
    expect(analysis.valueKind).toBe('latency');
    expect(analysis.objective).toMatchObject(objective);
  });

  const missing: Readonly<Record<string, string>> = {
    'below a bound': `${P99} < 500`,
    'of buckets that are not grouped by `le`':
      'histogram_quantile(0.99, sum by (service) (rate(m_seconds_bucket[5m]))) > 1',
    'of recorded buckets': 'histogram_quantile(0.99, sum by (le, service) (rate(m_seconds[5m]))) > 1',
    'of unknown unit': 'histogram_quantile(0.99, sum by (le, service) (rate(m_bucket[5m]))) > 1',
    'without bounds': 'histogram_quantile(0.99, sum without (le) (rate(m_seconds_bucket[5m]))) > 1',
    'of another aggregation':
      'histogram_quantile(0.99, max by (le, service) (rate(m_seconds_bucket[5m]))) > 1',
    'of a quantile that is no number':
      'histogram_quantile(scalar(q), sum by (le, service) (rate(m_seconds_bucket[5m]))) > 1',
    'of a quantile outside 0 to 1':
      'histogram_quantile(99, sum by (le, service) (rate(m_seconds_bucket[5m]))) > 1',
    'that is calculated with': `${P99} + 1000 > 0.5`,
  };
  it.each(Object.entries(missing))('is not made up %s', (_, expr) => {
    const analysis = analyseExpression(expr);
    expect(analysis).toMatchObject({ valueKind: 'number', bound: expect.any(Number) });
    expect(analysis.objective).toBeUndefined();
  });
});

describe('a latency objective in a share of requests', () => {
  const fast = 'sum by (service) (rate(m_seconds_bucket{le="0.5"}[5m]))';
  const all = 'sum by (service) (rate(m_seconds_count[5m]))';
  const inf = 'sum by (service) (rate(m_seconds_bucket{le="+Inf"}[5m]))';
  const found: Readonly<Record<string, readonly [string, string, number]>> = {
    'slower than a bound': [`1 - ${fast} / ${all} > 0.01`, 'slow-share', 0.99],
    'in parentheses': [`(1 - (${fast} / ${all})) > 0.01`, 'slow-share', 0.99],
    'of all less the fast ones': [`(${all} - ${fast}) / ${all} > 0.05`, 'slow-share', 0.95],
    'with all from the last bucket': [`1 - ${fast} / ${inf} > 0.01`, 'slow-share', 0.99],
    'within a bound': [`${fast} / ${all} < 0.99`, 'ratio', 0.99],
    'as a percentage': [`(1 - ${fast} / ${all}) * 100 > 1`, 'number', 0.99],
    'as a percentage, the factor first': [`100 * (${all} - ${fast}) / ${all} > 1`, 'number', 0.99],
    'at the bound of any version': [
      `1 - sum by (service) (rate(m_seconds_bucket{le=~"2(\\\\.0)?"}[5m])) / ${all} > 0.01`,
      'slow-share',
      0.99,
    ],
  };
  it.each(Object.entries(found))('%s', (name, [expr, valueKind, quantile]) => {
    const analysis = analyseExpression(expr);
    expect(analysis.valueKind).toBe(valueKind);
    expect(analysis.objective).toMatchObject({
      family: { metric: 'm_seconds', unit: 's', selector: '', serviceLabel: 'service' },
      by: ['service'],
      quantile,
      threshold: name === 'at the bound of any version' ? 2_000 : 500,
      window: 300_000,
    });
  });

  const missing: Readonly<Record<string, string>> = {
    'of two histograms': `1 - ${fast} / sum by (service) (rate(n_seconds_count[5m])) > 0.01`,
    'of other matchers': `1 - ${fast} / sum by (service) (rate(m_seconds_count{a="b"}[5m])) > 0.01`,
    'over two windows': `1 - ${fast} / sum by (service) (rate(m_seconds_count[1h])) > 0.01`,
    'where fewer slow ones breach': `1 - ${fast} / ${all} < 0.01`,
    'of failed requests': `sum by (service) (rate(m_seconds_count{code=~"5.."}[5m])) / ${all} > 0.01`,
    'of two services, joined by `or`': `1 - ${fast} / ${all} > 0.01 or 1 - ${fast.replaceAll('0.5', '1')} / ${all} > 0.01`,
  };
  it.each(Object.entries(missing))('is not made up %s', (_, expr) => {
    expect(analyseExpression(expr).objective).toBeUndefined();
  });
});

describe('what the value is', () => {
  const cases: Readonly<Record<string, readonly [kind: string, unit?: string]>> = {
    'sum(rate(r_total{code=~"5.."}[5m])) / sum(rate(r_total[5m])) > 0.05': ['ratio'],
    '100 * sum(rate(r_total{code=~"5.."}[5m])) / sum(rate(r_total[5m])) > 5': ['number', '%'],
    'node_filesystem_avail_bytes / node_filesystem_size_bytes < 0.1': ['ratio'],
    'process_resident_memory_bytes > 1e9': ['number', 'bytes'],
    'rate(node_network_receive_bytes_total[5m]) > 1e6': ['number', 'bytes/s'],
    'rate(container_cpu_usage_seconds_total[5m]) > 2': ['number'],
    'sum(rate(r_seconds_sum[5m])) / sum(rate(r_seconds_count[5m])) > 0.5': ['number', 's'],
    'time() - backup_timestamp_seconds > 86400': ['number', 's'],
    'sum(rate(errors_total[5m])) > 1': ['number', '/s'],
    'slo:sli_error:ratio_rate5m > (14.4 * 0.001)': ['ratio'],
    'queue_length / workers > 5': ['number'],
    'up == 0': ['number'],
    'job:latency_seconds:p99 > 0.5': ['number', 's'],
    'absent(up)': ['number'],
    'histogram_quantile(0.99, sum by (le) (rate(envoy_cluster_upstream_rq_time_bucket[5m]))) > 500': [
      'latency',
      'ms',
    ],
    'histogram_quantile(0.99, sum by (le) (rate(traces_spanmetrics_latency_bucket[5m]))) > 0.5': [
      'latency',
      's',
    ],
    'histogram_quantile(0.99, sum by (le) (rate({"http.server.request.duration_bucket"}[5m]))) > 0.5': [
      'latency',
      's',
    ],
    'histogram_quantile(0.99, rate(http_server_duration_bucket[5m])) > 500': ['latency', 'ms'],
    'ssl_cert_expiry - time() < 14 * 86400': ['number', 's'],
    'max_over_time(a_seconds[1h:5m]) > 1': ['number', 's'],
    '(a_seconds > 1) * 1000 > 5': ['number', 'ms'],
  };
  it.each(Object.entries(cases))('%s', (expr, [valueKind, unit]) => {
    expect(analyseExpression(expr)).toMatchObject({ valueKind });
    expect(analyseExpression(expr).unit).toBe(unit);
  });
});

describe('whether an expression counts failed requests', () => {
  const cases: Readonly<Record<string, boolean>> = {
    'rate(r_total{response_code=~"5.."}[5m]) > 1': true,
    'rate(r_total{"http.response.status_code"=~"5.."}[5m]) > 1': true,
    'rate(r_total{status!~"5.."}[5m]) < 1': true,
    'rate(calls_total{status_code="STATUS_CODE_ERROR"}[5m]) > 1': true,
    'rate(http_errors_total[5m]) > 1': true,
    'rate(r_total{code=~"4.."}[5m]) > 1': false,
    'rate(r_total{code="404"}[5m]) > 1': false,
    'rate(r_total{code="1500"}[5m]) > 1': false,
    'rate(r_total[5m]) > 1': false,
    'slo:sli_error:ratio_rate5m > 0.1': false,
  };
  it.each(Object.entries(cases))('%s', (expr, expected) => {
    expect(analyseExpression(expr).measures).toBe(expected ? 'errors' : undefined);
  });
});

it('what an expression looks for the absence of need not be there', () => {
  const expr =
    'a > 1 unless on () absent(b{x="1"}) or absent_over_time(c[5m]) or absent((d)) or a < absentee';
  expect(metricsNeededBy(expr)).toEqual(['a', 'absentee']);
});

it('the metrics of an expression are named once each, quoted names too', () => {
  expect(metricsOf('sum(rate(a[5m])) / b{x="1"} + a + {"c.d", x="y"} > {__name__="e"}')).toEqual([
    'a',
    'b',
    'c.d',
    'e',
  ]);
});
