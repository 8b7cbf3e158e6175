import { describe, expect, it } from 'vitest';
import { failure, get, NOW, serving, success } from './serving.ts';

const at = serving();

describe('/api/v1/query', () => {
  const vector = (...values: readonly [string, string][]) =>
    success({
      resultType: 'vector',
      result: values.map(([pod, value]) => ({
        metric: { __name__: 'up', job: 'shop', pod },
        value: [NOW, value],
      })),
    });

  it('answers a GET with the samples of now', async () => {
    expect(await get(at, '/api/v1/query', { query: 'up' })).toEqual(vector(['a', '6'], ['b', '60']));
  });

  it('answers a form POST, whose body wins over the address', async () => {
    const response = await fetch(`${at.url}/api/v1/query?query=nope(`, {
      method: 'POST',
      body: new URLSearchParams({ query: 'up{pod="a"}', time: String(NOW) }),
    });
    expect({ status: response.status, body: await response.json() }).toEqual(vector(['a', '6']));
  });

  it.each([
    ['Unix seconds', '1700000060'],
    ['seconds with a fraction', '1700000060.999'],
    ['RFC 3339', '2023-11-14T22:14:20Z'],
    ['RFC 3339 with a zone', '2023-11-14T23:14:20+01:00'],
  ])('takes a time in %s', async (_name, time) => {
    const { body } = await get(at, '/api/v1/query', { query: 'scalar(up{pod="a"})', time });
    expect(body).toMatchObject({ data: { resultType: 'scalar', result: [expect.any(Number), '2'] } });
  });

  it('answers scalars, strings and range vectors in their own shapes', async () => {
    expect(await get(at, '/api/v1/query', { query: '1e-7' })).toEqual(
      success({ resultType: 'scalar', result: [NOW, '0.0000001'] }),
    );
    expect(await get(at, '/api/v1/query', { query: '"a\\"b"' })).toEqual(
      success({ resultType: 'string', result: [NOW, 'a"b'] }),
    );
    expect(await get(at, '/api/v1/query', { query: 'up{pod="a"}[1m1ms]' })).toEqual(
      success({
        resultType: 'matrix',
        result: [
          {
            metric: { __name__: 'up', job: 'shop', pod: 'a' },
            values: [
              [NOW - 60, '5'],
              [NOW, '6'],
            ],
          },
        ],
      }),
    );
    expect(await get(at, '/api/v1/query', { query: 'nothing' })).toEqual(
      success({ resultType: 'vector', result: [] }),
    );
  });

  it('cuts at limit and says so', async () => {
    const { body } = await get(at, '/api/v1/query', { query: 'up', limit: '1' });
    expect(body).toMatchObject({ data: { result: [{}] }, warnings: ['results truncated due to limit'] });
  });

  it.each([
    [
      'a mistake in the query',
      { query: 'sum(' },
      400,
      'bad_data',
      'invalid parameter "query": 1:5: parse error: unclosed left parenthesis',
    ],
    [
      'no query',
      {},
      400,
      'bad_data',
      'invalid parameter "query": 1:1: parse error: no expression found in input',
    ],
    [
      'a bad time',
      { query: '1', time: 'x' },
      400,
      'bad_data',
      `invalid parameter "time": invalid time value for 'time': cannot parse "x" to a valid timestamp`,
    ],
    [
      'a bad timeout',
      { query: '1', timeout: 'x' },
      400,
      'bad_data',
      'invalid parameter "timeout": cannot parse "x" to a valid duration',
    ],
    [
      'a negative limit',
      { query: '1', limit: '-1' },
      400,
      'bad_data',
      'invalid parameter "limit": limit must be non-negative',
    ],
    [
      'an operation the samples do not allow',
      { query: 'up + on(job) up' },
      422,
      'execution',
      /many-to-many matching not allowed/,
    ],
    [
      'a function it does not know',
      { query: 'deriv(up[5m])' },
      422,
      'execution',
      'the embedded Prometheus does not know the function deriv',
    ],
    [
      'a query that takes too long',
      { query: 'up', timeout: '0' },
      503,
      'timeout',
      'query timed out in expression evaluation',
    ],
  ] as const)('refuses %s', async (_name, form, status, errorType, error) => {
    const expected = typeof error === 'string' ? error : expect.stringMatching(error);
    expect(await get(at, '/api/v1/query', form)).toEqual(failure(status, errorType, expected));
  });

  it('looks back as far as lookback_delta says', async () => {
    const time = String(NOW + 100);
    expect((await get(at, '/api/v1/query', { query: 'up', time, lookback_delta: '30s' })).body).toMatchObject(
      {
        data: { result: [] },
      },
    );
    expect((await get(at, '/api/v1/query', { query: 'up', time })).body).toMatchObject({
      data: { result: [{}, {}] },
    });
  });
});

describe('/api/v1/query_range', () => {
  const range = (form: Record<string, string>) =>
    get(at, '/api/v1/query_range', {
      query: 'up{pod="a"}',
      start: String(NOW - 120),
      end: String(NOW),
      step: '60',
      ...form,
    });

  it('answers every step from start to end', async () => {
    const values = [
      [NOW - 120, '4'],
      [NOW - 60, '5'],
      [NOW, '6'],
    ];
    const data = {
      resultType: 'matrix',
      result: [{ metric: { __name__: 'up', job: 'shop', pod: 'a' }, values }],
    };
    expect(await range({})).toEqual(success(data));
    expect(await range({ step: '1m' })).toEqual(success(data));
  });

  it('gives a scalar as a series without labels', async () => {
    const { body } = await range({ query: 'time() - time() + 2', step: '120' });
    expect(body).toEqual({
      status: 'success',
      data: {
        resultType: 'matrix',
        result: [
          {
            metric: {},
            values: [
              [NOW - 120, '2'],
              [NOW, '2'],
            ],
          },
        ],
      },
    });
  });

  it('leaves out the steps where a series has no value', async () => {
    const { body } = await range({ query: 'up{pod="a"} != 5' });
    expect(body).toMatchObject({
      data: {
        result: [
          {
            values: [
              [NOW - 120, '4'],
              [NOW, '6'],
            ],
          },
        ],
      },
    });
  });

  it('@ start() and @ end() are the ends of the range', async () => {
    const { body } = await range({ query: 'up{pod="a"} @ start() + up{pod="a"} @ end()', step: '120' });
    expect(body).toMatchObject({
      data: {
        result: [
          {
            values: [
              [NOW - 120, '10'],
              [NOW, '10'],
            ],
          },
        ],
      },
    });
  });

  it.each([
    ['a missing start', { start: '' }, 'invalid parameter "start": cannot parse "" to a valid timestamp'],
    [
      'an end before the start',
      { end: '1' },
      'invalid parameter "end": end timestamp must not be before start time',
    ],
    [
      'a step of zero',
      { step: '0' },
      'invalid parameter "step": zero or negative query resolution step widths are not accepted. Try a positive integer',
    ],
    ['a missing step', { step: '' }, 'invalid parameter "step": cannot parse "" to a valid duration'],
    [
      'more than 11,000 points',
      { start: '0', end: '11001', step: '1' },
      'exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)',
    ],
    [
      'a range vector',
      { query: 'up[5m]' },
      'invalid parameter "query": invalid expression type "range vector" for range query, must be Scalar or instant Vector',
    ],
  ])('refuses %s', async (_name, form, error) => {
    expect(await range(form)).toEqual(failure(400, 'bad_data', error));
  });

  it('allows 11,001 points', async () => {
    const { status } = await range({ query: '1', start: '0', end: '11000', step: '1' });
    expect(status).toBe(200);
  });
});
