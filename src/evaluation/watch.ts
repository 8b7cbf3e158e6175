import type { Alert, RuleGroupState } from '../alerts/alert.ts';
import { utcTime } from '../lib/instant.ts';
import type { Logger } from '../lib/logger.ts';
import { after, between, type EpochMs, MINUTE, type Milliseconds, ms } from '../lib/units.ts';
import type { Store } from '../messages/store.ts';
import type { RuleSet } from '../rules/file/rule-set.ts';
import type { RuleGroup } from '../rules/rule.ts';
import {
  createEvaluateGroup,
  type EvaluateGroupOptions,
  retireRule,
  type TickOutcome,
} from './evaluate-group.ts';
import { createFindNoDataReason } from './no-data-reason.ts';
import type { Scheduler } from './scheduler.ts';
import { SOURCES } from './sources-group.ts';
import { createWatchSources } from './watch-sources.ts';

/** What watching rules needs. */
export interface WatchOptions extends EvaluateGroupOptions {
  readonly scheduler: Scheduler;
  readonly store: EvaluateGroupOptions['store'] & Pick<Store, 'removeGroup'>;
  /** Tells in Slack when Prometheus does not answer. */
  readonly watchesSources?: boolean;
}

/** Keeps the rules of a rule set evaluated on time. */
export interface Watch {
  /** Schedules the ruleSet's groups. Alerts of groups that are gone since the last run are ended first. */
  start(ruleSet: RuleSet): Promise<void>;
  /**
   * Puts another rule set in force. State is kept by group id and rule key: what has not changed goes on as if nothing had
   * happened. Alerts of groups that are gone are ended at once; alerts of rules that are gone from a group that stays
   * are ended by its next tick. Both end with the reason `rule-removed`.
   */
  replace(ruleSet: RuleSet): Promise<void>;
  /** When a tick last went as it should, here or on another replica; undefined before the first. For readiness. */
  lastEvaluatedAt(): EpochMs | undefined;
  /** Ends the schedule and waits for the ticks that run. */
  stop(): Promise<void>;
}

type Counts = Readonly<Record<'pending' | 'firing' | 'no-data', number>>;

function countAlerts(alerts: readonly Alert[]): Counts {
  const counts = { pending: 0, firing: 0, 'no-data': 0 };
  for (const { state, noDataSince } of alerts) {
    if (state === 'pending') counts.pending += 1;
    else if (state === 'firing') counts[noDataSince === undefined ? 'firing' : 'no-data'] += 1;
  }
  return counts;
}

/** The number of alerts by state over all groups, as far as this replica has evaluated them. */
function createAlertGauge(options: WatchOptions) {
  const byGroup = new Map<string, readonly Alert[]>();
  const tell = (): void => options.recorder.alerts(countAlerts([...byGroup.values()].flat()));
  return {
    note: (group: string, state: RuleGroupState): void => {
      byGroup.set(
        group,
        Object.values(state.rules).flatMap(({ alerts }) => alerts),
      );
      tell();
    },
    forget: (isGone: (group: string) => boolean): void => {
      for (const group of byGroup.keys()) if (isGone(group)) byGroup.delete(group);
      tell();
    },
  };
}

/** Missed ticks by group, notified in one line when the group runs again: a pause of the process misses hundreds. */
function createMissedTicks(logger: Logger) {
  const byGroup = new Map<string, { count: number; readonly first: EpochMs }>();
  return {
    note: (group: string, evalTime: EpochMs): void => {
      const known = byGroup.get(group);
      if (known === undefined) byGroup.set(group, { count: 1, first: evalTime });
      else known.count += 1;
    },
    tell: (group: string): void => {
      const known = byGroup.get(group);
      if (known === undefined) return;
      byGroup.delete(group);
      logger.warn('ticks were missed', { group, count: known.count, since: utcTime(known.first) });
    },
  };
}

/** How often ending a removed group is tried when another replica's tick gets in between. */
const RETIRE_ATTEMPTS = 5;

/** The empty state of a removed group stays this long: it turns away ticks in flight with the old rules. */
const TOMBSTONE_TIME: Milliseconds = ms(10 * MINUTE);

const NO_WAIT: Milliseconds = ms(0);

/** How often it is looked for groups that were left behind. */
const LEFT_BEHIND_CHECK: Milliseconds = ms(5 * MINUTE);

/**
 * A group that this replica's rules do not have, and that nobody evaluated for so long, was left behind: a replica with
 * older rules evaluated it once more after it was ended here, and is gone itself since.
 */
const LEFT_BEHIND_AFTER: Milliseconds = ms(15 * MINUTE);

/** A group that is gone: what is needed of it to end its alerts. */
const goneGroup = (id: string): RuleGroup => ({
  id,
  file: id.slice(0, Math.max(0, id.lastIndexOf(';'))),
  name: id.slice(id.lastIndexOf(';') + 1),
  interval: ms(0),
  queryOffset: ms(0),
  limit: 0,
  rules: [],
});

/**
 * Ends the alerts of a group whose rules are gone and that nobody evaluated for `quietFor`. The empty state it leaves has an evaluation time after every tick that may be in
 * flight, and is forgotten when none can be any more.
 */
async function retireGroup(
  { store, clock, logger }: WatchOptions,
  id: string,
  quietFor: Milliseconds,
): Promise<void> {
  for (let attempt = 0; attempt < RETIRE_ATTEMPTS; attempt++) {
    const state = await store.loadGroup(id);
    const now = clock.now();
    if (state === undefined || between(state.evalTime, now) < quietFor) return;
    if (Object.keys(state.rules).length === 0) {
      if (between(state.evalTime, now) > TOMBSTONE_TIME) await store.removeGroup(id);
      return;
    }
    const evalTime: EpochMs = now > state.evalTime ? now : after(state.evalTime, ms(1));
    const entries = Object.values(state.rules).flatMap((rule) => retireRule(goneGroup(id), evalTime, rule));
    const applied = await store.applyEvaluation({ group: id, state: { evalTime, rules: {} }, entries });
    if (applied === 'stale') continue;
    logger.info('a rule group is gone from the files', { group: id, endedAlerts: entries.length });
    return;
  }
  logger.warn('a rule group that is gone from the files is still evaluated by another replica', {
    group: id,
  });
}

/** Ends what is gone. What the store did not take now is tried again after the next tick that it does take. */
function createRetirement(options: WatchOptions, isGone: (id: string) => boolean) {
  const { store, clock, logger } = options;
  let hasFailed = false;
  let lastLookAt = clock.now();

  const look = async (quietFor: Milliseconds): Promise<void> => {
    hasFailed = false;
    lastLookAt = clock.now();
    try {
      for (const id of await store.groups()) if (isGone(id)) await retireGroup(options, id, quietFor);
    } catch (error) {
      hasFailed = true;
      logger.warn('alerts of rules that are gone could not be ended yet', {
        reason: error instanceof Error ? error.message : String(error),
      });
    }
  };

  return {
    now: () => look(NO_WAIT),
    whenDue: async (): Promise<void> => {
      if (hasFailed) await look(NO_WAIT);
      else if (between(lastLookAt, clock.now()) >= LEFT_BEHIND_CHECK) await look(LEFT_BEHIND_AFTER);
    },
  };
}

/** Outcomes of a tick that went as it should, here or on another replica. */
const WELL: ReadonlySet<TickOutcome['kind']> = new Set([
  'applied',
  'claimed-elsewhere',
  'left-to-others',
  'outdated',
]);

/** Evaluates every group in force at each of its evaluation times, until it is stopped. */
export function createWatch(options: WatchOptions): Watch {
  const { scheduler, clock, recorder, logger } = options;
  const evaluate = createEvaluateGroup({
    findNoDataReason: createFindNoDataReason(options),
    ...options,
    isStart: true,
  });
  const gauge = createAlertGauge(options);
  const missed = createMissedTicks(logger);
  const own = options.watchesSources === true ? [SOURCES] : [];
  let groups = new Map<string, RuleGroup>();
  let lastEvaluatedAt: EpochMs | undefined;
  const retirement = createRetirement(options, (id) => !groups.has(id) && id !== SOURCES.id);
  const watchSources = createWatchSources({ ...options, groups: () => [...groups.values()] });

  const note = (group: RuleGroup, outcome: TickOutcome): void => {
    if (!WELL.has(outcome.kind)) return;
    lastEvaluatedAt = clock.now();
    if (outcome.kind === 'applied' && groups.has(group.id)) gauge.note(group.id, outcome.state);
  };

  const onTick = async (id: string, evalTime: EpochMs): Promise<void> => {
    if (id === SOURCES.id) {
      await watchSources(evalTime);
      return;
    }
    const group = groups.get(id);
    if (group === undefined) return;
    missed.tell(id);
    const outcome = await evaluate(group, evalTime);
    note(group, outcome);
    if (outcome.kind === 'applied') await retirement.whenDue();
  };

  const onMissed = (id: string, evalTime: EpochMs): void => {
    if (id === SOURCES.id) return;
    recorder.evaluated({ outcome: 'missed', seconds: 0 });
    missed.note(id, evalTime);
  };

  const use = async (ruleSet: RuleSet): Promise<void> => {
    groups = new Map(ruleSet.groups.map((group) => [group.id, group]));
    scheduler.schedule(
      [...ruleSet.groups, ...own].map(({ id, interval, schedule }) => ({
        id,
        interval,
        schedule,
      })),
      { onTick, onMissed },
    );
    await retirement.now();
    gauge.forget((id) => !groups.has(id));
  };

  return {
    start: use,
    replace: use,
    lastEvaluatedAt: () => lastEvaluatedAt,
    stop: () => scheduler.stop(),
  };
}
