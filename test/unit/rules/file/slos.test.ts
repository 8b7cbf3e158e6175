import { describe, expect, it } from 'vitest';
import { groups } from '../../../support/marked-rules.ts';

const slo = (text: string) =>
  groups(`slos: [{ name: s, objective: { quantile: 0.99, below: 500ms, window: 5m }, ${text} }]`)[0];

describe('SLOs of the short form', () => {
  it('compile to a group that evaluates the share of slow requests', () => {
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
          service: { from: 'label', label: 'destination_service_name' },
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
          recovery: { expr: share, comparison: '>', bound: 0.01 },
          reads: [
            { metric: 'istio_request_duration_milliseconds_count', matchers: 'reporter="destination"' },
          ],
          noData: 'resolve',
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
    'custom matchers': [
      `preset: istio, selector: 'reporter=~"destination|waypoint"'`,
      /\{reporter=~"destination\|waypoint",le=~"500/,
    ],
    'a custom metric': [
      'metric: http_latency_ms, by: [service, zone]',
      /by \(service, zone\) \(rate\(http_latency_ms_bucket\{le=~"500\(\\\\\.0\)\?"\}/,
    ],
    'a metric without a unit in its name': [
      'metric: latency, unit: s, by: [app]',
      /latency_bucket\{le="0\.5"\}/,
    ],
    'a custom service label': [
      'metric: latency_seconds, service_label: backend',
      /by \(backend\) \(rate\(latency_seconds_bucket/,
    ],
  };
  it.each(Object.entries(presets))('read %s', (_, [text, expr]) => {
    expect(slo(text)?.rules[0]?.expr).toMatch(expr);
  });

  it('evaluate an approximate threshold at the bucket bound above it', () => {
    const rule = slo('preset: istio, approximate: true')?.rules[0];
    expect(rule?.expr).toMatch(/ \(min without \(le\) \(rate\(\w+_bucket\{reporter="destination",le!~"/);
    expect(rule?.objective?.isApproximate).toBe(true);
    expect(rule?.annotations['summary']).toMatch(/: at least \{\{/);
    expect(slo('preset: istio, approximate: false')?.rules[0]?.objective).not.toMatchObject({
      isApproximate: expect.anything(),
    });
  });

  it('read a native histogram by `histogram_fraction`', () => {
    const rule = slo('preset: otel-http, histogram: native, min_requests: 5')?.rules[0];
    const rates = 'sum by (service_name) (rate(http_server_request_duration_seconds[5m]))';
    const requests = rates.replace('rate', 'increase');
    expect(rule?.expr).toBe(
      `1 - histogram_fraction(0, 0.5, ${rates}) > 0.01 and histogram_count(${requests}) >= 5`,
    );
    expect(rule?.objective?.family.histogram).toBe('native');
    expect(slo('preset: otel-http, histogram: classic')?.rules[0]?.expr).toContain('_bucket{le="0.5"}');
  });

  it('read the matchers of failed requests', () => {
    const group = slo(`metric: latency_seconds, by: [app], errors: 'code=~"5.."'`);
    expect(group?.rules[0]?.objective?.family.errorSelector).toBe('code=~"5.."');
  });

  it('are evaluated every 15 s by default', () => {
    expect(slo('preset: istio')).toMatchObject({ interval: 15_000 });
    expect(slo('preset: istio')).not.toMatchObject({ schedule: expect.anything() });
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

  it('have the burn-rate alerts of the workbook alone', () => {
    const rules = slo('preset: istio, alert: { burn: workbook-only }')?.rules ?? [];
    expect(rules.map(({ name }) => name)).toEqual(['s-burn-1h', 's-burn-6h', 's-burn-3d']);
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
    expect(rules[1]?.expr).toMatch(/\[1h\].* > 0\.144 unless \(.*\[5m\].* > bool 0\.144\) == 0$/);
    expect(rules[1]?.recovery?.expr).toMatch(/^1 - [^]*\[5m\]/);
  });
});
