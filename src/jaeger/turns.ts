import { createDeadline } from '../http/deadline.ts';
import { createLimiter } from '../lib/concurrency.ts';
import { UpstreamError } from '../lib/errors.ts';
import type { Milliseconds } from '../lib/units.ts';

/** Does a piece of work when it is its turn. */
export type TakeTurn = <T>(work: () => Promise<T>, signal: AbortSignal | undefined) => Promise<T>;

/** Turns at searching: who has waited for `patience`, or gives up while waiting, is out with a `timeout`. */
export function createPatientLimiter(options: {
  readonly atOnce: number;
  readonly patience: Milliseconds;
}): TakeTurn {
  const turns = createLimiter(options.atOnce);
  return async (work, signal) => {
    const deadline = createDeadline(options.patience, signal);
    let hasBegun = false;
    try {
      return await turns.run(() => {
        hasBegun = true;
        deadline.clear();
        return work();
      }, deadline.signal);
    } catch (error) {
      throw hasBegun ? error : tooBusy();
    } finally {
      deadline.clear();
    }
  };
}

function tooBusy(): UpstreamError {
  return new UpstreamError({
    system: 'jaeger',
    code: 'timeout',
    message: 'Other searches kept Jaeger busy until the time for this one was over.',
    advice: 'Try again in a moment, or ask about a shorter time.',
  });
}
