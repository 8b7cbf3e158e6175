import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { createEvaluateGroup } from '../../src/evaluation/evaluate-group.ts';
import { createHttpClient } from '../../src/http/http-client.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { after, ms, SECOND } from '../../src/lib/units.ts';
import { createPrometheusMetrics } from '../../src/prometheus/prometheus-metrics.ts';
import { parseRuleText } from '../../src/rules/file/rule-file.ts';
import { expandTemplate } from '../../src/rules/template/template.ts';
import type { ServerVersion } from '../support/generations.ts';
import { notificationsOf } from '../support/notifications.ts';
import { type RealPrometheus, startRealPrometheus } from '../support/real-prometheus.ts';
import { createSpyLogger, createSpyRecorder } from '../support/spies.ts';
import { openTempStore } from '../support/temp-store.ts';
import { cpuOf } from './measure.ts';

const SERIES = 10_000;
/** How long Prometheus is watched evaluating a rule, and doing everything but that, in ms. */
const WATCHED = 8_000;
/** A bot runs for weeks: what is compiled on the way is not what a tick costs. */
const WARM_UP = 40;
const TICKS = 50;
/** A scrape interval is 5 s. */
const SCRAPED_WITHIN = 30_000;

/** The same rules on both sides: one that every series meets, and one that a hundredth of them meets. */
const RULES = [
  { title: 'every series breaches', alert: 'Every', expr: 'slow_share > 0.01' },
  { title: '1% of them breach', alert: 'Few', expr: 'slow_share > 0.0298' },
] as const;

const ruleFile = ({ alert, expr }: (typeof RULES)[number]): string =>
  JSON.stringify({
    groups: [
      {
        name: 'bench',
        interval: '1s',
        rules: [
          {
            alert,
            expr,
            annotations: {
              summary: '{{ $labels.service }} is slow: {{ $value | humanizePercentage }}',
            },
          },
        ],
      },
    ],
  });

/** A target with a share of slow requests for each of so many services. */
async function startTarget(): Promise<{ readonly address: string; readonly close: () => void }> {
  const lines = Array.from(
    { length: SERIES },
    (_, i) => `slow_share{service="service-${i}",namespace="shop"} ${0.02 + i / 1e6}`,
  );
  const body = `${lines.join('\n')}\n`;
  const server = createServer((_, answer) => {
    // Prometheus 3 takes nothing without it.
    answer.setHeader('content-type', 'text/plain; version=0.0.4');
    answer.end(body);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { address: `127.0.0.1:${port}`, close: () => server.close() };
}

async function ask(real: RealPrometheus, expr: string): Promise<number> {
  const answer = await fetch(`${real.url}/api/v1/query?query=${encodeURIComponent(expr)}`);
  const { data } = (await answer.json()) as { data: { result: readonly { value: [number, string] }[] } };
  return Number(data.result[0]?.value[1] ?? 0);
}

async function iterations(real: RealPrometheus): Promise<number> {
  const text = await (await fetch(`${real.url}/metrics`)).text();
  return Number(/^prometheus_rule_group_iterations_total\{.*\} (\d+)/m.exec(text)?.[1] ?? 0);
}

const started = async (
  { binary }: ServerVersion,
  address: string,
  rules?: string,
): Promise<RealPrometheus> => {
  const scrapes = `scrape_configs: [{ job_name: bench, static_configs: [{ targets: ['${address}'] }] }]`;
  const real = await startRealPrometheus({
    binary,
    config: `global: { scrape_interval: 5s }\nrule_files: ['{folder}/rules*.yaml']\n${scrapes}\n`,
    ...(rules === undefined ? {} : { files: { 'rules.yaml': rules } }),
  });
  const deadline = performance.now() + SCRAPED_WITHIN;
  while ((await ask(real, 'count(slow_share)')) < SERIES) {
    if (performance.now() > deadline) {
      await real.close();
      throw new Error(`the target was not scraped within ${SCRAPED_WITHIN} ms:\n${real.log()}`);
    }
    await wait(200);
  }
  return real;
};

/** CPU ms per second of a Prometheus that scrapes the target and does nothing else. */
async function idleCpu(serverVersion: ServerVersion, address: string): Promise<number> {
  const real = await started(serverVersion, address);
  const cpu = cpuOf(real.pid);
  await wait(WATCHED);
  const { there } = cpu();
  await real.close();
  return (there / WATCHED) * SECOND;
}

interface Costs {
  readonly rule: number;
  readonly answer: number;
  readonly ours: number;
}

async function costsOf(
  serverVersion: ServerVersion,
  address: string,
  given: { readonly rules: string; readonly idle: number },
): Promise<Costs> {
  const real = await started(serverVersion, address, given.rules);
  const before = await iterations(real);
  const cpu = cpuOf(real.pid);
  await wait(WATCHED);
  const watched = cpu().there;
  const evaluations = (await iterations(real)) - before;
  await real.close();
  const rule = (watched - (given.idle * WATCHED) / SECOND) / evaluations;
  return { rule, ...(await ourCosts(await started(serverVersion, address), given)) };
}

/** CPU ms per tick here and in the Prometheus that is asked; it has no rules of its own. */
async function ourCosts(
  real: RealPrometheus,
  given: { readonly rules: string; readonly idle: number },
): Promise<Omit<Costs, 'rule'>> {
  const parsed = parseRuleText('rules.yaml', given.rules);
  const [group] = parsed.groups;
  if (group === undefined) throw new Error(JSON.stringify(parsed));
  const { store, dispose } = await openTempStore();
  const http = createHttpClient({ system: 'prometheus', baseUrl: real.url });
  const logger = createSpyLogger();
  const evaluate = createEvaluateGroup({
    metrics: createPrometheusMetrics({ http, deadline: ms(10 * SECOND), logger }),
    store,
    clock: systemClock,
    recorder: createSpyRecorder(),
    logger,
    expand: expandTemplate,
    notifications: notificationsOf({ isPrometheus: true }),
  });
  const start = systemClock.now();
  const tick = async (n: number): Promise<void> => {
    const outcome = await evaluate(group, after(start, ms(n)));
    if (outcome.kind !== 'applied') throw new Error(outcome.kind);
  };
  for (let n = 0; n < WARM_UP; n++) await tick(n);
  const cpu = cpuOf(real.pid);
  const startedAt = performance.now();
  for (let n = 0; n < TICKS; n++) await tick(WARM_UP + n);
  const { here, there } = cpu();
  const idle = (given.idle * (performance.now() - startedAt)) / SECOND;
  http.close();
  await dispose();
  await real.close();
  return { ours: here / TICKS, answer: Math.max(0, there - idle) / TICKS };
}

/**
 * What a tick over 10,000 series costs here, beside what the same rule costs the Prometheus that evaluates it itself:
 * CPU time, less what that Prometheus spends on scraping. Goal: at most half.
 */
export async function benchCpu(serverVersion: ServerVersion): Promise<void> {
  const target = await startTarget();
  try {
    const idle = await idleCpu(serverVersion, target.address);
    const rows = [];
    for (const rule of RULES) {
      const costs = await costsOf(serverVersion, target.address, { rules: ruleFile(rule), idle });
      rows.push({
        rule: rule.title,
        'CPU ms here': Number(costs.ours.toFixed(1)),
        "CPU ms of Prometheus's own rule": Number(costs.rule.toFixed(1)),
        ratio: Number((costs.ours / costs.rule).toFixed(2)),
        'CPU ms in Prometheus to answer us': Number(costs.answer.toFixed(1)),
      });
    }
    console.log(
      `\none tick over ${SERIES} series, ${serverVersion.name}; the goal is a ratio of at most 0.5`,
    );
    console.table(rows);
  } finally {
    target.close();
  }
}
