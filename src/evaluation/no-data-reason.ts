import type { Alert, NoDataReason } from '../alerts/alert.ts';
import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { UpstreamError, unansweredBecause } from '../lib/errors.ts';
import { fingerprint } from '../lib/labels.ts';
import type { MetricsSource, Sample } from '../lib/metrics-source.ts';
import { between, type EpochMs, HOUR, MINUTE, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import type { MetricReading, SloRule } from '../rules/rule.ts';
import {
  countOfTargets,
  countOfTargetsUp,
  lastSampleAt,
  requestsIn,
  type SeriesOf,
  wasThere,
} from './presence.ts';

/** What finding out needs. */
export interface NoDataReasonParts {
  readonly metrics: Pick<MetricsSource, 'instant'>;
  readonly clock: Clock;
}

/** Tells what is gone, by the fingerprints of alerts. Never throws for what Prometheus answers. */
export type FindNoDataReason = (missing: Missing) => Promise<ReadonlyMap<string, NoDataReason>>;

/** Alerts of one rule that went without data at an evaluation. */
export interface Missing {
  readonly rule: SloRule;
  readonly alerts: readonly Alert[];
  /** The instant that the evaluation looked at. */
  readonly at: EpochMs;
  /** When the evaluation's time is up. */
  readonly deadline: EpochMs;
}

/** All questions together take no longer: the note that the data is gone waits for them. */
const DEADLINE: Milliseconds = ms(3 * SECOND);

/** Selectors that are looked at; a rule that reads more is looked at in part. */
const MOST_READINGS = 4;

/** How long before the look-back of the rule series may have ended and still be remembered; of long windows, the last hours. */
const LOOK_BACK = { margin: ms(15 * MINUTE), most: ms(7 * HOUR) } as const;

/** Prometheus shows a series this long after its last sample. Source: --query.lookback-delta. */
const STALENESS: Milliseconds = ms(5 * MINUTE);

const isCounter = (metric: string): boolean => /_(?:total|count|bucket|sum)$/.test(metric);

/** Values by the fingerprint of the labels that name an alert's series. */
type ByAlert = ReadonlyMap<string, number>;

const indexed = (samples: readonly Sample[]): ByAlert =>
  new Map(samples.map(({ labels, value }) => [fingerprint(labels), value]));

/** What is known of one selector. */
interface Traces {
  readonly reading: MetricReading;
  readonly lastAt: ByAlert;
  readonly earlier: ByAlert;
  /** In the window of the objective, which a minimum is for. */
  readonly requests: ByAlert;
  /** In the time that the proof of a recovery looks back on, which may be shorter. */
  readonly lately: ByAlert;
  readonly targets: ByAlert;
  readonly targetsUp: ByAlert;
}

const windowOf = ({ objective }: SloRule): Milliseconds => objective?.window ?? ms(5 * MINUTE);

const proofWindowOf = (rule: SloRule): Milliseconds =>
  ms(Math.min(windowOf(rule), rule.recovery?.window ?? Number.POSITIVE_INFINITY));

/** The questions about one selector, one for all alerts each. */
async function look(
  { metrics }: NoDataReasonParts,
  { rule, alerts, at }: Missing,
  asking: { reading: MetricReading; signal: AbortSignal },
): Promise<Traces> {
  const { reading, signal } = asking;
  const window = windowOf(rule);
  const back = ms(Math.min(LOOK_BACK.most, window + LOOK_BACK.margin));
  const series: SeriesOf = { ...reading, alerts: alerts.map((alert) => alert.series) };
  const ask = async (expr: string): Promise<ByAlert> =>
    indexed(await metrics.instant({ expr, at, isProof: true }, signal));
  const counted = async (over: Milliseconds): Promise<ByAlert> =>
    isCounter(reading.metric) ? await ask(requestsIn(series, over)) : new Map();
  const isShorter = proofWindowOf(rule) < window;
  const [lastAt, earlier, requests, lately, targets, targetsUp] = await Promise.all([
    ask(lastSampleAt(series)),
    ask(wasThere(series, back)),
    counted(window),
    isShorter ? counted(proofWindowOf(rule)) : undefined,
    ask(countOfTargets(series, back)),
    ask(countOfTargetsUp(series, back)),
  ]);
  return { reading, lastAt, earlier, requests, lately: lately ?? requests, targets, targetsUp };
}

/** Without a marker of its end a series is shown on for minutes: one whose last sample is old has stopped. */
function isThere({ lastAt }: Traces, print: string, { rule, at }: Missing): boolean {
  const seconds = lastAt.get(print);
  const patience = Math.min(proofWindowOf(rule), STALENESS) / 2;
  return seconds !== undefined && at - seconds * SECOND <= patience;
}

/** Scraped targets that the series came from, none of which is up now. */
const isDown = ({ targets, targetsUp }: Traces, print: string): boolean =>
  (targets.get(print) ?? 0) > 0 && (targetsUp.get(print) ?? 0) === 0;

/** What is gone of one alert, by what is known of all selectors. Pure. */
function noDataReasonOf(traces: readonly Traces[], alert: Alert, missing: Missing): NoDataReason {
  const print = fingerprint(alert.series);
  const known = traces.filter((each) => each.earlier.has(print));
  if (known.length === 0)
    return { kind: 'unknown', reason: 'no series with the labels of the alert was found' };
  const gone = known.find((each) => !isThere(each, print, missing));
  if (gone !== undefined)
    return isDown(gone, print) ? { kind: 'target' } : { kind: 'series', metric: gone.reading.metric };
  const latest = known.flatMap(({ lately }) => lately.get(print) ?? []);
  if (latest.length > 0 && latest.every((count) => !(count > 0))) return { kind: 'traffic' };
  const counts = known.flatMap(({ requests }) => requests.get(print) ?? []);
  const { minRequests: minimum } = missing.rule;
  const requests = Math.max(0, ...counts);
  return minimum !== undefined && requests < minimum
    ? { kind: 'few-requests', requests: Math.round(requests), minimum }
    : { kind: 'value' };
}

/**
 * Finds out what is gone of alerts that went without data: the series, the traffic, or what was scraped for them. One
 * set of questions for all alerts of the rule, once, when the state is entered.
 */
export const createFindNoDataReason =
  (parts: NoDataReasonParts): FindNoDataReason =>
  (missing) =>
    find(parts, missing);

async function find(parts: NoDataReasonParts, missing: Missing): Promise<ReadonlyMap<string, NoDataReason>> {
  const { rule, alerts } = missing;
  const all = (noDataReason: NoDataReason): ReadonlyMap<string, NoDataReason> =>
    new Map(alerts.map((alert) => [alert.fingerprint, noDataReason]));
  const readings = (rule.reads ?? []).slice(0, MOST_READINGS);
  if (readings.length === 0)
    return all({ kind: 'unknown', reason: 'the metric could not be read from the rule' });
  try {
    const left = Math.max(0, between(parts.clock.now(), missing.deadline));
    const duration = ms(Math.min(DEADLINE, left));
    const limit = { clock: parts.clock, duration, system: 'prometheus' } as const;
    const traces = await withDeadline(limit, (signal) =>
      Promise.all(readings.map((reading) => look(parts, missing, { reading, signal }))),
    );
    return new Map(alerts.map((alert) => [alert.fingerprint, noDataReasonOf(traces, alert, missing)]));
  } catch (error) {
    if (error instanceof UpstreamError && error.code === 'partial') return all({ kind: 'source' });
    return all({ kind: 'unknown', reason: unansweredBecause(error) });
  }
}
