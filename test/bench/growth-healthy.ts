import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { isInstalled, type RealPrometheus, startRealPrometheus } from '../support/real-prometheus.ts';
import { rulesOf, type Size } from './growth-rules.ts';
import type { Ticks } from './growth-tick.ts';
import { cpuOf, spread } from './measure.ts';

/** As many rule groups with one rule each, of whose services none breaches. */
const SIZE: Size = { groups: 1_000, services: 10 };
/** Seconds between two evaluations by Prometheus: more often than in a mesh, as more of them are watched. */
const INTERVAL = 4;
/** How long a Prometheus is watched at a time, in ms: four evaluations of every group. */
const WATCHED = 4 * INTERVAL * 1_000;
const ROUNDS = 8;
const SCRAPED_WITHIN = 30_000;

/** A target with a healthy share of slow requests of each service and rule. */
async function startTarget(): Promise<{ readonly address: string; readonly close: () => void }> {
  const lines = Array.from({ length: SIZE.groups }, (_, rule) =>
    Array.from(
      { length: SIZE.services },
      (_, i) => `slow_share_${rule}{service="service-${i}",namespace="shop"} ${i / 1e4}`,
    ),
  );
  const body = `${lines.flat().join('\n')}\n`;
  const server = createServer((_, answer) => {
    answer.setHeader('content-type', 'text/plain; version=0.0.4');
    answer.end(body);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { address: `127.0.0.1:${port}`, close: () => server.close() };
}

async function started(address: string, rules?: string): Promise<RealPrometheus> {
  const scrapes = `scrape_configs: [{ job_name: bench, static_configs: [{ targets: ['${address}'] }] }]`;
  const real = await startRealPrometheus({
    config: `global: { scrape_interval: 5s }\nrule_files: ['{folder}/rules*.yaml']\n${scrapes}\n`,
    files: rules === undefined ? {} : { 'rules.yaml': rules },
  });
  const deadline = performance.now() + SCRAPED_WITHIN;
  const query = `${real.url}/api/v1/query?query=slow_share_${SIZE.groups - 1}`;
  for (;;) {
    const { data } = (await (await fetch(query)).json()) as { data: { result: readonly unknown[] } };
    if (data.result.length === SIZE.services) return real;
    if (performance.now() > deadline) throw new Error(`the target was not scraped:\n${real.log()}`);
    await wait(200);
  }
}

/** CPU time that a Prometheus with these rules uses in the time of one evaluation, less that of one without, in ms. */
async function ownRules(address: string): Promise<readonly number[]> {
  const rules = rulesOf({ ...SIZE, interval: INTERVAL });
  const [idle, busy] = [await started(address), await started(address, rules)];
  await wait(2 * INTERVAL * 1_000);
  const took: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const [ofIdle, ofBusy] = [cpuOf(idle.pid), cpuOf(busy.pid)];
    await wait(WATCHED);
    took.push(((ofBusy().there - ofIdle().there) * INTERVAL * 1_000) / WATCHED);
  }
  await idle.close();
  await busy.close();
  return took;
}

/** What a tick of many small healthy groups costs here, beside what the same rules cost the Prometheus that evaluates them. */
export async function benchHealthy(ticksOf: (size: Size) => Promise<Ticks>): Promise<void> {
  if (!isInstalled('prometheus')) {
    console.log('\nskipped: many small rules beside those of Prometheus; none is here');
    return;
  }
  const target = await startTarget();
  try {
    const theirs = await ownRules(target.address);
    const real = await started(target.address);
    const { walls, cpus } = await ticksOf({ ...SIZE, prometheus: real.url });
    await real.close();
    const ratios = cpus.map((cpu, round) => (100 * cpu) / (theirs[round] ?? 1));
    console.log('\none tick of many groups with healthy services, with a real Prometheus');
    console.table([
      {
        groups: SIZE.groups,
        services: SIZE.services,
        'wall ms a tick': spread(walls),
        'CPU ms a tick': spread(cpus),
        "CPU ms of Prometheus's own rules": spread(theirs),
        'of it, %': spread(ratios),
        'goal, %': 100,
      },
    ]);
  } finally {
    target.close();
  }
}
