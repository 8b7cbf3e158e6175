import type { Clock } from '../../src/lib/clock.ts';
import { type EpochMs, epochMs, type Milliseconds } from '../../src/lib/units.ts';
import { waitedForDisk } from './disk-work.ts';

interface Sleeper {
  readonly until: number;
  readonly order: number;
  readonly wake: () => void;
}

/** A clock that stands still until it is notified to move. */
export interface VirtualClock extends Clock {
  /** Moves time on, waking sleepers in the order they are due; each one's follow-up work runs before the next wakes. */
  advance(duration: number): Promise<void>;
  /** Moves to an instant that is not in the past. */
  advanceTo(instant: EpochMs): Promise<void>;
  /** How many sleep now. */
  sleepers(): number;
  /** Ends when at least one sleeps: time may be moved on without leaving anybody behind who was just about to. */
  whenAsleep(): Promise<void>;
}

const oneTurn = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

/** Lets everything that is ready to run do so: promise callbacks, one turn of the event loop, and what waits for the disk. */
export async function settle(): Promise<void> {
  do await oneTurn();
  while (await waitedForDisk());
}

/** 2026-11-20T14:00:00Z: a round instant for tests that do not care which. */
export const START: EpochMs = epochMs(Date.UTC(2026, 10, 20, 14));

export function createVirtualClock(start: EpochMs = START): VirtualClock {
  let now: number = start;
  let order = 0;
  let sleeping: Sleeper[] = [];
  let onAsleep: (() => void)[] = [];

  const nextDue = (limit: number): Sleeper | undefined =>
    sleeping
      .filter(({ until }) => until <= limit)
      .sort((a, b) => a.until - b.until || a.order - b.order)
      .at(0);

  const drop = (sleeper: Sleeper): void => {
    sleeping = sleeping.filter((other) => other !== sleeper);
  };

  const sleep = async (duration: Milliseconds, signal?: AbortSignal): Promise<void> => {
    if (signal?.aborted === true || duration <= 0) return;
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        signal?.removeEventListener('abort', stop);
        resolve();
      };
      const sleeper: Sleeper = { until: now + duration, order: order++, wake };
      const stop = (): void => {
        drop(sleeper);
        wake();
      };
      sleeping.push(sleeper);
      for (const tell of onAsleep) tell();
      onAsleep = [];
      signal?.addEventListener('abort', stop);
    });
  };

  const advanceTo = async (instant: EpochMs): Promise<void> => {
    await settle();
    for (let due = nextDue(instant); due !== undefined; due = nextDue(instant)) {
      now = Math.max(now, due.until);
      drop(due);
      due.wake();
      await settle();
    }
    now = Math.max(now, instant);
  };

  return {
    now: () => epochMs(now),
    sleep,
    advanceTo,
    advance: (duration) => advanceTo(epochMs(now + duration)),
    sleepers: () => sleeping.length,
    whenAsleep: async () => {
      if (sleeping.length > 0) return;
      await new Promise<void>((resolve) => {
        onAsleep.push(resolve);
      });
    },
  };
}
