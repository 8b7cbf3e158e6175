import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createHttpClient } from '../../src/http/http-client.ts';
import { createJaegerTraceSource } from '../../src/jaeger/jaeger-trace-source.ts';
import { epochMs } from '../../src/lib/units.ts';
import { STALL_TIMER, startStallMeter } from './measure.ts';
import { traceBody } from './trace-body.ts';

/** What reading and explaining a trace of so many spans took each time, in ms, and the size of its body in MB. */
export interface LargeTrace {
  readonly megabytes: number;
  readonly walls: readonly number[];
  readonly stalls: readonly number[];
}

/** The trace, and how often it is read. */
export interface LargeTraceSize {
  readonly spans: number;
  readonly attributes: number;
  readonly rounds: number;
}

/** A Jaeger with one trace, in a process of its own. */
async function serve({ spans, attributes }: LargeTraceSize): Promise<void> {
  const body = Buffer.from(traceBody('mixed', spans, attributes));
  const server = createServer((request, response) => {
    response.setHeader('content-type', 'application/json');
    const isTrace = /^\/api\/traces\/[0-9a-f]+/.test(request.url ?? '');
    if (isTrace) response.end(body);
    else if (request.url?.startsWith('/api/services') === true) response.end('{"data":["service-1"]}');
    else response.writeHead(404).end('{"errors":[{"code":404,"msg":"not found"}]}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  process.send?.({ port: (server.address() as AddressInfo).port, bytes: body.byteLength });
  process.once('disconnect', () => process.exit());
}

const LINKS = { trace: () => '', kialiGraph: () => undefined, grafanaTrace: () => undefined };

async function measure(size: LargeTraceSize): Promise<LargeTrace> {
  const server = fork(fileURLToPath(import.meta.url), [JSON.stringify({ ...size, isServer: true })]);
  const [{ port, bytes }] = (await once(server, 'message')) as [{ port: number; bytes: number }];
  const [walls, stalls]: [number[], number[]] = [[], []];
  const stall = startStallMeter();
  for (let round = -1; round < size.rounds; round++) {
    const http = createHttpClient({ system: 'jaeger', baseUrl: `http://127.0.0.1:${port}` });
    const source = createJaegerTraceSource({ http, maxTraceBytes: 2 * bytes });
    await wait(100);
    const startedAt = performance.now();
    stall.take();
    const found = await source.explain('1', { now: epochMs(Date.now()), links: LINKS });
    if (found?.view.spanCount !== size.spans) throw new Error('the trace was not explained');
    const took = performance.now() - startedAt;
    await wait(2 * STALL_TIMER);
    http.close();
    if (round < 0) continue;
    walls.push(took);
    stalls.push(stall.take());
  }
  stall.stop();
  server.disconnect();
  return { megabytes: bytes / 1e6, walls, stalls };
}

const [given] = process.argv.slice(2);
if (given !== undefined) {
  const { isServer, ...size } = JSON.parse(given) as LargeTraceSize & { isServer?: true };
  if (isServer === true) await serve(size);
  else process.stdout.write(JSON.stringify(await measure(size)));
}
