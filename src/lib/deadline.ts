import { type Clock, monotonicNow, nextTurn } from './clock.ts';
import { SYSTEM_NAMES, type System, UpstreamError } from './errors.ts';
import { type Milliseconds, ms, SECOND } from './units.ts';

const durationText = (duration: Milliseconds): string =>
  duration < SECOND ? `${duration} ms` : `${duration / SECOND} s`;

/** The event loop is busy when it is this late for a timer, in ms. */
const LATE = 500;
/** Turns of the event loop in which a small response is read and parsed. */
const TURNS_TO_READ = 3;

async function severalTurns(): Promise<void> {
  for (let turns = 0; turns < TURNS_TO_READ; turns++) await nextTurn();
}

interface Limit {
  readonly system: System;
  readonly duration: Milliseconds;
}

function timeout({ system, duration }: Limit): UpstreamError {
  const name = SYSTEM_NAMES[system];
  return new UpstreamError({
    system,
    code: 'timeout',
    message: `${name} did not respond within ${durationText(duration)}.`,
    advice: `Check whether ${name} is overloaded, or use a shorter time range.`,
  });
}

/** The time was up while this process did something else, or nothing at all: that says nothing about the system. */
const busy = ({ system, duration }: Limit, late: Milliseconds): UpstreamError =>
  new UpstreamError({
    system,
    code: 'timeout',
    message: `No response of ${SYSTEM_NAMES[system]} was read within ${durationText(duration)}: the bot was busy for ${secondsText(late)}.`,
    advice: 'Check the CPU limit of the bot and the load of its machine.',
  });

/** Without a reason of its own, each abort creates an error with its stack. */
const ENDED = 'ended';

const secondsText = (duration: Milliseconds): string => `${(duration / SECOND).toFixed(1)} s`;

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
  const startedAt = monotonicNow();
  const expired = limit.clock.sleep(limit.duration, timer.signal).then(async (): Promise<T> => {
    // The call has ended, and nobody reads this any more.
    if (timer.signal.aborted) return undefined as T;
    const late = monotonicNow() - startedAt - limit.duration;
    const isBusy = late > LATE;
    // A response that arrived meanwhile is read only now: the timers of a turn come before its sockets.
    if (isBusy) await severalTurns();
    const error = isBusy ? busy(limit, ms(late)) : timeout(limit);
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
