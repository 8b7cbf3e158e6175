import { fingerprint } from '../lib/labels.ts';
import type { Sample } from '../lib/metrics-source.ts';
import { between, type EpochMs, ms } from '../lib/units.ts';
import type { RuleGroup, SloRule } from '../rules/rule.ts';
import type { Alert, RuleHealth, RuleQueryResult, RuleState, Transition } from './alert.ts';
import { type Breach, breachesOf, type ExpandTemplate } from './identity.ts';
import { breachingSeriesOf, evaluateRecovery, type RecoveryInput, valuesBySeries } from './recovery.ts';
import {
  type AlertStep,
  type AlertStepContext,
  resolveAlert,
  stepBreaching,
  stepContinued,
  stepMissing,
  stepRelabeled,
} from './step-alert.ts';

/** Everything the next state of a rule depends on. */
export interface RuleStepInput {
  readonly rule: SloRule;
  readonly group: Pick<RuleGroup, 'id' | 'interval' | 'limit'>;
  readonly previous: RuleState | undefined;
  readonly evaluation: RuleQueryResult;
  readonly evalTime: EpochMs;
  readonly expand: ExpandTemplate;
  /** Switches every difference from Prometheus off. */
  readonly isPrometheus?: boolean;
}

/** The next state of a rule. */
export interface RuleStep {
  readonly next: RuleState;
  /** At most one per alert, sorted by fingerprint. */
  readonly transitions: readonly Transition[];
}

const DUPLICATE = 'vector contains metrics with the same labelset after applying alert labels';

const isActive = ({ state }: Alert): boolean => state !== 'resolved';

/**
 * The state after a failed evaluation: unchanged. In Prometheus `for` and `keep_firing_for` continue to run; here they
 * are paused, because it is unknown whether the breach lasted.
 */
function frozen(input: RuleStepInput, health: RuleHealth): RuleStep {
  const { rule, previous, evalTime, isPrometheus = false } = input;
  const alerts = previous?.alerts ?? [];
  const paused = between(previous?.evaluatedAt ?? evalTime, evalTime);
  const kept = isPrometheus
    ? alerts
    : alerts.map((alert) =>
        isActive(alert) ? { ...alert, pausedFor: ms((alert.pausedFor ?? 0) + paused) } : alert,
      );
  return { next: { rule, alerts: kept, health, evaluatedAt: evalTime }, transitions: [] };
}

/** The source does not respond, since the first of the failed evaluations in a row. */
function sourceError({ previous, evalTime }: RuleStepInput, message: string): RuleHealth {
  const before = previous?.health;
  return { kind: 'source-error', message, since: before?.kind === 'source-error' ? before.since : evalTime };
}

/** Known from the last recovery query of this expression, which is sent only while an alert may have recovered. */
function recoveryRejection(
  { rule, previous }: RuleStepInput,
  { recoveryRejected, recoverySamples }: Extract<RuleQueryResult, { kind: 'vector' }>,
): string | undefined {
  if (recoveryRejected !== undefined || recoverySamples !== undefined) return recoveryRejected;
  const isSame = previous?.rule.recovery?.expr === rule.recovery?.expr;
  return isSame && previous?.health.kind === 'ok' ? previous.health.recoveryRejected : undefined;
}

/**
 * Prometheus drops every alert of a rule that exceeds its limit. Here an alert that has fired is resolved with that
 * reason, because its state is unknown from now on. One that recovered at this evaluation keeps its own reason.
 */
function overLimit(input: RuleStepInput, steps: readonly AlertStep[], active: number): RuleStep {
  const { rule, group, previous, evalTime } = input;
  const resolved = new Map(
    steps.flatMap(({ transition }) =>
      transition?.kind === 'resolved' ? [[transition.alert.fingerprint, transition] as const] : [],
    ),
  );
  const transitions = (previous?.alerts ?? []).filter(isActive).map((alert): Transition => {
    const known = resolved.get(alert.fingerprint);
    if (known !== undefined) return known;
    return alert.firedAt === undefined
      ? { kind: 'dropped', alert }
      : { kind: 'resolved', alert: resolveAlert(alert, evalTime, 'limit-exceeded') };
  });
  const message = `exceeded limit of ${group.limit} with ${active} alerts`;
  return {
    next: {
      rule,
      alerts: transitions.filter(({ kind }) => kind === 'resolved').map(({ alert }) => alert),
      health: { kind: 'rule-error', message },
      evaluatedAt: evalTime,
    },
    transitions,
  };
}

/**
 * Steps of the alerts whose series breach on under other labels, because a templated label changed
 * (prometheus/prometheus#4836, where they resolve and start again). With another severity the alert continues as another
 * one, else as itself.
 */
function continuedSteps(
  context: AlertStepContext,
  known: ReadonlyMap<string, Alert>,
  breaches: ReadonlyMap<string, Breach>,
): ReadonlyMap<string, AlertStep> {
  const steps = new Map<string, AlertStep>();
  const missing = [...known.values()].filter((alert) => isActive(alert) && !breaches.has(alert.fingerprint));
  if (missing.length === 0) return steps;
  const isNew = (breach: Breach): boolean => {
    const before = known.get(breach.fingerprint);
    return before === undefined || !isActive(before);
  };
  const bySeries = new Map(
    [...breaches.values()].filter(isNew).map((breach) => [fingerprint(breach.series), breach]),
  );
  for (const alert of missing) {
    const breach = bySeries.get(fingerprint(alert.series));
    if (breach === undefined) continue;
    const isSame = alert.state === 'pending' || alert.labels['severity'] === breach.labels['severity'];
    const { ended, begun } = isSame
      ? { ended: {}, begun: stepRelabeled(context, alert, breach) }
      : stepContinued(context, alert, breach);
    steps.set(alert.fingerprint, ended);
    steps.set(breach.fingerprint, begun);
  }
  return steps;
}

function stepAlerts(
  input: RuleStepInput,
  breaches: ReadonlyMap<string, Breach>,
  recovery: RecoveryInput,
): readonly AlertStep[] {
  const { rule, group, evalTime, expand, isPrometheus = false } = input;
  const context: AlertStepContext = { rule, group, evalTime, expand, isPrometheus };
  const known = new Map((input.previous?.alerts ?? []).map((alert) => [alert.fingerprint, alert]));
  const fingerprints = [...new Set([...known.keys(), ...breaches.keys()])].sort();
  const continued = isPrometheus ? new Map() : continuedSteps(context, known, breaches);
  return fingerprints.map((print): AlertStep => {
    const step = continued.get(print);
    if (step !== undefined) return step;
    const breach = breaches.get(print);
    const alert = known.get(print);
    if (breach !== undefined) return stepBreaching(context, alert, breach);
    return alert === undefined ? {} : stepMissing(context, alert, (each) => evaluateRecovery(each, recovery));
  });
}

/** The input with the labels of restored alerts, as far as the results have their fingerprints. */
function labeled(
  input: RuleStepInput,
  breaches: ReadonlyMap<string, Breach>,
  recoverySamples: readonly Sample[],
): RuleStepInput {
  const { rule, previous, expand } = input;
  if (previous === undefined || !previous.alerts.some(({ isUnlabeled }) => isUnlabeled === true))
    return input;
  const healthy = breachesOf(rule, recoverySamples, expand) ?? new Map<string, Breach>();
  const alerts = previous.alerts.map((alert): Alert => {
    const found = breaches.get(alert.fingerprint) ?? healthy.get(alert.fingerprint);
    if (alert.isUnlabeled !== true || found === undefined) return alert;
    const { isUnlabeled: _done, ...rest } = alert;
    return { ...rest, labels: found.labels, series: found.series };
  });
  return { ...input, previous: { ...previous, alerts } };
}

/**
 * One evaluation of one rule: Prometheus's state machine (rules/alerting.go, AlertingRule.Eval). Differences are named
 * in the functions it consists of. Pure; the order of the samples does not matter.
 *
 *     inactive --breach--> pending --`for` has passed--> firing --recovery, keep_firing_for--> resolved
 *                             |                            | ^
 *                             +--not returned--> dropped   +-- no data: keeps firing; `no data` after two evaluations
 */
export function stepRule(input: RuleStepInput): RuleStep {
  const { rule, group, evaluation, evalTime, expand, isPrometheus = false } = input;
  if (evaluation.kind === 'source-error') return frozen(input, sourceError(input, evaluation.message));
  if (evaluation.kind === 'rule-error') return frozen(input, evaluation);
  const breaches = breachesOf(rule, evaluation.samples, expand);
  if (breaches === undefined) return frozen(input, { kind: 'rule-error', message: DUPLICATE });
  const { recoverySamples = [], recoveryError } = evaluation;
  const steps = stepAlerts(labeled(input, breaches, recoverySamples), breaches, {
    condition: isPrometheus ? undefined : rule.recovery,
    noData: rule.noData,
    values: evaluation.recoverySamples && valuesBySeries(evaluation.recoverySamples),
    isPartial: evaluation.isPartial === true,
    late: evaluation.late,
    isRejected: evaluation.recoveryRejected !== undefined,
    breachingSeries: breachingSeriesOf(breaches),
  });
  const alerts = steps.flatMap(({ alert }) => (alert === undefined ? [] : [alert]));
  const active = alerts.filter(isActive).length;
  if (group.limit > 0 && active > group.limit) return overLimit(input, steps, active);
  const health: RuleHealth =
    recoveryError === undefined
      ? { kind: 'ok', recoveryRejected: recoveryRejection(input, evaluation) }
      : sourceError(input, recoveryError);
  return {
    next: { rule, alerts, health, evaluatedAt: evalTime },
    transitions: steps.flatMap(({ transition }) => (transition === undefined ? [] : [transition])),
  };
}

/** Whether the rule's recovery query must be sent: a firing alert is missing from the result. */
export function needsRecoverySamples(
  input: Pick<RuleStepInput, 'rule' | 'previous' | 'expand' | 'isPrometheus'>,
  samples: readonly Sample[],
): boolean {
  const { rule, previous, expand, isPrometheus = false } = input;
  const firing = (previous?.alerts ?? []).filter(({ state }) => state === 'firing');
  if (isPrometheus || rule.recovery === undefined || firing.length === 0) return false;
  // Two elements with the same labels are a rule error, which `stepRule` returns.
  const breaches = breachesOf(rule, samples, expand);
  return breaches !== undefined && firing.some((alert) => !breaches.has(alert.fingerprint));
}
