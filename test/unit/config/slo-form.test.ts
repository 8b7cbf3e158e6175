import { describe, expect, it } from 'vitest';
import { groups, read } from '../../support/marked-rules.ts';

const slo = (text: string) =>
  groups(`slos: [{ name: s, objective: { quantile: 0.99, below: 500ms, window: 5m }, ${text} }]`)[0];

describe('SLOs of the short form', () => {
  it('compile to a group with the slow share as its verdict', () => {
    const [group] = groups(`
slos:
- name: checkout-latency
  preset: istio
  by: [destination_service_name]
  objective: { quantile: 0.99, below: 500ms, window: 5m }
  alert: { for: 1m, keep_firing_for: 3m }
  schedule: "*/15 * * * * *"
  query_offset: 10s
  limit: 20
  labels: { severity: page }
  annotations: { runbook_url: https://example.com }
  channel: "#shop"
  no_data: resolve
`);
    const share =
      '1 - sum by (destination_service_name) (rate(istio_request_duration_milliseconds_bucket{reporter="destination",le=~"500(\\\\.0)?"}[5m])) / sum by (destination_service_name) (rate(istio_request_duration_milliseconds_count{reporter="destination"}[5m]))';
    expect(group).toEqual({
      id: 'rules.yaml;checkout-latency',
      file: 'rules.yaml',
      name: 'checkout-latency',
      interval: 15_000,
      schedule: '*/15 * * * * *',
      queryOffset: 10_000,
      limit: 20,
      recordings: [],
      rules: [
        {
          name: 'checkout-latency',
          key: 'checkout-latency{severity="page"}',
          expr: `${share} > 0.01`,
          for: 60_000,
          keepFiringFor: 180_000,
          labels: { severity: 'page' },
          annotations: {
            summary: expect.stringContaining('slower than 500ms over 5m'),
            runbook_url: 'https://example.com',
          },
          valueKind: 'slow-share',
          bound: 0.01,
          comparison: '>',
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
          evidence: { expr: share, comparison: '>', bound: 0.01 },
          reads: [
            { metric: 'istio_request_duration_milliseconds_count', matchers: 'reporter="destination"' },
          ],
          onNoData: 'resolve',
          channel: '#shop',
        },
      ],
    });
  });

  const presets: Readonly<Record<string, readonly [string, RegExp]>> = {
    istio: [
      'preset: istio',
      /by \(destination_service_name, destination_service_namespace\).*reporter="destination",le=~"500/,
    ],
    'istio-ambient': ['preset: istio-ambient', /reporter="waypoint",le=~"500/],
    'otel-http': [
      'preset: otel-http',
      /by \(service_name\) \(rate\(http_server_request_duration_seconds_bucket\{le="0\.5"\}/,
    ],
    spanmetrics: [
      'preset: spanmetrics',
      /traces_span_metrics_duration_milliseconds_bucket\{span_kind="SPAN_KIND_SERVER",le=~"500/,
    ],
    'spanmetrics in seconds': [
      'preset: spanmetrics, metric: traces_span_metrics_duration_seconds',
      /traces_span_metrics_duration_seconds_bucket\{span_kind="SPAN_KIND_SERVER",le="0\.5"/,
    ],
    "a preset's metric by its name": [
      'metric: istio_request_duration_milliseconds',
      /istio_request_duration_milliseconds_bucket\{reporter="destination",le=~"500/,
    ],
    'matchers of its own': [
      `preset: istio, selector: 'reporter=~"destination|waypoint"'`,
      /\{reporter=~"destination\|waypoint",le=~"500/,
    ],
    'a metric of its own': [
      'metric: http_latency_ms, by: [service, zone]',
      /by \(service, zone\) \(rate\(http_latency_ms_bucket\{le=~"500\(\\\\\.0\)\?"\}/,
    ],
    'a metric whose name tells no unit': [
      'metric: latency, unit: s, by: [job]',
      /latency_bucket\{le="0\.5"\}/,
    ],
    'a label of its own for the service': [
      'metric: latency_seconds, service_label: backend',
      /by \(backend\) \(rate\(latency_seconds_bucket/,
    ],
  };
  it.each(Object.entries(presets))('know %s', (_, [text, expr]) => {
    expect(slo(text)?.rules[0]?.expr).toMatch(expr);
  });

  it('judge an approximate threshold by the bound above it, and say so', () => {
    const rule = slo('preset: istio, approximate: true')?.rules[0];
    expect(rule?.expr).toMatch(/ \(min without \(le\) \(rate\(\w+_bucket\{reporter="destination",le!~"/);
    expect(rule?.objective?.isApproximate).toBe(true);
    expect(rule?.annotations['summary']).toMatch(/: at least \{\{/);
    expect(slo('preset: istio, approximate: false')?.rules[0]?.objective).not.toHaveProperty('isApproximate');
  });

  it('read a native histogram by its fraction', () => {
    const rule = slo('preset: otel-http, histogram: native, min_requests: 5')?.rules[0];
    const rates = 'sum by (service_name) (rate(http_server_request_duration_seconds[5m]))';
    const requests = rates.replace('rate', 'increase');
    expect(rule?.expr).toBe(
      `1 - histogram_fraction(0, 0.5, ${rates}) > 0.01 and histogram_count(${requests}) >= 5`,
    );
    expect(rule?.objective?.family.histogram).toBe('native');
    expect(slo('preset: otel-http, histogram: classic')?.rules[0]?.expr).toContain('_bucket{le="0.5"}');
  });

  it('take what tells failures apart', () => {
    const group = slo(`metric: latency_seconds, by: [job], errors: 'code=~"5.."'`);
    expect(group?.rules[0]?.objective?.family.errorSelector).toBe('code=~"5.."');
  });

  it('are evaluated every 30 s unless they say', () => {
    expect(slo('preset: istio')).toMatchObject({ interval: 30_000 });
    expect(slo('preset: istio')).not.toHaveProperty('schedule');
    expect(slo('preset: istio, interval: 2m')).toMatchObject({ interval: 120_000 });
  });

  it.each([
    ['*/10 * * * * *', 10_000],
    ['0,20,50 * * * * *', 10_000],
    ['5 */2 * * * *', 120_000],
    ['0 0,30 8-18 * * 1-5', 1_800_000],
    ['0 0 */6 * * *', 21_600_000],
    ['0 0 9 * * *', 86_400_000],
  ])('the schedule %s runs at most every %d ms', (schedule, interval) => {
    expect(slo(`preset: istio, schedule: "${schedule}"`)).toMatchObject({ interval, schedule });
  });

  it('add the burn-rate alerts of the workbook', () => {
    const rules =
      slo('preset: istio, alert: { burn: workbook, for: 5m }, labels: { team: shop }')?.rules ?? [];
    expect(rules.map(({ name, labels, bound, for: hold }) => ({ name, labels, bound, hold }))).toEqual([
      { name: 's', labels: { team: 'shop' }, bound: 0.01, hold: 300_000 },
      {
        name: 's-burn-1h',
        labels: { team: 'shop', severity: 'page', burn_windows: '1h/5m' },
        bound: 0.144,
        hold: 0,
      },
      {
        name: 's-burn-6h',
        labels: { team: 'shop', severity: 'page', burn_windows: '6h/30m' },
        bound: 0.06,
        hold: 0,
      },
      {
        name: 's-burn-3d',
        labels: { team: 'shop', severity: 'ticket', burn_windows: '3d/6h' },
        bound: 0.01,
        hold: 0,
      },
    ]);
    expect(rules[1]?.expr).toMatch(/\[1h\].* > 0\.144 and .*\[5m\].* > 0\.144$/);
    expect(rules[1]?.evidence?.expr).toMatch(/^1 - [^]*\[5m\]/);
  });
});

describe('mistakes in SLOs are reported with their place', () => {
  const cases: Readonly<Record<string, readonly [string, ...RegExp[]]>> = {
    'every field': [
      `slos:
- name: §""
  preset: §istoi
  metric: §a_seconds_bucket
  unit: §us
  selector: 'reporter=§destination'
  by: [§a-b]
  objective: { quantile: §99, below: §500, window: §0s }
  min_requests: §many
  alert: { for: §1, recover: { below: §x }, burn: §all }
  schedule: §"* * * * *"
  channel: §shop
  no_data: §forget
  labels: { x: '{{ §nope }}' }`,
      /^`name` is empty/,
      /^`preset` is "istoi": write istio, istio-ambient, otel-http, spanmetrics/,
      /write the name without its ending, a_seconds\./,
      /^`unit` is "us": write ms, s/,
      /^`selector` holds no label matchers/,
      /^an entry of `by` is "a-b"/,
      /^`objective.quantile` is "99": .* like 0\.99 for p99/,
      /^`objective.below` is "500"/,
      /^`objective.window` is zero/,
      /^`min_requests` is "many"/,
      /^`alert.for` is "1"/,
      /^`alert.recover.below` is "x"/,
      /^`alert.burn` is "all": write workbook/,
      /^`schedule` is "\* \* \* \* \*": write six fields/,
      /^`channel` is "shop", which is no channel: write "#shop"/,
      /^`no_data` is "forget": write keep, resolve/,
      /`nope` is not supported/,
    ],
    'keys that are not known, at every depth': [
      'slos:\n- name: s\n  preset: istio\n  objective: { quantile: 0.9, below: 1s, window: 5m, §target: 1 }\n  §min_request: 5\n  alert: { §fro: 1m, recover: { §under: 1s } }',
      /^`target` is not .*known here: quantile, below, window/,
      /did you mean `min_requests`/,
      /did you mean `for`/,
      /known here: below, window/,
    ],
    'what is planned but not built': [
      'slos:\n- name: s\n  preset: istio\n  objective: { quantile: 0.9, below: 1s, window: 5m }\n  §inhibit: call-graph\n  §compat: prometheus\n  alert: { §flap: 3 }',
      /^`inhibit` is not built yet, so it would do nothing/,
      /^`compat` is not built yet.* at the top of a document/,
      /^`alert.flap` is not built yet/,
    ],
    'keys that are missing': ['slos:\n- §preset: istio', /^`name` is missing/, /^`objective` is missing/],
    'a metric that is not said': [
      'slos:\n- name: §s\n  by: [job]\n  objective: { quantile: 0.9, below: 1s, window: 5m }',
      /has neither a `preset` .* nor a `metric`/,
    ],
    'a unit that is not said': [
      'slos:\n- name: s\n  metric: §latency\n  by: [job]\n  objective: { quantile: 0.9, below: 1s, window: 5m }',
      /^`metric` does not tell its unit/,
    ],
    'a service that is not said': [
      'slos:\n- name: s\n  metric: a_ms\n  by: §[zone]\n  objective: { quantile: 0.9, below: 1s, window: 5m }',
      /^`by` must hold the label that names the service/,
    ],
    'a schedule beside an interval, a recovery that recovers too early, a burn rate out of reach': [
      'slos:\n- name: s\n  preset: istio\n  objective: { quantile: 0.9, below: 500ms, window: 5m }\n  interval: §30s\n  schedule: "*/30 * * * * *"\n  alert: { recover: { below: §1s }, burn: §workbook }',
      /^`interval` stands beside `schedule`/,
      /^`alert.recover.below` is above the objective's own 500ms/,
      /^`alert.burn` can never fire at this quantile: 14\.4 times/,
    ],
    'an approximation of what has no bounds': [
      'slos:\n- name: s\n  preset: otel-http\n  histogram: native\n  approximate: §true\n  objective: { quantile: 0.9, below: 500ms, window: 5m }',
      /^`approximate` has no meaning beside `histogram: native`/,
    ],
    'words of their own': [
      'slos:\n- name: s\n  preset: istio\n  histogram: §sparse\n  approximate: §maybe\n  objective: { quantile: 0.9, below: 500ms, window: 5m }',
      /^`histogram` is "sparse": write native, classic/,
      /^`approximate` is "maybe": write true, false/,
    ],
    'a recovery that says nothing': [
      'slos:\n- name: s\n  preset: istio\n  objective: { quantile: 0.9, below: 500ms, window: 5m }\n  alert: { recover: §{} }',
      /^`alert.recover` says neither `below` nor `window`/,
    ],
    'a schedule with a wrong field': [
      'slos:\n- name: s\n  preset: istio\n  objective: { quantile: 0.9, below: 500ms, window: 5m }\n  schedule: §"99 * * * * *"',
      /^`schedule` is no schedule: "99" is not a second/,
    ],
    'a group and an SLO of one name': [
      'groups:\n- name: s\n  rules: []\n---\nslos:\n- name: §s\n  preset: istio\n  objective: { quantile: 0.9, below: 500ms, window: 5m }',
      /^the name `s` is taken by the group on line 2/,
    ],
  };
  it.each(Object.entries(cases))('%s', (_, [marked, ...messages]) => {
    const { places, errors } = read(marked);
    const byPlace = (one: { line: number; column: number }, other: { line: number; column: number }) =>
      one.line - other.line || one.column - other.column;
    expect(errors.map(({ line, column }) => ({ line, column })).sort(byPlace)).toEqual(
      expect.arrayContaining(places),
    );
    expect(errors.map(({ message }) => message)).toEqual(
      messages.map((message) => expect.stringMatching(message)),
    );
  });
});
