import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { startDemoWorld } from '../../demo/demo-world.ts';
import { startBot } from '../../src/bot.ts';
import { SLASH_COMMANDS } from '../../src/commands/table.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { MINUTE, SECOND } from '../../src/lib/units.ts';
import { readSettings } from '../../src/settings/env.ts';
import { isInstalled, startRealPrometheus } from '../support/real-prometheus.ts';
import { environmentOf, NO_FAULTS, rulesIn } from '../support/stage.ts';

/*
 * From a service that turns slow to its message in Slack, on a real Prometheus. Each service turns
 * slow once, at moments spread evenly over the time between two scrapes.
 */

const ROUNDS = 8;
const WARM_UP = 75 * SECOND;
const REQUESTS_PER_SECOND = 100;
const GIVE_UP = 2 * MINUTE;

export interface Race {
  readonly title: string;
  /** The interval of Prometheus's scrapes. */
  readonly scrape: number;
  /** Keys of the rule beside those that all have. */
  readonly rule: string;
  /** Keys of the file beside its rules. */
  readonly policy?: string;
  readonly goal: string;
}

const RACES: readonly Race[] = [
  {
    title: 'short form over 1 m',
    scrape: 15 * SECOND,
    rule: 'objective: { quantile: 0.99, below: 500ms, window: 1m }',
    goal: 'median 10 s, p90 16 s, no more queries than `interval: 15s`',
  },
  {
    title: 'the same with `interval: 15s`',
    scrape: 15 * SECOND,
    rule: 'interval: 15s, objective: { quantile: 0.99, below: 500ms, window: 1m }',
    goal: '',
  },
  {
    title: "the README's rule, over 5 m",
    scrape: 15 * SECOND,
    rule: 'min_requests: 50, objective: { quantile: 0.99, below: 500ms, window: 5m }',
    goal: 'median 10 s, p90 16 s',
  },
  {
    title: 'everything at 5 s',
    scrape: 5 * SECOND,
    rule: 'interval: 5s, objective: { quantile: 0.99, below: 500ms, window: 1m }',
    goal: 'a tuned Alertmanager: 5.3 to 6.4 s',
  },
];

/** The counters of services with a steady rate, each fast until its moment. */
function startExporter(slowSince: ReadonlyMap<string, number>, services: readonly string[]) {
  const startedAt = Date.now();
  const page = (): string => {
    const now = Date.now();
    const requests = (from: number, to: number) =>
      Math.round((Math.max(0, to - from) / SECOND) * REQUESTS_PER_SECOND);
    const lines = services.flatMap((service) => {
      const fast = requests(startedAt, slowSince.get(service) ?? now);
      const all = requests(startedAt, now);
      const labels = `reporter="destination",destination_service_name="${service}",destination_service_namespace="shop"`;
      const metric = 'istio_request_duration_milliseconds';
      return [
        `${metric}_bucket{${labels},le="500"} ${fast}`,
        `${metric}_bucket{${labels},le="1000"} ${all}`,
        `${metric}_bucket{${labels},le="+Inf"} ${all}`,
        `${metric}_count{${labels}} ${all}`,
        `${metric}_sum{${labels}} ${all * 100}`,
      ];
    });
    return `${lines.join('\n')}\n`;
  };
  const server = createServer((_, response) => response.end(page()));
  return new Promise<{ port: number; close: () => void }>((resolve) => {
    server.listen(0, '127.0.0.1', () =>
      resolve({
        port: (server.address() as AddressInfo).port,
        close: () => {
          server.close();
          server.closeAllConnections();
        },
      }),
    );
  });
}

/** How many instant queries a Prometheus has answered. */
async function queriesOf(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const found = /^prometheus_http_requests_total\{code="200",handler="\/api\/v1\/query"\} (\d+)/m.exec(text);
  return Number(found?.[1] ?? 0);
}

export const quantile = (sorted: readonly number[], q: number): string =>
  ((sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0) / SECOND).toFixed(1);

/** What a race needs, running; `slowSince` turns services slow. */
export async function startBed({ scrape, rule, policy = '' }: Race, services: readonly string[]) {
  const slowSince = new Map<string, number>();
  const exporter = await startExporter(slowSince, services);
  const config = `global: { scrape_interval: ${scrape / SECOND}s }\nscrape_configs:\n- job_name: mesh\n  static_configs: [{ targets: ['127.0.0.1:${exporter.port}'] }]\n`;
  const prometheus = await startRealPrometheus({ config });
  const world = await startDemoWorld({
    clock: systemClock,
    commands: SLASH_COMMANDS,
    history: MINUTE,
    script: NO_FAULTS,
  });
  const folder = await mkdtemp(join(tmpdir(), 'tailwatch-race-'));
  const rulesFile = join(folder, 'rules.yaml');
  await writeFile(rulesFile, `slos: [{ name: latency, preset: istio, ${rule} }]\n${policy}`);
  await wait(WARM_UP);
  const read = readSettings({
    ...environmentOf(world),
    PROMETHEUS_URL: prometheus.url,
    SLACK_APP_TOKEN: world.appToken,
    DATA_DIR: join(folder, 'data'),
  });
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  const startedAt = Date.now();
  const bot = await startBot({
    settings: read.settings,
    host: '127.0.0.1',
    write: () => undefined,
    loadRules: () => rulesIn(rulesFile),
  });
  const readyz = `http://127.0.0.1:${bot.opsPort}/readyz`;
  while ((await fetch(readyz)).status !== 200) await wait(10);
  const readyAfter = Date.now() - startedAt;
  const close = async (): Promise<void> => {
    await bot.stop();
    await world.close();
    await prometheus.close();
    exporter.close();
    await rm(folder, { recursive: true });
  };
  const channel = world.workspace.channels().find(({ name }) => `#${name}` === world.channel)?.id ?? '';
  const messages = () => world.workspace.messages(channel, world.readerId);
  return { slowSince, exporter, messages, prometheus, readyAfter, close };
}

export type Bed = Awaited<ReturnType<typeof startBed>>;

/** Turns a service slow, and waits for its message: the time it took. */
export async function untilPosted({ slowSince, messages }: Bed, service: string): Promise<number> {
  const isPosted = (): boolean =>
    messages().some(({ text }) => text.includes(`${service} `) || text.includes(`${service}:`));
  const since = Date.now();
  slowSince.set(service, since);
  while (!isPosted()) {
    if (Date.now() - since > GIVE_UP) throw new Error(`race: no message about ${service}`);
    await wait(20);
  }
  return Date.now() - since;
}

async function race(of: Race) {
  const services = Array.from({ length: ROUNDS }, (_, index) => `service-${index}`);
  const bed = await startBed(of, services);
  try {
    await wait(2 * of.scrape);
    const [queriesBefore, racedAt] = [await queriesOf(bed.prometheus.url), Date.now()];
    const times: number[] = [];
    for (const [index, service] of services.entries()) {
      // One moment in each part of the time between two scrapes.
      await wait(of.scrape - (Date.now() % of.scrape) + ((index + 0.5) / ROUNDS) * of.scrape);
      times.push(await untilPosted(bed, service));
    }
    const minutes = (Date.now() - racedAt) / MINUTE;
    const queries = (await queriesOf(bed.prometheus.url)) - queriesBefore;
    times.sort((a, b) => a - b);
    return {
      rule: of.title,
      'scrapes, s': of.scrape / SECOND,
      'median s': quantile(times, 0.5),
      'p90 s': quantile(times, 0.9),
      'min s': quantile(times, 0),
      'max s': quantile(times, 1),
      'queries a minute': Number((queries / minutes).toFixed(1)),
      'start to /readyz ms': bed.readyAfter,
      goal: of.goal,
    };
  } finally {
    await bed.close();
  }
}

/** Prints how long a breach takes to reach Slack. The queries include those for evidence. */
export async function benchRace(): Promise<void> {
  if (!isInstalled('prometheus')) {
    console.info('race: no prometheus on the PATH');
    return;
  }
  const rows = [];
  for (const each of RACES) rows.push(await race(each));
  console.log(
    `\nchange of a service to its message, ${ROUNDS} changes each (load ${loadavg()[0]?.toFixed(1)})`,
  );
  console.table(rows);
}
