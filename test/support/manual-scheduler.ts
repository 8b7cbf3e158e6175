import { slotOf, spreadOffset } from '../../src/alerts/slot.ts';
import type { Scheduler } from '../../src/evaluation/scheduler.ts';
import { type EpochMs, epochMs } from '../../src/lib/units.ts';
import type { VirtualClock } from './virtual-clock.ts';

type Scheduled = Parameters<Scheduler['schedule']>[0];
type Handlers = Parameters<Scheduler['schedule']>[1];

/** A scheduler whose slots a test fires by hand. */
export interface ManualScheduler extends Scheduler {
  /** The groups that are scheduled now. */
  readonly groups: () => Scheduled;
  /** Runs one group at a slot and waits for it. Without a slot: the clock's current one on the group's own grid. */
  fire(id: string, slot?: EpochMs): Promise<void>;
  /** Reports a slot as missed. */
  miss(id: string, slot: EpochMs): void;
  /** Moves the clock on by `duration`, running every group at each of its slots on the way. */
  run(duration: number): Promise<void>;
}

export function createManualScheduler(clock: VirtualClock): ManualScheduler {
  let groups: Scheduled = [];
  let handlers: Handlers | undefined;

  const nextSlot = (group: Scheduled[number]): number =>
    slotOf(clock.now(), group.interval, spreadOffset(group.id, group.interval)) + group.interval;

  const fire = async (id: string, slot?: EpochMs): Promise<void> => {
    const group = groups.find((one) => one.id === id);
    if (group === undefined || handlers === undefined) throw new Error(`group ${id} is not scheduled`);
    const offset = spreadOffset(group.id, group.interval);
    await handlers.onSlot(id, slot ?? slotOf(clock.now(), group.interval, offset));
  };

  const run = async (duration: number): Promise<void> => {
    const end = clock.now() + duration;
    for (;;) {
      const due = groups
        .map((group) => ({ id: group.id, slot: nextSlot(group) }))
        .sort((a, b) => a.slot - b.slot);
      const first = due.at(0);
      if (first === undefined || first.slot > end) break;
      await clock.advanceTo(epochMs(first.slot));
      for (const { id, slot } of due) if (slot === first.slot) await fire(id, epochMs(slot));
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
    miss: (id, slot) => handlers?.onMissed(id, slot),
    run,
  };
}
