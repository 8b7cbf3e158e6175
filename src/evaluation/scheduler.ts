import type { EpochMs, Milliseconds } from '../lib/units.ts';

/** Knows when groups are due. */
export interface Scheduler {
  /**
   * Calls `onSlot` for every slot of every group until the next call replaces the set. A run of one group never
   * overlaps its next; a slot that was missed is reported to `onMissed` and not made up for.
   */
  schedule(
    groups: readonly { readonly id: string; readonly interval: Milliseconds; readonly schedule?: string }[],
    handlers: {
      onSlot(id: string, slot: EpochMs): Promise<void>;
      onMissed(id: string, slot: EpochMs): void;
    },
  ): void;
  /** Ends all tasks and waits for the ones that run. */
  stop(): Promise<void>;
}
