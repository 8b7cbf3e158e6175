import { afterAll, beforeAll, expect, it } from 'vitest';
import { runCheck } from '../../src/cli/check.ts';
import { createHttpClient } from '../../src/http/http-client.ts';
import { epochMs, ms, SECOND } from '../../src/lib/units.ts';
import { createPrometheusMetrics } from '../../src/prometheus/prometheus-metrics.ts';
import { createRuleCheck } from '../../src/rules/check-rules.ts';
import { requireOrSkip } from '../support/live.ts';
import { createChance, generateSamples, LAST } from '../support/promql-samples.ts';
import { openMetrics, type RealPrometheus, startRealPrometheus } from '../support/real-prometheus.ts';
import { createSpyLogger } from '../support/spies.ts';

const slo = (name: string, more: string): string =>
  `slos: [{ name: ${name}, preset: istio, by: [destination_service_name], ${more} }]`;

const FILES: Readonly<Record<string, string>> = {
  'right.yaml': slo(
    'right',
    'objective: { quantile: 0.99, below: 500ms, window: 5m }, alert: { burn: workbook }',
  ),
  'between.yaml': slo('between', 'objective: { quantile: 0.99, below: 750ms, window: 5m }'),
  'approximate.yaml': slo(
    'approximate',
    'objective: { quantile: 0.99, below: 750ms, window: 5m }, approximate: true',
  ),
  'native.yaml': slo('native', 'objective: { quantile: 0.99, below: 750ms, window: 5m }, histogram: native'),
  'service.yaml': `groups: [{ name: g, rules: [{ alert: A, for: 1m, expr: 'sum(rate(istio_request_duration_milliseconds_count{destination_service_name="nobody"}[5m])) > 1' }] }]`,
  'narrow.yaml': `groups: [{ name: g, rules: [{ alert: A, for: 1m, expr: 'sum(rate(istio_request_duration_milliseconds_count[20s])) > 1' }] }]`,
  'selector.yaml': slo(
    'selector',
    `objective: { quantile: 0.99, below: 500ms, window: 5m }, selector: 'reporter="waypoint"'`,
  ),
  'label.yaml': slo('label', 'objective: { quantile: 0.99, below: 500ms, window: 5m }').replace(
    'destination_service_name',
    'service',
  ),
  'missing.yaml':
    'groups: [{ name: g, rules: [{ alert: A, expr: "rate(request_total[5m]) > 1" }, { record: a:b, expr: up }] }]',
  'refused.yaml': "groups: [{ name: g, rules: [{ alert: A, expr: 'limitk(2, requests_total) > 1' }] }]",
};

requireOrSkip('prometheus', 'promtool')('rules checked against a real Prometheus', () => {
  let prometheus: RealPrometheus | undefined;
  beforeAll(async () => {
    prometheus = await startRealPrometheus({ openMetrics: openMetrics(generateSamples(createChance(1))) });
  });
  afterAll(async () => {
    await prometheus?.close();
  });

  async function check(file: string) {
    const http = createHttpClient({ system: 'prometheus', baseUrl: prometheus?.url ?? '' });
    const metrics = createPrometheusMetrics({ http, deadline: ms(30 * SECOND), logger: createSpyLogger() });
    try {
      return await runCheck({
        files: [file],
        now: epochMs(LAST),
        readFile: async (path) => FILES[path] ?? '',
        against: createRuleCheck({ metrics, clock: { now: () => epochMs(LAST) } }),
      });
    } finally {
      http.close();
    }
  }

  const cases: Readonly<Record<string, readonly [string, RegExp, 0 | 1]>> = {
    'a threshold that is a bound is fine': [
      'right.yaml',
      /^1 file, 1 group, 4 rules: no problems found\.$/,
      0,
    ],
    'a threshold between bounds names them': [
      'between.yaml',
      /750ms in `objective.below`.* are 500ms and 1s\./,
      1,
    ],
    'an approximate threshold between bounds is fine, and the bound above is used': [
      'approximate.yaml',
      /note: `approximate`: 750ms is between the bucket bounds 500ms and 1s .*: requests slower than 1s are counted\. \[approximate-threshold\][^]*no problems found\.$/,
      0,
    ],
    'buckets that are read as a native histogram': [
      'native.yaml',
      /is not a native histogram: remove `histogram: native`\. \[histogram-kind\]/,
      1,
    ],
    'a service that is not there': [
      'service.yaml',
      /warning: .*no series with destination_service_name="nobody".* \[unknown-service\][^]*1 warning\.$/,
      0,
    ],
    'a window that holds too few samples': ['narrow.yaml', /warning: .*range \[20s\].* \[rate-window\]/, 0],
    'matchers that match nothing': [
      'selector.yaml',
      /no series of `\w+_bucket` matches \{reporter="waypoint"\}/,
      1,
    ],
    'a label that no series has': ['label.yaml', /has the label `service`/, 1],
    'a metric that is not there': [
      'missing.yaml',
      /metric `request_total` not found; did you mean `requests_total`\?/,
      1,
    ],
    'a series that is not recorded': ['missing.yaml', /note: `a:b`: no series `a:b` found/, 1],
  };
  it.each(Object.entries(cases))('%s', async (_, [file, text, exitCode]) => {
    const report = await check(file);
    expect(report.text).toMatch(text);
    expect(report.exitCode).toBe(exitCode);
  });

  it('an expression that only a newer one takes', async () => {
    const { text, exitCode } = await check('refused.yaml');
    // Prometheus 3 takes limitk with a feature flag alone, and says so in other words.
    expect(text).toMatch(/Prometheus rejects the expression: .*limitk/);
    expect(exitCode).toBe(1);
  });
});
