import { describe, expect, it } from 'vitest';
import { runCheck } from '../../../../src/cli/check.ts';
import { convertText } from '../../../../src/rules/convert/convert.ts';
import { parseRuleText } from '../../../../src/rules/file/rule-file.ts';
import { START } from '../../../support/virtual-clock.ts';

const SLOTH = `version: prometheus/v1
service: shop
labels: { team: shop }
slos:
- name: latency
  objective: 99
  description: fast enough
  sli:
    events:
      error_query: |
        sum(rate(req_seconds_count[{{.window}}])) - sum(rate(req_seconds_bucket{le="0.5"}[{{ .window }}]))
      total_query: sum(rate(req_seconds_count[{{.window}}]))
  alerting:
    name: ShopSlow
    labels: { category: latency }
    page_alert: { labels: { severity: critical }, annotations: { runbook: here } }
    ticket_alert: { disable: true }
- name: raw
  objective: 99.9
  sli:
    raw:
      error_ratio_query: shop:errors:ratio{window="{{.window}}"}
`;

const PYRRA = `apiVersion: pyrra.dev/v1alpha1
kind: ServiceLevelObjective
metadata:
  name: shop-latency
  namespace: monitoring
  labels: { prometheus: k8s, pyrra.dev/team: shop }
spec:
  target: "99"
  window: 4w
  description: fast enough
  indicator:
    latency:
      success: { metric: 'req_milliseconds_bucket{job="shop",le="500"}' }
      total: { metric: 'req_milliseconds_count{job="shop"}' }
      grouping: [handler]
  alerting: { name: ShopBurn, absent: true }
`;

const OPENSLO = `apiVersion: openslo/v1
kind: SLO
metadata: { name: shop, displayName: Shop }
spec:
  service: checkout
  budgetingMethod: Occurrences
  indicator:
    metadata: { name: good-requests }
    spec:
      ratioMetric:
        counter: true
        good: { metricSource: { type: Prometheus, spec: { query: 'sum(requests_total{code!~"5.."})' } } }
        total: { metricSource: { type: Prometheus, spec: { query: requests_total } } }
  timeWindow: [{ duration: 30d, isRolling: true }]
  objectives: [{ displayName: most, target: 0.999 }]
`;

const THRESHOLD = OPENSLO.replace(
  /ratioMetric:[^]*?timeWindow/,
  `thresholdMetric:
        metricSource: { spec: { query: 'histogram_quantile(0.99, sum by (le) (rate(req_seconds_bucket[5m])))' } }
  timeWindow`,
)
  .replace('Occurrences', 'Timeslices')
  .replace(
    '{ displayName: most, target: 0.999 }',
    '{ op: lte, value: 0.5, targetPercent: 99, timeSliceWindow: 5m }',
  );

/** The rules of a conversion, read by our own parser, as it must be able to. */
function rulesOf(text: string) {
  const converted = convertText('slo.yaml', text);
  if (!converted.ok)
    throw new Error(converted.errors.map(({ line, message }) => `${line}: ${message}`).join('\n'));
  const read = parseRuleText('out.yaml', converted.yaml);
  expect(read.ok ? [] : read.errors).toEqual([]);
  return read.groups.flatMap(({ name, rules }) => rules.map((rule) => ({ group: name, ...rule })));
}

const short = (text: string) =>
  rulesOf(text).map(({ group, name, labels, for: hold }) =>
    [group, name, labels['severity'], hold / 60_000].join(' '),
  );

it.each([
  ['Sloth', SLOTH],
  ['Pyrra', PYRRA],
  ['OpenSLO', OPENSLO],
])('the rules converted from a document of %s pass the check without a warning', async (_, text) => {
  const converted = convertText('slo.yaml', text);
  const yaml = converted.ok ? converted.yaml : '';
  const request = { files: ['out.yaml'], readFile: async () => yaml, now: START, isStrict: true };
  const { text: report } = await runCheck(request);
  // A document that names no service gives rules without one, which is what the warning says.
  const found = report.split('\n').filter((line) => / (?:error|warning): /.test(line));
  expect(found.filter((line) => !line.endsWith('[no-service]'))).toEqual([]);
  expect(yaml).not.toContain('{}');
});

describe('a Sloth specification', () => {
  it('becomes a group for each SLO with a page and a ticket, unless they are disabled (R9)', () => {
    expect(short(SLOTH)).toEqual([
      'shop-latency ShopSlow critical 0',
      'shop-raw shop-raw page 0',
      'shop-raw shop-raw ticket 0',
    ]);
  });

  it('keeps its queries, and the labels and annotations that Sloth gives its alerts', () => {
    const [page, raw] = rulesOf(SLOTH);
    expect(page?.expr).toContain('/ (sum(rate(req_seconds_count[1h])))) > 0.144) or (');
    expect(page?.expr).toContain('req_seconds_bucket{le="0.5"}[5m]');
    expect(page?.labels).toEqual({
      sloth_id: 'shop-latency',
      sloth_service: 'shop',
      sloth_slo: 'latency',
      sloth_severity: 'page',
      severity: 'critical',
      team: 'shop',
      category: 'latency',
    });
    expect(page?.annotations).toEqual({
      title: '(page) {{$labels.sloth_service}} {{$labels.sloth_slo}} SLO error budget burn rate is too fast.',
      summary: '{{$labels.sloth_service}} {{$labels.sloth_slo}} SLO error budget burn rate is over expected.',
      runbook: 'here',
    });
    expect(page?.service).toEqual({ from: 'label', label: 'sloth_service' });
    expect(raw?.expr).toBe(
      '((shop:errors:ratio{window="5m"}) > 0.0144 and (shop:errors:ratio{window="1h"}) > 0.0144) or ((shop:errors:ratio{window="30m"}) > 0.006 and (shop:errors:ratio{window="6h"}) > 0.006)',
    );
  });

  const RESOURCE = `apiVersion: sloth.slok.dev/v1
kind: PrometheusServiceLevel
metadata: { name: sloth-slo-my-service, namespace: monitoring }
spec:
  service: myservice
  labels: { owner: myteam }
  slos:
  - name: requests-availability
    objective: 99.9
    sli:
      events:
        errorQuery: sum(rate(r_count{job="myservice",code=~"(5..|429)"}[{{.window}}]))
        totalQuery: sum(rate(r_count{job="myservice"}[{{.window}}]))
    alerting:
      name: MyServiceHighErrorRate
      annotations: { summary: High error rate }
      pageAlert: { labels: { severity: pageteam } }
      ticketAlert: { labels: { severity: slack, slack_channel: "#alerts-myteam" } }
`;
  it('is read from its Kubernetes resource, too', () => {
    const [page, ticket, ...others] = rulesOf(RESOURCE);
    expect(others).toEqual([]);
    expect(page?.labels).toMatchObject({ owner: 'myteam', severity: 'pageteam', sloth_severity: 'page' });
    expect(page?.annotations['summary']).toBe('High error rate');
    expect(ticket?.labels).toMatchObject({ severity: 'slack', sloth_severity: 'ticket' });
    expect(ticket?.channel).toBe('#alerts-myteam');
    expect(page?.measures).toBe('errors');
  });

  const LATENCY = SLOTH.replace(/ {4}page_alert:[^]*$/, '')
    .replaceAll('req_seconds_count[', 'req_seconds_count{job="shop"}[')
    .replace('{le="0.5"}', '{job="shop",le="0.5"}');
  it('on a latency histogram becomes an objective of the short form, with burn rates alone', () => {
    const converted = convertText('slo.yaml', LATENCY);
    expect(converted.ok && converted.yaml).toContain('slos:\n  - name: ShopSlow\n    metric: req_seconds\n');
    const rules = rulesOf(LATENCY);
    expect(rules.map(({ name }) => name)).toEqual([
      'ShopSlow-burn-1h',
      'ShopSlow-burn-6h',
      'ShopSlow-burn-3d',
    ]);
    expect(rules[0]).toMatchObject({
      labels: { sloth_service: 'shop', category: 'latency', severity: 'page' },
      objective: {
        family: { metric: 'req_seconds', unit: 's', selector: 'job="shop"', serviceLabel: 'job' },
        by: ['job'],
        quantile: 0.99,
        threshold: 500,
      },
    });
  });
});

describe('a Pyrra objective', () => {
  it('becomes its alerts, scaled to its window, and its alerts for missing metrics', () => {
    expect(short(PYRRA)).toEqual([
      'shop-latency ShopBurn critical 2',
      'shop-latency ShopBurn critical 15',
      'shop-latency ShopBurn warning 60',
      'shop-latency ShopBurn warning 180',
      'shop-latency SLOMetricAbsent critical 10',
      'shop-latency SLOMetricAbsent critical 10',
    ]);
    const rules = rulesOf(PYRRA);
    expect(rules[0]?.labels).toEqual({
      slo: 'shop-latency',
      team: 'shop',
      job: 'shop',
      severity: 'critical',
      short: '5m',
      long: '1h',
      exhaustion: '2d',
    });
    expect(rules.slice(-2).map(({ expr, labels }) => [expr, labels['le']])).toEqual([
      ['absent(req_milliseconds_count{job="shop"}) == 1', undefined],
      ['absent(req_milliseconds_bucket{job="shop",le=~"500(\\\\.0)?"}) == 1', '500'],
    ]);
  });

  it('names and rates its alerts as it says', () => {
    const alerting =
      'alerting: { name: ShopBurn, absentName: ShopGone, severities: { absent: info, fastBurn: page, longTermBurn: ticket } }';
    expect(short(PYRRA.replace(/alerting:.*/, alerting))).toEqual([
      'shop-latency ShopBurn page 2',
      'shop-latency ShopBurn critical 15',
      'shop-latency ShopBurn warning 60',
      'shop-latency ShopBurn ticket 180',
      'shop-latency ShopGone info 10',
      'shop-latency ShopGone info 10',
    ]);
  });

  it('reads an integral bound as both versions of Prometheus write it', () => {
    const [first] = rulesOf(PYRRA);
    expect(first?.expr).toContain(
      '1 - sum by (handler) (rate(req_milliseconds_bucket{job="shop",le=~"500(\\\\.0)?"}[5m])) / sum by (handler) (rate(req_milliseconds_count{job="shop"}[5m]))',
    );
    expect(first?.labels).toMatchObject({ slo: 'shop-latency', team: 'shop' });
  });

  const indicators: Readonly<Record<string, readonly [string, string]>> = {
    ratio: [
      'ratio: { errors: { metric: \'r_total{code=~"5.."}\' }, total: { metric: r_total } }',
      '(sum (rate(r_total{code=~"5.."}[5m])) / sum (rate(r_total[5m]))) > 0.14',
    ],
    latencyNative: [
      'latencyNative: { latency: 200ms, total: { metric: req_seconds } }',
      '(1 - histogram_fraction(0, 0.2, sum (rate(req_seconds[5m])))) > 0.14',
    ],
    bool_gauge: [
      'bool_gauge: { metric: probe_success, grouping: [instance] }',
      '(1 - sum by (instance) (sum_over_time(probe_success[5m])) / sum by (instance) (count_over_time(probe_success[5m]))) > 0.14',
    ],
  };
  it.each(Object.entries(indicators))('with the indicator %s', (_, [indicator, expr]) => {
    const [first] = rulesOf(PYRRA.replace(/latency:\n[^]*?(?= {2}alerting)/, `${indicator}\n`));
    expect(first?.expr.startsWith(expr), first?.expr).toBe(true);
  });
});

it.each([
  ['Sloth', SLOTH.replace('le="0.5"', 'le="1"')],
  ['OpenSLO', OPENSLO.replace('requests_total{code!~"5.."}', 'requests_bucket{le="1"}')],
])('an integral bound in a query of %s is read as both versions of Prometheus write it', (_, text) => {
  expect(rulesOf(text)[0]?.expr).toContain('_bucket{le=~"1(\\\\.0)?"}');
});

describe('an OpenSLO document', () => {
  it('becomes the workbook’s page and ticket over good and total', () => {
    expect(short(OPENSLO)).toEqual(['shop shop page 0', 'shop shop ticket 0']);
    const [first] = rulesOf(OPENSLO);
    expect(first?.expr).toContain(
      '(1 - sum(rate(requests_total{code!~"5.."}[1h])) / sum(rate(requests_total[1h]))) > 0.0144) or (',
    );
    expect(first?.labels).toMatchObject({ slo: 'shop', slo_service: 'checkout' });
  });

  it('measures the share of time in breach of a threshold', () => {
    const [first] = rulesOf(THRESHOLD);
    expect(first?.expr).toContain('avg_over_time(((histogram_quantile(0.99, ');
    expect(first?.expr).toContain(') > bool 0.5)[1h:5m])) > 0.144) or (');
  });

  const REFERENCE = OPENSLO.replace(/indicator:\n[^]*?(?= {2}timeWindow)/, 'indicatorRef: good-requests\n');
  const INDICATOR = `apiVersion: openslo/v1
kind: SLI
metadata: { name: good-requests }
spec:
  ratioMetric:
    counter: true
    good: { metricSource: { type: Prometheus, spec: { query: 'requests_seconds_bucket{service="shop",le="1"}' } } }
    total: { metricSource: { type: Prometheus, spec: { query: 'requests_seconds_count{service="shop"}' } } }
`;
  it.each([
    ['after it', `${REFERENCE}---\n${INDICATOR}`],
    ['before it', `${INDICATOR}---\n${REFERENCE}`],
    [
      'whose sources have a reference beside their type',
      `${INDICATOR.replaceAll('type:', 'metricSourceRef: prod, type:')}---\n${REFERENCE}`,
    ],
  ])('reads its indicator in a document %s', (_, text) => {
    expect(rulesOf(text)[0]).toMatchObject({
      name: 'shop-burn-1h',
      objective: {
        family: { metric: 'requests_seconds', serviceLabel: 'service' },
        quantile: 0.999,
        threshold: 1_000,
      },
    });
  });
});

describe('what cannot be converted is refused with its name and location', () => {
  const cases: Readonly<Record<string, readonly [text: string, place: string, message: string]>> = {
    'a plugin of Sloth': [
      SLOTH.replace(/raw:\n[^]*$/, 'plugin: { id: x }\n'),
      '21:5',
      'Write the query of the plugin',
    ],
    'a query of Sloth without its window': [
      SLOTH.replace('ratio{window="{{.window}}"}', 'ratio'),
      '22:26',
      '{{.window}}',
    ],
    'an unknown key of an indicator': [
      SLOTH.replace('error_ratio_query', 'errorRatio'),
      '22:7',
      'unknown key `errorRatio`',
    ],
    'an unknown key of Sloth': [SLOTH.replace('description:', 'describtion:'), '7:3', '`describtion`'],
    'an objective of all requests': [
      SLOTH.replace('objective: 99\n', 'objective: 100\n'),
      '6:14',
      'between 0 and 100',
    ],
    'dynamic burn rates of Pyrra': [
      PYRRA.replace('absent: true', 'burnRateType: dynamic'),
      '16:45',
      'burnRateType',
    ],
    'an objective of Pyrra without an indicator': [
      PYRRA.replace(/latency:\n[^]*?(?= {2}alerting)/, '{}\n'),
      '12:5',
      'ratio, latency, latencyNative or bool_gauge',
    ],
    'a metric of Pyrra with an offset': [
      PYRRA.replace('le="500"}\'', 'le="500"} offset 1m\''),
      '13:26',
      'a single metric',
    ],
    'an alert policy of OpenSLO': [`${OPENSLO}  alertPolicies: []\n`, '16:3', 'Remove it. `route`'],
    'an indicator of OpenSLO by reference': [
      OPENSLO.replace(/indicator:\n[^]*?(?= {2}timeWindow)/, 'indicatorRef: good-requests\n'),
      '7:17',
      'no document of `kind: SLI`',
    ],
    'a calendar window of OpenSLO': [
      OPENSLO.replace('isRolling: true', 'isRolling: false'),
      '14:44',
      'isRolling',
    ],
    'a reference to a source without its type': [
      OPENSLO.replace('type: Prometheus', 'metricSourceRef: prod'),
      '12:31',
      'Add `type: Prometheus`',
    ],
    'a target of time slices': [
      THRESHOLD.replace('op: lte, ', 'op: lte, timeSliceTarget: 0.9, '),
      '13:27',
      'Remove it: the value is read once',
    ],
    'another source than Prometheus': [
      OPENSLO.replace('type: Prometheus', 'type: Datadog'),
      '12:39',
      'Datadog',
    ],
    'another kind of OpenSLO': [OPENSLO.replace('kind: SLO', 'kind: Service'), '2:7', 'expected SLO'],
    'time slices of a ratio': [OPENSLO.replace('Occurrences', 'Timeslices'), '6:20', 'budgetingMethod'],
    'a threshold without an operator': [THRESHOLD.replace('op: lte, ', ''), '13:15', '`op`'],
    'an unrecognized document': ['groups: []\n', '1:1', 'Sloth'],
    'an empty file': ['', '1:1', 'Sloth'],
    'invalid YAML': ['version: [\n', '2:1', 'invalid YAML'],
  };
  it.each(Object.entries(cases))('%s', (_, [text, place, part]) => {
    const converted = convertText('slo.yaml', text);
    const errors = converted.ok ? [] : converted.errors;
    expect(errors.map(({ message }) => message).join('\n')).toContain(part);
    expect(errors.map(({ line, column }) => `${line}:${column}`)).toContain(place);
  });

  it('also when another tool is given', () => {
    expect(convertText('slo.yaml', SLOTH, 'pyrra').ok).toBe(false);
    expect(convertText('slo.yaml', SLOTH, 'sloth').ok).toBe(true);
  });
});
