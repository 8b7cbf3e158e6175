import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

/** A Prometheus that runs as a process of its own. */
export interface RealPrometheus {
  /** Its address, without a slash at the end. */
  readonly url: string;
  readonly pid: number;
  /** Everything it has logged so far. */
  log(): string;
  /** Ends the process at once, as a crash or the kernel's out-of-memory killer does. */
  kill(): Promise<void>;
  /** Starts it again after `kill`, on the same address and data. */
  restart(): Promise<void>;
  /** Ends the process and removes the folder it worked in. */
  close(): Promise<void>;
}

export interface RealPrometheusOptions {
  /** The configuration file's text. Default: nothing is scraped. `{folder}` stands for the folder that holds `files`. */
  readonly config?: string;
  /** More files (rules, targets) by name, written beside the configuration. */
  readonly files?: Readonly<Record<string, string>>;
  /** Samples to load before the start, as OpenMetrics text with time stamps (see `openMetrics`). */
  readonly openMetrics?: string;
  /** Further flags, for instance `--enable-feature=exemplar-storage`. */
  readonly flags?: readonly string[];
  /** The program; default: `prometheus` on the PATH. `promtool` is always taken from the PATH. */
  readonly binary?: string;
}

/** How long a start may take, in ms. */
const START_LIMIT = 30_000;
/** How long an end by SIGTERM may take before SIGKILL, in ms. */
const END_LIMIT = 10_000;

/** Whether a program answers `--version`: suites that need one are skipped where it is missing. */
export function isInstalled(program: string, command = '--version'): boolean {
  try {
    execFileSync(program, [command], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** A port on 127.0.0.1 that nothing listens on at the moment. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/-/ready`)).ok;
  } catch {
    return false;
  }
}

async function end(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  const kill = setTimeout(() => child.kill('SIGKILL'), END_LIMIT);
  await exited;
  clearTimeout(kill);
}

async function untilReady(child: ChildProcess, url: string, log: () => string): Promise<void> {
  const deadline = Date.now() + START_LIMIT;
  while (!(await isReady(url))) {
    if (child.exitCode !== null) throw new Error(`prometheus ended with ${child.exitCode}:\n${log()}`);
    if (Date.now() > deadline)
      throw new Error(`prometheus was not ready within ${START_LIMIT} ms:\n${log()}`);
    await delay(50);
  }
}

async function prepare(folder: string, options: RealPrometheusOptions): Promise<void> {
  const config = options.config ?? 'global: { scrape_interval: 1h }\n';
  await writeFile(join(folder, 'prometheus.yml'), config.replaceAll('{folder}', folder));
  for (const [name, text] of Object.entries(options.files ?? {})) await writeFile(join(folder, name), text);
  if (options.openMetrics === undefined) return;
  const samples = join(folder, 'samples.om');
  await writeFile(samples, options.openMetrics);
  const args = ['tsdb', 'create-blocks-from', 'openmetrics', samples, join(folder, 'data')];
  await promisify(execFile)('promtool', args, { maxBuffer: 64_000_000 });
}

/** Starts the process on a port and waits until it answers; one that does not is ended. */
async function run(
  folder: string,
  port: number,
  { options, lines }: { readonly options: RealPrometheusOptions; readonly lines: string[] },
): Promise<ChildProcess> {
  const address = `127.0.0.1:${port}`;
  const child = spawn(
    options.binary ?? 'prometheus',
    [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      '--storage.tsdb.retention.time=10y',
      `--web.listen-address=${address}`,
      ...(options.flags ?? []),
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  child.stdout.on('data', (chunk: Buffer) => lines.push(chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => lines.push(chunk.toString()));
  await once(child, 'spawn');
  try {
    await untilReady(child, `http://${address}`, () => lines.join(''));
  } catch (error) {
    await end(child);
    throw error;
  }
  return child;
}

/** Starts a Prometheus on a free loopback port, in a folder of its own, and waits until it answers. */
export async function startRealPrometheus(options: RealPrometheusOptions = {}): Promise<RealPrometheus> {
  const folder = await mkdtemp(join(tmpdir(), 'tailwatch-prometheus-'));
  const lines: string[] = [];
  try {
    await prepare(folder, options);
    const port = await freePort();
    let child = await run(folder, port, { options, lines });
    return {
      url: `http://127.0.0.1:${port}`,
      get pid() {
        return child.pid as number;
      },
      log: () => lines.join(''),
      kill: () => end(child, 'SIGKILL'),
      restart: async () => {
        child = await run(folder, port, { options, lines });
      },
      close: async () => {
        await end(child);
        await rm(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

/** One sample for `openMetrics`: `labels` hold the metric name as `__name__`, `t` is in ms since the epoch. */
export interface WrittenSample {
  readonly labels: Readonly<Record<string, string>>;
  readonly t: number;
  readonly value: number;
}

const written = (value: number): string =>
  Math.abs(value) === Infinity ? (value > 0 ? '+Inf' : '-Inf') : String(value);

/** Samples as OpenMetrics text that `promtool tsdb create-blocks-from openmetrics` reads; in time order within each series. */
export function openMetrics(samples: Iterable<WrittenSample>): string {
  const lines: string[] = [];
  for (const { labels, t, value } of samples) {
    const { __name__: name = '', ...rest } = labels;
    const pairs = Object.entries(rest).map(([label, text]) => `${label}=${JSON.stringify(text)}`);
    lines.push(`${name}{${pairs.join(',')}} ${written(value)} ${(t / 1_000).toFixed(3)}`);
  }
  return `${lines.join('\n')}\n# EOF\n`;
}
