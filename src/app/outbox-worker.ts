import { type Milliseconds, SECOND } from '../domain/units.ts';
import { backoff } from './decide-delivery.ts';
import type { Clock, Logger } from './ports.ts';

/** How often the outbox is looked into when nobody says that there is something new. */
const POLL: Milliseconds = SECOND;

export interface OutboxWorker {
  start: () => void;
  /** Begins no more work and waits for what is under way. */
  stop: () => Promise<void>;
  /** There is something new: the next look comes at once. */
  wake: () => void;
}

/** Looks into the outbox again and again. `drain` is told how to learn that it should come to an end. */
export function createOutboxWorker(parts: {
  clock: Clock;
  logger: Logger;
  drain: (isStopping: () => boolean) => Promise<unknown>;
}): OutboxWorker {
  const { clock, logger, drain } = parts;
  let bell = new AbortController();
  let running: { isStopping: boolean; done: Promise<void> } | undefined;

  async function work(isStopping: () => boolean): Promise<void> {
    let failures = 0;
    while (!isStopping()) {
      // What rings from here on ends the coming sleep, even when it rings before the sleep begins.
      bell = new AbortController();
      const pause = await drain(isStopping).then(
        () => {
          failures = 0;
          return POLL;
        },
        (error: unknown) => {
          failures += 1;
          // Once per outage: every line of `error` is one that somebody must act on.
          if (failures === 1)
            logger.error('the outbox cannot be worked on', {
              error: error instanceof Error ? `${error.name}: ${error.message}` : 'unknown',
            });
          return backoff(failures);
        },
      );
      if (!isStopping()) await clock.sleep(pause, bell.signal);
    }
  }

  return {
    start() {
      if (running !== undefined) return;
      const run = { isStopping: false, done: Promise.resolve() };
      running = run;
      run.done = work(() => run.isStopping);
    },
    async stop() {
      const run = running;
      if (run === undefined) return;
      run.isStopping = true;
      bell.abort();
      await run.done;
      running = undefined;
    },
    wake() {
      bell.abort();
    },
  };
}
