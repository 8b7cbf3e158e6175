import { setImmediate, setTimeout as wait } from 'node:timers/promises';
import { type EpochMs, epochMs, type Milliseconds } from './units.ts';

/** Knows what time it is and how to wait. The only way to either, outside the adapters. */
export interface Clock {
  now(): EpochMs;
  /** Ends after `duration`, or at once (without an error) when the signal aborts. */
  sleep(duration: Milliseconds, signal?: AbortSignal): Promise<void>;
}

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => epochMs(Date.now()),
  sleep: async (duration, signal) => {
    try {
      await wait(duration, undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      // An aborted wait ends early; as the caller wanted.
      if (signal?.aborted !== true) throw error;
    }
  },
};

/** The next turn of the event loop: timers and sockets that are ready are served before. */
export const nextTurn = async (): Promise<void> => await setImmediate();

/** Milliseconds of a clock that is never set, from an unknown instant on: for measuring how much time has passed. */
export const monotonicNow = (): number => performance.now();
