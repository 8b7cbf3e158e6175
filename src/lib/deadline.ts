import type { Clock } from './clock.ts';
import { SYSTEM_NAMES, type System, UpstreamError } from './errors.ts';
import { type Milliseconds, SECOND } from './units.ts';

const durationText = (duration: Milliseconds): string =>
  duration < SECOND ? `${duration} ms` : `${duration / SECOND} s`;

/** Without a reason of its own, each abort creates an error with its stack. */
const ENDED = 'ended';

/**
 * Runs a call with a signal that aborts after `duration` by this clock, or with the caller's `signal`. After that the call
 * has the time `grace` to return a partial result. `AbortSignal.any` is not used: on Node 20 a long-lived signal keeps a reference to every call (nodejs/node#54614).
 * @throws UpstreamError `timeout` when the time is up, whether or not the call obeys its signal.
 */
export async function withDeadline<T>(
  limit: {
    readonly clock: Pick<Clock, 'sleep'>;
    readonly duration: Milliseconds;
    readonly grace?: Milliseconds;
    readonly system: System;
    readonly signal?: AbortSignal | undefined;
  },
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const work = new AbortController();
  const timer = new AbortController();
  const cancel = (): void => work.abort(limit.signal?.reason);
  if (limit.signal?.aborted === true) cancel();
  limit.signal?.addEventListener('abort', cancel, { once: true });
  const expired = limit.clock.sleep(limit.duration, timer.signal).then(async (): Promise<T> => {
    // The call has ended, and nobody reads this any more.
    if (timer.signal.aborted) return undefined as T;
    const name = SYSTEM_NAMES[limit.system];
    const error = new UpstreamError({
      system: limit.system,
      code: 'timeout',
      message: `${name} did not respond within ${durationText(limit.duration)}.`,
      advice: `Check whether ${name} is overloaded, or use a shorter time range.`,
    });
    work.abort(error);
    if (limit.grace !== undefined) await limit.clock.sleep(limit.grace, timer.signal);
    throw error;
  });
  // When the call ends first, nobody handles the timer's rejection.
  expired.catch(() => undefined);
  try {
    return await Promise.race([call(work.signal), expired]);
  } finally {
    timer.abort(ENDED);
    limit.signal?.removeEventListener('abort', cancel);
  }
}
