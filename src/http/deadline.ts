import type { Milliseconds } from '../lib/units.ts';

/** A signal that aborts when a time is over or when the caller gives up, whichever is first. */
export interface Deadline {
  readonly signal: AbortSignal;
  /** Why it aborted; undefined while it has not. */
  expired(): 'deadline' | 'cancelled' | undefined;
  /** Ends the timer and lets go of the caller's signal. */
  clear(): void;
}

/**
 * Starts a deadline. `AbortSignal.any` is not used: on Node 20 it keeps a reference for every request on a signal that
 * lives long (nodejs/node#54614).
 */
export function createDeadline(after: Milliseconds, caller: AbortSignal | undefined): Deadline {
  const controller = new AbortController();
  let why: 'deadline' | 'cancelled' | undefined;
  const abort = (reason: 'deadline' | 'cancelled'): void => {
    why ??= reason;
    controller.abort();
  };
  const onCancel = (): void => abort('cancelled');
  const timer = setTimeout(() => abort('deadline'), after);
  if (caller?.aborted === true) onCancel();
  caller?.addEventListener('abort', onCancel, { once: true });
  return {
    signal: controller.signal,
    expired: () => why,
    clear: () => {
      clearTimeout(timer);
      caller?.removeEventListener('abort', onCancel);
    },
  };
}
