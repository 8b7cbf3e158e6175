import type { Logger } from '../lib/logger.ts';
import { PictureError } from '../traces/pictures.ts';
import { type DrawingThread, keepThread } from './drawing-thread.ts';
import type { DrawReply, DrawRequest } from './render-worker.ts';

/** A picture that somebody waits for. What is settled once stays so. */
export interface Job {
  readonly request: DrawRequest;
  readonly resolve: (png: Uint8Array) => void;
  readonly reject: (error: PictureError) => void;
}

export interface DrawingQueue {
  /** Rejects the job at once when too many wait. */
  add(job: Job): void;
  /** Nobody waits for the job any more. */
  giveUp(job: Job): void;
  close(): Promise<void>;
}

/** Pictures that wait; each is drawn in a tenth of a second, so that those of a longer queue would not come in time. */
const MOST_WAITING = 8;

const notDrawn = (): PictureError => new PictureError('failed', 'it could not be drawn; the log says why');

/**
 * Hands pictures to a thread one at a time, the next when the last has come back. A thread that dies is replaced for the
 * next picture; one that hangs is ended. A thread that is still starting when a picture is given up is left to start, so
 * that the next picture finds it ready.
 */
export function createDrawingQueue(parts: {
  readonly logger: Logger;
  readonly startThread: () => DrawingThread;
}): DrawingQueue {
  const { logger, startThread } = parts;
  const thread = keepThread(startThread, { reply: hear, ended: lose });
  let current: Job | undefined;
  let waiting: Job[] = [];
  let isClosed = false;

  function hear(reply: DrawReply): void {
    const job = current;
    if (reply.kind !== 'ready' && job?.request.id === reply.id) {
      current = undefined;
      if (reply.kind === 'failed') logger.error('a picture could not be drawn', { reason: reply.reason });
      if (reply.kind === 'drawn') job.resolve(reply.png);
      else job.reject(notDrawn());
    }
    next();
  }

  /** The picture that a thread died of is not tried again; when none was begun, no thread can be had. */
  function lose(reason: string): void {
    logger.error('the thread that draws pictures ended', { reason });
    const lost = current === undefined ? waiting : [current];
    if (current === undefined) waiting = [];
    current = undefined;
    for (const job of lost) job.reject(notDrawn());
    next();
  }

  function next(): void {
    if (isClosed || current !== undefined) return;
    const [job] = waiting;
    if (job === undefined || !thread.ask(job.request)) return;
    current = job;
    waiting = waiting.slice(1);
  }

  return {
    add(job) {
      if (isClosed || waiting.length >= MOST_WAITING)
        return job.reject(new PictureError('busy', 'too many pictures are being drawn; ask again'));
      waiting.push(job);
      next();
    },
    giveUp(job) {
      waiting = waiting.filter((each) => each !== job);
      if (current !== job) return;
      logger.warn('a picture took too long; its thread was ended');
      current = undefined;
      // Nothing hangs on how it ends.
      thread.end().catch(() => undefined);
      next();
    },
    async close() {
      isClosed = true;
      const left = current === undefined ? waiting : [current, ...waiting];
      waiting = [];
      current = undefined;
      for (const job of left) job.reject(notDrawn());
      await thread.end();
    },
  };
}
