import PQueue from 'p-queue';

/**
 * Does the work for every item, in order, at most `concurrency` at the same time. After the first error no further item
 * is started, and the error is thrown.
 */
export async function forEachLimited<T>(
  items: readonly T[],
  concurrency: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const queue = new PQueue({ concurrency });
  try {
    await queue.addAll(items.map((item) => async () => await work(item)));
  } catch (error) {
    queue.clear();
    throw error;
  }
}

/** Limits how many pieces of work run at the same time. */
export interface Limiter {
  /** How many pieces of work have not been started yet. */
  waiting(): number;
  /**
   * Runs the work when fewer than the limit run; pieces start in the order they came. A signal that aborts before the
   * start removes the piece and rejects with the signal's reason; later the work handles it itself.
   */
  run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T>;
}

/** Runs at most `concurrency` pieces of work at the same time. */
export function createLimiter(concurrency: number): Limiter {
  const queue = new PQueue({ concurrency });
  return {
    waiting: () => queue.size,
    run: async (work, signal) => await queue.add(work, { signal }),
  };
}
