import { setTimeout as wait } from 'node:timers/promises';
import type { Clock } from '../../app/ports.ts';
import { epochMs } from '../../domain/units.ts';

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => epochMs(Date.now()),
  sleep: async (duration, signal) => {
    try {
      await wait(duration, undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      // An aborted wait ends early; that is what the caller asked for.
      if (signal?.aborted !== true) throw error;
    }
  },
};
