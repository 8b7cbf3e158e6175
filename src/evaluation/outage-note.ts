import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { between, type EpochMs, MINUTE, type Milliseconds, ms, SECOND } from '../lib/units.ts';

/** Says once that something does not answer, and once that it answers everybody again. */
export interface OutageNote {
  /** `who` did not get an answer. */
  failed(who: string, reason: string): void;
  /** `who` got an answer. */
  answered(who: string): void;
}

/** Who has not asked for so long is not waiting for an answer any more: its group is gone. */
const FORGET_AFTER: Milliseconds = ms(10 * MINUTE);

/**
 * One note for an outage, however many ask: it lasts until all who failed have been answered, so that one slow rule
 * among quick ones does not write two lines at every tick.
 */
export function createOutageNote(
  what: string,
  { clock, logger }: { clock: Clock; logger: Logger },
): OutageNote {
  const failing = new Map<string, EpochMs>();
  let since: EpochMs | undefined;

  const forgetTheGone = (now: EpochMs): void => {
    for (const [who, at] of failing) if (between(at, now) > FORGET_AFTER) failing.delete(who);
  };

  return {
    failed: (who, reason) => {
      failing.set(who, clock.now());
      if (since !== undefined) return;
      since = clock.now();
      logger.error(`${what} does not answer: alerts keep their state until it does`, { reason });
    },
    answered: (who) => {
      failing.delete(who);
      forgetTheGone(clock.now());
      if (since === undefined || failing.size > 0) return;
      logger.info(`${what} answers again`, { afterSeconds: between(since, clock.now()) / SECOND });
      since = undefined;
    },
  };
}
