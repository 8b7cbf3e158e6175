import type { Alert, GroupState } from '../domain/alert/alert.ts';
import type { RuleGroup, Slot } from '../domain/slo/rule.ts';
import { after, type EpochMs, ms } from '../domain/units.ts';
import {
  createEvaluateGroup,
  type EvaluateGroupOptions,
  retireRule,
  type TickOutcome,
} from './evaluate-group.ts';
import type { RuleBook, Scheduler } from './ports.ts';

export interface WatchOptions extends EvaluateGroupOptions {
  readonly scheduler: Scheduler;
}

/** Keeps the rules of a book evaluated on time. */
export interface Watch {
  /** Schedules the book's groups. Alerts of groups that are gone since the last run are ended first. */
  start(book: RuleBook): Promise<void>;
  /**
   * Puts another book in force. State is kept by group id and rule key: what has not changed goes on as if nothing had
   * happened. Alerts of groups that are gone are ended at once; alerts of rules that are gone from a group that stays
   * are ended by its next tick. Both end with the reason `rule-removed`.
   */
  replace(book: RuleBook): Promise<void>;
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
    note: (group: string, state: GroupState): void => {
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

/** How often ending a removed group is tried when another replica's tick gets in between. */
const RETIRE_ATTEMPTS = 5;

/** A group that is gone: what is needed of it to end its alerts. */
const goneGroup = (id: string): RuleGroup => ({
  id,
  file: id.slice(0, Math.max(0, id.lastIndexOf(';'))),
  name: id.slice(id.lastIndexOf(';') + 1),
  interval: ms(0),
  queryOffset: ms(0),
  limit: 0,
  rules: [],
  recordings: [],
});

/**
 * Ends the alerts of a group whose rules are gone, then forgets it. The slot it writes is just after the stored one, so
 * that a tick in flight with the old rules is turned away.
 */
async function retireGroup({ store, clock, logger }: WatchOptions, id: string): Promise<void> {
  for (let attempt = 0; attempt < RETIRE_ATTEMPTS; attempt++) {
    const state = await store.loadGroup(id);
    if (state === undefined) return;
    const now = clock.now();
    const slot: Slot = now > state.slot ? now : after(state.slot, ms(1));
    const entries = Object.values(state.rules).flatMap((rule) => retireRule(goneGroup(id), slot, rule));
    const applied = await store.applyEvaluation({ group: id, state: { slot, rules: {} }, entries });
    if (applied === 'stale') continue;
    await store.removeGroup(id);
    logger.info('a rule group is gone from the files', { group: id, endedAlerts: entries.length });
    return;
  }
  logger.warn('a rule group that is gone from the files is still evaluated by another replica', {
    group: id,
  });
}

export function createWatch(options: WatchOptions): Watch {
  const { store, scheduler, clock, recorder, logger } = options;
  const evaluate = createEvaluateGroup(options);
  const gauge = createAlertGauge(options);
  let groups = new Map<string, RuleGroup>();
  let lastEvaluatedAt: EpochMs | undefined;

  const note = (group: RuleGroup, outcome: TickOutcome): void => {
    if (outcome.kind === 'store-error' || outcome.kind === 'failed') return;
    lastEvaluatedAt = clock.now();
    if (outcome.kind === 'applied' && groups.has(group.id)) gauge.note(group.id, outcome.state);
  };

  const onSlot = async (id: string, slot: Slot): Promise<void> => {
    const group = groups.get(id);
    if (group === undefined) return;
    note(group, await evaluate(group, slot));
  };

  const onMissed = (id: string, slot: Slot): void => {
    recorder.evaluated({ outcome: 'missed', seconds: 0 });
    logger.warn('a tick was missed', { group: id, slot });
  };

  const retireMissing = async (): Promise<void> => {
    for (const id of await store.groups()) if (!groups.has(id)) await retireGroup(options, id);
    gauge.forget((id) => !groups.has(id));
  };

  const use = async (book: RuleBook): Promise<void> => {
    groups = new Map(book.groups.map((group) => [group.id, group]));
    scheduler.schedule(
      book.groups.map(({ id, interval, schedule }) => ({
        id,
        interval,
        ...(schedule === undefined ? {} : { schedule }),
      })),
      { onSlot, onMissed },
    );
    await retireMissing();
  };

  return {
    start: use,
    replace: use,
    lastEvaluatedAt: () => lastEvaluatedAt,
    stop: () => scheduler.stop(),
  };
}
