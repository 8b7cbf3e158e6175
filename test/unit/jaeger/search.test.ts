import { describe, expect, it } from 'vitest';
import { epochMs, us } from '../../../src/lib/units.ts';
import type { TraceSearch } from '../../../src/traces/trace-source.ts';
import { type Reply, scripted } from './scripted.ts';

const search: TraceSearch = {
  service: 'checkout',
  window: { start: epochMs(1_795_168_700_000), end: epochMs(1_795_168_701_000) },
  limit: 20,
};
const MODERN = { '/api/v3/trace-summaries': { body: {} } } as const;
const OLDER = { '/api/services': { body: { data: [] } } } as const;
const NONE: Reply = { status: 404, body: { error: { httpCode: 404, message: 'No traces found' } } };

const trace = (traceId: string, { attributes = {}, duration = 5 } = {}) => ({
  traceID: traceId.padStart(32, '0'),
  spans: [
    {
      traceID: traceId.padStart(32, '0'),
      spanID: '1'.padStart(16, '0'),
      operationName: 'GET /cart',
      startTime: 1_795_168_700_500_000,
      duration,
      processID: 'p1',
      tags: Object.entries(attributes).map(([key, value]) => ({ key, type: 'string', value })),
    },
  ],
  processes: { p1: { serviceName: 'checkout', tags: [] } },
});
const older = (...traces: ReturnType<typeof trace>[]): Reply => ({ body: { data: traces } });
const refusal = (message: string, status = 500): Reply => ({ status, body: { error: { message } } });

const searchesIn = (asked: readonly { readonly operation: string }[]): number =>
  asked.filter(({ operation }) => operation === 'search').length;

describe('VictoriaTraces, known by its complaint', () => {
  const complaint = 'incorrect trace query params: service name is required';
  const asked = { ...search, minDuration: us(250_000) };

  it('gets a nanosecond less, since its minimum is exclusive, and searches for spans that end later', async () => {
    const { source, asked: requests } = scripted({ ...OLDER, '/api/traces': older() }, { complaint });
    await source.search(asked);
    const [start, end] = [1_795_168_700_000_000, 1_795_168_701_000_000];
    const [minute, day] = [60_000_000, 86_400_000_000];
    expect(
      requests.filter(({ operation }) => operation === 'search').map(({ query }) => query),
    ).toMatchObject([
      { start, end, minDuration: '249999999ns' },
      { start: end, end: end + minute, minDuration: '249999999ns' },
      { start: end + minute, end: end + day, minDuration: '59999999999ns' },
    ]);
  });

  it('is not searched for spans that end later while there are more in the window', async () => {
    const { source, asked: requests } = scripted(
      { ...OLDER, '/api/traces': older(trace('a')) },
      { complaint },
    );
    expect((await source.search({ ...asked, limit: 1 })).isComplete).toBe(false);
    expect(searchesIn(requests)).toBe(1);
  });

  it('in its v3 API too', async () => {
    const words = { error: { httpCode: 400, message: `${complaint.split(':')[0]}: query.serviceName` } };
    const { source, asked: requests } = scripted(
      { ...MODERN, '/api/v3/traces': NONE },
      { complaint: JSON.stringify(words) },
    );
    await source.search(asked);
    expect(requests.find(({ operation }) => operation === 'search')?.query).toMatchObject({
      'query.duration_min': '249999999ns',
      'query.searchDepth': 20,
    });
  });

  it('is detected once', async () => {
    const { source, asked: requests } = scripted({ ...OLDER, '/api/traces': older() }, { complaint });
    await source.search(asked);
    await source.search({ ...asked, limit: 30 });
    expect(requests.filter(({ operation }) => operation === 'detect')).toHaveLength(3);
  });

  it('is not mistaken for a Jaeger because a proxy in front of it was without it for a moment', async () => {
    const { source, asked: requests } = scripted(
      { ...OLDER, '/api/traces': older() },
      { complaint, statuses: [503] },
    );
    await expect(source.search(asked)).rejects.toMatchObject({ code: 'unavailable' });
    await source.search(asked);
    expect(requests.some(({ query }) => query?.['minDuration'] === '249999999ns')).toBe(true);
  });

  it('gives operations by the path it has', async () => {
    const { source } = scripted({
      ...OLDER,
      '/api/services/checkout%2Fcart/operations': { body: { data: ['b', 'a'] } },
    });
    expect(await source.operations('checkout/cart')).toEqual(['a', 'b']);
  });
});

describe('Cassandra', () => {
  it('that refuses durations together with attributes is searched by duration, and attributes are filtered here', async () => {
    const wanted = { 'guid:x-request-id': 'abc' };
    const { source, asked } = scripted({
      ...OLDER,
      '/api/traces': ({ query }) =>
        query?.['tags'] === undefined
          ? older(trace('a', { attributes: wanted }), trace('b'))
          : refusal('cannot query for duration and tags simultaneously'),
    });
    const both: TraceSearch = { ...search, minDuration: us(5), attributes: wanted };
    for (const limit of [20, 21]) {
      const found = await source.search({ ...both, limit });
      expect(found.traces.map(({ traceId }) => traceId)).toEqual(['a'.padStart(32, '0')]);
      expect(found.isComplete).toBe(true);
    }
    // The second time it is not tried any more.
    expect(asked.filter(({ query }) => query?.['tags'] !== undefined)).toHaveLength(1);
  });
});

describe('Elasticsearch, which takes values for regular expressions', () => {
  const asPattern = (value: string): Reply => {
    try {
      const isFound = new RegExp(`^(?:${value})$`).test('a+b(c)');
      return isFound ? older(trace('a', { attributes: { path: 'a+b(c)' } })) : older();
    } catch {
      return refusal('elastic: Error 400: all shards failed');
    }
  };
  it('is searched twice for special values: literal and escaped', async () => {
    const { source } = scripted({
      ...OLDER,
      '/api/traces': ({ query }) => asPattern((JSON.parse(String(query?.['tags'])) as { path: string }).path),
    });
    const found = await source.search({ ...search, attributes: { path: 'a+b(c)' } });
    expect(found.traces).toHaveLength(1);
    expect(found.isComplete).toBe(true);
    expect((await source.search({ ...search, attributes: { path: 'b(' } })).traces).toEqual([]);
  });

  it('is searched once for an ordinary value, as a UUID or a path', async () => {
    const { source, asked } = scripted({ ...OLDER, '/api/traces': older() });
    await source.search({ ...search, attributes: { path: '/api/v1.2/cart-items' } });
    expect(searchesIn(asked)).toBe(1);
  });

  it('a failure that is none of the value stays one', async () => {
    const { source } = scripted({ ...OLDER, '/api/traces': refusal('no connection') });
    await expect(source.search({ ...search, attributes: { path: 'a+b' } })).rejects.toMatchObject({
      code: 'unavailable',
    });
  });
});

describe('a limit', () => {
  it.each([
    ['memory', 'search depth must be greater than 0 and less than max traces', 500],
    ['VictoriaTraces', 'incorrect trace query params: query.searchDepth 800 out of range [0, 100]', 400],
    ['ClickHouse', 'search depth 800 exceeds the maximum allowed 100', 500],
    ['Elasticsearch', 'too_many_buckets_exception: Trying to create too many buckets', 500],
  ])('that %s refuses is halved until it is taken', async (_, words, status) => {
    const limits: unknown[] = [];
    const { source } = scripted({
      ...MODERN,
      '/api/v3/traces': ({ query }) => {
        limits.push(query?.['query.searchDepth']);
        return Number(query?.['query.searchDepth']) > 100 ? refusal(words, status) : NONE;
      },
    });
    expect(await source.search({ ...search, limit: 800 })).toEqual({ traces: [], isComplete: true });
    expect(limits).toEqual([800, 400, 200, 100]);
  });

  it('is never more than every storage takes', async () => {
    const { source, asked } = scripted({ ...OLDER, '/api/traces': older() });
    await source.search({ ...search, limit: 25_000 });
    expect(asked.at(-1)?.query?.['limit']).toBe(1_000);
  });
});

describe('a search without a service', () => {
  const anywhere: TraceSearch = { window: search.window, limit: 20, attributes: { id: 'abc' } };

  it('is sent to a Jaeger that may support it', async () => {
    const { source, asked } = scripted({ ...MODERN, '/api/v3/traces': NONE });
    expect(await source.search(anywhere)).toEqual({ traces: [], isComplete: true });
    expect(asked.at(-1)?.query?.['query.service_name']).toBeUndefined();
  });

  it.each([
    ['Jaeger', 'this storage backend requires a service name to search; select one', 400],
    ['Cassandra', 'service Name must be set', 500],
    ['VictoriaTraces', 'incorrect trace query params: query.serviceName is required', 400],
  ])('that %s refuses is unsupported, and not asked again', async (_, words, status) => {
    const { source, asked } = scripted({ ...MODERN, '/api/v3/traces': refusal(words, status) });
    for (const limit of [20, 21]) {
      await expect(source.search({ ...anywhere, limit })).rejects.toMatchObject({
        code: 'unsupported',
        retryable: false,
      });
    }
    expect(searchesIn(asked)).toBe(1);
  });

  it('is not sent to the legacy API, which always needs one', async () => {
    const { source, paths } = scripted({ ...OLDER, '/api/traces': older() });
    await expect(source.search(anywhere)).rejects.toMatchObject({ code: 'unsupported' });
    expect(paths()).not.toContain('/api/traces');
  });

  it('a failure of the storage is not taken for a refusal', async () => {
    const { source } = scripted({ ...MODERN, '/api/v3/traces': refusal('no connection') });
    await expect(source.search(anywhere)).rejects.toMatchObject({ code: 'unavailable', retryable: true });
  });
});
