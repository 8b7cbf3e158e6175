import type { Clock } from '../lib/clock.ts';
import type { Milliseconds } from '../lib/units.ts';

/** Keeps account of handlers: Slack has its acknowledgement, the person waits for an answer. */
export interface Running {
  /** Runs something to its end whatever happens to the request that began it. */
  add(work: () => Promise<void>): Promise<void>;
}

export interface RunningWorks extends Running {
  /** Ends when all that runs has ended, or after `within`. */
  settled(within: Milliseconds): Promise<void>;
}

export function createRunning(clock: Clock): RunningWorks {
  const works = new Set<Promise<void>>();
  return {
    async add(work) {
      const promise = work();
      works.add(promise);
      try {
        await promise;
      } finally {
        works.delete(promise);
      }
    },
    async settled(within) {
      const timer = new AbortController();
      await Promise.race([Promise.allSettled(works), clock.sleep(within, timer.signal)]);
      timer.abort();
    },
  };
}
