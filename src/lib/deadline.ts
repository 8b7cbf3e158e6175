import type { Clock } from './clock.ts';
import { type System, UpstreamError } from './errors.ts';
import type { Milliseconds } from './units.ts';

/**
 * Runs a call with a signal that aborts after `duration` by this clock, or with the caller's `signal`.
 * @throws UpstreamError `timeout` when the time is up, whether or not the call heeds its signal.
 */
export async function withDeadline<T>(
  limit: {
    readonly clock: Clock;
    readonly duration: Milliseconds;
    readonly system: System;
    readonly signal?: AbortSignal | undefined;
  },
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const work = new AbortController();
  const timer = new AbortController();
  const giveUp = (): void => work.abort(limit.signal?.reason);
  if (limit.signal?.aborted === true) giveUp();
  limit.signal?.addEventListener('abort', giveUp, { once: true });
  const expired = limit.clock.sleep(limit.duration, timer.signal).then((): T => {
    const error = new UpstreamError({
      system: limit.system,
      code: 'timeout',
      message: `No answer from ${limit.system} within ${limit.duration} ms.`,
      advice: `Look whether ${limit.system} is overloaded or the question too expensive.`,
    });
    work.abort(error);
    throw error;
  });
  // When the call wins, the timer ends early and its rejection is nobody's.
  expired.catch(() => undefined);
  try {
    return await Promise.race([call(work.signal), expired]);
  } finally {
    timer.abort();
    limit.signal?.removeEventListener('abort', giveUp);
  }
}
