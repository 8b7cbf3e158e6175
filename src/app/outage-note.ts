import { between, SECOND } from '../domain/units.ts';
import type { Clock, Logger } from './ports.ts';

/** Says once that something does not answer, and once that it answers again. */
export interface OutageNote {
  failed(reason: string): void;
  answered(): void;
}

export function createOutageNote(
  what: string,
  { clock, logger }: { clock: Clock; logger: Logger },
): OutageNote {
  let since: ReturnType<Clock['now']> | undefined;
  return {
    failed: (reason) => {
      if (since !== undefined) return;
      since = clock.now();
      logger.error(`${what} does not answer: alerts keep their state until it does`, { reason });
    },
    answered: () => {
      if (since === undefined) return;
      logger.info(`${what} answers again`, { afterSeconds: between(since, clock.now()) / SECOND });
      since = undefined;
    },
  };
}
