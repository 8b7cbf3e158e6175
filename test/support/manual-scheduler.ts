import type { Scheduler } from '../../src/evaluation/schedule.ts';
import { evalTimeOf, spreadOffset } from '../../src/evaluation/schedule.ts';
import { type EpochMs, epochMs } from '../../src/lib/units.ts';
import type { VirtualClock } from './virtual-clock.ts';

type Scheduled = Parameters<Scheduler['schedule']>[0];
type Handlers = Parameters<Scheduler['schedule']>[1];

/** A scheduler whose evaluation times a test fires by hand. */
export interface ManualScheduler extends Scheduler {
  /** The groups that are scheduled now. */
  readonly groups: () => Scheduled;
  /** Runs one group at an evaluation time and waits for it. Without a evalTime: the clock's current one on the group's own grid. */
  fire(id: string, evalTime?: EpochMs): Promise<void>;
  /** Reports an evaluation time as missed. */
  miss(id: string, evalTime: EpochMs): void;
  /** Moves the clock on by `duration`, running every group at each of its evaluation times on the way. */
  run(duration: number): Promise<void>;
}

export function createManualScheduler(clock: VirtualClock): ManualScheduler {
  let groups: Scheduled = [];
  let handlers: Handlers | undefined;

  const nextEvalTime = (group: Scheduled[number]): number =>
    evalTimeOf(clock.now(), group.interval, spreadOffset(group.id, group.interval)) + group.interval;

  const fire = async (id: string, evalTime?: EpochMs): Promise<void> => {
    const group = groups.find((one) => one.id === id);
    if (group === undefined || handlers === undefined) throw new Error(`group ${id} is not scheduled`);
    const offset = spreadOffset(group.id, group.interval);
    await handlers.onTick(id, evalTime ?? evalTimeOf(clock.now(), group.interval, offset));
  };

  const run = async (duration: number): Promise<void> => {
    const end = clock.now() + duration;
    for (;;) {
      const due = groups
        .map((group) => ({ id: group.id, evalTime: nextEvalTime(group) }))
        .sort((a, b) => a.evalTime - b.evalTime);
      const first = due.at(0);
      if (first === undefined || first.evalTime > end) break;
      await clock.advanceTo(epochMs(first.evalTime));
      for (const { id, evalTime } of due) if (evalTime === first.evalTime) await fire(id, epochMs(evalTime));
    }
    await clock.advanceTo(epochMs(end));
  };

  return {
    schedule: (next, nextHandlers) => {
      groups = next;
      handlers = nextHandlers;
    },
    stop: async () => {
      groups = [];
      handlers = undefined;
    },
    groups: () => groups,
    fire,
    miss: (id, evalTime) => handlers?.onMissed(id, evalTime),
    run,
  };
}
