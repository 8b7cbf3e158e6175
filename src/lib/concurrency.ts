/** Does the work for every item, in order, at most `atOnce` at the same time. Stops taking items at the first error. */
export async function eachAtOnce<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  let hasFailed = false;
  const worker = async (): Promise<void> => {
    while (next < items.length && !hasFailed) {
      const item = items[next];
      next += 1;
      try {
        // The index is inside the list: an undefined item is one of its items.
        await work(item as T);
      } catch (error) {
        hasFailed = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
}

/** Lets pieces of work run when it is their turn. */
export interface Semaphore {
  /** How many wait for theirs. */
  waiting(): number;
  /**
   * Does the work when it is its turn. Who gives up before that is out, with the signal's reason; afterwards the signal
   * is the work's own affair.
   */
  take<T>(work: () => Promise<T>, givenUp?: AbortSignal): Promise<T>;
}

/** Lets at most `atOnce` pieces of work run; the others wait in the order they came. */
export function createSemaphore(atOnce: number): Semaphore {
  const waiting: (() => void)[] = [];
  let running = 0;

  const turn = (givenUp: AbortSignal | undefined): Promise<void> =>
    new Promise((resolve, reject) => {
      const leave = (): void => {
        waiting.splice(waiting.indexOf(begin), 1);
        reject(givenUp?.reason);
      };
      const begin = (): void => {
        givenUp?.removeEventListener('abort', leave);
        resolve();
      };
      waiting.push(begin);
      if (givenUp?.aborted === true) leave();
      else givenUp?.addEventListener('abort', leave, { once: true });
    });

  return {
    waiting: () => waiting.length,
    async take(work, givenUp) {
      // A turn that is handed on is not given back in between: nobody can slip in.
      if (running < atOnce) running += 1;
      else await turn(givenUp);
      try {
        return await work();
      } finally {
        const next = waiting.shift();
        if (next === undefined) running -= 1;
        else next();
      }
    },
  };
}
