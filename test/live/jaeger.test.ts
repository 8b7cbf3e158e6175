import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type StoredTrace, serviceOf } from '../../demo/jaeger/model.ts';
import { toResourceSpans } from '../../demo/jaeger/otlp.ts';
import { createHttpClient } from '../../src/http/http-client.ts';
import { createJaegerTraceSource } from '../../src/jaeger/jaeger-trace-source.ts';
import { after, type EpochMs, epochMs, MINUTE, ms, SECOND, type TimeWindow } from '../../src/lib/units.ts';
import { createLinks } from '../../src/links/link.ts';
import { createFindRequest } from '../../src/traces/find-request.ts';
import { createFindSlowest } from '../../src/traces/find-slowest.ts';
import type { Trace } from '../../src/traces/trace.ts';
import type { TraceSource } from '../../src/traces/trace-source.ts';
import { requireOrSkip } from '../support/live.ts';
import { type RealJaeger, startRealJaeger } from '../support/real-jaeger.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';
import { meshTraces, readTexts, realTraces, type SentMesh, sentTexts, windowOf } from './jaeger-sent.ts';

const COUNT = 5_000;
const START = epochMs(Date.UTC(2026, 10, 20, 9));
/** Traces per call that sends: some 3 MB. */
const BATCH = 100;
const LIMIT = 1_000;

interface Proxy {
  readonly url: string;
  close(): void;
}

/** Lets only `/api/v3` through, as an ingress does that exposes the stable API alone. */
async function onlyV3(target: string): Promise<Proxy> {
  const server = createServer((incoming, outgoing) => {
    const path = incoming.url ?? '/';
    if (!path.startsWith('/api/v3/')) {
      outgoing.writeHead(404, { 'content-type': 'text/plain' }).end('404 page not found\n');
      return;
    }
    const through = request(`${target}${path}`, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(outgoing);
    });
    through.on('error', () => outgoing.destroy());
    through.end();
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

requireOrSkip('jaeger')('a real Jaeger', () => {
  let jaeger: RealJaeger;
  let proxy: Proxy;
  let mesh: SentMesh;
  const real = realTraces();
  const sources: { older?: TraceSource; v3?: TraceSource } = {};
  const closing: (() => void)[] = [];

  const open = (baseUrl: string): TraceSource => {
    const http = createHttpClient({ system: 'jaeger', baseUrl, maxBytes: 64_000_000 });
    closing.push(() => http.close());
    return createJaegerTraceSource({ http, deadline: ms(60_000) });
  };
  const sourceOf = (apiVersion: 'older' | 'v3'): TraceSource => sources[apiVersion] as TraceSource;

  beforeAll(async () => {
    jaeger = await startRealJaeger();
    proxy = await onlyV3(jaeger.url);
    sources.older = open(jaeger.url);
    sources.v3 = open(proxy.url);
    mesh = meshTraces(COUNT, START);
    const all = [...mesh.traces, ...real];
    for (let i = 0; i < all.length; i += BATCH) {
      const spans = all.slice(i, i + BATCH).flatMap((trace) => trace.spans);
      await jaeger.send({ resourceSpans: toResourceSpans(spans) });
    }
  });
  afterAll(async () => {
    for (const close of closing) close();
    proxy?.close();
    await jaeger?.close();
  });

  const startsIn = ({ spans }: StoredTrace, service: string, { start, end }: TimeWindow): boolean =>
    spans.some(
      (span) => serviceOf(span) === service && span.startUs >= start * 1_000 && span.startUs <= end * 1_000,
    );

  function expectSame(read: Trace | undefined, sent: StoredTrace): void {
    expect(readTexts(read?.spans ?? [], sent), sent.traceId).toEqual(sentTexts(sent));
  }

  test('holds what the mesh sent, requests that fell apart and failures among it', () => {
    expect(mesh.traces).toHaveLength(COUNT);
    const requests = mesh.record.requests(mesh.window);
    expect(requests.filter(({ traceIds }) => traceIds.length > 1).length).toBeGreaterThan(10);
    const spans = mesh.traces.flatMap((trace) => trace.spans);
    expect(spans.filter(({ failed }) => failed).length).toBeGreaterThan(0);
    console.log(
      `sent ${mesh.traces.length} traces of the mesh, ${spans.length} spans, and ${real.length} real ones`,
    );
  });

  test.each(['older', 'v3'] as const)(
    'is read back as it was sent: 5,000 traces of the mesh, %s apiVersion',
    async (apiVersion) => {
      const source = sourceOf(apiVersion);
      const sent = new Map(mesh.traces.map((trace) => [trace.traceId, trace]));
      const read = new Set<string>();
      const gateway = 'istio-ingressgateway.istio-system';
      for (let at: EpochMs = mesh.window.start; at < mesh.window.end; at = after(at, ms(20 * SECOND))) {
        const window = { start: at, end: epochMs(after(at, ms(20 * SECOND)) - 1) };
        const found = await source.search({ service: gateway, window, limit: LIMIT });
        expect(found.isComplete).toBe(true);
        const expected = mesh.traces.filter((trace) => startsIn(trace, gateway, window));
        // More may come than was asked for: an adapter widens what a storage would round.
        const ids = new Set(found.traces.map(({ traceId }) => traceId));
        expect(expected.filter(({ traceId }) => !ids.has(traceId))).toEqual([]);
        for (const trace of found.traces) {
          expectSame(trace, sent.get(trace.traceId) as StoredTrace);
          read.add(trace.traceId);
        }
      }
      // Parts of requests that fell apart do not begin at the gateway.
      const others = mesh.traces.filter(({ traceId }) => !read.has(traceId));
      expect(others.length).toBeGreaterThan(10);
      for (const trace of others) expectSame(await source.trace(trace.traceId), trace);
    },
  );

  test.skipIf(real.length === 0).each(['older', 'v3'] as const)(
    'is read back as it was sent: every real trace, %s apiVersion',
    async (apiVersion) => {
      const source = sourceOf(apiVersion);
      for (const trace of real) expectSame(await source.trace(trace.traceId), trace);
      for (const service of new Set(real.flatMap(({ spans }) => spans.map(serviceOf)))) {
        const having = real.filter(({ spans }) => spans.some((span) => serviceOf(span) === service));
        const found = await source.search({ service, window: windowOf(having), limit: LIMIT });
        const ids = new Set(found.traces.map(({ traceId }) => traceId));
        expect(having.filter(({ traceId }) => !ids.has(traceId))).toEqual([]);
      }
    },
  );

  /** The longest server spans of a service that start inside, found by looking at all that was sent. */
  function bruteForce(
    question: { readonly service: string; readonly operation?: string },
    window: TimeWindow,
    count: number,
  ): readonly number[] {
    return mesh.traces
      .flatMap(({ spans }) => {
        const durations = spans
          .filter(
            (span) =>
              span.kind === 'server' &&
              serviceOf(span) === question.service &&
              (question.operation === undefined || span.name === question.operation) &&
              span.startUs >= window.start * 1_000 &&
              span.startUs <= window.end * 1_000,
          )
          .map(({ durationUs }) => durationUs);
        return durations.length === 0 ? [] : [Math.max(...durations)];
      })
      .sort((a, b) => b - a)
      .slice(0, count);
  }

  test.each(['older', 'v3'] as const)(
    'gives the slowest traces, proven, as a look at all of them does: %s apiVersion',
    async (apiVersion) => {
      const clock = createVirtualClock(after(mesh.window.end, MINUTE));
      const findSlowest = createFindSlowest({ traces: sourceOf(apiVersion), clock, maxSearches: 40 });
      const names = ['istio-ingressgateway.istio-system', 'checkout.shop', 'payments.shop', 'frontend.shop'];
      const windows: readonly TimeWindow[] = [
        mesh.window,
        { start: after(mesh.window.start, ms(30 * SECOND)), end: after(mesh.window.start, ms(90 * SECOND)) },
      ];
      const searches: number[] = [];
      for (const service of names) {
        const operations = mesh.traces
          .flatMap(({ spans }) =>
            spans.filter((span) => span.kind === 'server' && serviceOf(span) === service),
          )
          .map(({ name }) => name);
        expect(operations.length, service).toBeGreaterThan(100);
        for (const operation of [undefined, operations[0] as string]) {
          for (const window of operation === undefined ? windows : [mesh.window]) {
            for (const count of [1, 5, 20]) {
              const question = { service, ...(operation === undefined ? {} : { operation }) };
              const found = await findSlowest({ ...question, window, count });
              expect(found.isComplete, JSON.stringify({ question, count })).toBe(true);
              expect(found.rows.map(({ duration }) => duration)).toEqual(bruteForce(question, window, count));
              searches.push(found.searches);
            }
          }
        }
      }
      searches.sort((a, b) => a - b);
      console.log(
        `${apiVersion}: ${searches.length} questions, ${searches[Math.floor(searches.length / 2)]} searches in the middle, ${searches.at(-1)} at most`,
      );
    },
  );

  test('finds requests by their id, all parts of those that fell apart too', async () => {
    const findRequest = createFindRequest({
      traces: sourceOf('older'),
      links: createLinks({}),
    });
    const ids = new Set(mesh.traces.map(({ traceId }) => traceId));
    const requests = mesh.record
      .requests(mesh.window)
      .filter(({ traceIds }) => traceIds.every((id) => ids.has(id)));
    const asked = [
      ...requests.filter(({ traceIds }) => traceIds.length > 1).slice(0, 10),
      ...requests.filter(({ traceIds }) => traceIds.length === 1).slice(0, 10),
    ];
    expect(asked).toHaveLength(20);
    for (const { requestId, traceIds } of asked) {
      const found = await findRequest({ requestId, now: after(mesh.window.end, MINUTE) });
      expect(found.kind).toBe('found');
      if (found.kind !== 'found') continue;
      expect(found.view.traces.map(({ traceId }) => traceId).sort()).toEqual([...traceIds].sort());
    }
    const nobody = await findRequest({
      requestId: 'ffffffff-ffff-9fff-bfff-ffffffffffff',
      now: after(mesh.window.end, MINUTE),
    });
    expect(nobody.kind).toBe('absent');
  });
});
