import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** A Redis that runs as a process of its own, on 127.0.0.1. */
export interface RealRedis {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Stops the process where it stands; connections stay open and nothing is answered. */
  freeze(): void;
  thaw(): void;
  /** Ends the process at once, as a crash does. */
  kill(): Promise<void>;
  /** Starts it again on the same port, with what it had written. */
  restart(): Promise<void>;
  /** Ends the process and removes its folder. */
  close(): Promise<void>;
}

export interface RealRedisOptions {
  readonly password?: string;
  /** More settings, by name. */
  readonly settings?: Readonly<Record<string, string | number>>;
}

/** How long a start may take, in ms. */
const START_LIMIT = 10_000;

/** Whether redis-server can be run: suites that need it are skipped where it is missing. */
export function isRedisInstalled(): boolean {
  return spawnSync('redis-server', ['--version'], { stdio: 'ignore' }).status === 0;
}

export function isSentinelInstalled(): boolean {
  return spawnSync('redis-sentinel', ['--version'], { stdio: 'ignore' }).status === 0;
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

const isFree = async (port: number): Promise<boolean> => {
  const probe = createServer().listen(port, '127.0.0.1');
  const opened = await Promise.race([
    once(probe, 'listening').then(() => true),
    once(probe, 'error').then(() => false),
  ]).catch(() => false);
  if (!opened) return false;
  probe.close();
  await once(probe, 'close');
  return true;
};

/**
 * A node of a cluster listens on a second port, 10,000 above. Both lie below the ports that the system gives to outgoing
 * connections (from 32,768): one of those in the place of the second ended a node, or kept it from the others.
 */
async function freeClusterPort(): Promise<number> {
  for (;;) {
    const port = randomInt(11_000, 22_000);
    if ((await isFree(port)) && (await isFree(port + 10_000))) return port;
  }
}

async function untilReady(child: ChildProcess): Promise<void> {
  const deadline = Date.now() + START_LIMIT;
  let log = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    log += chunk.toString();
  });
  while (!log.includes('Ready to accept connections')) {
    if (child.exitCode !== null || Date.now() > deadline)
      throw new Error(`redis-server did not start:\n${log}`);
    await delay(10);
  }
}

async function end(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
}

/** Starts redis-server on a free port, with every write synced to its folder. */
export async function startRealRedis(options: RealRedisOptions = {}): Promise<RealRedis> {
  const { password } = options;
  const dir = await mkdtemp(join(tmpdir(), 'tailwatch-redis-'));
  const port = await (options.settings?.['cluster-enabled'] === 'yes' ? freeClusterPort() : freePort());
  const start = async (): Promise<ChildProcess> => {
    const settings = {
      port,
      bind: '127.0.0.1',
      dir,
      save: '',
      appendonly: 'yes',
      appendfsync: 'always',
      ...options.settings,
    };
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
    if (password !== undefined) args.push('--requirepass', password);
    const child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    await untilReady(child);
    return child;
  };
  let child = await start();
  return {
    port,
    url: `redis://${password === undefined ? '' : `:${encodeURIComponent(password)}@`}127.0.0.1:${port}`,
    get pid() {
      return child.pid ?? 0;
    },
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    kill: () => end(child, 'SIGKILL'),
    restart: async () => {
      await end(child, 'SIGTERM');
      child = await start();
    },
    close: async () => {
      // Its data goes with it. At SIGTERM a master of a Cluster may wait for its replica, which ends at the same time.
      await end(child, 'SIGKILL');
      await rm(dir, { recursive: true, force: true });
    },
  };
}
