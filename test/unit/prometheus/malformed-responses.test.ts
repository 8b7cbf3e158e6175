import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UpstreamError } from '../../../src/lib/errors.ts';
import { epochMs, ms } from '../../../src/lib/units.ts';
import { createPrometheusMetrics } from '../../../src/prometheus/prometheus-metrics.ts';
import { isFullRun } from '../../support/runs.ts';
import { createSpyLogger } from '../../support/spies.ts';

type Http = Parameters<typeof createPrometheusMetrics>[0]['http'];

const window = { start: epochMs(0), end: epochMs(60_000) };
const at = epochMs(60_000);

/** The adapter on a server that answers everything with this body. */
function metricsOf(body: unknown, status = 200) {
  const http: Http = {
    json: async () => ({ status, contentType: 'application/json', body }),
    text: async () => ({ status, contentType: 'application/json', body: '' }),
    close: () => {},
  };
  return createPrometheusMetrics({ http, deadline: ms(1_000), logger: createSpyLogger() });
}

const isLabels = (labels: object): boolean =>
  Object.values(labels).every((value) => typeof value === 'string');

/** Everything that is asked of a Prometheus; each returns what its type says, or fails as an upstream does. */
async function queryAll(body: unknown, status?: number): Promise<void> {
  const metrics = metricsOf(body, status);
  const done = await Promise.allSettled([
    metrics.instant({ expr: 'x', at, rejectsPartial: true }).then((samples) => {
      for (const { labels, value } of samples)
        expect([isLabels(labels), typeof value]).toEqual([true, 'number']);
    }),
    metrics.range({ expr: 'x', window, step: ms(30_000) }).then((series) => {
      for (const { labels, points } of series)
        expect([isLabels(labels), points.every((point) => typeof point.value === 'number')]).toEqual([
          true,
          true,
        ]);
    }),
    metrics.labelValues({ label: 'service' }).then((values) => {
      expect(values.every((value) => typeof value === 'string')).toBe(true);
    }),
    metrics.cost({ expr: 'x', at }),
  ]);
  for (const each of done)
    if (each.status === 'rejected') expect(each.reason, String(each.reason)).toBeInstanceOf(UpstreamError);
}

const BODIES: readonly unknown[] = [
  null,
  '',
  'x',
  5,
  [],
  {},
  { status: 'success' },
  { status: 'error' },
  { status: 'error', errorType: 5, error: {} },
  { status: 'success', data: null },
  { status: 'success', data: { resultType: 'vector' } },
  { status: 'success', data: { resultType: 'vector', result: {} } },
  { status: 'success', data: { resultType: 'vector', result: [null] } },
  { status: 'success', data: { resultType: 'vector', result: [{}] } },
  { status: 'success', data: { resultType: 'vector', result: [{ metric: { a: 1 }, value: [1, '2'] }] } },
  { status: 'success', data: { resultType: 'vector', result: [{ metric: {}, value: [1, 2] }] } },
  { status: 'success', data: { resultType: 'vector', result: [{ metric: {}, value: ['1', '2'] }] } },
  { status: 'success', data: { resultType: 'matrix', result: [{ metric: {}, values: [[1]] }] } },
  { status: 'success', data: { resultType: 'scalar', result: [] } },
  { status: 'success', data: [5], warnings: 'all' },
  { status: 'success', data: { resultType: 'vector', result: [] }, warnings: [5, null] },
];

describe('a malformed response', () => {
  it.each(BODIES.map((body) => [JSON.stringify(body), body]))(
    '%s is an error of Prometheus',
    async (_, body) => {
      for (const status of [200, 400, 500]) await queryAll(body, status);
    },
  );

  it('of any shape is an error of Prometheus', async () => {
    const sample = fc.oneof(
      fc.jsonValue(),
      fc.record({ metric: fc.jsonValue(), value: fc.jsonValue() }),
      fc.record({ metric: fc.jsonValue(), values: fc.jsonValue(), histogram: fc.jsonValue() }),
    );
    const data = fc.oneof(
      fc.jsonValue(),
      fc.record({
        resultType: fc.constantFrom('vector', 'matrix', 'scalar', 'string', 'other'),
        result: fc.oneof(fc.jsonValue(), fc.array(sample, { maxLength: 3 })),
        stats: fc.jsonValue(),
      }),
    );
    const body = fc.record({
      status: fc.constantFrom('success', 'error', 'other'),
      data,
      warnings: fc.jsonValue(),
      errorType: fc.jsonValue(),
      error: fc.jsonValue(),
    });
    await fc.assert(
      fc.asyncProperty(body, (each) => queryAll(each)),
      { numRuns: isFullRun ? 20_000 : 200 },
    );
  });
});
