import { describe, expect, test } from 'vitest';
import { epochMs, ms } from '../../../src/lib/units.ts';
import { createPrometheusMetrics } from '../../../src/prometheus/prometheus-metrics.ts';
import { createSpyLogger } from '../../support/spies.ts';

type Http = Parameters<typeof createPrometheusMetrics>[0]['http'];

/** The adapter on a client that gives one answer, and what it was asked. */
function source(data: object) {
  const forms: unknown[] = [];
  const http: Pick<Http, 'json'> = {
    json: async ({ form }) => {
      forms.push(form);
      return {
        status: 200,
        contentType: 'application/json',
        body: { status: 'success', data: { resultType: 'vector', result: [], ...data } },
      };
    },
  };
  const metrics = createPrometheusMetrics({
    http: http as Http,
    deadline: ms(30_000),
    logger: createSpyLogger(),
  });
  return { forms, metrics };
}

describe('what a query costs', () => {
  const timings = { execTotalTime: 0.25, evalTotalTime: 0.2 };
  test.each([
    [
      'is read from its statistics',
      { stats: { timings, samples: { peakSamples: 1_200 } } },
      { seconds: 0.25, peakSamples: 1_200 },
    ],
    ['is its time where samples are not counted', { stats: { timings } }, { seconds: 0.25, peakSamples: 0 }],
    ['is not known of a server that does not tell', {}, undefined],
  ])('%s', async (_, data, expected) => {
    const { forms, metrics } = source(data);
    expect(await metrics.cost({ expr: 'x', at: epochMs(1_700_000_000_000) })).toEqual(expected);
    expect(forms).toEqual([expect.objectContaining({ query: 'x', time: '1700000000.000', stats: 'all' })]);
  });
});
