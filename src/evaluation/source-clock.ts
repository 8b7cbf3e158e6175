import { type Clock, monotonicNow } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { UpstreamError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { clockOffset, type MetricsSource, type ServerTime } from '../lib/metrics-source.ts';
import type { Recorder } from '../lib/recorder.ts';
import { after, type EpochMs, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import { type GroupTiming, lastEvalTime } from './schedule.ts';

/** Prometheus's clock, as measured on its responses. */
export interface SourceClock {
  readonly observe: (time: ServerTime) => void;
  /** The local clock, corrected by a large offset. Replicas whose clocks differ agree on it. */
  readonly clock: Clock;
  /** Whether the offset is unknown: nothing was measured yet, or the local clock was set since. */
  readonly isUncertain: () => boolean;
  /** The evaluation time on the grid of a group that belongs to a tick of the local clock. */
  correct(group: GroupTiming, evalTime: EpochMs): EpochMs;
  /** Why the local clock must be set; undefined while the difference is small. For readiness. */
  readonly problem: () => string | undefined;
}

/** The time is corrected by an offset of more than this. */
const CORRECTED: Milliseconds = ms(5 * SECOND);

/** A larger offset is a problem of the installation: the times in other systems differ from those in messages. */
const TOLERATED: Milliseconds = ms(30 * SECOND);

/** Logged again when the offset has changed by this much. */
const LOGGED_CHANGE: Milliseconds = ms(5 * SECOND);

/** A larger difference from the monotonic clock is a step of the local clock, not its adjustment by NTP. */
const STEP: Milliseconds = ms(SECOND);

const describe = (offset: Milliseconds): string =>
  `${Math.round(Math.abs(offset) / SECOND)} s ${offset > 0 ? 'behind' : 'ahead of'} Prometheus`;

/**
 * Measures the offset; each exchange changes the known one only as far as it must. A pause of this process makes the bounds
 * wide, not the offset wrong.
 *
 * When the local clock is set, the time goes on by the monotonic clock until the next exchange shows which one is right:
 *
 *     local clock      10:00:00 . . . (set) 11:00:01 . . .
 *     this clock       10:00:00 . . .       10:00:01 . . . | exchange
 */
export function createSourceClock({
  logger,
  recorder,
  clock,
  monotonic = monotonicNow,
}: {
  readonly logger: Logger;
  readonly recorder: Pick<Recorder, 'clockMeasured'>;
  readonly clock: Clock;
  readonly monotonic?: () => number;
}): SourceClock {
  let measured: Milliseconds = ms(0);
  let logged: Milliseconds = ms(0);
  /** The local clock minus the monotonic one at the last exchange. */
  let lead: number | undefined;
  const step = (): Milliseconds => {
    const change = lead === undefined ? 0 : clock.now() - monotonic() - lead;
    return ms(Math.abs(change) > STEP ? change : 0);
  };
  const used = (): Milliseconds => (Math.abs(measured) > CORRECTED ? measured : ms(0));
  const offset = (): Milliseconds => ms(used() - step());

  const logChange = (): void => {
    const current = used();
    if (Math.abs(current - logged) <= LOGGED_CHANGE) return;
    logged = current;
    if (current === 0) logger.info('the local clock agrees with Prometheus again');
    else
      logger.warn('the local clock differs from Prometheus; times are corrected', {
        localClock: describe(current),
        offsetSeconds: Math.round(current / SECOND),
      });
  };

  return {
    observe: (time) => {
      const offset = clockOffset(time, measured);
      if (offset === undefined) return;
      measured = offset;
      recorder.clockMeasured({ offsetSeconds: measured / SECOND });
      lead = clock.now() - monotonic();
      logChange();
    },
    clock: { ...clock, now: () => after(clock.now(), offset()) },
    isUncertain: () => lead === undefined || step() !== 0,
    correct: ({ schedule, ...timing }, evalTime) => {
      const correction = offset();
      if (correction === 0) return evalTime;
      // Whole seconds, so that replicas agree more often than not.
      const seconds = ms(Math.floor(correction / SECOND) * SECOND);
      if (schedule !== undefined) return after(evalTime, seconds);
      return lastEvalTime(timing, after(evalTime, seconds));
    },
    problem: () =>
      Math.abs(measured) > TOLERATED ? `the local clock is ${describe(measured)}; set it by NTP` : undefined,
  };
}

/** An evaluation waits this long for a measurement; then it goes on with the offset that was known. */
const MEASURE_LIMIT: Milliseconds = ms(2 * SECOND);

/**
 * Creates what makes the offset certain by one query, before an evaluation time is claimed that may be wrong by hours.
 * Evaluations at the same time wait for the same query. Never throws: a Prometheus that does not respond is noticed by the
 * queries of the rules.
 */
export function createClockMeasurement(options: {
  readonly sourceClock: Pick<SourceClock, 'isUncertain'>;
  readonly metrics: Pick<MetricsSource, 'instant'>;
  readonly clock: Clock;
}): () => Promise<void> {
  const { sourceClock, metrics, clock } = options;
  let running: Promise<void> | undefined;
  const measure = async (): Promise<void> => {
    try {
      await withDeadline({ clock, duration: MEASURE_LIMIT, system: 'prometheus' }, (signal) =>
        metrics.instant({ expr: 'vector(1)', at: clock.now() }, signal),
      );
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error;
    } finally {
      running = undefined;
    }
  };
  return async () => {
    if (!sourceClock.isUncertain()) return;
    running ??= measure();
    await running;
  };
}
