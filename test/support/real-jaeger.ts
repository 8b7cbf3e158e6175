import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { OtlpTraces } from '../../demo/jaeger/otlp.ts';
import { freePort } from './real-prometheus.ts';

/** The Jaeger that .ci/servers builds: a machine without Go has none. */
export const JAEGER = process.env['TAILWATCH_JAEGER'] ?? '';

/** Its flags are those of a collector: there is none that only asks whether it runs. */
export const isJaegerHere = (): boolean => JAEGER !== '' && existsSync(JAEGER);

/** A Jaeger that runs as a process of its own and keeps its traces in memory. */
export interface RealJaeger {
  /** Its query service's address, without a slash at the end. */
  readonly url: string;
  /** Where it takes traces by OTLP over HTTP, without `/v1/traces`. */
  readonly otlpUrl: string;
  /** Sends traces as a mesh's collector does, by OTLP over HTTP in JSON; they can be found when it resolves. */
  send(traces: OtlpTraces): Promise<void>;
  /** Everything it has logged so far. */
  log(): string;
  close(): Promise<void>;
}

/** How long a start may take, in ms. */
const START_LIMIT = 30_000;
const MAX_TRACES = 100_000;

/** Only what is needed, on ports of its own: the all-in-one binds a dozen fixed ones. */
const configuration = (ports: { query: number; grpc: number; otlp: number }): string => `
service:
  extensions: [jaeger_storage, jaeger_query]
  pipelines:
    traces: { receivers: [otlp], exporters: [jaeger_storage_exporter] }
  telemetry: { metrics: { level: none } }
extensions:
  jaeger_query:
    storage: { traces: memory }
    http: { endpoint: '127.0.0.1:${ports.query}' }
    grpc: { endpoint: '127.0.0.1:${ports.grpc}' }
  jaeger_storage:
    backends: { memory: { memory: { max_traces: ${MAX_TRACES} } } }
receivers:
  otlp: { protocols: { http: { endpoint: '127.0.0.1:${ports.otlp}' } } }
exporters:
  jaeger_storage_exporter: { trace_storage: memory }
`;

/** Its traces are in memory alone, and an orderly end takes it ten seconds: there is nothing to wait for. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).status < 500;
  } catch {
    return false;
  }
}

/** Ready when both sides answer: that which takes traces refuses a question, which is an answer too. */
async function untilReady(child: ChildProcess, urls: readonly string[], log: () => string): Promise<void> {
  const deadline = Date.now() + START_LIMIT;
  while (!(await Promise.all(urls.map(answers))).every(Boolean)) {
    if (child.exitCode !== null) throw new Error(`jaeger ended with ${child.exitCode}:\n${log()}`);
    if (Date.now() > deadline) throw new Error(`jaeger was not ready within ${START_LIMIT} ms:\n${log()}`);
    await delay(50);
  }
}

async function sendTo(url: string, traces: OtlpTraces): Promise<void> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(traces),
  });
  const text = await response.text();
  if (!response.ok || text.includes('rejectedSpans')) {
    throw new Error(`jaeger refused the traces: ${response.status} ${text.slice(0, 500)}`);
  }
}

/** Starts a Jaeger on free loopback ports and waits until it answers. */
export async function startRealJaeger(): Promise<RealJaeger> {
  const folder = await mkdtemp(join(tmpdir(), 'tailwatch-jaeger-'));
  const lines: string[] = [];
  const [query, grpc, otlp] = [await freePort(), await freePort(), await freePort()];
  await writeFile(join(folder, 'jaeger.yaml'), configuration({ query, grpc, otlp }));
  const child = spawn(JAEGER, ['--config', join(folder, 'jaeger.yaml')], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.on('data', (chunk: Buffer) => lines.push(chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => lines.push(chunk.toString()));
  const close = async (): Promise<void> => {
    await end(child);
    await rm(folder, { recursive: true, force: true });
  };
  const url = `http://127.0.0.1:${query}`;
  const takes = `http://127.0.0.1:${otlp}/v1/traces`;
  try {
    await once(child, 'spawn');
    await untilReady(child, [`${url}/api/services`, takes], () => lines.join(''));
  } catch (error) {
    await close();
    throw error;
  }
  return {
    url,
    otlpUrl: `http://127.0.0.1:${otlp}`,
    send: (traces) => sendTo(takes, traces),
    log: () => lines.join(''),
    close,
  };
}
