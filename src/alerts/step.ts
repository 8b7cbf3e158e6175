import type { Sample } from '../lib/metrics-source.ts';
import { between, type EpochMs, ms } from '../lib/units.ts';
import type { RuleGroup, SloRule } from '../rules/rule.ts';
import type { Alert, Evaluation, RuleHealth, RuleState, Transition } from './alert.ts';
import { type Breach, breachesOf, type ExpandTemplate } from './identity.ts';
import { type Move, type MoveContext, moveSeen, moveUnseen, resolve } from './move.ts';
import { indexRecovery, judgeMissing, type Proof, seriesIn } from './verdict.ts';

/** Everything the next state of a rule depends on. */
export interface StepInput {
  readonly rule: SloRule;
  readonly group: Pick<RuleGroup, 'id' | 'limit'>;
  readonly previous: RuleState | undefined;
  readonly evaluation: Evaluation;
  readonly evalTime: EpochMs;
  readonly expand: ExpandTemplate;
  /** Switches every difference from Prometheus off. */
  readonly isPrometheus?: boolean;
}

/** What an evaluation makes of a rule's state. */
export interface StepResult {
  readonly next: RuleState;
  /** At most one per alert, sorted by fingerprint. */
  readonly transitions: readonly Transition[];
}

const DUPLICATE = 'vector contains metrics with the same labelset after applying alert labels';

const isActive = ({ state }: Alert): boolean => state !== 'resolved';

/**
 * State after an evaluation that failed: as it was. Prometheus lets `for` and `keep_firing_for` run on meanwhile; here
 * they stand still, because nobody saw the breach or its end during that time.
 */
function frozen(input: StepInput, health: RuleHealth): StepResult {
  const { rule, previous, evalTime, isPrometheus } = input;
  const alerts = previous?.alerts ?? [];
  const paused = between(previous?.evaluatedAt ?? evalTime, evalTime);
  const kept =
    isPrometheus === true
      ? alerts
      : alerts.map((alert) =>
          isActive(alert) ? { ...alert, pausedFor: ms((alert.pausedFor ?? 0) + paused) } : alert,
        );
  return { next: { rule, alerts: kept, health, evaluatedAt: evalTime }, transitions: [] };
}

/** The source does not answer, since the first of the evaluations in a row that it left without an answer. */
function sourceError({ previous, evalTime }: StepInput, message: string): RuleHealth {
  const before = previous?.health;
  return { kind: 'source-error', message, since: before?.kind === 'source-error' ? before.since : evalTime };
}

function failed(
  input: StepInput,
  failure: { kind: 'rule-error' | 'source-error'; message: string },
): StepResult {
  return failure.kind === 'rule-error'
    ? frozen(input, { kind: 'rule-error', message: failure.message })
    : frozen(input, sourceError(input, failure.message));
}

/**
 * Prometheus drops every alert of a rule that goes over its limit and says nothing. An alert whose message people have
 * seen is ended here with that reason, since nothing is known of it from now on; an end that was proven stands.
 */
function overLimit(input: StepInput, moves: readonly Move[], active: number): StepResult {
  const { rule, group, previous, evalTime } = input;
  const proven = new Map(
    moves.flatMap(({ transition }) =>
      transition?.kind === 'resolved' ? [[transition.alert.fingerprint, transition] as const] : [],
    ),
  );
  const ends = (previous?.alerts ?? []).filter(isActive).map((alert): Transition => {
    const known = proven.get(alert.fingerprint);
    if (known !== undefined) return known;
    const end =
      alert.firedAt === undefined ? undefined : resolve(alert, evalTime, 'limit-exceeded').transition;
    return end ?? { kind: 'dropped', alert };
  });
  const message = `exceeded limit of ${group.limit} with ${active} alerts`;
  return {
    next: {
      rule,
      alerts: ends.filter(({ kind }) => kind === 'resolved').map(({ alert }) => alert),
      health: { kind: 'rule-error', message },
      evaluatedAt: evalTime,
    },
    transitions: ends,
  };
}

function movesOf(
  input: StepInput,
  breaches: ReadonlyMap<string, Breach>,
  evidence: Pick<Proof, 'evidence' | 'isPartial'>,
): readonly Move[] {
  const { rule, group, evalTime, expand, isPrometheus = false } = input;
  const context: MoveContext = { rule, group, evalTime, expand, isPrometheus };
  const { recovery: wanted, ...withoutRecovery } = rule;
  const proof: Proof = {
    rule: isPrometheus || wanted === undefined ? withoutRecovery : rule,
    breachingSeries: seriesIn(breaches),
    ...evidence,
  };
  const known = new Map((input.previous?.alerts ?? []).map((alert) => [alert.fingerprint, alert]));
  const prints = [...new Set([...known.keys(), ...breaches.keys()])].sort();
  return prints.map((print): Move => {
    const breach = breaches.get(print);
    const alert = known.get(print);
    if (breach !== undefined) return moveSeen(context, alert, breach);
    return alert === undefined ? {} : moveUnseen(context, alert, (one) => judgeMissing(one, proof));
  });
}

/**
 * One evaluation of one rule: Prometheus's state machine (rules/alerting.go, AlertingRule.Eval) with the differences
 * that are named in the modules it is made of. Pure: the same input gives the same answer, and the order of the samples
 * does not matter.
 *
 *     inactive --breach--> pending --`for` has passed--> firing --proof of its end, keep_firing_for--> resolved
 *                             |                            | ^
 *                             +--not in the result--> gone | +-- no data: fires on, and says so after two ticks
 */
export function stepRule(input: StepInput): StepResult {
  const { rule, group, evaluation, evalTime, expand } = input;
  if (evaluation.kind !== 'vector') return failed(input, evaluation);
  const breaches = breachesOf(rule, evaluation.samples, expand);
  if (breaches === undefined) return failed(input, { kind: 'rule-error', message: DUPLICATE });
  const evidence = {
    evidence: evaluation.evidence === undefined ? undefined : indexRecovery(evaluation.evidence),
    isPartial: evaluation.isPartial,
  };
  const moves = movesOf(input, breaches, evidence);
  const alerts = moves.flatMap(({ alert }) => (alert === undefined ? [] : [alert]));
  const active = alerts.filter(isActive).length;
  if (group.limit > 0 && active > group.limit) return overLimit(input, moves, active);
  const { unproven } = evaluation;
  const health: RuleHealth = unproven === undefined ? { kind: 'ok' } : sourceError(input, unproven);
  return {
    next: { rule, alerts, health, evaluatedAt: evalTime },
    transitions: moves.flatMap(({ transition }) => (transition === undefined ? [] : [transition])),
  };
}

/**
 * Whether the evidence has to be asked before this result is stepped: some firing alert is missing from it, and its
 * rule says what would prove its recovery.
 */
export function needsRecoverySamples(
  input: Pick<StepInput, 'rule' | 'previous' | 'expand' | 'isPrometheus'>,
  samples: readonly Sample[],
): boolean {
  const { rule, previous, expand, isPrometheus = false } = input;
  const firing = (previous?.alerts ?? []).filter(({ state }) => state === 'firing');
  if (isPrometheus || rule.recovery === undefined || firing.length === 0) return false;
  // Of two elements with the same labels nothing follows: the step says so.
  const present = breachesOf(rule, samples, expand);
  return present !== undefined && firing.some((alert) => !present.has(alert.fingerprint));
}
