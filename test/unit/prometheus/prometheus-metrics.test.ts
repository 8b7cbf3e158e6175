import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { createHttpClient } from '../../../src/http/http-client.ts';
import type { UpstreamError } from '../../../src/lib/errors.ts';
import { epochMs, ms } from '../../../src/lib/units.ts';
import { createLogger } from '../../../src/ops/logger.ts';
import { createPrometheusMetrics } from '../../../src/prometheus/prometheus-metrics.ts';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly form: Record<string, string>;
  readonly encoding: string;
}

async function body(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

/** A server that answers everything with one status and one JSON body, and the adapter on it. */
async function source(
  status: number,
  answer: unknown,
  { space, ...limits }: { maxSeries?: number; maxBytes?: number; space?: number } = {},
) {
  const asked: Asked[] = [];
  const lines: string[] = [];
  const server = createServer((request, response) => {
    void body(request).then((text) => {
      asked.push({
        method: request.method ?? '',
        path: request.url ?? '',
        form: Object.fromEntries(new URLSearchParams(text)),
        encoding: String(request.headers['accept-encoding']),
      });
      response
        .writeHead(status, { 'content-type': 'application/json' })
        .end(JSON.stringify(answer, null, space));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const http = createHttpClient({
    system: 'prometheus',
    baseUrl: `http://127.0.0.1:${port}/prom`,
    ...limits,
  });
  closing.push(() => {
    http.close();
    server.close();
    server.closeAllConnections();
  });
  const logger = createLogger({ level: 'debug', secrets: [], write: (line) => lines.push(line) });
  return {
    asked,
    lines,
    metrics: createPrometheusMetrics({ http, deadline: ms(30_000), logger, ...limits }),
  };
}

const success = (data: unknown) => ({ status: 'success', data });
const at = epochMs(1_700_000_000_123);
const window = { start: epochMs(1_700_000_000_000), end: epochMs(1_700_000_600_000) };

describe('an instant query', () => {
  test('is a POST form at the given instant, with a timeout of its own below the deadline', async () => {
    const { asked, metrics } = await source(200, success({ resultType: 'vector', result: [] }));
    await metrics.instant({ expr: 'up > 0', at });
    expect(asked).toEqual([
      {
        method: 'POST',
        path: '/prom/api/v1/query',
        form: { query: 'up > 0', time: '1700000000.123', timeout: '27000ms', limit: '10001' },
        encoding: 'identity',
      },
    ]);
  });

  test('asks for compression once its responses are large', async () => {
    const result = Array.from({ length: 501 }, (_, n) => ({ metric: { n: `${n}` }, value: [1, '1'] }));
    const { asked, metrics } = await source(200, success({ resultType: 'vector', result }));
    for (const expr of ['x', 'x', 'y']) await metrics.instant({ expr, at });
    expect(asked.map(({ encoding }) => encoding.includes('gzip'))).toEqual([false, true, false]);
  });

  test.each([
    ['a number', '1.5', 1.5],
    ['a float with an exponent', '2.479304158488714e+03', 2479.304158488714],
    ['not a number', 'NaN', Number.NaN],
    ['above everything', '+Inf', Number.POSITIVE_INFINITY],
    ['below everything', '-Inf', Number.NEGATIVE_INFINITY],
  ])('reads %s', async (_, text, value) => {
    const result = [{ metric: { service: 'checkout' }, value: [1_700_000_000, text] }];
    const { metrics } = await source(200, success({ resultType: 'vector', result }));
    expect(await metrics.instant({ expr: 'x', at })).toEqual([{ labels: { service: 'checkout' }, value }]);
  });

  test('reads a scalar as one sample without labels', async () => {
    const { metrics } = await source(200, success({ resultType: 'scalar', result: [1_700_000_000, '7'] }));
    expect(await metrics.instant({ expr: '7', at })).toEqual([{ labels: {}, value: 7 }]);
  });

  test('counts a native histogram as an element with value 0', async () => {
    const result = [{ metric: { service: 'cart' }, histogram: [1_700_000_000, { count: '3', sum: '4' }] }];
    const { metrics } = await source(200, success({ resultType: 'vector', result }));
    expect(await metrics.instant({ expr: 'x', at })).toEqual([
      { labels: { service: 'cart' }, value: 0, histogram: [] },
    ]);
  });

  test.each([
    [
      'its buckets',
      {
        count: '4',
        sum: '2',
        buckets: [
          [0, '0.25', '0.5', '2'],
          [0, '0.5', '1', '2'],
        ],
      },
      [
        { low: 0.25, high: 0.5, count: 2 },
        { low: 0.5, high: 1, count: 2 },
      ],
    ],
    ['no buckets of what cannot be read', { buckets: 'many' }, []],
  ])('reads of a native histogram %s', async (_, histogram, expected) => {
    const result = [{ metric: {}, histogram: [1_700_000_000, histogram] }];
    const { metrics } = await source(200, success({ resultType: 'vector', result }));
    expect(await metrics.instant({ expr: 'x', at })).toEqual([{ labels: {}, value: 0, histogram: expected }]);
  });

  test('passes warnings of a partial answer on to the operator', async () => {
    const { lines, metrics } = await source(200, {
      ...success({ resultType: 'vector', result: [] }),
      warnings: ['remote read: one store is away'],
    });
    await metrics.instant({ expr: 'x', at });
    expect(lines.join('')).toContain('remote read: one store is away');
  });

  test.each([
    ['a store that is away', 'remote read: one store is away', 'refused'],
    ['the expression', 'PromQL warning: bucket label "le" is missing', 'taken'],
    ['the expression, as an older version says it', 'PromQL info: metric might not be a counter', 'taken'],
  ])('as a proof, an answer with a warning about %s (%s) is %s', async (_, warning, what) => {
    const { metrics } = await source(200, {
      ...success({ resultType: 'vector', result: [] }),
      warnings: [warning],
    });
    const outcome = await metrics.instant({ expr: 'x', at, rejectsPartial: true }).then(
      () => 'taken',
      (error: unknown) => ((error as UpstreamError).code === 'partial' ? 'refused' : 'broken'),
    );
    expect(outcome).toBe(what);
  });
});

test('a range query sends start, end and step in seconds, and reads every point', async () => {
  const result = [
    {
      metric: { le: '500' },
      values: [
        [1_700_000_000, '1'],
        [1_700_000_030, 'NaN'],
      ],
    },
  ];
  const { asked, metrics } = await source(200, success({ resultType: 'matrix', result }));
  expect(await metrics.range({ expr: 'x', window, step: ms(30_000) })).toEqual([
    {
      labels: { le: '500' },
      points: [
        { at: 1_700_000_000_000, value: 1 },
        { at: 1_700_000_030_000, value: Number.NaN },
      ],
    },
  ]);
  expect(asked[0]?.form).toMatchObject({ start: '1700000000.000', end: '1700000600.000', step: '30' });
});

test('label values are requested for the matching series', async () => {
  const { asked, metrics } = await source(200, success(['checkout', 'cart']));
  expect(await metrics.labelValues({ label: 'service', match: 'up{job="a"}' })).toEqual(['checkout', 'cart']);
  expect(asked[0]?.path).toBe('/prom/api/v1/label/service/values?match%5B%5D=up%7Bjob%3D%22a%22%7D');
});

describe('the limits of a response', () => {
  const series = (count: number, at: [string, unknown]) =>
    Array.from({ length: count }, (_, index) => ({
      // Neither a label of this name nor its value is taken for a series.
      metric: { metric: `"metric":{${index}` },
      ...Object.fromEntries([at]),
    }));
  const vector = (count: number) =>
    success({ resultType: 'vector', result: series(count, ['value', [1, '2']]) });
  const matrix = (count: number) =>
    success({ resultType: 'matrix', result: series(count, ['values', [[1, '2']]]) });
  const tooMany = {
    code: 'too-large',
    message: 'The expression returns more than 1,500 series.',
    advice: 'Aggregate with `by`, or select fewer series; PROMETHEUS_MAX_SERIES sets the limit.',
  };

  test('as many series as the limit are read, in their order', async () => {
    const { metrics } = await source(200, vector(1_500), { maxSeries: 1_500 });
    const samples = await metrics.instant({ expr: 'x', at });
    expect(samples.map(({ labels }) => labels['metric'])).toEqual(
      Array.from({ length: 1_500 }, (_, index) => `"metric":{${index}`),
    );
  });

  test('one more is an error with what to do, for an instant and for a range', async () => {
    const instants = await source(200, vector(1_501), { maxSeries: 1_500 });
    await expect(instants.metrics.instant({ expr: 'x', at })).rejects.toMatchObject(tooMany);
    const ranges = await source(200, matrix(1_501), { maxSeries: 1_500 });
    const range = { expr: 'x', window, step: ms(30_000) };
    await expect(ranges.metrics.range(range)).rejects.toMatchObject(tooMany);
  });

  test('one more is an error in a body with spaces too', async () => {
    const { metrics } = await source(200, vector(1_501), { maxSeries: 1_500, space: 1 });
    await expect(metrics.instant({ expr: 'x', at })).rejects.toMatchObject(tooMany);
  });

  test('a response of too many bytes has the same advice', async () => {
    const { metrics } = await source(200, vector(100), { maxBytes: 1_000 });
    const { advice } = tooMany;
    await expect(metrics.instant({ expr: 'x', at })).rejects.toMatchObject({ code: 'too-large', advice });
  });

  test.each(['x', ''])(
    'the value "%s" makes the whole response unreadable: it is neither NaN nor 0',
    async (text) => {
      const result = [{ metric: {}, value: [1, text] }];
      const { metrics } = await source(200, success({ resultType: 'vector', result }));
      await expect(metrics.instant({ expr: 'x', at })).rejects.toMatchObject({ code: 'bad-answer' });
    },
  );

  test('a series that cannot be read makes the whole response unreadable', async () => {
    const result = [{ metric: {}, value: [1, '2'] }, { metric: { service: 5 } }];
    const { metrics } = await source(200, success({ resultType: 'vector', result }));
    await expect(metrics.instant({ expr: 'x', at })).rejects.toMatchObject({ code: 'bad-answer' });
  });
});

describe('the code of an error', () => {
  const apiError = (errorType: string, error = 'because') => ({ status: 'error', errorType, error });
  test.each([
    [
      'a parse error is the rule’s',
      400,
      apiError('bad_data', '1:3: parse error'),
      'bad-request',
      '1:3: parse error',
    ],
    [
      'a failing execution is the rule’s',
      422,
      apiError('execution', 'many-to-many'),
      'bad-request',
      'many-to-many',
    ],
    [
      'too many samples are the rule’s, with the limit',
      422,
      apiError('execution', 'query processing would load too many samples into memory in query execution'),
      'bad-request',
      '--query.max-samples',
    ],
    ['a query timeout is the source’s', 503, apiError('timeout'), 'timeout', 'because'],
    ['a cancelled query is the source’s', 503, apiError('canceled'), 'timeout', 'because'],
    ['an unavailable storage is the source’s', 503, apiError('unavailable'), 'unavailable', 'because'],
    ['an internal error is the source’s', 500, apiError('internal'), 'unavailable', 'because'],
    [
      'a proxy that answers for it is the source’s',
      502,
      { message: 'no upstream' },
      'unavailable',
      'HTTP 502',
    ],
    ['a limit in front of it is the source’s', 429, { message: 'slow down' }, 'unavailable', 'HTTP 429'],
    ['another API is no Prometheus', 200, { hello: 'world' }, 'bad-answer', 'is not from a Prometheus'],
    [
      'data of another shape is no answer',
      200,
      success({ resultType: 'vector' }),
      'bad-answer',
      'unreadable response',
    ],
    [
      'a string result is the rule’s',
      200,
      success({ resultType: 'string', result: [0, 'a'] }),
      'bad-request',
      'string',
    ],
    [
      'a matrix result is the rule’s',
      200,
      success({ resultType: 'matrix', result: [] }),
      'bad-request',
      'matrix',
    ],
  ])('%s', async (_, status, answer, code, words) => {
    const { metrics } = await source(status, answer);
    const error = await metrics.instant({ expr: 'x', at }).then(
      () => undefined,
      (thrown: UpstreamError) => thrown,
    );
    expect(error).toMatchObject({ name: 'UpstreamError', system: 'prometheus', code });
    expect(error?.message).toContain(words);
    expect(error?.advice).toMatch(/\.$/);
  });
});
