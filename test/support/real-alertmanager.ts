import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** The newer Alertmanager, built by .ci/servers: a machine without Go has none. */
export const ALERTMANAGER_NEW = process.env['TAILWATCH_ALERTMANAGER'] ?? '';

/** A version of Alertmanager that a suite can run against; its need is for `requireOrSkip`. */
export interface AlertmanagerVersion {
  readonly name: string;
  readonly need: 'alertmanager' | 'alertmanager-new';
  readonly binary: string;
  readonly amtool: string;
  /** Labels with names that only this one accepts. */
  readonly labels: Readonly<Record<string, string>>;
}

/** Debian's, and what users run today. */
export const ALERTMANAGERS: readonly AlertmanagerVersion[] = [
  {
    name: 'Alertmanager 0.25',
    need: 'alertmanager',
    binary: 'prometheus-alertmanager',
    amtool: 'amtool',
    labels: {},
  },
  {
    name: 'Alertmanager 0.34',
    need: 'alertmanager-new',
    binary: ALERTMANAGER_NEW,
    amtool: join(dirname(ALERTMANAGER_NEW), 'amtool'),
    labels: { 'k8s.cluster': 'eu' },
  },
];

/** An alert as Prometheus sends it. */
export interface SentAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly startsAt: string;
  readonly endsAt?: string;
  readonly generatorURL?: string;
}

/** An Alertmanager that runs as a process of its own, on 127.0.0.1. */
export interface RealAlertmanager {
  /** Its address, without a slash at the end. */
  readonly url: string;
  /** Everything it has logged so far. */
  log(): string;
  /** Takes an alert in, as from Prometheus. */
  send(...alerts: readonly SentAlert[]): Promise<void>;
  /** Silences alerts for an hour; gives the id of the silence. */
  silence(matcher: { readonly name: string; readonly value: string }): Promise<string>;
  expire(silence: string): Promise<void>;
  /** Ends the process at once, as a crash does. */
  kill(): Promise<void>;
  /** Starts it again, on the same address and data. */
  restart(): Promise<void>;
  /** Ends the process and removes its folder. */
  close(): Promise<void>;
}

/** How long a start may take, in ms. */
const START_LIMIT = 20_000;

async function untilReady(url: string, log: () => string): Promise<void> {
  const deadline = Date.now() + START_LIMIT;
  for (;;) {
    const isReady = await fetch(`${url}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isReady) return;
    if (Date.now() > deadline) throw new Error(`Alertmanager was not ready:\n${log()}`);
    await delay(50);
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

/** Starts an Alertmanager without peers on a port, with the text of its configuration. */
export async function startRealAlertmanager(
  binary: string,
  { config, port }: { readonly config: string; readonly port: number },
): Promise<RealAlertmanager> {
  const folder = await mkdtemp(join(tmpdir(), 'tailwatch-alertmanager-'));
  const file = join(folder, 'alertmanager.yml');
  await writeFile(file, config);
  const url = `http://127.0.0.1:${port}`;
  const lines: string[] = [];
  const run = async (): Promise<ChildProcess> => {
    const started = spawn(
      binary,
      [
        `--config.file=${file}`,
        `--storage.path=${join(folder, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
        `--web.external-url=${url}`,
        '--cluster.listen-address=',
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    for (const stream of [started.stdout, started.stderr])
      stream.on('data', (chunk: Buffer) => lines.push(chunk.toString()));
    await untilReady(url, () => lines.join(''));
    return started;
  };
  let child = await run();
  return {
    url,
    log: () => lines.join(''),
    send: async (...alerts) => {
      const response = await fetch(`${url}/api/v2/alerts`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(alerts),
      });
      if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
    },
    silence: async ({ name, value }) => {
      const response = await fetch(`${url}/api/v2/silences`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          matchers: [{ name, value, isRegex: false, isEqual: true }],
          startsAt: new Date().toISOString(),
          endsAt: new Date(Date.now() + 3_600_000).toISOString(),
          createdBy: 'ann',
          comment: 'moving the database',
        }),
      });
      const { silenceID } = (await response.json()) as { readonly silenceID: string };
      return silenceID;
    },
    expire: async (silence) => void (await fetch(`${url}/api/v2/silence/${silence}`, { method: 'DELETE' })),
    kill: () => end(child),
    restart: async () => {
      child = await run();
    },
    close: async () => {
      await end(child);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** What `amtool check-config` says about a configuration; it throws when that is wrong. */
export const checkConfig = (amtool: string, file: string): string =>
  execFileSync(amtool, ['check-config', file], { encoding: 'utf8' });
