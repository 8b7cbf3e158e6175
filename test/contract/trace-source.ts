import type { IncomingHttpHeaders } from 'node:http';
import { fromOtlp, type OtlpTraces } from '../../demo/jaeger/otlp.ts';
import { createJaegerServer, type JaegerServer } from '../../demo/jaeger/server.ts';
import type { ServerVersion } from '../../demo/jaeger/server-version.ts';
import type { StorageKind } from '../../demo/jaeger/storage.ts';
import { createJaegerStore } from '../../demo/jaeger/store.ts';
import { createHttpClient, type HttpClientOptions } from '../../src/http/http-client.ts';
import { createJaegerTraceSource } from '../../src/jaeger/jaeger-trace-source.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { type EpochMs, epochMs, type TimeWindow } from '../../src/lib/units.ts';
import type { TraceSource } from '../../src/traces/trace-source.ts';

/** A Jaeger that stands in, and the adapter that asks it. */
export interface Bench {
  readonly source: TraceSource;
  readonly server: JaegerServer;
  readonly url: string;
  /** Paths with their queries, as they came. */
  readonly requests: string[];
  /** The headers of each request. */
  readonly headers: IncomingHttpHeaders[];
  close(): Promise<void>;
}

export interface BenchOptions {
  readonly population: OtlpTraces;
  readonly serverVersion?: ServerVersion;
  readonly behaviour?: StorageKind;
  readonly seed?: number;
  readonly http?: Partial<HttpClientOptions>;
  /** The time by which the adapter knows how old a trace is. */
  readonly now?: EpochMs;
  /** A path that the server is put under, as `query.base-path` does. */
  readonly basePath?: string;
}

export async function openBench(options: BenchOptions): Promise<Bench> {
  const { population, serverVersion = 'after-2.20', behaviour = 'memory', seed = 1, now } = options;
  const store = createJaegerStore();
  store.add(fromOtlp(population));
  const requests: string[] = [];
  const headers: IncomingHttpHeaders[] = [];
  const server = createJaegerServer({
    store,
    serverVersion,
    behaviour,
    seed,
    clock: { now: () => Date.UTC(2026, 10, 20, 12) },
    ...(options.basePath === undefined ? {} : { basePath: options.basePath }),
    onRequest: (path, given) => {
      requests.push(path);
      headers.push(given);
    },
  });
  const { url } = await server.listen();
  const http = createHttpClient({ system: 'jaeger', baseUrl: url, ...options.http });
  return {
    source: createJaegerTraceSource({
      http,
      ...(now === undefined ? {} : { clock: { ...systemClock, now: () => now } }),
    }),
    server,
    url,
    requests,
    headers,
    close: async () => {
      http.close();
      await server.close();
    },
  };
}

/** Holds all of the recorded population. */
export const RECORDED_WINDOW: TimeWindow = {
  start: epochMs(Date.UTC(2026, 10, 20, 9, 58, 20)),
  end: epochMs(Date.UTC(2026, 10, 20, 12)),
};
