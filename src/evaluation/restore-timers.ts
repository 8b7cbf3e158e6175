import type { Alert, RuleGroupState, RuleState } from '../alerts/alert.ts';
import type { ExpandTemplate } from '../alerts/identity.ts';
import { stepRule } from '../alerts/step-rule.ts';
import type { Clock } from '../lib/clock.ts';
import { forEachLimited } from '../lib/concurrency.ts';
import { withDeadline } from '../lib/deadline.ts';
import { errorMessage } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { MetricsSource, Series } from '../lib/metrics-source.ts';
import {
  after,
  before,
  between,
  type EpochMs,
  epochMs,
  HOUR,
  MINUTE,
  type Milliseconds,
  ms,
} from '../lib/units.ts';
import type { RuleGroup, SloRule } from '../rules/rule.ts';

/** Prometheus restores the timers of rules with at least this `for`. Source: cmd/prometheus, rules.alert.for-grace-period. */
const GRACE_PERIOD: Milliseconds = ms(10 * MINUTE);

/** Prometheus restores no timers after a longer outage. Source: cmd/prometheus, rules.alert.for-outage-tolerance. */
const OUTAGE_TOLERANCE: Milliseconds = HOUR;

const isUnfired = ({ state, firedAt }: Alert): boolean => state === 'pending' && firedAt === undefined;

/** Whether Prometheus begins the timer of an alert anew when it restarts, however short the outage. */
const isShort = ({ rule }: RuleState, { state }: Alert): boolean =>
  rule.for > 0 && rule.for < GRACE_PERIOD && state !== 'resolved';

/** Whether a restart of Prometheus would begin a timer of the group anew. */
export const hasShortTimers = ({ rules }: RuleGroupState): boolean =>
  Object.values(rules).some((state) => state.alerts.some((alert) => isShort(state, alert)));

/** When `for` began, as Prometheus restores it at `restoredAt`. Source: prometheus rules/group.go, RestoreForState. */
function restoredActiveAt(activeAt: EpochMs, hold: Milliseconds, at: { down: EpochMs; restored: EpochMs }) {
  const remaining = hold - between(activeAt, at.down);
  if (remaining <= 0) return activeAt;
  return remaining < GRACE_PERIOD
    ? before(after(at.restored, GRACE_PERIOD), hold)
    : after(activeAt, between(at.down, at.restored));
}

/**
 * The state of a group at its first evaluation after a restart in Prometheus's mode. With a `for` under 10 min or after
 * an outage of more than 1 h, timers begin anew: a firing alert is pending again, and its message stays open until the
 * next evaluations decide. Otherwise the outage is added, with a grace period of 10 min. Prometheus restores at the
 * second evaluation.
 */
export function afterRestart(
  state: RuleGroupState,
  { evalTime, interval }: { readonly evalTime: EpochMs; readonly interval: Milliseconds },
): RuleGroupState {
  const isLong = between(state.evalTime, evalTime) > OUTAGE_TOLERANCE;
  const at = { down: state.evalTime, restored: after(evalTime, interval) };
  const rules = Object.entries(state.rules).map(([key, known]) => {
    const hold = known.rule.for;
    const alerts = known.alerts.flatMap((alert): readonly Alert[] => {
      if (alert.state === 'resolved' || hold === 0) return [alert];
      if (!isLong && !isShort(known, alert))
        return [{ ...alert, activeAt: restoredActiveAt(alert.activeAt, hold, at) }];
      return isUnfired(alert) ? [] : [{ ...alert, state: 'pending', activeAt: evalTime }];
    });
    return [key, { ...known, alerts }] as const;
  });
  return { ...state, rules: Object.fromEntries(rules) };
}

/**
 * A state from the future as it is taken over: a clock was ahead when it was written. No instant in it stays later than
 * the evaluation, so that no timer waits for it.
 */
export function fromFuture(state: RuleGroupState, evalTime: EpochMs): RuleGroupState {
  const past = (at: EpochMs): EpochMs => epochMs(Math.min(at, evalTime));
  const known = (at: EpochMs | undefined): EpochMs | undefined => (at === undefined ? undefined : past(at));
  const alertOf = (alert: Alert): Alert => ({
    ...alert,
    activeAt: past(alert.activeAt),
    firedAt: known(alert.firedAt),
    resolvedAt: known(alert.resolvedAt),
    keepFiringSince: known(alert.keepFiringSince),
    seenAt: past(alert.seenAt),
    noDataSince: known(alert.noDataSince),
    refreshedAt: known(alert.refreshedAt),
    pausedFor: undefined,
  });
  const rules = Object.entries(state.rules).map(([key, rule]) => {
    const { health } = rule;
    return [
      key,
      {
        ...rule,
        alerts: rule.alerts.map(alertOf),
        evaluatedAt: known(rule.evaluatedAt),
        health: health.kind === 'source-error' ? { ...health, since: past(health.since) } : health,
      },
    ] as const;
  });
  const { ruleSetVersion: version } = state;
  return {
    evalTime,
    rules: Object.fromEntries(rules),
    ruleSetVersion: version && { ...version, since: past(version.since) },
  };
}

/** Ticks further apart than this many intervals have a gap between them in which nobody evaluated. */
const GAP_INTERVALS = 2;

/** A gap of at most the rule's `for` and this is filled from Prometheus. */
const FILLED: Milliseconds = HOUR;

/** The share of the interval for the range queries. The evaluation itself follows. */
const FILL_SHARE = 0.25;

/** Range queries at the same time. */
const CONCURRENT_QUERIES = 2;

/** After the loss of a store, timers are read from Prometheus this much further back than the rule's `for`. */
const LOSS_LOOK_BACK: Milliseconds = ms(10 * MINUTE);

interface GapOptions {
  readonly metrics: Pick<MetricsSource, 'range'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly expand: ExpandTemplate;
}

/** The evaluations that did not take place: `count` of them, the first at `first`. */
interface Gap {
  readonly group: RuleGroup;
  readonly first: EpochMs;
  readonly count: number;
}

/** The instants of a gap, for a range query. */
const rangeOf = ({ group: { interval, queryOffset }, first }: Gap, evalTime: EpochMs) => ({
  window: { start: before(first, queryOffset), end: before(evalTime, ms(interval + queryOffset)) },
  step: interval,
});

/** The alerts that are pending after the missed evaluations of a rule, by the values of its expression then. */
function replayed(
  { group, first, count }: Gap,
  {
    rule,
    known,
    series,
    expand,
  }: { rule: SloRule; known: RuleState; series: readonly Series[]; expand: ExpandTemplate },
): readonly Alert[] {
  const step = group.interval;
  // Nothing fires in the past: the next evaluation decides.
  const held: SloRule = { ...rule, for: ms(Number.POSITIVE_INFINITY) };
  const values = series.map(
    ({ points }) => new Map(points.map(({ at, value }) => [Math.round(between(first, at) / step), value])),
  );
  let previous: RuleState = { ...known, alerts: known.alerts.filter(isUnfired) };
  for (let index = 0; index < count; index++) {
    const samples = series.flatMap(({ labels }, which) => {
      const value = values[which]?.get(index);
      return value === undefined ? [] : [{ labels, value }];
    });
    const evalTime = after(first, ms(index * step));
    const evaluation = { kind: 'vector', samples } as const;
    previous = stepRule({ rule: held, group, previous, evaluation, evalTime, expand }).next;
  }
  const others = new Set(known.alerts.filter((alert) => !isUnfired(alert)).map((alert) => alert.fingerprint));
  return previous.alerts.filter((alert) => isUnfired(alert) && !others.has(alert.fingerprint));
}

/**
 * The state of a group after a gap in its evaluation: a restart, an outage of the store, missed ticks. Time in which
 * nobody evaluated does not count toward `for`. A short gap is filled by a range query of each rule with a pending alert;
 * without its result, and after a longer gap, the timers begin anew. A group with a cron schedule has no known gaps.
 */
export async function afterGap(
  { metrics, clock, logger, expand }: GapOptions,
  { group, evalTime }: { readonly group: RuleGroup; readonly evalTime: EpochMs },
  state: RuleGroupState,
): Promise<RuleGroupState> {
  const { interval, queryOffset, schedule } = group;
  const missed = between(state.evalTime, evalTime);
  if (schedule !== undefined || missed <= GAP_INTERVALS * interval + queryOffset) return state;
  const count = Math.ceil(missed / interval) - 1;
  const gap: Gap = { group, count, first: before(evalTime, ms(count * interval)) };
  const waiting = Object.entries(state.rules).filter(([, { alerts }]) => alerts.some(isUnfired));
  if (waiting.length === 0) return state;
  const rules: Record<string, RuleState> = { ...state.rules };
  const run = async ([key, known]: readonly [string, RuleState], signal: AbortSignal): Promise<void> => {
    const rule = group.rules.find((one) => one.key === key);
    if (rule === undefined || rule.about === 'source' || missed > rule.for + FILLED) return;
    const series = await metrics.range({ expr: rule.expr, ...rangeOf(gap, evalTime) }, signal);
    const pending = replayed(gap, { rule, known, series, expand });
    rules[key] = { ...known, alerts: [...(rules[key]?.alerts ?? []), ...pending].sort(byFingerprint) };
  };
  for (const [key, known] of waiting)
    rules[key] = { ...known, alerts: known.alerts.filter((alert) => !isUnfired(alert)) };
  const duration = ms(FILL_SHARE * interval);
  try {
    await withDeadline({ clock, duration, system: 'prometheus' }, (signal) =>
      forEachLimited(waiting, CONCURRENT_QUERIES, (each) => run(each, signal)),
    );
  } catch (error) {
    logger.warn('missed evaluations could not be filled; pending alerts begin anew', {
      group: group.id,
      reason: errorMessage(error),
    });
  }
  return { ...state, rules };
}

/**
 * A rule's state with the alerts that were pending before an evaluation by the values of its expression in Prometheus, for
 * a store that lost its data: they have breached for so long without a gap. Throws what the query throws.
 */
export async function withLostTimers(
  { metrics, expand }: Pick<GapOptions, 'metrics' | 'expand'>,
  {
    group,
    rule,
    evalTime,
  }: { readonly group: RuleGroup; readonly rule: SloRule; readonly evalTime: EpochMs },
  { previous, signal }: { readonly previous: RuleState | undefined; readonly signal: AbortSignal },
): Promise<RuleState> {
  const { interval } = group;
  const known: RuleState = previous ?? { rule, alerts: [], health: { kind: 'unknown' } };
  const count = Math.ceil((rule.for + LOSS_LOOK_BACK) / interval);
  const gap: Gap = { group, count, first: before(evalTime, ms(count * interval)) };
  const series = await metrics.range({ expr: rule.expr, ...rangeOf(gap, evalTime) }, signal);
  // What the evaluations since then have found, before the query succeeded, is part of the answer.
  const fired = known.alerts.filter((alert) => !isUnfired(alert));
  const pending = replayed(gap, { rule, known: { ...known, alerts: fired }, series, expand });
  return { ...known, alerts: [...fired, ...pending].sort(byFingerprint) };
}

const byFingerprint = (a: Alert, b: Alert): number => (a.fingerprint < b.fingerprint ? -1 : 1);
