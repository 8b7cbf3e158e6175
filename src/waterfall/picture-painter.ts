import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { type Milliseconds, ms, SECOND } from '../lib/units.ts';
import { PictureError, type PicturePainter } from '../traces/pictures.ts';
import { createDrawingQueue, type Job } from './drawing-queue.ts';
import { type DrawingThread, startDrawingThread } from './drawing-thread.ts';
import type { ThemeName } from './theme.ts';

export interface PicturePainterOptions {
  readonly clock: Pick<Clock, 'sleep'>;
  readonly logger: Logger;
  /** How long one picture may take, waiting included; 2 s unless notified. */
  readonly limit?: Milliseconds;
  readonly theme?: ThemeName;
  readonly startThread?: () => DrawingThread;
}

const LIMIT = ms(2 * SECOND);

/** Draws pictures in a thread of its own, each under a deadline. The thread is started by the first picture and kept. */
export function createPicturePainter(options: PicturePainterOptions): PicturePainter {
  const { clock, logger, limit = LIMIT, theme = 'light', startThread = startDrawingThread } = options;
  const queue = createDrawingQueue({ logger, startThread });
  let lastId = 0;

  async function expire(job: Job, timer: AbortSignal): Promise<void> {
    await clock.sleep(limit, timer);
    if (timer.aborted) return;
    job.reject(new PictureError('late', `it was not drawn within ${limit / SECOND} s`));
    queue.giveUp(job);
  }

  return {
    async draw(waterfall) {
      lastId += 1;
      const id = lastId;
      const timer = new AbortController();
      try {
        return await new Promise<Uint8Array>((resolve, reject) => {
          const job: Job = { request: { id, waterfall, theme }, resolve, reject };
          queue.add(job);
          void expire(job, timer.signal);
        });
      } finally {
        timer.abort();
      }
    },
    close: () => queue.close(),
  };
}
