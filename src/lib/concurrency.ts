import PQueue from 'p-queue';
import { nextTurn } from './clock.ts';

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

/** Splits long work into turns of the event loop: requests, timers and sockets are served between them. */
export interface Turns {
  /**
   * Begins a job. What it returns is called before each of its steps with the size of the step, and resolves in a turn of
   * the event loop that has room for it, at once in one that did little so far. Of several jobs the one that began first
   * goes on first: it ends, and frees its memory, before the next one needs as much.
   */
  begin(): NextStep;
}

/** Waits for room for the next step. The size is any measure of the time it takes. */
export type NextStep = (size: number) => Promise<void>;

interface WaitingStep {
  readonly job: number;
  readonly size: number;
  readonly start: () => void;
}

/** @param sizeOfTurn after steps of this size together, the event loop turns before the next one. */
export function createTurns(sizeOfTurn: number): Turns {
  let jobs = 0;
  let done = 0;
  let isScheduled = false;
  const waiting: WaitingStep[] = [];

  const hasRoom = (): boolean => done < sizeOfTurn;
  const schedule = (): void => {
    if (isScheduled) return;
    isScheduled = true;
    void nextTurn().then(turn);
  };
  const take = (size: number): void => {
    done += size;
    schedule();
  };
  function turn(): void {
    isScheduled = false;
    done = 0;
    while (hasRoom()) {
      const step = waiting.shift();
      if (step === undefined) return;
      take(step.size);
      step.start();
    }
  }

  return {
    begin: () => {
      const job = jobs++;
      return async (size) => {
        if (waiting.length === 0 && hasRoom()) {
          take(size);
          return;
        }
        await new Promise<void>((resolve) => {
          const later = waiting.findIndex((each) => each.job > job);
          waiting.splice(later === -1 ? waiting.length : later, 0, { job, size, start: resolve });
        });
      };
    },
  };
}

/** Work that says the size of each of its steps before it takes it, so that other work can run between them. */
export type Steps<T> = Generator<number, T, void>;

/** Takes all steps at once. */
export function allSteps<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** Takes each step in a turn of the event loop that has room for it. */
export async function stepsInTurns<T>(steps: Steps<T>, nextStep: NextStep): Promise<T> {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    await nextStep(step.value);
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
