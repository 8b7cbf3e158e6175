import { describe, expect, it } from 'vitest';
import { createFindLateSamples, lastSampleQuery, sampleCountQuery } from '../../../src/evaluation/no-data.ts';
import { fingerprint } from '../../../src/lib/labels.ts';
import { type EpochMs, epochMs, MINUTE, ms, SECOND } from '../../../src/lib/units.ts';
import { createFakeMetricsSource } from '../../support/fake-metrics-source.ts';
import { START } from '../../support/virtual-clock.ts';

const READING = { metric: 'requests_bucket', matchers: 'job="mesh"' };
const CHECKOUT = { service: 'checkout' };
const at = (seconds: number): EpochMs => epochMs(START + seconds * SECOND);

/** Scraped every 15 s; `newest` gives the seconds of the newest sample that is ingested at an instant. */
function samples(newest: (seconds: number) => number) {
  const metrics = createFakeMetricsSource();
  const expr = lastSampleQuery({ ...READING, alerts: [CHECKOUT] });
  let ingested = 0;
  metrics.answer(expr, (instant) => {
    const until = Math.min(ingested, (instant - START) / SECOND);
    return [{ labels: CHECKOUT, value: START / SECOND + Math.floor(until / 15) * 15 }];
  });
  metrics.answer(sampleCountQuery({ ...READING, alerts: [CHECKOUT] }, ms(5 * MINUTE)), [
    { labels: CHECKOUT, value: 20 },
  ]);
  const find = createFindLateSamples(metrics);
  return {
    metrics,
    isLate: async (seconds: number, series = CHECKOUT): Promise<boolean> => {
      ingested = newest(seconds);
      const query = { rule: { reads: [READING] }, alerts: [{ series }], at: at(seconds) };
      return (await find(query, AbortSignal.timeout(1_000))).has(fingerprint(series));
    },
  };
}

describe('the samples of an alert', () => {
  it('are on time until they are older than two scrapes and a little', async () => {
    const { isLate } = samples(() => 600);
    expect([await isLate(600), await isLate(635), await isLate(636)]).toEqual([false, false, true]);
  });

  it('are late while ingestion stands still, however long, and on time when it has caught up', async () => {
    const { isLate } = samples((seconds) => (seconds < 900 ? 600 : seconds));
    for (const seconds of [640, 670, 700, 730, 760, 890]) expect(await isLate(seconds)).toBe(true);
    expect(await isLate(905)).toBe(false);
  });

  it('are on time in a pipeline that is always as late, once that is known', async () => {
    const { isLate } = samples((seconds) => seconds - 90);
    const found = [];
    for (const seconds of [600, 615, 630, 645, 660]) found.push(await isLate(seconds));
    expect(found).toEqual([true, true, true, false, false]);
  });

  it('are late after Prometheus no longer returns what was late before', async () => {
    const { metrics, isLate } = samples(() => 600);
    expect(await isLate(700)).toBe(true);
    metrics.answer(lastSampleQuery({ ...READING, alerts: [CHECKOUT] }), []);
    expect(await isLate(1_000)).toBe(true);
  });

  it('are not checked where the metric has no such labels, or the rule shows no metric', async () => {
    const { metrics, isLate } = samples(() => 0);
    expect(await isLate(600, { service: 'other' })).toBe(false);
    const find = createFindLateSamples(metrics);
    const sent = metrics.queries.length;
    const query = { rule: {}, alerts: [{ series: CHECKOUT }], at: START };
    expect((await find(query, AbortSignal.timeout(1_000))).size).toBe(0);
    expect(metrics.queries).toHaveLength(sent);
  });
});
