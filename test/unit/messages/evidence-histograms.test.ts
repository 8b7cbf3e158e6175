import { describe, expect, it } from 'vitest';
import type { Sample } from '../../../src/lib/metrics-source.ts';
import { MINUTE, ms, ratio } from '../../../src/lib/units.ts';
import { createLinks } from '../../../src/links/link.ts';
import { createEvidenceCollector } from '../../../src/messages/evidence.ts';
import { bucketRatesExpr } from '../../../src/rules/queries.ts';
import type { LatencyObjective } from '../../../src/rules/rule.ts';
import { anAlert, aRule } from '../../support/builders.ts';
import { createFakeMetricsSource } from '../../support/fake-metrics-source.ts';
import { createSpyLogger } from '../../support/spies.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';

const objective: LatencyObjective = {
  family: {
    metric: 'http_server_request_duration_seconds',
    unit: 's',
    selector: '',
    serviceLabel: 'service',
  },
  by: ['service'],
  quantile: ratio(0.99),
  threshold: ms(750),
  window: ms(5 * MINUTE),
};

/** Enriches an alert whose histogram is read as these samples. */
async function enriched(of: LatencyObjective, rates: readonly Sample[]) {
  const metrics = createFakeMetricsSource();
  metrics.answer(bucketRatesExpr(of, { service: 'checkout' }, { window: of.window }), rates);
  const enrich = createEvidenceCollector({
    metrics,
    clock: createVirtualClock(),
    logger: createSpyLogger(),
    links: createLinks({}),
    resolveService: async () => ({ kind: 'found', service: 'checkout' }),
    findSlowest: async () => ({ rows: [], isComplete: true, completeness: '', searches: 0 }),
  });
  return await enrich({ alert: anAlert(), rule: aRule({ objective: of }) });
}

const bucket = (le: string, value: number): Sample => ({ labels: { le }, value });
const CLASSIC = [bucket('0.5', 92.8), bucket('1', 99.9), bucket('+Inf', 100)];

describe('an alert is enriched', () => {
  it('with the bounds beside a threshold that may be none, and the shares that both leave possible', async () => {
    const { slowBetween } = await enriched({ ...objective, isApproximate: true }, CLASSIC);
    expect(slowBetween).toMatchObject({ low: 500, high: 1_000 });
    expect(slowBetween?.atLeast).toBeCloseTo(0.001);
    expect(slowBetween?.atMost).toBeCloseTo(0.072);
  });

  it('without bounds where the threshold must be one', async () => {
    expect(await enriched(objective, CLASSIC)).not.toMatchObject({ slowBetween: expect.anything() });
  });

  it('with the quantile of a native histogram, in its own bucket', async () => {
    const native: LatencyObjective = { ...objective, family: { ...objective.family, histogram: 'native' } };
    const histogram = [
      { low: 0.25, high: 0.5, count: 90 },
      { low: 0.8, high: 0.87, count: 10 },
    ];
    const { latency } = await enriched(native, [{ labels: {}, value: 0, histogram }]);
    expect(latency).toMatchObject({ quantile: 0.99, low: 800, high: 870 });
  });
});
