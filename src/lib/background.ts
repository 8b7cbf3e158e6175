import type { Clock } from './clock.ts';
import { faultText } from './errors.ts';
import type { Logger } from './logger.ts';
import type { BackgroundWork, Recorder } from './recorder.ts';
import { type Milliseconds, ms, SECOND } from './units.ts';

export interface BackgroundParts {
  readonly work: BackgroundWork;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly logger: Pick<Logger, 'error'>;
  readonly recorder: Pick<Recorder, 'backgroundFailed'>;
  /** Ends the repetition, after the run under way. */
  readonly signal: AbortSignal;
}

/** The pause after a failure. */
const PAUSE_AFTER_FAILURE: Milliseconds = ms(10 * SECOND);

/**
 * Runs `once` again and again until the signal aborts; `once` returns the pause before its next run. A failure is logged
 * and counted, and the repetition continues: it never rejects, so that no failure in the background ends the process.
 */
export async function repeat(parts: BackgroundParts, once: () => Promise<Milliseconds>): Promise<void> {
  const { work, clock, logger, recorder, signal } = parts;
  while (!signal.aborted) {
    const pause = await once().catch((error: unknown) => {
      logger.error('background work failed and is repeated', { work, error: faultText(error) });
      recorder.backgroundFailed({ work });
      return PAUSE_AFTER_FAILURE;
    });
    if (!signal.aborted) await clock.sleep(pause, signal);
  }
}
