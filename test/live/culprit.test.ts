import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { exportMesh, type MeshExport } from '../../demo/export-mesh.ts';
import type { Fault } from '../../demo/mesh/faults.ts';
import { SLASH_COMMANDS } from '../../src/commands/table.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { MINUTE, ms, SECOND } from '../../src/lib/units.ts';
import { PROMETHEUS_3 } from '../support/generations.ts';
import { requireOrSkip } from '../support/live.ts';
import { CLEAN, type Program, startProgram, until } from '../support/program.ts';
import { type RealJaeger, startRealJaeger } from '../support/real-jaeger.ts';
import { freePort } from '../support/real-prometheus.ts';

/*
 * Three faults at once on a mesh that a real Prometheus scrapes and that sends its spans to a real Jaeger, in real time: the
 * message of each service names what made it slow within 15 s of its posting.
 */

const CASES: readonly { readonly service: string; readonly fault: Fault; readonly culprit: RegExp }[] = [
  {
    service: 'payments',
    fault: { kind: 'slow-database', service: 'payments-db', factor: 50 },
    culprit: /payments\.shop, .{0,80}, database payments-db: \+/,
  },
  {
    service: 'shipping',
    fault: { kind: 'bad-replica', service: 'shipping', factor: 60, pod: 1 },
    culprit: /shipping\.shop, .{0,80}, one replica shipping-\S+: \+/,
  },
  {
    service: 'recommendations',
    fault: { kind: 'slow-code', service: 'recommendations', factor: 45, version: 'v2' },
    culprit: /recommendations\.shop, .{0,80}, new version v2: \+/,
  },
];

/** Traffic before the faults begin: what is normal. */
const QUIET = ms(45 * SECOND);
const WITHIN_S = 15;

const RULES = `
slos:
  - name: service-latency
    preset: istio
    by: [destination_service_name]
    objective: { quantile: 0.99, below: 500ms, window: 30s }
    min_requests: 20
    labels: { severity: page }
`;

interface Message {
  readonly ts: string;
  readonly text: string;
  readonly edited?: { readonly ts: string };
}

requireOrSkip('prometheus-3', 'jaeger')('the culprit in a breach message, in real time', () => {
  let jaeger: RealJaeger;
  let prometheus: ChildProcess;
  let mesh: MeshExport;
  let bot: Program;
  let folder = '';
  let slackUrl = '';
  const ended = new AbortController();
  let lives: Promise<void>;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tailwatch-culprit-'));
    const [metrics, slack, prometheusPort] = await Promise.all([freePort(), freePort(), freePort()]);
    jaeger = await startRealJaeger();
    const script = {
      opening: CASES.map(({ service, fault }) => ({
        title: `something is wrong with ${service}`,
        at: QUIET,
        until: ms(10 * MINUTE),
        fault,
      })),
      cycle: [],
      cycleStart: ms(10 * MINUTE),
      cycleLength: ms(10 * MINUTE),
    };
    mesh = await exportMesh({
      clock: systemClock,
      commands: SLASH_COMMANDS,
      otlp: jaeger.otlpUrl,
      metricsPort: metrics,
      slackPort: slack,
      host: '127.0.0.1',
      script,
      say: () => undefined,
    });
    slackUrl = `http://127.0.0.1:${slack}/api/`;
    lives = (async () => {
      while (!ended.signal.aborted) {
        await mesh.advanceTo(systemClock.now());
        await wait(500, undefined, { signal: ended.signal }).catch(() => undefined);
      }
    })();
    await writeFile(
      join(folder, 'prometheus.yaml'),
      `global: { scrape_interval: 5s }\nscrape_configs: [{ job_name: mesh, static_configs: [{ targets: ["127.0.0.1:${metrics}"] }] }]\n`,
    );
    await writeFile(join(folder, 'rules.yaml'), RULES);
    prometheus = spawn(
      PROMETHEUS_3,
      [
        `--config.file=${join(folder, 'prometheus.yaml')}`,
        `--storage.tsdb.path=${join(folder, 'prometheus')}`,
        `--web.listen-address=127.0.0.1:${prometheusPort}`,
      ],
      { stdio: 'ignore' },
    );
    bot = startProgram([], {
      ...CLEAN,
      SLACK_BOT_TOKEN: 'xoxb-demo-1111111111-tailwatch',
      SLACK_APP_TOKEN: 'xapp-1-demo-2222222222-tailwatch',
      SLACK_API_URL: slackUrl,
      SLACK_CHANNEL: '#shop-oncall',
      PROMETHEUS_URL: `http://127.0.0.1:${prometheusPort}`,
      JAEGER_URL: jaeger.url,
      RULES_FILE: join(folder, 'rules.yaml'),
      DATA_DIR: join(folder, 'data'),
      OPS_PORT: '0',
    });
    await until('the bot', () => bot.output().includes('"msg":"started"'));
  });
  afterAll(async () => {
    ended.abort();
    await lives;
    for (const child of [bot?.child, prometheus])
      if (child !== undefined && child.exitCode === null) {
        const exited = once(child, 'exit');
        child.kill('SIGKILL');
        await exited;
      }
    await jaeger?.close();
    await mesh?.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** The messages of the channel; Slack answers about one such request each second. */
  async function history(): Promise<readonly Message[]> {
    await wait(1_200);
    const response = await fetch(`${slackUrl}conversations.history`, {
      method: 'POST',
      headers: {
        authorization: 'Bearer xoxb-demo-1111111111-tailwatch',
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: 'channel=C0SHOPONCALL',
    });
    const { messages = [] } = (await response.json()) as { readonly messages?: readonly Message[] };
    return messages;
  }

  test(`is the right service and kind for three faults, within ${WITHIN_S} s of posting`, async () => {
    /** The message of each service when its culprit was first seen. */
    const named = new Map<string, Message>();
    const stop = Date.now() + QUIET + 2 * MINUTE;
    while (named.size < CASES.length && Date.now() < stop) {
      for (const message of await history())
        for (const { service } of CASES)
          if (!named.has(service) && message.text.startsWith(`🔴 ${service}: `)) {
            if (JSON.stringify(message).includes('Culprit:')) named.set(service, message);
          }
    }
    expect([...named.keys()].sort()).toEqual(CASES.map(({ service }) => service).sort());
    for (const { service, culprit } of CASES) {
      const message = named.get(service) as Message;
      const took = Number(message.edited?.ts) - Number(message.ts);
      console.log(`${service}: named ${took.toFixed(1)} s after posting`);
      expect(JSON.stringify(message).replaceAll('*', ''), service).toMatch(culprit);
      expect(took, service).toBeLessThanOrEqual(WITHIN_S);
    }
  });
});
