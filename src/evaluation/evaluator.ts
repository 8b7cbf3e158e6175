import type { RuleGroupState } from '../alerts/alert.ts';
import { createTurns } from '../lib/concurrency.ts';
import type { Logger } from '../lib/logger.ts';
import type { Recorder } from '../lib/recorder.ts';
import { NO_TRACING, type Tracing } from '../lib/tracing.ts';
import type { EpochMs } from '../lib/units.ts';
import { utcTime } from '../lib/units.ts';
import type { Store } from '../messages/store.ts';
import type { RuleSet } from '../rules/file/rule-file.ts';
import { isOwnGroup, type RuleGroup } from '../rules/rule.ts';
import {
  createEvaluateGroup,
  type EvaluateGroup,
  type EvaluateGroupOptions,
  type TickOutcome,
} from './evaluate-group.ts';
import { createFollowScrapes } from './follow-scrapes.ts';
import { createFindLateSamples, createFindNoDataReason } from './no-data.ts';
import { createRemovedGroups } from './removed-groups.ts';
import { createRestartDetection } from './replicas.ts';
import type { Scheduler } from './schedule.ts';

/** A group that is in no rule file: an outage of Prometheus, silences, tests, or the alerts that Alertmanagers send. */
export interface OwnGroup {
  readonly group: RuleGroup;
  /** Never throws. Resolves to its state where its alerts are to be counted. */
  evaluate(evalTime: EpochMs): Promise<RuleGroupState | undefined>;
}

/** What the evaluator depends on. */
export interface EvaluatorOptions
  extends Omit<EvaluateGroupOptions, 'findNoDataReason' | 'findLateSamples' | 'restarts' | 'turns'> {
  readonly scheduler: Scheduler;
  readonly store: EvaluateGroupOptions['store'] & Pick<Store, 'removeGroup'>;
  /** Other processes may evaluate the same groups. */
  readonly isShared?: boolean;
  /** Evaluates just behind the scrapes of the rules' metrics, except in Prometheus's mode. */
  readonly followsScrapes?: boolean;
  /** Absent: evaluations are not traced. */
  readonly tracing?: Tracing;
  /** Groups that are in no rule file. */
  readonly ownGroups?: readonly OwnGroup[];
}

/** Evaluates the groups of a rule set on schedule. */
export interface Evaluator {
  /** Schedules the groups. Resolves the alerts of groups that were removed since the last run first. */
  start(ruleSet: RuleSet): Promise<void>;
  /**
   * Replaces the rule set. State is kept by group id and rule key, so that unchanged rules continue. Alerts of removed
   * groups are resolved at once, alerts of removed rules by the next tick of their group, with the reason `rule-removed`.
   */
  replace(ruleSet: RuleSet): Promise<void>;
  /** When a tick last succeeded, here or on another replica; undefined before the first one. For readiness. */
  lastEvaluatedAt(): EpochMs | undefined;
  /** Stops the schedule and waits for the running ticks. */
  stop(): Promise<void>;
}

type AlertCounts = Parameters<Recorder['alerts']>[0];

function countAlerts({ rules }: RuleGroupState): AlertCounts {
  const counts = { pending: 0, firing: 0, 'no-data': 0 };
  for (const { alerts } of Object.values(rules))
    for (const { state, noDataSince } of alerts) {
      if (state === 'pending') counts.pending += 1;
      else if (state === 'firing') counts[noDataSince === undefined ? 'firing' : 'no-data'] += 1;
    }
  return counts;
}

/** The number of alerts by state over all groups that this replica has evaluated. Only the group that changed is counted. */
function createAlertGauge(recorder: Pick<Recorder, 'alerts'>) {
  const byGroup = new Map<string, AlertCounts>();
  let total: AlertCounts = { pending: 0, firing: 0, 'no-data': 0 };
  const add = (counts: AlertCounts | undefined, sign: 1 | -1): void => {
    if (counts === undefined) return;
    total = {
      pending: total.pending + sign * counts.pending,
      firing: total.firing + sign * counts.firing,
      'no-data': total['no-data'] + sign * counts['no-data'],
    };
  };
  return {
    set: (group: string, state: RuleGroupState): void => {
      const counts = countAlerts(state);
      add(byGroup.get(group), -1);
      add(counts, 1);
      byGroup.set(group, counts);
      recorder.alerts(total);
    },
    keepOnly: (isCurrent: (group: string) => boolean): void => {
      for (const [group, counts] of byGroup) {
        if (isCurrent(group)) continue;
        byGroup.delete(group);
        add(counts, -1);
      }
      recorder.alerts(total);
    },
  };
}

/** Missed ticks of a group are logged in one line when it runs again: a pause of the process misses hundreds. */
function createMissedTickLog(logger: Logger) {
  const byGroup = new Map<string, { count: number; readonly first: EpochMs }>();
  return {
    missed: (group: string, evalTime: EpochMs): void => {
      const known = byGroup.get(group) ?? { count: 0, first: evalTime };
      known.count += 1;
      byGroup.set(group, known);
    },
    resumed: (group: string): void => {
      const known = byGroup.get(group);
      if (known === undefined) return;
      byGroup.delete(group);
      logger.warn('ticks were missed', { group, count: known.count, since: utcTime(known.first) });
    },
  };
}

/** The groups that are in no rule file. */
function ownGroupsOf({ ownGroups = [] }: EvaluatorOptions) {
  const byId = new Map(ownGroups.map((own) => [own.group.id, own]));
  return {
    groups: ownGroups.map(({ group }) => group),
    // Received alerts end as those of a removed group when nothing receives them any more; the bot's own never do.
    has: (id: string): boolean => isOwnGroup(id) || byId.has(id),
    evaluate: async (id: string, evalTime: EpochMs) => byId.get(id)?.evaluate(evalTime),
  };
}

/** Alerts of one step before other work runs: about 10 ms. */
const ALERTS_IN_A_TURN = 1_000;

/** Outcomes of a successful tick, here or on another replica. */
const SUCCESS: ReadonlySet<TickOutcome['kind']> = new Set([
  'applied',
  'claimed-elsewhere',
  'left-to-others',
  'outdated',
]);

/** Evaluates groups; each evaluation is a span. */
function createTracedEvaluation({
  tracing = NO_TRACING,
  ...options
}: EvaluateGroupOptions & Pick<EvaluatorOptions, 'tracing'>): EvaluateGroup {
  const evaluate = createEvaluateGroup({
    ...options,
    findNoDataReason: createFindNoDataReason(options),
    findLateSamples: createFindLateSamples(options.metrics),
  });
  return (group, evalTime) => {
    const attributes = { 'tailwatch.group': group.id, 'tailwatch.rules': group.rules.length };
    return tracing.span({ name: 'evaluate group', attributes }, () => evaluate(group, evalTime));
  };
}

/** Evaluates every group at each of its evaluation times until it is stopped. */
export function createEvaluator(options: EvaluatorOptions): Evaluator {
  const { scheduler, clock, recorder, logger, isShared = false } = options;
  let groups: ReadonlyMap<string, RuleGroup> = new Map();
  let isFollowing = false;
  let lastEvaluatedAt: EpochMs | undefined;
  const evaluate = createTracedEvaluation({
    ...options,
    restarts: createRestartDetection({ clock, isShared }),
    turns: createTurns(ALERTS_IN_A_TURN),
  });
  const gauge = createAlertGauge(recorder);
  const ownGroups = ownGroupsOf(options);
  const removed = createRemovedGroups(options, (id) => !groups.has(id) && !ownGroups.has(id));
  const missedTicks = createMissedTickLog(logger);

  const onTick = async (id: string, evalTime: EpochMs): Promise<void> => {
    if (ownGroups.has(id)) {
      const state = await ownGroups.evaluate(id, evalTime);
      if (state !== undefined) gauge.set(id, state);
      return;
    }
    const group = scrapes.group(id);
    if (group === undefined) return;
    missedTicks.resumed(id);
    await scrapes.wait(id);
    const outcome = await evaluate(group, evalTime);
    if (SUCCESS.has(outcome.kind)) lastEvaluatedAt = clock.now();
    if (outcome.kind === 'applied') {
      if (groups.has(id)) gauge.set(id, outcome.state);
      await removed.afterTick();
    }
    if (isFollowing) await scrapes.afterTick(id, evalTime);
  };

  const onMissed = (id: string, evalTime: EpochMs): void => {
    if (ownGroups.has(id)) return;
    recorder.evaluated({ outcome: 'missed', seconds: 0 });
    missedTicks.missed(id, evalTime);
  };

  const schedule = (isAtOnce = false): void => {
    const timed = [...groups.keys()].flatMap((id) => scrapes.group(id) ?? []);
    scheduler.schedule([...timed, ...ownGroups.groups], { onTick, onMissed }, { isAtOnce });
  };
  const scrapes = createFollowScrapes({ ...options, onChange: () => schedule() });

  const use = async (ruleSet: RuleSet, isAtOnce = false): Promise<void> => {
    groups = new Map(ruleSet.groups.map((group) => [group.id, group]));
    isFollowing = options.followsScrapes === true && ruleSet.policy?.isPrometheus !== true;
    scrapes.replace(ruleSet.groups, isFollowing);
    schedule(isAtOnce);
    await removed.resolveAll();
    gauge.keepOnly((id) => groups.has(id) || ownGroups.has(id));
  };

  return {
    // Prometheus waits for the next evaluation time.
    start: (ruleSet) => use(ruleSet, ruleSet.policy?.isPrometheus !== true),
    replace: (ruleSet) => use(ruleSet),
    lastEvaluatedAt: () => lastEvaluatedAt,
    stop: async () => {
      scrapes.stop();
      await scheduler.stop();
    },
  };
}
