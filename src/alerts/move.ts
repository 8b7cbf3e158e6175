import type { Labels } from '../lib/labels.ts';
import { between, type EpochMs, MINUTE, type Milliseconds, ms } from '../lib/units.ts';
import type { RuleGroup, SloRule } from '../rules/rule.ts';
import type { Alert, ResolveReason, Transition } from './alert.ts';
import { worseOf } from './compare.ts';
import { alertIdOf, type Breach, type ExpandTemplate } from './identity.ts';
import type { Verdict } from './verdict.ts';

/** What one alert becomes in one evaluation. `alert` is absent when nothing of it is kept. */
export interface Move {
  readonly alert?: Alert;
  readonly transition?: Transition;
}

/** What every move of one evaluation shares. */
export interface MoveContext {
  readonly rule: SloRule;
  readonly group: Pick<RuleGroup, 'id'>;
  readonly evalTime: EpochMs;
  readonly expand: ExpandTemplate;
  /** Prometheus's behaviour without this program's differences. */
  readonly isPrometheus: boolean;
}

/** Resolved alerts are kept this long. Source: prometheus rules/alerting.go, resolvedRetention. */
const RESOLVED_RETENTION: Milliseconds = ms(15 * MINUTE);

/** So many evaluations in a row without data make a firing alert's state `no data`. */
const MISSED_TICKS_UNTIL_NO_DATA = 2;

const moved = (alert: Alert, kind?: Transition['kind']): Move =>
  kind === undefined ? { alert } : { alert, transition: { kind, alert } };

/** The annotations for the value now; the known ones themselves where they say the same. */
function annotationsFor({ rule, expand }: MoveContext, { sample }: Breach, known: Labels = {}): Labels {
  const texts = Object.entries(rule.annotations).map(([name, text]) => [name, expand(text, sample)] as const);
  const isKnown =
    texts.length === Object.keys(known).length && texts.every(([name, text]) => known[name] === text);
  return isKnown ? known : Object.fromEntries(texts);
}

function newAlert(context: MoveContext, breach: Breach): Alert {
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
  };
}

/** The alert with a value seen now, whatever came of it: data is there. */
function withValue(alert: Alert, value: number, evalTime: EpochMs): Alert {
  const { noDataSince: goneSince } = alert;
  // Hardly any was gone, and a copy that leaves fields out costs several times one that does not.
  if (goneSince === undefined) return { ...alert, value, seenAt: evalTime, missedTicks: 0 };
  const { noDataSince: _since, noDataReason: _found, ...rest } = alert;
  return { ...rest, gap: { start: goneSince, end: evalTime }, value, seenAt: evalTime, missedTicks: 0 };
}

/** The alert breaching again: the timer of `keep_firing_for` is off. */
function withoutKeepFiring(alert: Alert): Alert {
  if (alert.keepFiringSince === undefined) return alert;
  const { keepFiringSince: _since, pausedFor: _paused, ...rest } = alert;
  return rest;
}

/** How long the running timer has run: time without evaluations that worked does not count. */
function elapsed(alert: Alert, since: EpochMs, evalTime: EpochMs): number {
  return between(since, evalTime) - (alert.pausedFor ?? 0);
}

/**
 * Starts firing once `for` has passed. Prometheus since commit 7dea9af4 also takes a firing alert back to pending when
 * a reload raised `for` above its age. This program does so only in Prometheus's mode: people have seen the message
 * already, and a changed timer is no reason to take it back.
 */
function promoted(context: MoveContext, alert: Alert, isNew: boolean): Move {
  const { rule, evalTime, isPrometheus } = context;
  const isDue = elapsed(alert, alert.activeAt, evalTime) >= rule.for;
  if (alert.state === 'pending') {
    if (!isDue) return moved(alert, isNew ? 'pending' : undefined);
    const { pausedFor: _paused, ...rest } = alert;
    return moved({ ...rest, state: 'firing', firedAt: evalTime }, 'firing');
  }
  return moved(isPrometheus && !isDue ? { ...alert, state: 'pending' } : alert);
}

/** The move of an alert that is in the result, new or known. */
export function moveSeen(context: MoveContext, known: Alert | undefined, breach: Breach): Move {
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
  const move = promoted(context, alert, false);
  return known.noDataSince === undefined ? move : moved(alert, 'data-back');
}

/** Ends an alert that has fired. */
export function resolve(alert: Alert, evalTime: EpochMs, reason: ResolveReason): Move {
  return moved({ ...alert, state: 'resolved', resolvedAt: evalTime, resolveReason: reason }, 'resolved');
}

/** The breach is over: fires on while `keep_firing_for` runs, then ends. */
function ending(context: MoveContext, alert: Alert, reason: ResolveReason): Move {
  const { rule, evalTime } = context;
  const started = alert.keepFiringSince === undefined;
  const { pausedFor: paused, ...rest } = alert;
  const timed: Alert = {
    ...rest,
    ...(started || paused === undefined ? {} : { pausedFor: paused }),
    keepFiringSince: alert.keepFiringSince ?? evalTime,
  };
  const isKept =
    rule.keepFiringFor > 0 &&
    elapsed(timed, timed.keepFiringSince ?? evalTime, evalTime) < rule.keepFiringFor;
  return isKept ? moved(timed) : resolve(timed, evalTime, reason);
}

function withDataBack(before: Alert, move: Move): Move {
  const isBack = before.noDataSince !== undefined && move.transition === undefined;
  return isBack && move.alert !== undefined ? moved(move.alert, 'data-back') : move;
}

function missed(alert: Alert): Move {
  const missedTicks = alert.missedTicks + 1;
  const counted: Alert = { ...alert, missedTicks };
  if (alert.noDataSince !== undefined || missedTicks < MISSED_TICKS_UNTIL_NO_DATA) return moved(counted);
  return moved({ ...counted, noDataSince: alert.seenAt }, 'no-data');
}

/** The move of an alert that has fired and is not in the result. */
function moveByVerdict(context: MoveContext, alert: Alert, verdict: Verdict): Move {
  switch (verdict.kind) {
    case 'gone':
      return ending(context, alert, 'no-longer-breaching');
    case 'recovered': {
      const back = withValue(alert, verdict.value, context.evalTime);
      return withDataBack(alert, ending(context, back, 'recovered'));
    }
    case 'over': {
      const back = withValue(alert, alert.value, context.evalTime);
      return withDataBack(alert, ending(context, back, 'no-longer-breaching'));
    }
    case 'held': {
      const back = withoutKeepFiring(withValue(alert, verdict.value, context.evalTime));
      return withDataBack(alert, moved(back));
    }
    case 'missing':
      return missed(alert);
    case 'unknown':
      return moved(alert);
  }
}

/** The move of a known alert that is not in the result. The verdict is asked for only where it matters. */
export function moveUnseen(context: MoveContext, alert: Alert, judge: (alert: Alert) => Verdict): Move {
  const { evalTime } = context;
  if (alert.state === 'resolved') {
    return between(alert.resolvedAt ?? evalTime, evalTime) > RESOLVED_RETENTION ? {} : { alert };
  }
  if (alert.state === 'pending') {
    // Only a raised `for` makes an alert pending that has fired: its message must not be left open.
    if (alert.firedAt !== undefined) return resolve(alert, evalTime, 'no-longer-breaching');
    return { transition: { kind: 'dropped', alert } };
  }
  return moveByVerdict(context, alert, judge(alert));
}
