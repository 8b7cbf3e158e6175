import { setImmediate } from 'node:timers/promises';
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
  // Not the promise of `node:timers/promises`: that rejects when the signal aborts, and every request has a deadline that
  // ends so; the two errors for each took a tenth of its CPU time.
  sleep: (duration, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted === true) {
        resolve();
        return;
      }
      const end = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', end);
        resolve();
      };
      const timer = setTimeout(end, duration);
      signal?.addEventListener('abort', end);
    }),
};

/** The next turn of the event loop: timers and sockets that are ready are served before. */
export const nextTurn = async (): Promise<void> => await setImmediate();

/** Milliseconds of a clock that is never set, from an unknown instant on: for measuring how much time has passed. */
export const monotonicNow = (): number => performance.now();
