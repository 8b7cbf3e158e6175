import type { Alert } from '../alerts/alert.ts';
import { seriesOf } from '../alerts/identity.ts';
import { fingerprint } from '../lib/labels.ts';
import type { MetricsSource } from '../lib/metrics-source.ts';
import { before, type EpochMs, MINUTE, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import type { SloRule } from '../rules/rule.ts';
import { lastSampleQuery, sampleCountQuery } from './no-data-reason.ts';

/*
 * A value over a window is computed from the samples that there are. When the newest ones are not ingested yet, it
 * describes an earlier time, and a service that looked well then may be breaching now:
 *
 *     samples   x   x   x   x  .  .  .          .: scraped, not ingested yet
 *     window        [-----------------]  evaluation
 *
 * So an alert is not taken for recovered while the samples of its series are later than they normally are.
 */

/** A sample may be this much older than twice the scrape interval. */
const TOLERANCE: Milliseconds = ms(5 * SECOND);

/** The scrape interval is read from the number of samples in this time. */
const COUNTED: Milliseconds = ms(5 * MINUTE);

/** A pipeline that is always so late is recognized after this many evaluations in which its delay did not grow. */
const STEADY_CHECKS = 3;

/** Series whose delay is remembered; beyond it all are forgotten. */
const MOST_REMEMBERED = 10_000;

/** The alerts of a rule that may have recovered, and the instant of its queries. */
export interface LateQuery {
  readonly rule: Pick<SloRule, 'reads'>;
  readonly alerts: readonly Pick<Alert, 'series'>[];
  readonly at: EpochMs;
}

/** The alerts whose samples are late, by the fingerprints of their series. */
export type FindLateSamples = (query: LateQuery, signal: AbortSignal) => Promise<ReadonlySet<string>>;

/** How old the newest sample of a series was at the last check, and how many checks before agree. */
interface Delay {
  readonly age: Milliseconds;
  readonly steady: number;
}

/** The delays of series over several checks. */
function createDelays() {
  let known = new Map<string, Delay>();
  return {
    isKnown: (key: string): boolean => known.has(key),
    forget: (key: string): boolean => known.delete(key),
    /** Whether the delay is more than at the checks before: ingestion has stopped. */
    isGrowing: (key: string, age: Milliseconds, interval: Milliseconds): boolean => {
      const last = known.get(key);
      const steady = last !== undefined && age <= last.age + interval / 2 ? last.steady + 1 : 0;
      if (known.size >= MOST_REMEMBERED) known = new Map();
      known.set(key, { age, steady });
      return steady < STEADY_CHECKS;
    },
  };
}

/** The result of a query by the fingerprints of the alerts' series. */
async function valuesOf(
  metrics: Pick<MetricsSource, 'instant'>,
  request: { readonly expr: string; readonly at: EpochMs },
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  const samples = await metrics.instant(request, signal);
  return new Map(samples.map(({ labels, value }) => [fingerprint(seriesOf(labels)), value]));
}

/**
 * Finds alerts whose newest samples are older than twice the scrape interval, by one query for all alerts of a rule and,
 * where one may be late, one for the interval. A rule whose metric is not known, and a series whose labels the metric does
 * not have, is not checked. Throws what the source throws.
 */
export function createFindLateSamples(metrics: Pick<MetricsSource, 'instant'>): FindLateSamples {
  const delays = createDelays();
  return async ({ rule: { reads = [] }, alerts, at }, signal) => {
    const [reading] = reads;
    const late = new Set<string>();
    if (reading === undefined || alerts.length === 0) return late;
    const of = { ...reading, alerts: alerts.map(({ series }) => series) };
    const newest = await valuesOf(metrics, { expr: lastSampleQuery(of), at }, signal);
    const keys = alerts.map(({ series }) => fingerprint(series));
    const found = keys.flatMap((key) => {
      const seconds = newest.get(key);
      return seconds === undefined ? [] : [{ key, age: ms(at - Math.round(seconds * SECOND)) }];
    });
    const nameOf = (key: string): string => `${reading.metric}{${reading.matchers}} ${key}`;
    // Prometheus returns a series for five minutes after its last sample.
    for (const key of keys) if (!newest.has(key) && delays.isKnown(nameOf(key))) late.add(key);
    const oldest = Math.max(0, ...found.map(({ age }) => age));
    if (oldest <= TOLERANCE) return late;
    // Before the newest samples, so that those that are missing do not count. Targets are scraped at different times: the
    // interval is that of one series.
    const counted = { expr: sampleCountQuery(of, COUNTED), at: before(at, ms(oldest)) };
    const counts = await valuesOf(metrics, counted, signal);
    for (const { key, age } of found) {
      const interval = ms(COUNTED / Math.max(1, counts.get(key) ?? 1));
      if (age <= 2 * interval + TOLERANCE) delays.forget(nameOf(key));
      else if (delays.isGrowing(nameOf(key), age, interval)) late.add(key);
    }
    return late;
  };
}
