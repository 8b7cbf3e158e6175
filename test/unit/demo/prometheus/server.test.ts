import { describe, expect, it } from 'vitest';
import { epochMs, HOUR } from '../../../../src/lib/units.ts';
import { T0 } from './promql-case.ts';
import { type Form, failure, get, NOW, serving, success } from './serving.ts';

const at = serving();

describe('what is stored:', () => {
  it.each([
    ['labels', '/api/v1/labels', {}, ['__name__', 'job', 'pod']],
    ['labels of a selector', '/api/v1/labels', { 'match[]': 'down' }, ['__name__', 'job']],
    ['values of a label', '/api/v1/label/job/values', {}, ['shop', 'x']],
    ['metric names', '/api/v1/label/__name__/values', {}, ['down', 'up']],
    ['values of an unknown label', '/api/v1/label/nope/values', {}, []],
    ['values within a time', '/api/v1/label/__name__/values', { start: String(NOW - 60) }, ['up']],
    ['series', '/api/v1/series', { 'match[]': 'up{pod="b"}' }, [{ __name__: 'up', job: 'shop', pod: 'b' }]],
  ])('%s', async (_name, path, form, data) => {
    expect(await get(at, path, form as unknown as Form)).toEqual(success(data));
  });

  it('series of any of several selectors', async () => {
    const { body } = await get(at, '/api/v1/series', [
      ['match[]', 'down'],
      ['match[]', '{pod=~"a|b"}'],
      ['limit', '2'],
    ]);
    expect(body).toMatchObject({
      data: [{ __name__: 'down' }, { pod: 'a' }],
      warnings: ['results truncated due to limit'],
    });
  });

  it.each([
    ['no selector', {}, 'no match[] parameter provided'],
    [
      'a wrong one',
      { 'match[]': 'up{' },
      'invalid parameter "match[]": 1:4: parse error: unexpected end of input inside braces',
    ],
  ])('series refuse %s', async (_name, form, error) => {
    expect(await get(at, '/api/v1/series', form as unknown as Form)).toEqual(failure(400, 'bad_data', error));
  });

  it('metadata', async () => {
    at.store.describe('up', { type: 'gauge', help: 'Whether it is.', unit: '' });
    at.store.describe('down', { type: 'gauge', help: 'Whether it is not.', unit: '' });
    const up = [{ type: 'gauge', help: 'Whether it is.', unit: '' }];
    expect(await get(at, '/api/v1/metadata', { metric: 'up' })).toEqual(success({ up }));
    expect(await get(at, '/api/v1/metadata', { limit: '1' })).toEqual(success({ up }));
    expect(await get(at, '/api/v1/metadata', { limit: 'x' })).toEqual(
      failure(400, 'bad_data', 'limit must be a number'),
    );
  });

  it('exemplars of the selectors in a rule, within a time', async () => {
    const series = { __name__: 'd_bucket', service: 'cart', le: '500' };
    at.store.appendExemplar({ series, labels: { trace_id: 'early' }, t: epochMs(T0), value: 0.1 });
    at.store.appendExemplar({ series, labels: { trace_id: 'abc' }, t: epochMs(T0 + 1_500), value: 0.42 });
    at.store.appendExemplar({
      series: { ...series, service: 'auth' },
      labels: { trace_id: 'no' },
      t: epochMs(T0 + 1_500),
      value: 1,
    });
    const query = 'histogram_quantile(0.99, sum by (le) (rate(d_bucket{service="cart"}[5m]))) > 0.3';
    const window = { start: String(T0 / 1_000 + 1), end: String(T0 / 1_000 + 2) };
    expect(await get(at, '/api/v1/query_exemplars', { query, ...window })).toEqual(
      success([
        {
          seriesLabels: series,
          exemplars: [{ labels: { trace_id: 'abc' }, value: '0.42', timestamp: T0 / 1_000 + 1.5 }],
        },
      ]),
    );
    expect(await get(at, '/api/v1/query_exemplars', { query: 'up' })).toEqual(success([]));
    expect(await get(at, '/api/v1/query_exemplars', { query: '1' })).toEqual({ status: 204, body: '' });
  });
});

describe('the rest of the server', () => {
  it('is healthy and ready, has build information, and knows no other path', async () => {
    expect(await get(at, '/-/healthy')).toEqual({ status: 200, body: 'Prometheus Server is Healthy.\n' });
    expect(await get(at, '/-/ready')).toEqual({ status: 200, body: 'Prometheus Server is Ready.\n' });
    expect(await get(at, '/api/v1/status/buildinfo')).toMatchObject({
      body: { status: 'success', data: { version: '' } },
    });
    expect(await get(at, '/api/v1/rules')).toEqual(
      failure(404, 'not_found', 'the embedded Prometheus does not know /api/v1/rules'),
    );
    expect((await get(at, '/nope')).status).toBe(404);
  });

  it('listens on the loopback interface only', () => {
    expect(new URL(at.url).hostname).toBe('127.0.0.1');
  });

  it('tells of each request', async () => {
    await fetch(`${at.url}/api/v1/query`, {
      method: 'POST',
      headers: { authorization: 'Bearer x' },
      body: new URLSearchParams({ query: 'up' }),
    });
    expect(at.requests).toHaveLength(1);
    expect(at.requests[0]).toMatchObject({
      method: 'POST',
      path: '/api/v1/query',
      headers: { authorization: 'Bearer x' },
    });
    expect(at.requests[0]?.parameters.first('query')).toBe('up');
  });

  it('shows the page behind a link: table and chart, escaped', async () => {
    const { status, body } = await get(at, '/graph', {
      'g0.expr': 'up{pod="a"} * 2',
      'g0.tab': '0',
      'g0.range_input': '5m',
      'g0.end_input': '2023-11-14 22:15:20',
      'g1.expr': 'sum("<script>")',
    });
    expect(status).toBe(200);
    expect(body).toContain('<td>{job=&quot;shop&quot;, pod=&quot;a&quot;}</td><td>6</td>');
    expect(body).toMatch(/<path d="M[^"]*L[^"]*"/);
    expect(body).toContain(
      'bad_data: 1:5: parse error: expected type instant vector in aggregation expression, got string',
    );
    expect(body).not.toContain('<script>');
    expect((await get(at, '/query')).status).toBe(200);
  });

  it('draws a number beside an expression as the line of its threshold', async () => {
    const { body } = await get(at, '/graph', {
      'g0.expr': 'up or vector(500)',
      'g0.range_input': '5m',
      'g0.end_input': '2023-11-14 22:15:20',
    });
    expect(body).toContain('threshold 500');
  });

  it('closes twice without complaint', async () => {
    await at.server.close();
    await expect(at.server.close()).resolves.toBeUndefined();
  });
});

describe('faults:', () => {
  const query = () => get(at, '/api/v1/query', { query: 'up{pod="a"}' });

  it('an answer of another server', async () => {
    at.server.faults.set({ status: 503, body: 'overloaded' });
    expect(await query()).toEqual({ status: 503, body: 'overloaded' });
    at.server.faults.set(undefined);
    expect((await query()).status).toBe(200);
  });

  it('a login page', async () => {
    at.server.faults.set({ html: true });
    expect(await query()).toMatchObject({ status: 200, body: expect.stringContaining('<html>') });
  });

  it('a body of a given size that is still valid', async () => {
    at.server.faults.set({ bytes: 100_000 });
    const response = await fetch(`${at.url}/api/v1/query?query=up`);
    const text = await response.text();
    expect(text).toHaveLength(100_000);
    expect(JSON.parse(text)).toMatchObject({ status: 'success' });
  });

  it('an answer cut off', async () => {
    at.server.faults.set({ truncateAt: 20 });
    await expect(query()).rejects.toThrow();
  });

  it('no answer at all', async () => {
    at.server.faults.set({ hang: true });
    const abort = new AbortController();
    const pending = fetch(`${at.url}/api/v1/query?query=up`, { signal: abort.signal });
    await expect.poll(() => at.requests.length).toBe(1);
    abort.abort();
    await expect(pending).rejects.toThrow(/abort/);
  });

  it('a late answer is right', async () => {
    at.server.faults.set({ slowMs: 1 });
    expect((await query()).status).toBe(200);
  });

  it('a late answer does not come before its time', async () => {
    at.server.faults.set({ slowMs: HOUR });
    const abort = new AbortController();
    const late = fetch(`${at.url}/api/v1/query?query=up`, { signal: abort.signal }).then(
      () => 'answered',
      () => 'given up',
    );
    await expect.poll(() => at.requests.length).toBe(1);
    at.server.faults.set(undefined);
    expect((await query()).status).toBe(200);
    abort.abort();
    expect(await late).toBe('given up');
  });
});
