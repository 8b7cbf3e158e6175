import type { Alert, NoDataReason } from '../alerts/alert.ts';
import { seriesOf } from '../alerts/identity.ts';
import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { UpstreamError, unansweredBecause } from '../lib/errors.ts';
import { fingerprint, type Labels } from '../lib/labels.ts';
import type { MetricsSource } from '../lib/metrics-source.ts';
import {
  before,
  between,
  type EpochMs,
  formatDuration,
  HOUR,
  MINUTE,
  type Milliseconds,
  ms,
  SECOND,
} from '../lib/units.ts';
import { anyOfMatcher, promqlLabel, promqlSelector, promqlString } from '../rules/promql.ts';
import type { MetricReading, SloRule } from '../rules/rule.ts';

/** Alerts of one rule that are without data since an evaluation. */
export interface NoDataAlerts {
  readonly rule: SloRule;
  readonly alerts: readonly Alert[];
  /** The instant of the rule's queries. */
  readonly at: EpochMs;
  /** When the queries of the group must end. */
  readonly deadline: EpochMs;
}

/** Determines why alerts have no data, by their fingerprints. Never throws for a failed query. */
export type FindNoDataReason = (missing: NoDataAlerts) => Promise<ReadonlyMap<string, NoDataReason>>;

/** The limit of all queries together: the notification waits for them. */
const DEADLINE: Milliseconds = ms(3 * SECOND);

/** The first selectors of a rule are checked; a rule may have more. */
const MAX_SELECTORS = 4;

/** How long before the rule's window a series may have ended. Long windows are checked in part. */
const LOOK_BACK = { margin: ms(15 * MINUTE), max: ms(7 * HOUR) } as const;

/** Prometheus returns a series this long after its last sample. Source: --query.lookback-delta. */
const STALENESS: Milliseconds = ms(5 * MINUTE);

/** A selector and the alerts whose series it selects. */
export interface AlertSeries extends MetricReading {
  /** The labels of each alert's series, without the rule's labels. */
  readonly alerts: readonly Labels[];
}

/** With more values of a label there is no matcher for it: the query then returns more series than needed. */
const MAX_VALUES = 20;

const labelNames = ({ alerts }: AlertSeries): readonly string[] =>
  [...new Set(alerts.flatMap((labels) => Object.keys(labels)))].sort();

/** A matcher for the values that a label has in the alerts; empty when there are too many. */
function matcherFor({ alerts }: AlertSeries, name: string): string {
  const values = [...new Set(alerts.map((labels) => labels[name] ?? ''))];
  const [first = ''] = values;
  if (values.length === 1) return `${name}=${promqlString(first)}`;
  return values.length > MAX_VALUES ? '' : anyOfMatcher(name, values);
}

function selectorOf(series: AlertSeries): string {
  const matchers = [series.matchers, ...labelNames(series).map((name) => matcherFor(series, name))];
  return promqlSelector(series.metric, matchers);
}

const by = (series: AlertSeries, ...more: readonly string[]): string =>
  `by (${[...new Set([...labelNames(series), ...more])].map(promqlLabel).join(', ')})`;

/** PromQL: the time of the last sample of each alert's series, in seconds since the epoch. */
export const lastSampleQuery = (series: AlertSeries): string =>
  `max ${by(series)} (timestamp(${selectorOf(series)}))`;

/** PromQL: the number of samples in `back` of the series with the most, of each alert's. */
export const sampleCountQuery = (series: AlertSeries, back: Milliseconds): string =>
  `max ${by(series)} (count_over_time(${selectorOf(series)}[${formatDuration(back)}]))`;

/** PromQL: the number of series that each alert had at some time in `back`. */
export const seriesCountQuery = (series: AlertSeries, back: Milliseconds): string =>
  `count ${by(series)} (last_over_time(${selectorOf(series)}[${formatDuration(back)}]))`;

/** PromQL: the increase of each alert's counters in `window`. */
export const requestsQuery = (series: AlertSeries, window: Milliseconds): string =>
  `sum ${by(series)} (increase(${selectorOf(series)}[${formatDuration(window)}]))`;

/** PromQL: the pairs of job and instance of each alert's series in `back`. */
const originsQuery = (series: AlertSeries, back: Milliseconds): string =>
  `group ${by(series, 'job', 'instance')} (last_over_time(${selectorOf(series)}[${formatDuration(back)}]))`;

/** PromQL: the number of scrape targets of each alert's series in `back`. Pushed and recorded series have none. */
export const targetCountQuery = (series: AlertSeries, back: Milliseconds): string =>
  `count ${by(series)} (${originsQuery(series, back)} and on (job, instance) last_over_time(up[${formatDuration(back)}]))`;

/** PromQL: the number of those targets that are up now. */
export const upTargetQuery = (series: AlertSeries, back: Milliseconds): string =>
  `count ${by(series)} (${originsQuery(series, back)} and on (job, instance) (up == 1))`;

/** Values by the fingerprint of the alert's series. */
type ValueByAlert = ReadonlyMap<string, number>;

/** The data on one selector. */
interface SelectorData {
  readonly metric: string;
  readonly lastSampleAt: ValueByAlert;
  readonly seriesCount: ValueByAlert;
  /** In the window of the objective, to which the minimum request count applies. */
  readonly requests: ValueByAlert;
  /** In the window of the recovery query, which may be shorter. */
  readonly recentRequests: ValueByAlert;
  readonly targetCount: ValueByAlert;
  readonly upTargetCount: ValueByAlert;
}

const isCounter = (metric: string): boolean => /_(?:total|count|bucket|sum)$/.test(metric);

const windowOf = ({ objective }: SloRule): Milliseconds => objective?.window ?? ms(5 * MINUTE);

const recoveryWindowOf = (rule: SloRule): Milliseconds =>
  ms(Math.min(windowOf(rule), rule.recovery?.window ?? Number.POSITIVE_INFINITY));

/** Sends the queries on one selector, each for all alerts. */
async function querySelector(
  metrics: Pick<MetricsSource, 'instant'>,
  { rule, alerts, at }: NoDataAlerts,
  { reading, signal }: { readonly reading: MetricReading; readonly signal: AbortSignal },
): Promise<SelectorData> {
  const window = windowOf(rule);
  const recoveryWindow = recoveryWindowOf(rule);
  const back = ms(Math.min(LOOK_BACK.max, window + LOOK_BACK.margin));
  const series: AlertSeries = { ...reading, alerts: alerts.map((alert) => alert.series) };
  const query = async (expr: string): Promise<ValueByAlert> => {
    const samples = await metrics.instant({ expr, at, rejectsPartial: true }, signal);
    return new Map(samples.map(({ labels, value }) => [fingerprint(labels), value]));
  };
  const count = async (over: Milliseconds): Promise<ValueByAlert> =>
    isCounter(reading.metric) ? await query(requestsQuery(series, over)) : new Map();
  const [lastSampleAt, seriesCount, requests, recentRequests, targetCount, upTargetCount] = await Promise.all(
    [
      query(lastSampleQuery(series)),
      query(seriesCountQuery(series, back)),
      count(window),
      recoveryWindow < window ? count(recoveryWindow) : undefined,
      query(targetCountQuery(series, back)),
      query(upTargetQuery(series, back)),
    ],
  );
  const recent = recentRequests ?? requests;
  const { metric } = reading;
  return { metric, lastSampleAt, seriesCount, requests, recentRequests: recent, targetCount, upTargetCount };
}

/** Without a staleness marker Prometheus returns a series for minutes after its end: one with an old last sample has ended. */
function hasSeries(data: SelectorData, series: string, { rule, at }: NoDataAlerts): boolean {
  const seconds = data.lastSampleAt.get(series);
  const maxAge = Math.min(recoveryWindowOf(rule), STALENESS) / 2;
  return seconds !== undefined && at - seconds * SECOND <= maxAge;
}

/** Whether the series had scrape targets and none of them is up. */
const isDown = (data: SelectorData, series: string): boolean =>
  (data.targetCount.get(series) ?? 0) > 0 && (data.upTargetCount.get(series) ?? 0) === 0;

/** The reason of one alert by the data on all selectors. */
function reasonOf(selectors: readonly SelectorData[], alert: Alert, missing: NoDataAlerts): NoDataReason {
  const series = fingerprint(alert.series);
  const known = selectors.filter((each) => each.seriesCount.has(series));
  if (known.length === 0)
    return { kind: 'unknown', reason: 'no series with the labels of the alert was found' };
  const ended = known.find((each) => !hasSeries(each, series, missing));
  if (ended !== undefined)
    return isDown(ended, series) ? { kind: 'target' } : { kind: 'series', metric: ended.metric };
  const recent = known.flatMap(({ recentRequests }) => recentRequests.get(series) ?? []);
  if (recent.length > 0 && recent.every((count) => !(count > 0))) return { kind: 'traffic' };
  const { minRequests: minimum } = missing.rule;
  const requests = Math.max(0, ...known.flatMap((each) => each.requests.get(series) ?? []));
  return minimum !== undefined && requests < minimum
    ? { kind: 'few-requests', requests: Math.round(requests), minimum }
    : { kind: 'value' };
}

/**
 * Determines why alerts have no data: no series, no traffic, or no scrape target. It sends one set of queries for all
 * alerts of a rule, once, when they enter the state `no data`.
 */
export function createFindNoDataReason({
  metrics,
  clock,
}: {
  readonly metrics: Pick<MetricsSource, 'instant'>;
  readonly clock: Clock;
}): FindNoDataReason {
  return async (missing) => {
    const { rule, alerts } = missing;
    const all = (noDataReason: NoDataReason): ReadonlyMap<string, NoDataReason> =>
      new Map(alerts.map((alert) => [alert.fingerprint, noDataReason]));
    const readings = (rule.reads ?? []).slice(0, MAX_SELECTORS);
    if (readings.length === 0)
      return all({ kind: 'unknown', reason: 'the metric could not be read from the rule' });
    const duration = ms(Math.min(DEADLINE, Math.max(0, between(clock.now(), missing.deadline))));
    try {
      const selectors = await withDeadline({ clock, duration, system: 'prometheus' }, (signal) =>
        Promise.all(readings.map((reading) => querySelector(metrics, missing, { reading, signal }))),
      );
      return new Map(alerts.map((alert) => [alert.fingerprint, reasonOf(selectors, alert, missing)]));
    } catch (error) {
      if (error instanceof UpstreamError && error.code === 'partial') return all({ kind: 'source' });
      return all({ kind: 'unknown', reason: unansweredBecause(error) });
    }
  };
}

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
