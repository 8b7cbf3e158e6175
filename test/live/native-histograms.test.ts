import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createHttpClient, type HttpClient } from '../../src/http/http-client.ts';
import { bucketsOf, estimateOf } from '../../src/latency/figures.ts';
import type { MetricsSource, QueryCosts } from '../../src/lib/metrics-source.ts';
import { epochMs, ms, SECOND } from '../../src/lib/units.ts';
import { createPrometheusMetrics } from '../../src/prometheus/prometheus-metrics.ts';
import { createRuleCheck } from '../../src/rules/check-rules.ts';
import { parseRuleText } from '../../src/rules/file/rule-file.ts';
import { bucketRatesExpr } from '../../src/rules/queries.ts';
import type { LatencyObjective, SloRule } from '../../src/rules/rule.ts';
import type { RuleUse } from '../../src/rules/rule-use.ts';
import { PROMETHEUS_3 } from '../support/generations.ts';
import { requireOrSkip } from '../support/live.ts';
import { type RealPrometheus, startRealPrometheus } from '../support/real-prometheus.ts';
import { createSpyLogger } from '../support/spies.ts';

const METRIC = 'http_server_request_duration_seconds';

/** A service whose every scrape shows four requests more: one up to 250 ms, one up to 500 ms, two up to 1 s. */
async function startService(): Promise<{ readonly port: number; readonly server: Server }> {
  let scrapes = 0;
  const server = createServer((_, response) => {
    scrapes += 1;
    const bucket = (le: string, requests: number): string =>
      `${METRIC}_bucket{service_name="cart",le="${le}"} ${requests * scrapes}`;
    response.setHeader('Content-Type', 'text/plain; version=0.0.4');
    response.end(
      [
        `# TYPE ${METRIC} histogram`,
        bucket('0.25', 1),
        bucket('0.5', 2),
        bucket('1', 4),
        bucket('+Inf', 4),
        `${METRIC}_sum{service_name="cart"} ${2 * scrapes}`,
        `${METRIC}_count{service_name="cart"} ${4 * scrapes}`,
        '',
      ].join('\n'),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port, server };
}

/** The service's buckets become one native series, as those of services that expose such. */
const configOf = (port: number): string => `
global: { scrape_interval: 1s }
scrape_configs:
- job_name: cart
  convert_classic_histograms_to_nhcb: true
  static_configs: [{ targets: ["127.0.0.1:${port}"] }]
`;

function read(histogram: 'native' | 'classic'): { readonly rule: SloRule; readonly use: RuleUse } {
  const text = `slos: [{ name: Slow, preset: otel-http, histogram: ${histogram}, objective: { quantile: 0.9, below: 500ms, window: 10s } }]`;
  const { groups, uses } = parseRuleText('rules.yaml', text);
  const [rule, use] = [groups[0]?.rules[0], uses[0]?.use];
  if (rule === undefined || use === undefined) throw new Error('the rule is right');
  return { rule, use };
}

requireOrSkip('prometheus-3')('a native histogram in a real Prometheus', () => {
  let prometheus: RealPrometheus | undefined;
  let service: Awaited<ReturnType<typeof startService>> | undefined;
  let http: HttpClient | undefined;
  let metrics: MetricsSource & QueryCosts;
  beforeAll(async () => {
    service = await startService();
    prometheus = await startRealPrometheus({ binary: PROMETHEUS_3, config: configOf(service.port) });
    http = createHttpClient({ system: 'prometheus', baseUrl: prometheus.url });
    metrics = createPrometheusMetrics({ http, deadline: ms(10 * SECOND), logger: createSpyLogger() });
  });
  afterAll(async () => {
    http?.close();
    await prometheus?.close();
    service?.server.close();
  });

  const now = () => epochMs(Date.now());

  /** The answer, once there have been scrapes enough for a rate. */
  async function answered(expr: string) {
    for (let attempt = 0; attempt < 200; attempt++) {
      const samples = await metrics.instant({ expr, at: now() });
      if (samples.some(({ value }) => !Number.isNaN(value))) return samples;
      await delay(100);
    }
    throw new Error(`nothing for ${expr}\n${prometheus?.log() ?? ''}`);
  }

  it('is judged by its fraction', async () => {
    const { rule } = read('native');
    const [share] = await answered(rule.recovery?.expr ?? '');
    expect(share?.labels).toEqual({ service_name: 'cart' });
    expect(share?.value).toBeCloseTo(0.5);
    expect((await answered(rule.expr)).map(({ labels }) => labels)).toEqual([{ service_name: 'cart' }]);
  });

  it('gives the quantile with the bucket it lies in', async () => {
    const objective = read('native').rule.objective as LatencyObjective;
    const labels = { service_name: 'cart' };
    const rates = await answered(bucketRatesExpr(objective, labels, { window: ms(10 * SECOND) }));
    expect(estimateOf(objective.family, 0.9, bucketsOf(rates))).toMatchObject({ low: 500, high: 1_000 });
  });

  it('is notified what asking about it costs', async () => {
    const cost = await metrics.cost({ expr: read('native').rule.expr, at: now() });
    expect(cost?.seconds).toBeGreaterThan(0);
    expect(cost?.peakSamples).toBeGreaterThan(0);
  });

  it('is notified from one with buckets by a check', async () => {
    await answered(read('native').rule.recovery?.expr ?? '');
    const check = createRuleCheck({ metrics, clock: { now } });
    const findings = await check([read('native').use, read('classic').use]);
    const kinds = findings.map((found) =>
      found.map(({ code }) => code).filter((code) => code !== 'rate-window'),
    );
    expect(kinds[0]).toEqual([]);
    expect(kinds[1]).toContain('histogram-kind');
  });
});
