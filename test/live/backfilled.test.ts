import { expect, it } from 'vitest';
import { createEvaluateGroup } from '../../src/evaluation/evaluate-group.ts';
import { createHttpClient } from '../../src/http/http-client.ts';
import type { MetricsSource } from '../../src/lib/metrics-source.ts';
import { after, before, ms, SECOND } from '../../src/lib/units.ts';
import type { Store } from '../../src/messages/store.ts';
import type { NotificationPolicy } from '../../src/policy/suppress.ts';
import { createLocalTime } from '../../src/policy/time-interval.ts';
import { createPrometheusMetrics } from '../../src/prometheus/prometheus-metrics.ts';
import { parseRuleText } from '../../src/rules/file/rule-file.ts';
import type { RuleGroup } from '../../src/rules/rule.ts';
import { expandTemplate } from '../../src/rules/template/template.ts';
import { expectAlerts } from '../support/expected-alerts.ts';
import { GENERATIONS, type ServerVersion } from '../support/generations.ts';
import { requireOrSkip } from '../support/live.ts';
import { type GridSeries, latencySeries, randomTraffic, SCRAPE } from '../support/mesh-samples.ts';
import { createChance } from '../support/promql-samples.ts';
import { type ExpressionTest, judgeByPromtool, type RuleTest } from '../support/promtool.ts';
import { openMetrics, startRealPrometheus, type WrittenSample } from '../support/real-prometheus.ts';
import { createSpyLogger, createSpyRecorder } from '../support/spies.ts';
import { openTempStore } from '../support/temp-store.ts';
import { createVirtualClock, START } from '../support/virtual-clock.ts';

/*
 * The same samples twice: as the series of a promtool test, and loaded into a real Prometheus that the program asks over
 * HTTP. What the program makes of the answers must be what Prometheus's own rules make of the series.
 */

const INTERVAL = ms(30 * SECOND);
const TICKS = 120;
const SCRAPES = (TICKS * INTERVAL) / SCRAPE + 1;
const SERVICES = ['cart', 'checkout', 'payments', 'auth', 'search'] as const;
const SEEDS = 4;
const FIRST_SEED = Number(process.env['TAILWATCH_SEED'] ?? Date.now() % 1_000_000);

const P99 =
  'histogram_quantile(0.99, sum by (le, destination_service_name) (rate(istio_request_duration_milliseconds_bucket[5m])))';
const RATE =
  'sum by (destination_service_name) (rate(istio_request_duration_milliseconds_count{reporter="destination"}[1m]))';

const RULES = `
compat: prometheus
slos:
- { name: SlowShare, preset: istio, by: [destination_service_name], interval: 30s, objective: { quantile: 0.99, below: 500ms, window: 5m }, min_requests: 20, alert: { for: 1m, keep_firing_for: 90s } }
- { name: SlowNow, preset: istio, by: [destination_service_name], interval: 30s, objective: { quantile: 0.9, below: 250ms, window: 2m }, alert: { recover: { below: 250ms, window: 1m } }, labels: { team: shop } }
---
groups:
- name: by-hand
  interval: 30s
  rules:
  - { alert: P99High, expr: '${P99} > 500', for: 2m, labels: { severity: page } }
  - { alert: P99Kept, expr: '${P99} > 900', keep_firing_for: 3m, annotations: { summary: 'p99 {{ $value }}' } }
  - { alert: P99Value, expr: '${P99} > 250', for: 45s, labels: { level: '{{ $value | printf "%.1f" }}', who: '{{ $labels.destination_service_name | toUpper }}' } }
  - { alert: NoTraffic, expr: '${RATE} == 0', for: 30s }
  - { alert: Everything, expr: 'sum(rate(istio_request_duration_milliseconds_count[2m])) > 60', keep_firing_for: 45s }
`;

/** The groups as Prometheus reads them, short forms compiled. */
const ruleFileOf = (groups: readonly RuleGroup[]): object => ({
  groups: groups.map(({ name, rules }) => ({
    name,
    interval: `${INTERVAL}ms`,
    rules: rules.map((rule) => ({
      alert: rule.name,
      expr: rule.expr,
      for: `${rule.for}ms`,
      keep_firing_for: `${rule.keepFiringFor}ms`,
      labels: rule.labels,
    })),
  })),
});

function seriesText({ labels: { __name__: name = '', ...labels } }: GridSeries): string {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}=${JSON.stringify(value)}`);
  return `${name}{${pairs.join(',')}}`;
}

function* written(series: readonly GridSeries[]): Generator<WrittenSample> {
  for (const { labels, values } of series)
    for (const [i, value] of values.entries())
      if (value !== undefined) yield { labels, t: START + i * SCRAPE, value };
}

interface World {
  readonly groups: readonly RuleGroup[];
  readonly metrics: MetricsSource;
  readonly store: Store;
  readonly policy: NotificationPolicy;
}

/** What the program makes of a group, tick by tick, each from the state it had stored before. */
async function evaluate(
  { metrics, store, policy }: World,
  group: RuleGroup,
): Promise<readonly ExpressionTest[]> {
  const clock = createVirtualClock(START);
  const parts = { metrics, store, clock, recorder: createSpyRecorder(), logger: createSpyLogger() };
  // The switch that the rule file has.
  const notifications = {
    policy: () => policy,
    localTime: createLocalTime(),
    callGraphAt: async () => undefined,
  };
  const tick = createEvaluateGroup({ ...parts, expand: expandTemplate, notifications });
  const tests: ExpressionTest[] = [];
  for (let n = 0; n <= TICKS; n++) {
    const evalTime = after(START, ms(n * INTERVAL));
    await clock.advanceTo(evalTime);
    const outcome = await tick(group, evalTime);
    if (outcome.kind !== 'applied') throw new Error(`tick ${n} of ${group.name}: ${outcome.kind}`);
    for (const { rule, alerts, health } of Object.values(outcome.state.rules)) {
      if (health.kind !== 'ok') throw new Error(`${rule.name}: ${JSON.stringify(health)}`);
      tests.push(...expectAlerts(rule.name, { evalTime, start: START }, alerts));
    }
  }
  return tests;
}

function samplesFor({ le }: ServerVersion, seed: number): readonly GridSeries[] {
  const chance = createChance(seed);
  return SERVICES.flatMap((name) => latencySeries({ name, le }, SCRAPES, randomTraffic(chance)));
}

/** One run: the samples of a seed, and what the program makes of them; `see` stands between it and the Prometheus. */
async function believe(
  serverVersion: ServerVersion,
  seed: number,
  see: (metrics: MetricsSource) => MetricsSource = (metrics) => metrics,
): Promise<{ readonly groups: readonly RuleGroup[]; readonly test: RuleTest }> {
  const parsed = parseRuleText('rules.yaml', RULES);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors));
  const series = samplesFor(serverVersion, seed);
  const real = await startRealPrometheus({
    binary: serverVersion.binary,
    openMetrics: openMetrics(written(series)),
  });
  const { store, dispose } = await openTempStore();
  const http = createHttpClient({ system: 'prometheus', baseUrl: real.url });
  try {
    const source = createPrometheusMetrics({ http, deadline: ms(10 * SECOND), logger: createSpyLogger() });
    const { groups, policy } = parsed;
    const world = { groups, policy, metrics: see(source), store };
    const expressions: ExpressionTest[] = [];
    for (const group of world.groups) expressions.push(...(await evaluate(world, group)));
    const input = series.map((one) => [seriesText(one), one.values.map((value) => value ?? '_').join(' ')]);
    return { groups: parsed.groups, test: { series: Object.fromEntries(input), expressions } };
  } finally {
    http.close();
    await dispose();
    await real.close();
  }
}

const judge = async (
  { promtool }: ServerVersion,
  { groups, test }: Awaited<ReturnType<typeof believe>>,
): Promise<string> =>
  await judgeByPromtool(
    {
      rules: ruleFileOf(groups),
      interval: INTERVAL / SECOND,
      seriesInterval: SCRAPE / SECOND,
      tests: [test],
    },
    promtool,
  );

for (const serverVersion of GENERATIONS) {
  const { name, need, judgeNeed } = serverVersion;
  requireOrSkip(
    'promtool',
    need,
    judgeNeed,
  )(`on samples loaded into ${name}`, () => {
    it.each(Array.from({ length: SEEDS }, (_, i) => FIRST_SEED + i))(
      'has every alert as its own rules have it, seed %i',
      async (seed) => {
        const believed = await believe(serverVersion, seed);
        const { expressions } = believed.test;
        const alerts = expressions.reduce((sum, { expected }) => sum + expected.length, 0);
        console.log(
          `${name}, seed ${seed} (TAILWATCH_SEED repeats it): ${expressions.length} checks, ${alerts} alert samples`,
        );
        expect(alerts).toBeGreaterThan(300);
        // Buckets are found however their bounds are written: a rule that sees none is never wrong either.
        const compiled = expressions.filter(({ expr }) => /Slow/.test(expr));
        expect(compiled.some(({ expected }) => expected.length > 0)).toBe(true);
        expect(await judge(serverVersion, believed)).toBe('');
      },
    );

    it.each<[string, (metrics: MetricsSource) => MetricsSource]>([
      [
        'asks a tick too early',
        (metrics) => ({
          ...metrics,
          instant: ({ expr, at }, signal) => metrics.instant({ expr, at: before(at, INTERVAL) }, signal),
        }),
      ],
      [
        'rounds values',
        (metrics) => ({
          ...metrics,
          instant: async (query, signal) =>
            (await metrics.instant(query, signal)).map((sample) => ({
              ...sample,
              value: Math.round(sample.value),
            })),
        }),
      ],
    ])('a program that %s is found out', async (_, see) => {
      expect(await judge(serverVersion, await believe(serverVersion, FIRST_SEED, see))).toContain('FAILED');
    });
  });
}
