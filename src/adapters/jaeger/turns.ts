import { UpstreamError } from '../../app/errors.ts';
import type { Milliseconds } from '../../domain/units.ts';
import { createDeadline } from '../http/deadline.ts';

/** Does a piece of work when it is its turn. */
export type TakeTurn = <T>(work: () => Promise<T>, signal: AbortSignal | undefined) => Promise<T>;

/**
 * Lets at most `atOnce` pieces of work run; the others wait in the order they came. Who has waited for `patience`, or
 * gives up, is out with a `timeout`.
 */
export function createTurns(options: { readonly atOnce: number; readonly patience: Milliseconds }): TakeTurn {
  const waiting: (() => void)[] = [];
  let running = 0;

  const wait = async (signal: AbortSignal | undefined): Promise<void> => {
    const deadline = createDeadline(options.patience, signal);
    try {
      await new Promise<void>((resolve, reject) => {
        const onOver = (): void => {
          waiting.splice(waiting.indexOf(begin), 1);
          reject(tooBusy());
        };
        const begin = (): void => {
          deadline.signal.removeEventListener('abort', onOver);
          resolve();
        };
        waiting.push(begin);
        if (deadline.signal.aborted) onOver();
        else deadline.signal.addEventListener('abort', onOver, { once: true });
      });
    } finally {
      deadline.clear();
    }
  };
  return async (work, signal) => {
    // A turn that is handed on is not given back in between: nobody can slip in.
    if (running < options.atOnce) running += 1;
    else await wait(signal);
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
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
