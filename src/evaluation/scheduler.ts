import type { EpochMs, Milliseconds } from '../lib/units.ts';

/** Knows when groups are due. */
export interface Scheduler {
  /**
   * Calls `onTick` for every evaluation time of every group until the next call replaces the set. A run of one group never
   * overlaps its next; an evaluation time that was missed is reported to `onMissed` and not made up for.
   */
  schedule(
    groups: readonly { readonly id: string; readonly interval: Milliseconds; readonly schedule?: string }[],
    handlers: {
      onTick(id: string, evalTime: EpochMs): Promise<void>;
      onMissed(id: string, evalTime: EpochMs): void;
    },
  ): void;
  /** Ends all tasks and waits for the ones that run. */
  stop(): Promise<void>;
}
