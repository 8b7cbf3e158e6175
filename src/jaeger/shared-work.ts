import { UpstreamError } from '../lib/errors.ts';

/** Work that several callers may wait for. */
interface Job<T> {
  readonly answer: Promise<T>;
  readonly work: AbortController;
  callers: number;
}

/** Does a piece of work, or joins the same one that is under way. */
export type Share<T> = (
  key: string,
  work: (signal: AbortSignal) => Promise<T>,
  caller?: AbortSignal,
) => Promise<T>;

/** What somebody gets who gave up waiting. */
function gaveUp(): UpstreamError {
  return new UpstreamError({
    system: 'jaeger',
    code: 'timeout',
    message: 'Jaeger had not answered when the time for this was over.',
    advice: 'Try again, or ask about a shorter time.',
  });
}

/**
 * Lets callers with the same question wait for one answer. One who gives up leaves the others their answer; the work is
 * ended when nobody waits for it any more. Nothing is kept once it is answered.
 */
export function createSharing<T>(): Share<T> {
  const jobs = new Map<string, Job<T>>();

  const start = (key: string, work: (signal: AbortSignal) => Promise<T>): Job<T> => {
    const controller = new AbortController();
    const job: Job<T> = { answer: work(controller.signal), work: controller, callers: 0 };
    const forget = (): void => {
      if (jobs.get(key) === job) jobs.delete(key);
    };
    job.answer.then(forget, forget);
    jobs.set(key, job);
    return job;
  };
  const leave = (key: string, job: Job<T>): void => {
    job.callers -= 1;
    if (job.callers > 0) return;
    // Whoever comes now begins anew: this one is ending.
    if (jobs.get(key) === job) jobs.delete(key);
    job.work.abort();
  };
  return async (key, work, caller) => {
    if (caller?.aborted === true) throw gaveUp();
    const job = jobs.get(key) ?? start(key, work);
    job.callers += 1;
    let onAbort = (): void => undefined;
    const abandoned = new Promise<never>((_, reject) => {
      onAbort = () => reject(gaveUp());
    });
    caller?.addEventListener('abort', onAbort, { once: true });
    try {
      return await Promise.race([job.answer, abandoned]);
    } finally {
      caller?.removeEventListener('abort', onAbort);
      leave(key, job);
    }
  };
}
