import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { parse } from 'yaml';
import { PROMETHEUS_3 } from '../support/generations.ts';
import { requireOrSkip } from '../support/live.ts';
import { CLEAN, type Program, startProgram, until } from '../support/program.ts';
import { type RealJaeger, startRealJaeger } from '../support/real-jaeger.ts';
import { freePort } from '../support/real-prometheus.ts';

const COMPOSE = 'manifests/compose';

/** A service of the compose file. */
interface ComposeService {
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** `${NAME:-default}` as compose expands it without an environment. */
const expanded = (text: string): string => text.replaceAll(/\$\{\w+:-([^}]*)\}/g, '$1');

const json = async (url: string): Promise<unknown> => await (await fetch(url)).json();

requireOrSkip(
  'prometheus-3',
  'jaeger',
  'redis-server',
)('the compose file without Docker', () => {
  const children: ChildProcess[] = [];
  const programs: Program[] = [];
  let jaeger: RealJaeger | undefined;
  let folder = '';
  afterEach(async () => {
    const all = [...children.splice(0), ...programs.splice(0).map(({ child }) => child)];
    await Promise.all(
      all
        .filter(({ exitCode }) => exitCode === null)
        .map(async (child) => {
          const exited = once(child, 'exit');
          child.kill('SIGKILL');
          await exited;
        }),
    );
    await jaeger?.close();
    await rm(folder, { recursive: true, force: true });
  });

  test('the commands and settings of its services make a mesh whose breach is posted', async () => {
    folder = await mkdtemp(join(tmpdir(), 'tailwatch-compose-'));
    const file = parse(await readFile(join(COMPOSE, 'compose.yaml'), 'utf8')) as {
      readonly services: Readonly<Record<string, ComposeService>>;
    };
    const commandOf = (name: string): readonly string[] => file.services[name]?.command ?? [];
    const [metrics, slack, ops, prometheus, redis] = await Promise.all(
      Array.from({ length: 5 }, () => freePort()),
    );
    jaeger = await startRealJaeger();

    /** Addresses between containers, on the loopback interface. */
    const here = (text: string): string =>
      text
        .replaceAll('http://jaeger:4318', jaeger?.otlpUrl ?? '')
        .replaceAll('http://jaeger:16686', jaeger?.url ?? '')
        .replaceAll('http://prometheus:9090', `http://127.0.0.1:${prometheus}`)
        .replaceAll('redis://redis:6379', `redis://127.0.0.1:${redis}`)
        .replaceAll('127.0.0.1:8080', `127.0.0.1:${slack}`)
        .replaceAll('mesh:9500', `127.0.0.1:${metrics}`)
        .replaceAll('mesh:9464', `127.0.0.1:${ops}`)
        .replaceAll('0.0.0.0', '127.0.0.1')
        .replaceAll('/etc/prometheus', folder)
        .replaceAll('/etc/tailwatch', folder)
        .replaceAll('=/prometheus', `=${join(folder, 'prometheus')}`);
    const start = (program: string, args: readonly string[]): void =>
      void children.push(spawn(program, args.map(here), { stdio: 'ignore' }));

    await writeFile(
      join(folder, 'prometheus.yaml'),
      here(await readFile(join(COMPOSE, 'prometheus/prometheus.yaml'), 'utf8')),
    );
    await copyFile(join(COMPOSE, 'rules.yaml'), join(folder, 'rules.yaml'));

    const [redisServer = '', ...redisFlags] = commandOf('redis');
    start(redisServer, [...redisFlags, '--port', String(redis), '--bind', '127.0.0.1', '--dir', folder]);
    start(PROMETHEUS_3, [...commandOf('prometheus'), `--web.listen-address=127.0.0.1:${prometheus}`]);
    const ports = ['--metrics-port', String(metrics), '--slack-port', String(slack)];
    programs.push(startProgram([...commandOf('mesh').map(here), ...ports], CLEAN, 'demo/export.ts'));
    const [mesh] = programs;
    await until('the mesh', () => mesh?.output().includes('Slack: ') === true);

    const { environment = {} } = file.services['tailwatch'] ?? {};
    const settings = Object.entries(environment).map(
      ([name, value]) => [name, here(expanded(value))] as const,
    );
    const bot = startProgram([], { ...CLEAN, ...Object.fromEntries(settings), OPS_PORT: String(ops) });
    programs.push(bot);
    await until('the bot', () => bot.output().includes('"msg":"started"'));

    const query = async (expr: string): Promise<number> => {
      const url = `http://127.0.0.1:${prometheus}/api/v1/query?query=${encodeURIComponent(expr)}`;
      const { data } = (await json(url)) as { readonly data: { readonly result: readonly unknown[] } };
      return data.result.length;
    };
    await until('the metrics of the mesh', async () => (await query('istio_requests_total')) > 0);
    await until('the metrics of the bot', async () => (await query('up{job="tailwatch"} == 1')) > 0);
    await until('the traces of the mesh', async () => {
      const { data } = (await json(`${jaeger?.url}/api/services`)) as {
        readonly data: readonly string[] | null;
      };
      return data?.includes('checkout.shop') === true;
    });
    const history = async (): Promise<string> => {
      // Slack answers about one request each second.
      await wait(1_500);
      const response = await fetch(`http://127.0.0.1:${slack}/api/conversations.history`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${expanded(environment['SLACK_BOT_TOKEN'] ?? '')}`,
          'content-type': 'application/x-www-form-urlencoded',
        },
        body: 'channel=C0SHOPONCALL',
      });
      return await response.text();
    };
    await until('the breach', async () => (await history()).includes('checkout: '));
    // Links lead to the addresses that a browser outside of the containers reaches.
    await until('its traces', async () => (await history()).includes('http://localhost:16686/trace/'));
    expect(bot.output()).not.toContain('"level":"error"');
  });
});
