import { createServer, request } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { createHttpClient } from '../../src/http/http-client.ts';
import { createJaegerTraceSource } from '../../src/jaeger/jaeger-trace-source.ts';
import { UpstreamError } from '../../src/lib/errors.ts';
import { us } from '../../src/lib/units.ts';
import type { Trace } from '../../src/traces/trace.ts';
import type { TraceSearch } from '../../src/traces/trace-source.ts';
import {
  asSent,
  canonical,
  GENERATIONS,
  readPopulation,
  sentSpans,
  sorted,
} from '../unit/jaeger/recordings.ts';
import { type Bench, type BenchOptions, openBench, RECORDED_WINDOW } from './trace-source.ts';

const sent = sentSpans();
const population = readPopulation();
const benches: Bench[] = [];

afterEach(async () => {
  await Promise.all(benches.splice(0).map((bench) => bench.close()));
});

async function open(options: Omit<BenchOptions, 'population'>): Promise<Bench> {
  const bench = await openBench({ population, ...options });
  benches.push(bench);
  return bench;
}

const idsWhere = (matches: (span: (typeof sent)[number]) => boolean): readonly string[] =>
  [...new Set(sent.filter(matches).map(({ traceId }) => traceId))].sort();

const idsOf = (traces: readonly Trace[]): readonly string[] => traces.map(({ traceId }) => traceId).sort();

const REQUEST = '1a65f092-0c1c-91e1-d698-868dd25f1e78';
const everything: TraceSearch = { service: 'checkout.shop', window: RECORDED_WINDOW, limit: 200 };

async function failureOf(work: Promise<unknown>): Promise<UpstreamError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(UpstreamError);
  return error as UpstreamError;
}

describe.each(GENERATIONS)('a Jaeger of version %s', (serverVersion) => {
  it('names its services and operations', async () => {
    const { source } = await open({ serverVersion });
    const services = [...new Set(sent.map(({ service }) => service))].sort();
    expect(await source.services()).toEqual(services);
    expect(await source.operations('checkout.shop')).toEqual(
      [...new Set(sent.filter(({ service }) => service === 'checkout.shop').map(({ name }) => name))].sort(),
    );
    expect(await source.operations('nope')).toEqual([]);
  });

  it('gives every trace of every service, whole and right', async () => {
    const { source } = await open({ serverVersion });
    for (const service of await source.services()) {
      const found = await source.search({ ...everything, service });
      expect(idsOf(found.traces)).toEqual(idsWhere((span) => span.service === service));
      expect(found.isComplete).toBe(true);
      for (const trace of found.traces) {
        const expected = sent.filter(({ traceId }) => traceId === trace.traceId);
        expect(sorted(trace.spans.map(asSent))).toEqual(sorted(expected));
      }
    }
  });

  it('gives a single trace, in whichever way its id is written', async () => {
    const { source } = await open({ serverVersion });
    const short = '0000000000000000687eda40ed5b1dc3';
    for (const id of [short, '687eda40ed5b1dc3', short.toUpperCase()]) {
      expect((await source.trace(id))?.traceId).toBe(short);
    }
    expect(await source.trace('f'.repeat(32))).toBeUndefined();
  });

  it('filters by duration, inclusive, and reports truncation by the limit', async () => {
    const { source } = await open({ serverVersion });
    const atLeast = (min: number) =>
      idsWhere((span) => span.service === 'checkout.shop' && span.duration >= min);
    for (const min of [250_000, 250_001]) {
      const found = await source.search({ ...everything, minDuration: us(min) });
      expect(idsOf(found.traces)).toEqual(atLeast(min));
    }
    const cut = await source.search({ ...everything, limit: 5 });
    expect(cut.traces).toHaveLength(5);
    expect(cut.isComplete).toBe(false);
  });

  it('filters by operation, window and attribute', async () => {
    const { source } = await open({ serverVersion });
    const charge = await source.search({
      ...everything,
      service: 'payments.shop',
      operation: 'POST /charge',
    });
    expect(idsOf(charge.traces)).toEqual(
      idsWhere((span) => span.service === 'payments.shop' && span.name === 'POST /charge'),
    );
    const late = {
      ...RECORDED_WINDOW,
      start: (RECORDED_WINDOW.end - 600_000) as typeof RECORDED_WINDOW.start,
    };
    const recent = await source.search({ ...everything, window: late });
    expect(idsOf(recent.traces)).toEqual(
      idsWhere((span) => span.service === 'checkout.shop' && span.start >= late.start * 1_000),
    );
    const request = await source.search({ ...everything, attributes: { 'guid:x-request-id': REQUEST } });
    expect(idsOf(request.traces)).toEqual(['feeceb6c07277b210d095d2a686d629a']);
    const rows = await source.search({
      ...everything,
      service: 'payments.shop',
      attributes: { 'db.rows': 12 },
    });
    expect(rows.traces.length).toBeGreaterThan(0);
  });

  it('has nothing for a service or a time it does not know', async () => {
    const { source } = await open({ serverVersion });
    const none = { traces: [], isComplete: true };
    expect(await source.search({ ...everything, service: 'nope' })).toEqual(none);
    const instant = { start: RECORDED_WINDOW.start, end: RECORDED_WINDOW.start };
    expect(await source.search({ ...everything, window: instant })).toEqual(none);
  });

  it('finds out how to ask once', async () => {
    const { source, requests } = await open({ serverVersion });
    await source.services();
    await source.search(everything);
    await source.search(everything);
    expect(requests.filter((path) => path.includes('trace-summaries'))).toHaveLength(1);
    const searches = requests.filter((path) => /\/traces\?/.test(path));
    expect(searches.every((path) => path.startsWith('/api/v3/') === (serverVersion !== '2.13'))).toBe(true);
    expect(requests.join()).not.toMatch(/[?&]tag=/);
  });

  it('reads a search whose answer is too large in parts', async () => {
    const { source } = await open({ serverVersion, http: { maxBytes: 60_000 } });
    const found = await source.search(everything);
    expect(found.traces.length).toBeGreaterThan(3);
    // The summaries of a newer Jaeger list all traces; of an older one a smaller limit returns some of them.
    expect(found.isComplete).toBe(serverVersion !== '2.13');
  });

  it('is too large when even few traces are', async () => {
    const { source } = await open({ serverVersion, http: { maxBytes: 500 } });
    expect((await failureOf(source.search(everything))).code).toBe('too-large');
  });

  it('fails with a text when it stops being a Jaeger', async () => {
    const { source, server } = await open({ serverVersion });
    await source.services();
    server.faults.set({ status: 503 });
    expect((await failureOf(source.search(everything))).code).toBe('unavailable');
    server.faults.set({ html: true });
    expect((await failureOf(source.search(everything))).code).toBe('not-authenticated');
    server.faults.set({ redirect: 'http://login.example/' });
    expect((await failureOf(source.services())).code).toBe('not-authenticated');
    server.faults.clear();
    expect((await source.search(everything)).isComplete).toBe(true);
  });

  it('can be given up while it hangs', async () => {
    const { source, server } = await open({ serverVersion });
    await source.services();
    server.faults.set({ hang: true });
    const controller = new AbortController();
    const asked = source.search(everything, controller.signal);
    controller.abort();
    expect((await failureOf(asked)).code).toBe('timeout');
  });
});

describe('all serverVersions', () => {
  it('are read as the same traces', async () => {
    const read = await Promise.all(
      GENERATIONS.map(async (serverVersion) => {
        const { source } = await open({ serverVersion });
        const found = await source.search({ ...everything, service: 'odd.shop' });
        return sorted(found.traces.map(canonical));
      }),
    );
    expect(read[1]).toEqual(read[0]);
    expect(read[2]).toEqual(read[0]);
  });

  it.each([
    ['2.13', 'after-2.20'],
    ['2.20', '2.13'],
    ['after-2.20', '2.13'],
  ] as const)('an upgrade or a way back (%s to %s) behind one address is noticed', async (from, to) => {
    const [before, then] = [await open({ serverVersion: from }), await open({ serverVersion: to })];
    let base = before.url;
    const proxy = createServer((incoming, outgoing) => {
      const through = request(`${base}${incoming.url ?? ''}`, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(outgoing);
      });
      through.end();
    });
    await new Promise<void>((resolve) => {
      proxy.listen(0, '127.0.0.1', resolve);
    });
    const { port } = proxy.address() as { port: number };
    const http = createHttpClient({ system: 'jaeger', baseUrl: `http://127.0.0.1:${port}` });
    const source = createJaegerTraceSource({ http });
    const byId: TraceSearch = { ...everything, attributes: { 'guid:x-request-id': REQUEST } };
    expect((await source.search(byId)).traces).toHaveLength(1);
    base = then.url;
    expect(idsOf((await source.search(byId)).traces)).toEqual(['feeceb6c07277b210d095d2a686d629a']);
    expect((await source.search(everything)).isComplete).toBe(true);
    http.close();
    proxy.closeAllConnections();
    proxy.close();
  });

  it('nothing at the address is reported with what to check', async () => {
    const bench = await open({ http: { baseUrl: 'http://127.0.0.1:9/jaeger' } });
    expect((await failureOf(bench.source.services())).code).toBe('unavailable');
    const elsewhere = await open({ http: {} });
    elsewhere.server.faults.set({ status: 404 });
    const failure = await failureOf(elsewhere.source.services());
    expect(failure.code).toBe('bad-answer');
    expect(failure.advice).toContain('JAEGER_URL');
  });
});
