import { afterEach, describe, expect, it } from 'vitest';
import { UpstreamError } from '../../src/lib/errors.ts';
import { epochMs } from '../../src/lib/units.ts';
import type { TraceSearch } from '../../src/traces/trace-source.ts';
import { GENERATIONS, readPopulation } from '../unit/jaeger/recordings.ts';
import { type Bench, type BenchOptions, openBench, RECORDED_WINDOW } from './trace-source.ts';

const population = readPopulation();
const benches: Bench[] = [];
afterEach(async () => {
  await Promise.all(benches.splice(0).map((bench) => bench.close()));
});

async function open(options: Partial<BenchOptions> = {}): Promise<Bench> {
  const bench = await openBench({ population, ...options });
  benches.push(bench);
  return bench;
}

const everything: TraceSearch = { service: 'checkout.shop', window: RECORDED_WINDOW, limit: 200 };
const SHORT = '687eda40ed5b1dc3';

const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'answered',
    (error: unknown) => (error instanceof UpstreamError ? error.code : error),
  );

describe('a Jaeger under a base path', () => {
  it.each(GENERATIONS)('is reached there, in version %s', async (serverVersion) => {
    const plain = await open({ serverVersion });
    const bench = await open({ serverVersion, basePath: '/tracing/jaeger' });
    const { url } = bench;
    const under = await open({ http: { baseUrl: `${url}/tracing/jaeger/` } });
    expect(await under.source.services()).toEqual(await plain.source.services());
    const [found, expected] = [await under.source.search(everything), await plain.source.search(everything)];
    expect(found.traces.length).toBe(expected.traces.length);
    expect(await under.source.trace(SHORT)).toBeDefined();
    expect(bench.requests.every((path) => path.startsWith('/tracing/jaeger/api/'))).toBe(true);
  });

  it('and reports a wrong address where there is none', async () => {
    const { url } = await open({ basePath: '/jaeger' });
    const beside = await open({ http: { baseUrl: url } });
    expect(await codeOf(beside.source.services())).toBe('bad-answer');
  });
});

describe('headers', () => {
  it('for a login and a tenant go with every request', async () => {
    const sent = { Authorization: 'Bearer abc', 'x-tenant': 'acme' };
    const { source, headers } = await open({ http: { headers: sent } });
    await source.services();
    await source.search(everything);
    await source.trace(SHORT);
    expect(headers.length).toBeGreaterThan(3);
    for (const each of headers)
      expect(each).toMatchObject({ authorization: 'Bearer abc', 'x-tenant': 'acme' });
  });
});

describe('a login in front of it', () => {
  const faults = {
    'a page': { html: true },
    'a redirect': { redirect: 'https://login.example/' },
    'a refusal': { status: 401 },
    'a refusal of requests': { status: 403 },
  } as const;
  it.each(Object.entries(faults))('%s is reported as one, at the start and later', async (_, fault) => {
    const { source, server } = await open();
    server.faults.set(fault);
    expect(await codeOf(source.services())).toBe('not-authenticated');
    server.faults.clear();
    await source.services();
    server.faults.set(fault);
    for (const work of [source.services(), source.search(everything), source.trace(SHORT)]) {
      expect(await codeOf(work)).toBe('not-authenticated');
    }
  });
});

describe('concurrent equal requests', () => {
  const searchesOf = ({ requests }: Bench): number =>
    requests.filter((path) => /\/traces\?query\.service/.test(path)).length;

  it('cost one search, also when one of them cancels', async () => {
    const bench = await open();
    await bench.source.services();
    const caller = new AbortController();
    const asked = [
      bench.source.search(everything),
      bench.source.search(everything, caller.signal),
      bench.source.search({ ...everything }),
    ];
    caller.abort();
    const [first, given, third] = await Promise.allSettled(asked);
    expect(given?.status).toBe('rejected');
    expect(first).toEqual(third);
    expect(first?.status).toBe('fulfilled');
    expect(searchesOf(bench)).toBe(1);
  });

  it('of different searches, at most four run at once', async () => {
    const bench = await open();
    await bench.source.services();
    bench.server.faults.set({ hang: true }, { path: '/traces?query' });
    const caller = new AbortController();
    const asked = [1, 2, 3, 4, 5, 6].map((limit) =>
      codeOf(bench.source.search({ ...everything, limit }, caller.signal)),
    );
    while (searchesOf(bench) < 4) await new Promise((resolve) => setImmediate(resolve));
    expect(searchesOf(bench)).toBe(4);
    caller.abort();
    expect(await Promise.all(asked)).toEqual(Array.from({ length: 6 }, () => 'timeout'));
    bench.server.faults.clear();
    expect((await bench.source.search(everything)).isComplete).toBe(true);
  });

  it('read a trace once, unless it is so young that spans may still be arriving', async () => {
    const reads = ({ requests }: Bench): number =>
      requests.filter((path) => path.includes(`/traces/${SHORT}`)).length;
    const old = await open({ now: epochMs(RECORDED_WINDOW.end + 3_600_000) });
    const [one, two] = [await old.source.trace(SHORT), await old.source.trace(SHORT.toUpperCase())];
    expect(two).toBe(one);
    expect(reads(old)).toBe(1);
    const young = await open({ now: RECORDED_WINDOW.start });
    await young.source.trace(SHORT);
    await young.source.trace(SHORT);
    expect(reads(young)).toBe(2);
  });
});

describe.each(GENERATIONS)('the failed requests of a service, on Jaeger %s', (serverVersion) => {
  /** `sent`: with a status, as SDKs send it, or also with the attribute, as Envoy does; other requests are as they were. */
  const failing = (sent: 'status' | 'attribute'): Parameters<typeof openBench>[0]['population'] => ({
    resourceSpans: [
      {
        resource: { attributes: [{ key: 'service.name', value: { stringValue: 'checkout.shop' } }] },
        scopeSpans: [
          {
            spans: [1, 2, 3].map((id) => ({
              traceId: `${id}`.repeat(32),
              spanId: `${id}`.repeat(16),
              name: 'POST /checkout',
              kind: 2,
              startTimeUnixNano: `${RECORDED_WINDOW.start + id}000000`,
              endTimeUnixNano: `${RECORDED_WINDOW.start + id + 20}000000`,
              attributes:
                id === 2 && sent === 'attribute' ? [{ key: 'error', value: { boolValue: true } }] : [],
              status: id === 2 ? { code: 2 } : {},
              events: [],
              links: [],
            })),
          },
        ],
      },
    ],
  });

  it.each(['status', 'attribute'] as const)('are found by their %s', async (sent) => {
    const { source, requests } = await open({ population: failing(sent), serverVersion });
    const failed = { ...everything, attributes: { error: true } };
    const idsOf = async (): Promise<readonly string[]> =>
      (await source.search(failed)).traces.map(({ traceId }) => traceId);
    expect(await idsOf()).toEqual(['2'.repeat(32)]);
    // What the storage can do is known now: one request is enough.
    const before = requests.length;
    expect(await idsOf()).toEqual(['2'.repeat(32)]);
    expect(requests.length - before).toBe(1);
  });
});
