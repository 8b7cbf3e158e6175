import type { Labels } from '../lib/labels.ts';
import { between, type EpochMs, MINUTE, type Milliseconds, ms } from '../lib/units.ts';
import { type Comparison, NO_DATA_TIMEOUT, type RuleGroup, type SloRule } from '../rules/rule.ts';
import type { Alert, ResolveReason, Transition } from './alert.ts';
import { alertIdOf, type Breach, type ExpandTemplate } from './identity.ts';
import type { RecoveryResult } from './recovery.ts';

/** The next state of one alert. `alert` is absent when nothing of it is kept. */
export interface AlertStep {
  readonly alert?: Alert;
  readonly transition?: Transition;
}

/** What all alerts of a rule share in one evaluation. */
export interface AlertStepContext {
  readonly rule: SloRule;
  readonly group: Pick<RuleGroup, 'id' | 'interval'>;
  readonly evalTime: EpochMs;
  readonly expand: ExpandTemplate;
  /** Switches every difference from Prometheus off. */
  readonly isPrometheus: boolean;
}

/** Resolved alerts are kept this long. Source: prometheus rules/alerting.go, resolvedRetention. */
const RESOLVED_RETENTION: Milliseconds = ms(15 * MINUTE);

/** After this many evaluations in a row without data a firing alert is in the state `no data`. */
const MISSED_TICKS_UNTIL_NO_DATA = 2;

const stepTo = (alert: Alert, kind?: Transition['kind']): AlertStep =>
  kind === undefined ? { alert } : { alert, transition: { kind, alert } };

/** The annotations for the current value; the same object as before when no text changed. */
function annotationsFor({ rule, expand }: AlertStepContext, { sample }: Breach, known: Labels = {}): Labels {
  const names = Object.keys(rule.annotations);
  const texts = names.map((name) => expand(rule.annotations[name] ?? '', sample));
  const isKnown =
    names.length === Object.keys(known).length && names.every((name, index) => known[name] === texts[index]);
  return isKnown ? known : Object.fromEntries(names.map((name, index) => [name, texts[index] ?? '']));
}

function newAlert(context: AlertStepContext, breach: Breach): Alert {
  const { evalTime } = context;
  return {
    fingerprint: breach.fingerprint,
    alertId: alertIdOf(context, breach.fingerprint, evalTime),
    labels: breach.labels,
    series: breach.series,
    annotations: annotationsFor(context, breach),
    state: 'pending',
    activeAt: evalTime,
    value: breach.sample.value,
    peak: breach.sample.value,
    seenAt: evalTime,
    missedTicks: 0,
    // What most alerts get later: `{ ...alert, field }` with a new field gives each object a hidden class of its own in V8,
    // 300 bytes for each of thousands of alerts.
    pausedFor: undefined,
    firedAt: undefined,
    refreshedAt: undefined,
    shownValue: undefined,
    postedTo: undefined,
    awaiting: undefined,
    suppressed: undefined,
  };
}

/** The alert with its value at this evaluation: there is data. */
function withValue(alert: Alert, value: number, evalTime: EpochMs): Alert {
  const seen: Alert = { ...alert, value, seenAt: evalTime, missedTicks: 0 };
  if (alert.noDataSince === undefined) return seen;
  const gap = { start: alert.noDataSince, end: evalTime };
  return { ...seen, gap, noDataSince: undefined, noDataReason: undefined };
}

/** The alert breaching again: the timer of `keep_firing_for` stops. */
const withoutKeepFiring = (alert: Alert): Alert =>
  alert.keepFiringSince === undefined
    ? alert
    : { ...alert, keepFiringSince: undefined, pausedFor: undefined };

/** How long the current timer has run, without the time of failed evaluations. */
function elapsed(alert: Alert, since: EpochMs, evalTime: EpochMs): number {
  return between(since, evalTime) - (alert.pausedFor ?? 0);
}

/**
 * Starts firing once `for` has passed. Prometheus since commit 7dea9af4 also returns a firing alert to pending when a
 * reload raised `for` above its age. Here this happens only in Prometheus's mode: the message was posted, and a changed
 * timer is no reason to withdraw it.
 */
function promoted(context: AlertStepContext, alert: Alert, isNew: boolean): AlertStep {
  const { rule, evalTime, isPrometheus } = context;
  const isDue = elapsed(alert, alert.activeAt, evalTime) >= rule.for;
  if (alert.state === 'pending') {
    return isDue
      ? stepTo({ ...alert, pausedFor: undefined, state: 'firing', firedAt: evalTime }, 'firing')
      : stepTo(alert, isNew ? 'pending' : undefined);
  }
  return stepTo(isPrometheus && !isDue ? { ...alert, state: 'pending' } : alert);
}

/** The next state of an alert that is in the result, new or known. */
export function stepBreaching(
  context: AlertStepContext,
  known: Alert | undefined,
  breach: Breach,
): AlertStep {
  if (known === undefined || known.state === 'resolved') {
    return promoted(context, newAlert(context, breach), true);
  }
  const { value } = breach.sample;
  const { evalTime } = context;
  const alert: Alert = {
    ...withoutKeepFiring(known.noDataSince === undefined ? known : withValue(known, value, evalTime)),
    value,
    seenAt: evalTime,
    missedTicks: 0,
    annotations: annotationsFor(context, breach, known.annotations),
    peak: worseOf(context.rule.comparison, known.peak, value),
  };
  const step = promoted(context, alert, false);
  return known.noDataSince === undefined ? step : stepTo(alert, 'data-back');
}

/** An alert whose series breaches on under other labels: the same occurrence, with its new labels. */
export const stepRelabeled = (context: AlertStepContext, known: Alert, breach: Breach): AlertStep =>
  stepBreaching(
    context,
    { ...known, fingerprint: breach.fingerprint, labels: breach.labels, series: breach.series },
    breach,
  );

/** The two steps of a firing alert whose severity changed: it ends as continued, and another one fires in its place. */
export function stepContinued(
  context: AlertStepContext,
  known: Alert,
  breach: Breach,
): { readonly ended: AlertStep; readonly begun: AlertStep } {
  const { evalTime, rule } = context;
  const begun: Alert = {
    ...newAlert(context, breach),
    activeAt: known.activeAt,
    peak: worseOf(rule.comparison, known.peak, breach.sample.value),
    state: 'firing',
    firedAt: evalTime,
    continues: known.alertId,
  };
  const continuedAs = { alertId: begun.alertId, severity: begun.labels['severity'] };
  const ended: Alert = { ...resolveAlert(known, evalTime, 'continued'), continuedAs };
  return { ended: stepTo(ended, 'resolved'), begun: stepTo(begun, 'firing') };
}

/** Whether a resolved alert is no longer kept. */
export const isForgotten = ({ resolvedAt }: Alert, evalTime: EpochMs): boolean =>
  between(resolvedAt ?? evalTime, evalTime) > RESOLVED_RETENTION;

/** Resolves an alert that has fired. */
export const resolveAlert = (alert: Alert, evalTime: EpochMs, reason: ResolveReason): Alert => ({
  ...alert,
  state: 'resolved',
  resolvedAt: evalTime,
  resolveReason: reason,
});

/**
 * The breach is over: keeps firing while `keep_firing_for` runs, then resolves. In Prometheus's mode a raised `for` makes
 * such an alert pending again, as it does one that breaches.
 */
function ending(context: AlertStepContext, alert: Alert, reason: ResolveReason): AlertStep {
  const { rule, evalTime, isPrometheus } = context;
  const { keepFiringSince = evalTime } = alert;
  const pausedFor = alert.keepFiringSince === undefined ? undefined : alert.pausedFor;
  const timed: Alert = { ...alert, pausedFor, keepFiringSince };
  const isKept = rule.keepFiringFor > 0 && elapsed(timed, keepFiringSince, evalTime) < rule.keepFiringFor;
  if (!isKept) return stepTo(resolveAlert(timed, evalTime, reason), 'resolved');
  const isEarly = isPrometheus && between(alert.activeAt, evalTime) < rule.for;
  return stepTo(isEarly ? { ...timed, state: 'pending' } : timed);
}

function withDataBack(before: Alert, step: AlertStep): AlertStep {
  const isBack = before.noDataSince !== undefined && step.transition === undefined;
  return isBack && step.alert !== undefined ? stepTo(step.alert, 'data-back') : step;
}

/**
 * An evaluation without data. What counts toward the end is the number of evaluations, not the time: nothing is known
 * about the time in which nobody evaluated.
 */
function missed({ rule, group, evalTime }: AlertStepContext, alert: Alert): AlertStep {
  const missedTicks = alert.missedTicks + 1;
  const counted: Alert = { ...alert, missedTicks };
  if (alert.noDataSince === undefined)
    return missedTicks < MISSED_TICKS_UNTIL_NO_DATA
      ? stepTo(counted)
      : stepTo({ ...counted, noDataSince: alert.seenAt }, 'no-data');
  const isOver = rule.noData !== 'resolve' && missedTicks * group.interval >= rule.noData;
  return isOver
    ? stepTo(resolveAlert({ ...counted, noDataSince: undefined }, evalTime, 'no-data'), 'resolved')
    : stepTo(counted);
}

/**
 * The source answers the rule's own query, which does not return the alert, and not the recovery query. After the time
 * that the rule waits for data the alert ends as in Prometheus, so that it does not stay open forever.
 */
function unanswered(context: AlertStepContext, alert: Alert): AlertStep {
  const { rule, evalTime } = context;
  const limit = rule.noData === 'resolve' ? NO_DATA_TIMEOUT : rule.noData;
  return elapsed(alert, alert.seenAt, evalTime) < limit
    ? stepTo(alert)
    : ending(context, alert, 'no-longer-returned');
}

/** The next state of an alert that has fired and is not in the result. */
function stepByRecovery(context: AlertStepContext, alert: Alert, recovery: RecoveryResult): AlertStep {
  const { evalTime } = context;
  switch (recovery.kind) {
    case 'not-returned':
      return ending(context, alert, 'no-longer-returned');
    case 'recovered':
      return withDataBack(alert, ending(context, withValue(alert, recovery.value, evalTime), 'recovered'));
    case 'not-breaching':
      return withDataBack(
        alert,
        ending(context, withValue(alert, alert.value, evalTime), 'no-longer-breaching'),
      );
    case 'still-breaching':
      return withDataBack(alert, stepTo(withoutKeepFiring(withValue(alert, recovery.value, evalTime))));
    case 'no-data':
      return missed(context, alert);
    case 'unknown':
      return unanswered(context, alert);
  }
}

/** The next state of a known alert that is not in the result. `recoveryOf` is called only for a firing alert. */
export function stepMissing(
  context: AlertStepContext,
  alert: Alert,
  recoveryOf: (alert: Alert) => RecoveryResult,
): AlertStep {
  const { evalTime } = context;
  if (alert.state === 'resolved') return isForgotten(alert, evalTime) ? {} : { alert };
  if (alert.state === 'pending') {
    // Only a raised `for` returns an alert to pending that has fired: its message must not stay open.
    return alert.firedAt === undefined
      ? { transition: { kind: 'dropped', alert } }
      : stepTo(resolveAlert(alert, evalTime, 'no-longer-returned'), 'resolved');
  }
  return stepByRecovery(context, alert, recoveryOf(alert));
}

/**
 * The worse of two values of one rule: the lower one where low is bad (`<`, `<=`), else the higher one. Of NaN and a
 * number it is the number.
 */
export function worseOf(comparison: Comparison | undefined, a: number, b: number): number {
  if (Number.isNaN(a)) return b;
  if (Number.isNaN(b)) return a;
  return comparison === '<' || comparison === '<=' ? Math.min(a, b) : Math.max(a, b);
}
