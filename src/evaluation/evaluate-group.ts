import type { RuleGroupState, RuleSetVersion, RuleState } from '../alerts/alert.ts';
import type { Clock } from '../lib/clock.ts';
import type { NextStep, Turns } from '../lib/concurrency.ts';
import { UpstreamError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { MetricsSource } from '../lib/metrics-source.ts';
import type { Recorder } from '../lib/recorder.ts';
import {
  between,
  type EpochMs,
  epochMs,
  MINUTE,
  type Milliseconds,
  ms,
  SECOND,
  utcTime,
} from '../lib/units.ts';
import type { Ledger } from '../messages/ledger.ts';
import type { Store } from '../messages/store.ts';
import { loadWithActions } from '../messages/with-actions.ts';
import type { RuleGroup } from '../rules/rule.ts';
import { type DecidedGroup, decideGroup, newlySilenced } from './decide-group.ts';
import type { ExpandWithContext } from './evaluate-rule.ts';
import { evaluateRules, type Tick } from './evaluate-rule.ts';
import type { FindLateSamples, FindNoDataReason } from './no-data.ts';
import { resolveRemovedRule } from './removed-groups.ts';
import {
  createOwnVersion,
  isOutdated,
  nextVersion,
  type OwnVersion,
  type RestartDetection,
} from './replicas.ts';
import { afterGap, afterRestart, fromFuture } from './restore-timers.ts';
import type { SourceClock } from './source-clock.ts';
import {
  createOtherGroupStates,
  type NotificationOptions,
  type OtherGroupStates,
} from './suppress-alerts.ts';

/** What the evaluation of groups depends on. */
export interface EvaluateGroupOptions {
  readonly store: Pick<Store, 'claimTick' | 'loadGroup' | 'groups' | 'actions' | 'applyEvaluation'>;
  readonly metrics: MetricsSource;
  readonly clock: Clock;
  readonly recorder: Recorder;
  readonly logger: Logger;
  readonly expand: ExpandWithContext;
  /** The address of Prometheus for people, for templates. */
  readonly externalUrl?: string;
  /** The policy on notifications; absent: every alert is notified. */
  readonly notifications?: NotificationOptions;
  /** Absent: the reason for missing data is not determined. */
  readonly findNoDataReason?: FindNoDataReason;
  /** Absent: late samples are not looked for before an alert recovers. */
  readonly findLateSamples?: FindLateSamples;
  /** Corrects evaluation times to Prometheus's clock; absent: the local clock is right. */
  readonly sourceClock?: Pick<SourceClock, 'correct'>;
  /** Makes that correction certain. */
  readonly measureClock?: () => Promise<void>;
  /** Absent: what silences suppress is not recorded. */
  readonly ledger?: Ledger;
  /** Absent: an evaluation does not pause, however many alerts it has. */
  readonly turns?: Turns;
  /** Resets short timers after a restart in Prometheus's mode; absent: nothing starts here. */
  readonly restarts?: RestartDetection;
}

/** The outcome of a tick. */
export type TickOutcome =
  | { readonly kind: 'applied'; readonly state: RuleGroupState }
  /** Another replica has claimed it. */
  | { readonly kind: 'claimed-elsewhere' }
  /** The first tick after a start in Prometheus's mode is left to other replicas. */
  | { readonly kind: 'left-to-others' }
  /** Another replica evaluates the group with newer rules. */
  | { readonly kind: 'outdated' }
  /** A later tick was applied before this one. */
  | { readonly kind: 'stale' }
  /** The store does not respond: nothing was changed. */
  | { readonly kind: 'store-error' }
  /** A bug, logged: nothing was changed. */
  | { readonly kind: 'failed' };

/** Evaluates a group at an evaluation time. Never throws. */
export type EvaluateGroup = (group: RuleGroup, evalTime: EpochMs) => Promise<TickOutcome>;

/** A claim outlives every clock offset and delay between replicas. It is never released. */
const CLAIM_INTERVALS = 10;
const MIN_CLAIM_TTL: Milliseconds = ms(60 * SECOND);

/** How far a stored state may be ahead of the clock: more than the clocks of replicas normally differ. */
const MAX_AHEAD: Milliseconds = ms(10 * SECOND);

/** The options and what is kept between ticks. */
interface Evaluation extends EvaluateGroupOptions {
  readonly sourceOutage: OutageLog;
  readonly storeOutage: OutageLog;
  readonly versionOf: OwnVersion;
  readonly states: OtherGroupStates;
  /** Groups for which another replica has newer rules: their ticks are not claimed. */
  readonly outdated: Set<string>;
}

/** A tick with the rules and the mode of its start: a reload may change them. */
interface GroupTick extends Tick {
  readonly own: RuleSetVersion;
  /** Switches every difference from Prometheus off. */
  readonly isPrometheus: boolean;
  /** Called before each long step with the number of its alerts. */
  readonly nextStep: NextStep;
}

/** Evaluates all rules, then decides on notifications: suppression depends on the alerts of all rules. */
async function evaluateTick(
  evaluation: Evaluation,
  tick: GroupTick,
  previous: RuleGroupState | undefined,
): Promise<DecidedGroup & Pick<RuleGroupState, 'restoredAt'>> {
  const { group, evalTime, isPrometheus, nextStep } = tick;
  const evaluated = await evaluateRules({ ...evaluation, isPrometheus, nextStep }, tick, previous);
  const { rules, messages } = await decideGroup(evaluation, tick, { evaluated, previous });
  const removed = Object.entries(previous?.rules ?? {}).filter(([key]) => rules[key] === undefined);
  const ended = removed.flatMap(([, state]) => resolveRemovedRule(group.id, evalTime, state));
  const lacksTimers = evaluated.some((rule) => rule.lacksTimers);
  const restoredAt = lacksTimers ? previous?.restoredAt : undefined;
  return { rules, messages: [...messages, ...ended], restoredAt };
}

function logSourceOutage(outage: OutageLog, group: string, rules: readonly RuleState[]): void {
  const health = rules.map((rule) => rule.health).find(({ kind }) => kind === 'source-error');
  if (health?.kind === 'source-error') outage.failed(group, health.message);
  else if (rules.length > 0) outage.succeeded(group);
}

/**
 * The evaluation time of a stored state that is from the future: some clock was ahead when it was written. It is taken
 * over, not waited for. A state that is merely later than a slow tick is not from the future.
 */
function futureTime(
  { clock, logger }: Evaluation,
  { group, evalTime }: Tick,
  stored: RuleGroupState | undefined,
): EpochMs | undefined {
  if (stored === undefined || stored.evalTime < evalTime) return undefined;
  const ahead = between(clock.now(), stored.evalTime);
  if (ahead <= MAX_AHEAD) return undefined;
  logger.warn('rule group state is from the future because a clock was ahead; it is taken over', {
    group: group.id,
    stored: utcTime(stored.evalTime),
    aheadSeconds: Math.round(ahead / SECOND),
  });
  return stored.evalTime;
}

/** Whether another replica has newer rules. Logged once; from then on the ticks of the group are not claimed. */
function isLeftToNewerRules(
  { outdated, logger }: Evaluation,
  { group, evalTime, own }: GroupTick,
  stored: RuleGroupState | undefined,
): boolean {
  if (!isOutdated(own, stored, { evalTime, interval: group.interval })) {
    outdated.delete(group.id);
    return false;
  }
  if (!outdated.has(group.id))
    logger.info('another replica has newer rules for the group; its ticks are left to that replica', {
      group: group.id,
    });
  outdated.add(group.id);
  return true;
}

/** The stored state with its timers as they are after a restart or a gap in the evaluation. */
async function withTimers(
  evaluation: Evaluation,
  tick: GroupTick,
  stored: RuleGroupState | undefined,
): Promise<RuleGroupState | undefined> {
  const { group, evalTime, isPrometheus } = tick;
  const isRestart = evaluation.restarts?.isRestart(group, stored) === true;
  if (stored === undefined) return undefined;
  // Each rule that breaches reads its timers by itself.
  if (!isPrometheus && stored.restoredAt !== undefined) return stored;
  if (!isPrometheus) return await afterGap(evaluation, tick, stored);
  return isRestart ? afterRestart(stored, { evalTime, interval: group.interval }) : stored;
}

async function evaluateClaimed(evaluation: Evaluation, tick: GroupTick): Promise<TickOutcome> {
  const { store, states } = evaluation;
  const { group, evalTime, own } = tick;
  const loaded = await loadWithActions(store, group.id);
  const replaces = futureTime(evaluation, tick, loaded);
  const stored = loaded !== undefined && replaces !== undefined ? fromFuture(loaded, evalTime) : loaded;
  if (stored !== undefined && stored.evalTime >= evalTime && replaces === undefined) return { kind: 'stale' };
  if (isLeftToNewerRules(evaluation, tick, stored)) return { kind: 'outdated' };
  const previous = await withTimers(evaluation, tick, stored);
  const { rules, messages, restoredAt } = await evaluateTick(evaluation, tick, previous);
  logSourceOutage(evaluation.sourceOutage, group.id, Object.values(rules));
  const ruleSetVersion = nextVersion(own, previous?.ruleSetVersion);
  const state: RuleGroupState = { evalTime, rules, ruleSetVersion, restoredAt };
  // Without a state when it began: one that was restored since must not be replaced.
  const follows = loaded === undefined ? epochMs(0) : undefined;
  const applied = await store.applyEvaluation({ group: group.id, state, messages, replaces, follows });
  if (applied === 'stale') return { kind: 'stale' };
  states.note(group.id, state);
  evaluation.ledger?.add(...newlySilenced(previous, state));
  return { kind: 'applied', state };
}

async function runTick(evaluation: Evaluation, tick: GroupTick): Promise<TickOutcome> {
  const { store, recorder, outdated, restarts, storeOutage } = evaluation;
  const { group, evalTime, isPrometheus } = tick;
  if (outdated.has(group.id) && isLeftToNewerRules(evaluation, tick, await store.loadGroup(group.id)))
    return { kind: 'outdated' };
  // Checked before the claim: other replicas cannot run a claimed tick.
  if (isPrometheus && restarts?.isFirst(group) === true) {
    const stored = await store.loadGroup(group.id);
    if (restarts.isLeft({ group, evalTime, stored })) return { kind: 'left-to-others' };
  }
  const ttl = ms(Math.max(CLAIM_INTERVALS * group.interval, MIN_CLAIM_TTL));
  const isOurs = await store.claimTick({ group: group.id, evalTime, ttl });
  const outcome: TickOutcome = isOurs
    ? await evaluateClaimed(evaluation, tick)
    : { kind: 'claimed-elsewhere' };
  storeOutage.succeeded(group.id);
  if (outcome.kind === 'stale') recorder.evaluated({ outcome: 'stale', seconds: 0 });
  return outcome;
}

const noPause: NextStep = async () => undefined;

/**
 * Creates the evaluation of a tick: claim it, query every rule, step their states, decide on notifications, and write it
 * all in one atomic write. When the store does not respond nothing is evaluated and nothing is notified; the next tick
 * starts from the same state, so that nothing is lost.
 */
export function createEvaluateGroup(options: EvaluateGroupOptions): EvaluateGroup {
  const evaluation: Evaluation = {
    ...options,
    sourceOutage: createOutageLog('Prometheus', options),
    storeOutage: createOutageLog('The store', options),
    versionOf: createOwnVersion(options.clock),
    states: createOtherGroupStates(options),
    outdated: new Set(),
  };
  return async (group, tickAt) => {
    try {
      await options.measureClock?.();
      const evalTime = options.sourceClock?.correct(group, tickAt) ?? tickAt;
      const policy = options.notifications?.policy();
      const own = evaluation.versionOf(group, policy);
      const isPrometheus = policy?.isPrometheus === true;
      const nextStep = options.turns?.begin() ?? noPause;
      return await runTick(evaluation, { group, evalTime, own, isPrometheus, nextStep });
    } catch (error) {
      if (!(error instanceof UpstreamError) || error.system !== 'store') {
        evaluation.logger.error('evaluation failed because of a bug', { group: group.id, error });
        return { kind: 'failed' };
      }
      evaluation.storeOutage.failed(group.id, error.message);
      return { kind: 'store-error' };
    }
  };
}

/** Logs an outage of a system once, and its end once. */
export interface OutageLog {
  /** A request of this group failed. */
  failed(group: string, reason: string): void;
  /** A request of this group succeeded. */
  succeeded(group: string): void;
}

/** A group without a request for this long is ignored: it was removed. */
const FORGET_AFTER: Milliseconds = ms(10 * MINUTE);

/** An outage lasts until every group that failed has succeeded, so that one slow rule does not log it again at every tick. */
export function createOutageLog(
  system: string,
  { clock, logger }: { readonly clock: Pick<Clock, 'now'>; readonly logger: Logger },
): OutageLog {
  const failing = new Map<string, EpochMs>();
  let since: EpochMs | undefined;
  return {
    failed: (group, reason) => {
      failing.set(group, clock.now());
      if (since !== undefined) return;
      since = clock.now();
      logger.error(`${system} does not respond; alert states are frozen`, { reason });
    },
    succeeded: (group) => {
      failing.delete(group);
      const now = clock.now();
      for (const [id, at] of failing) if (between(at, now) > FORGET_AFTER) failing.delete(id);
      if (since === undefined || failing.size > 0) return;
      logger.info(`${system} responds again`, { afterSeconds: between(since, now) / SECOND });
      since = undefined;
    },
  };
}
