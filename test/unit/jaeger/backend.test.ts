import { describe, expect, it } from 'vitest';
import { epochMs, us } from '../../../src/lib/units.ts';
import type { TraceSearch } from '../../../src/traces/trace-source.ts';
import { type Reply, scripted } from './scripted.ts';

const search: TraceSearch = {
  service: 'checkout',
  operation: 'GET /cart',
  window: { start: epochMs(1_795_168_700_000), end: epochMs(1_795_168_700_500) },
  minDuration: us(250_001),
  attributes: { 'guid:x-request-id': 'abc', retries: 3 },
  limit: 20,
};
const NONE_V3 = { status: 404, body: { error: { httpCode: 404, message: 'No traces found' } } };

describe('the API of a Jaeger', () => {
  it('since 2.19: v3, in the names that all versions take', async () => {
    const { source, asked } = scripted({
      '/api/v3/trace-summaries': { body: {} },
      '/api/v3/traces': NONE_V3,
    });
    expect(await source.search(search)).toEqual({ traces: [], isComplete: true });
    expect(asked.at(-1)?.query).toEqual({
      'query.service_name': 'checkout',
      'query.operation_name': 'GET /cart',
      'query.start_time_min': '2026-11-20T09:58:20.000Z',
      'query.start_time_max': '2026-11-20T09:58:21.000Z',
      'query.duration_min': '250001us',
      'query.duration_max': '8760h',
      'query.attributes': '{"guid:x-request-id":"abc","retries":"3"}',
      'query.num_traces': 20,
      'query.searchDepth': 20,
    });
  });

  it('before: the legacy API, with tags as JSON', async () => {
    const { source, asked } = scripted({
      '/api/services': { body: { data: [] } },
      '/api/traces': { body: { data: [] } },
    });
    await source.search(search);
    expect(asked.at(-1)).toMatchObject({
      path: '/api/traces',
      query: {
        service: 'checkout',
        start: 1_795_168_700_000_000,
        end: 1_795_168_701_000_000,
        minDuration: '250001us',
        maxDuration: '8760h',
        tags: '{"guid:x-request-id":"abc","retries":"3"}',
        limit: 20,
      },
    });
  });

  it('without the legacy API and with v3 from before 2.19: not by attributes, which it ignores', async () => {
    const { source } = scripted({
      '/api/v3/services': { body: { services: [] } },
      '/api/v3/traces': NONE_V3,
    });
    await expect(source.search(search)).rejects.toMatchObject({ code: 'bad-request', retryable: false });
    const { attributes: _, ...plain } = search;
    expect(await source.search(plain)).toEqual({ traces: [], isComplete: true });
  });

  it('a refusal of the probe is an answer of that API too', async () => {
    const { source, paths } = scripted({
      '/api/v3/trace-summaries': {
        status: 500,
        body: { error: { httpCode: 500, message: 'needs a service' } },
      },
      '/api/v3/services': { body: { services: ['b', 'a', 'b'] } },
    });
    expect(await source.services()).toEqual(['a', 'b']);
    expect(paths()).toEqual(['/api/v3/trace-summaries', '/api/v3/services']);
  });

  it('JSON of something else is not a Jaeger', async () => {
    const other = { status: 404, body: { message: 'Not found', traceID: '' } };
    const { source } = scripted({
      '/api/v3/trace-summaries': other,
      '/api/services': other,
      '/api/v3/services': other,
    });
    await expect(source.services()).rejects.toMatchObject({
      code: 'bad-answer',
      message: 'There is no Jaeger at the configured address.',
    });
  });

  it('a Jaeger that fails on every request is not a wrong address', async () => {
    const failing = { status: 500, body: { errors: [{ code: 500, msg: 'no node of Elasticsearch' }] } };
    const { source } = scripted({ '/api/services': failing, '/api/v3/services': failing });
    await expect(source.services()).rejects.toMatchObject({
      code: 'unavailable',
      message: 'Jaeger returned HTTP 500: no node of Elasticsearch.',
    });
  });

  it('a trace that is too large has its own advice', async () => {
    const { source } = scripted({
      '/api/v3/trace-summaries': { body: { summaries: [] } },
      '/api/v3/traces/1': 'too-large',
    });
    await expect(source.trace('1')).rejects.toMatchObject({
      code: 'too-large',
      advice: 'Open this trace in Jaeger.',
    });
  });

  it('a login page everywhere is reported as one', async () => {
    const { source } = scripted({}, { otherwise: 'not-authenticated' });
    await expect(source.services()).rejects.toMatchObject({ code: 'not-authenticated' });
  });

  it('a Jaeger that is down while it is probed is probed again next time', async () => {
    const replies: Record<string, Reply> = { '/api/v3/trace-summaries': 'timeout' };
    const { source, paths } = scripted(replies);
    await expect(source.services()).rejects.toMatchObject({ code: 'timeout' });
    expect(paths()).toHaveLength(1);
    replies['/api/v3/trace-summaries'] = { body: { summaries: [] } };
    replies['/api/v3/services'] = { body: { services: [] } };
    expect(await source.services()).toEqual([]);
  });
});

describe('what a Jaeger refuses', () => {
  const refusals: Readonly<Record<string, { reply: Reply; expected: object }>> = {
    'a wrong question, in v3': {
      reply: { status: 400, body: { error: { httpCode: 400, message: 'malformed parameter' } } },
      expected: { code: 'bad-request', message: 'Jaeger returned HTTP 400: malformed parameter.' },
    },
    'a storage that fails, with its text': {
      reply: {
        status: 500,
        body: { data: null, errors: [{ code: 500, msg: 'no connection\n to  Cassandra' }] },
      },
      expected: {
        code: 'unavailable',
        retryable: true,
        message: 'Jaeger returned HTTP 500: no connection to Cassandra.',
      },
    },
    'a failure without a text': {
      reply: { status: 500, body: null },
      expected: { code: 'unavailable', message: 'Jaeger returned HTTP 500.' },
    },
    'an answer that cannot be read, with the path': {
      reply: { body: { result: { resourceSpans: [{ scopeSpans: [{ spans: [{ spanId: 1 }] }] }] } } },
      expected: { code: 'bad-answer', message: expect.stringContaining('result.resourceSpans.0') as string },
    },
  };
  it.each(Object.entries(refusals))('%s', async (_, { reply, expected }) => {
    const { source } = scripted({ '/api/v3/trace-summaries': { body: {} }, '/api/v3/traces': reply });
    await expect(source.search(search)).rejects.toMatchObject(expected);
  });

  it('a very long text is cut', async () => {
    const reply = { status: 500, body: { error: { message: 'x'.repeat(5_000) } } };
    const { source } = scripted({ '/api/v3/trace-summaries': { body: {} }, '/api/v3/traces': reply });
    const error = await source.search(search).catch((reason: unknown) => reason);
    expect((error as Error).message.length).toBeLessThan(250);
  });
});
