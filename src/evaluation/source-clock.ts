import type { Logger } from '../lib/logger.ts';
import type { ServerTime } from '../lib/metrics-source.ts';
import type { Recorder } from '../lib/recorder.ts';
import { after, between, type EpochMs, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import { evalTimeOf, type GroupTiming, spreadOffset, wholeSeconds } from './schedule.ts';

/** Prometheus's clock, as measured on its responses. */
export interface SourceClock {
  readonly observe: (time: ServerTime) => void;
  /** What must be added to the local time to get Prometheus's; 0 for a small difference. */
  offset(): Milliseconds;
  /** The evaluation time on the grid of a group that belongs to a tick of the local clock. */
  correct(group: GroupTiming, evalTime: EpochMs): EpochMs;
  /** Why the local clock must be set; undefined while the difference is small. For readiness. */
  readonly problem: () => string | undefined;
}

/** Evaluation times are corrected by an offset of more than this. */
const CORRECTED: Milliseconds = ms(5 * SECOND);

/** A larger offset is a problem of the installation: Slack refuses requests, and links and traces show other times. */
const TOLERATED: Milliseconds = ms(30 * SECOND);

/** Logged again when the offset has changed by this much. */
const LOGGED_CHANGE: Milliseconds = ms(5 * SECOND);

const describe = (offset: Milliseconds): string =>
  `${Math.round(Math.abs(offset) / SECOND)} s ${offset > 0 ? 'behind' : 'ahead of'} Prometheus`;

/**
 * Measures the offset. Prometheus wrote the date between sending and receiving, so each exchange bounds the offset; the
 * known one changes only as far as it must. A pause of this process makes the bounds wide, not the offset wrong.
 */
export function createSourceClock({
  logger,
  recorder,
}: {
  readonly logger: Logger;
  readonly recorder: Pick<Recorder, 'clockMeasured'>;
}): SourceClock {
  let measured: Milliseconds = ms(0);
  let logged: Milliseconds = ms(0);
  const used = (): Milliseconds => (Math.abs(measured) > CORRECTED ? measured : ms(0));
  return {
    observe: ({ date, sentAt, receivedAt }) => {
      const least = between(receivedAt, date);
      const most = between(sentAt, date) + SECOND;
      if (least > most) return;
      measured = ms(Math.min(Math.max(measured, least), most));
      recorder.clockMeasured({ offsetSeconds: measured / SECOND });
      const offset = used();
      if (Math.abs(offset - logged) <= LOGGED_CHANGE) return;
      logged = offset;
      if (offset === 0) logger.info('the local clock agrees with Prometheus again');
      else
        logger.warn('the local clock differs from Prometheus; evaluation times are corrected', {
          localClock: describe(offset),
          offsetSeconds: Math.round(offset / SECOND),
        });
    },
    offset: used,
    correct: ({ id, interval, schedule }, evalTime) => {
      const offset = used();
      if (offset === 0) return evalTime;
      // Whole seconds, so that replicas agree more often than not.
      const seconds = ms(Math.floor(offset / SECOND) * SECOND);
      if (schedule !== undefined) return after(evalTime, seconds);
      const step = wholeSeconds(interval);
      return evalTimeOf(after(evalTime, seconds), step, spreadOffset(id, step));
    },
    problem: () =>
      Math.abs(measured) > TOLERATED ? `the local clock is ${describe(measured)}; set it by NTP` : undefined,
  };
}
