import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { type Milliseconds, ms, SECOND } from '../lib/units.ts';
import { startThread } from '../threads/start-thread.ts';
import { PictureError, type PicturePainter } from '../traces/pictures.ts';
import type { DrawReply, DrawRequest } from './render-worker.ts';

export interface PicturePainterOptions {
  readonly clock: Pick<Clock, 'sleep'>;
  readonly logger: Logger;
  /** The time limit of a picture, waiting included; 2 s by default. */
  readonly limit?: Milliseconds;
  readonly startThread?: () => DrawingThread;
}

const LIMIT = ms(2 * SECOND);
/** Each picture takes about 100 ms: those of a longer queue would be too late. */
const MAX_WAITING = 8;

/** A picture that was requested. */
interface Job {
  readonly request: DrawRequest;
  readonly resolve: (png: Uint8Array) => void;
  readonly reject: (error: PictureError) => void;
}

const notDrawn = (): PictureError => new PictureError('failed', 'drawing failed; see the log');

/** Draws pictures in a thread, each with a time limit. The thread is started with the first picture and kept. */
export function createPicturePainter(options: PicturePainterOptions): PicturePainter {
  const { clock, logger, limit = LIMIT, startThread = startDrawingThread } = options;
  const queue = createDrawingQueue(logger, startThread);
  let lastId = 0;
  return {
    async draw(waterfall) {
      lastId += 1;
      const request = { id: lastId, waterfall };
      const timer = new AbortController();
      try {
        return await new Promise<Uint8Array>((resolve, reject) => {
          const job: Job = { request, resolve, reject };
          queue.add(job);
          void clock.sleep(limit, timer.signal).then(() => {
            if (timer.signal.aborted) return;
            reject(new PictureError('late', `not drawn within ${limit / SECOND} s`));
            queue.cancel(job);
          });
        });
      } finally {
        timer.abort();
      }
    },
    close: () => queue.close(),
  };
}

interface DrawingQueue {
  /** Rejects the job at once when too many wait. */
  add(job: Job): void;
  cancel(job: Job): void;
  close(): Promise<void>;
}

/**
 * Sends pictures to a thread, one at a time. A thread that dies is replaced for the next picture; one that hangs is ended.
 * A thread that is still starting when a picture is cancelled continues, so that it is ready for the next picture.
 */
function createDrawingQueue(logger: Logger, startThread: () => DrawingThread): DrawingQueue {
  const thread = keepThread(startThread, { reply: receive, ended: lose });
  let current: Job | undefined;
  let waiting: Job[] = [];
  let isClosed = false;

  function receive(reply: DrawReply): void {
    const job = current;
    if (reply.kind !== 'ready' && job?.request.id === reply.id) {
      current = undefined;
      if (reply.kind === 'failed') logger.error('drawing a picture failed', { reason: reply.reason });
      if (reply.kind === 'drawn') job.resolve(reply.png);
      else job.reject(notDrawn());
    }
    next();
  }

  /** The picture that was being drawn is not tried again; when there was none, no thread can be started. */
  function lose(reason: string): void {
    logger.error('the drawing thread ended', { reason });
    const lost = current === undefined ? waiting : [current];
    if (current === undefined) waiting = [];
    current = undefined;
    for (const job of lost) job.reject(notDrawn());
    next();
  }

  function next(): void {
    const [job] = waiting;
    if (isClosed || current !== undefined || job === undefined || !thread.send(job.request)) return;
    current = job;
    waiting = waiting.slice(1);
  }

  return {
    add(job) {
      if (isClosed || waiting.length >= MAX_WAITING)
        return job.reject(new PictureError('busy', 'too many pictures are being drawn; try again'));
      waiting.push(job);
      next();
    },
    cancel(job) {
      waiting = waiting.filter((each) => each !== job);
      if (current !== job) return;
      logger.warn('a picture took too long; its thread was ended');
      current = undefined;
      // Its result does not matter.
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

/** A thread that is started with the first request, and again after it was lost. */
interface KeptThread {
  /** Starts the thread if there is none; false, and nothing is sent, until it is ready. */
  send(request: DrawRequest): boolean;
  /** Ends the thread; the listeners are not called. */
  end(): Promise<void>;
}

function keepThread(
  startThread: () => DrawingThread,
  listeners: Parameters<DrawingThread['listen']>[0],
): KeptThread {
  let kept: { readonly thread: DrawingThread; isReady: boolean } | undefined;

  function start(): NonNullable<typeof kept> {
    const started = { thread: startThread(), isReady: false };
    started.thread.listen({
      reply: (reply) => {
        if (kept !== started) return;
        if (reply.kind === 'ready') started.isReady = true;
        listeners.reply(reply);
      },
      ended: (reason) => {
        if (kept !== started) return;
        kept = undefined;
        listeners.ended(reason);
      },
    });
    return started;
  }

  return {
    send(request) {
      kept ??= start();
      if (kept.isReady) kept.thread.send(request);
      return kept.isReady;
    },
    async end() {
      const left = kept?.thread;
      kept = undefined;
      await left?.end();
    },
  };
}

/** A thread that draws. */
export interface DrawingThread {
  send(request: DrawRequest): void;
  listen(listeners: ThreadListeners): void;
  end(): Promise<void>;
}

export interface ThreadListeners {
  readonly reply: (reply: DrawReply) => void;
  /** The thread ended unexpectedly. */
  readonly ended: (reason: string) => void;
}

/** Starts the thread. It does not keep the process alive. */
function startDrawingThread(): DrawingThread {
  const worker = startThread({ name: 'render-worker', from: import.meta.url });
  return {
    send: (request) => worker.postMessage(request, []),
    listen: ({ reply, ended }) => {
      worker.on('message', reply);
      worker.on('error', (error) => ended(error instanceof Error ? error.message : 'unknown'));
      worker.on('exit', (code) => ended(`exit code ${code}`));
    },
    end: async () => {
      await worker.terminate();
    },
  };
}
