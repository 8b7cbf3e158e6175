import type { Clock } from '../lib/clock.ts';
import { faultText } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { type Milliseconds, SECOND } from '../lib/units.ts';
import { backoff } from './decide-delivery.ts';

/** How often the outbox is looked into when nobody says that there is something new. */
const POLL: Milliseconds = SECOND;

/** Works on the outbox until it is stopped. */
export interface OutboxWorker {
  start: () => void;
  /** Begins no more work and waits for what is under way. */
  stop: () => Promise<void>;
  /** There is something new: the next look comes at once. */
  wake: () => void;
}

/**
 * Looks into the outbox again and again, in lanes that do not wait for each other. `look` sees through what is due and
 * is notified how to learn that it should come to an end.
 */
export function createOutboxWorker(parts: {
  clock: Clock;
  logger: Logger;
  lanes: number;
  look: (isStopping: () => boolean) => Promise<unknown>;
}): OutboxWorker {
  const { clock, lanes, look } = parts;
  const bells = new Set<AbortController>();
  const outage = createOutage(parts.logger);
  let running: { isStopping: boolean; done: Promise<unknown> } | undefined;

  async function lane(isStopping: () => boolean): Promise<void> {
    while (!isStopping()) {
      // What rings from here on ends the coming sleep, even when it rings before the sleep begins.
      const bell = new AbortController();
      bells.add(bell);
      const pause = await look(isStopping).then(outage.ended, outage.goesOn);
      if (!isStopping()) await clock.sleep(pause, bell.signal);
      bells.delete(bell);
    }
  }

  const ring = (): void => {
    for (const bell of bells) bell.abort();
  };

  return {
    start() {
      if (running !== undefined) return;
      const run = { isStopping: false, done: Promise.resolve() as Promise<unknown> };
      running = run;
      run.done = Promise.all(Array.from({ length: lanes }, () => lane(() => run.isStopping)));
    },
    async stop() {
      const run = running;
      if (run === undefined) return;
      run.isStopping = true;
      ring();
      await run.done;
      running = undefined;
    },
    wake: ring,
  };
}

/** How long to pause after a look; complains once per outage, since every line of `error` asks somebody to act. */
function createOutage(logger: Logger): {
  ended: () => Milliseconds;
  goesOn: (error: unknown) => Milliseconds;
} {
  let failures = 0;
  return {
    ended: () => {
      failures = 0;
      return POLL;
    },
    goesOn: (error) => {
      failures += 1;
      if (failures === 1)
        logger.error('the outbox cannot be worked on', {
          error: faultText(error),
        });
      return backoff(failures);
    },
  };
}
