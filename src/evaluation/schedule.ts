import { type Logger as CronLogger, type ScheduledTask, schedule as startCron } from 'node-cron';
import { type Clock, monotonicNow, systemClock } from '../lib/clock.ts';
import { createLimiter } from '../lib/concurrency.ts';
import { hashTexts } from '../lib/labels.ts';
import type { Logger } from '../lib/logger.ts';
import {
  after,
  between,
  type EpochMs,
  epochMs,
  type Milliseconds,
  ms,
  SECOND,
  type TimeWindow,
} from '../lib/units.ts';
import type { RuleGroup } from '../rules/rule.ts';

/** The timing of a rule group: its interval, or a cron schedule that replaces it. */
export type GroupTiming = Pick<RuleGroup, 'id' | 'interval' | 'offset' | 'schedule'>;

/** Calls back at the evaluation times of rule groups. */
export interface Scheduler {
  /**
   * Calls `onTick` for every evaluation time of every group until the next call replaces the groups. Runs of one group
   * never overlap; a missed evaluation time is reported to `onMissed` and not repeated. `isAtOnce`: the last evaluation
   * time before now is run first. A group with a cron schedule is not: it may have to be quiet now.
   */
  schedule(
    groups: readonly GroupTiming[],
    handlers: {
      onTick(id: string, evalTime: EpochMs): Promise<void>;
      onMissed(id: string, evalTime: EpochMs): void;
    },
    options?: { readonly isAtOnce?: boolean },
  ): void;
  /** Stops all tasks and waits for the running ones. */
  stop(): Promise<void>;
}

type Handlers = Parameters<Scheduler['schedule']>[1];
type OnEvalTime = (id: string, evalTime: EpochMs) => void;

/**
 * The evaluation time an instant belongs to: the last point of the group's grid that is not after it.
 *
 *     offset                 now
 *       |----interval----|----*-----------|
 *                        ^ evaluation time
 *
 * Source: prometheus rules/group.go, EvalTimestamp.
 */
export function evalTimeOf(now: EpochMs, interval: Milliseconds, offset: Milliseconds): EpochMs {
  return epochMs(Math.floor((now - offset) / interval) * interval + offset);
}

/**
 * The offset of a group in its interval, in whole seconds: a hash of its id. It spreads the queries of the groups
 * evenly, and is the same on every replica and after every restart.
 */
export function spreadOffset(groupId: string, interval: Milliseconds): Milliseconds {
  const seconds = BigInt(Math.max(1, Math.floor(interval / SECOND)));
  return ms(Number(BigInt(`0x${hashTexts([groupId])}`) % seconds) * SECOND);
}

/** The interval as it is scheduled: whole seconds, at least one. */
export const wholeSeconds = (interval: Milliseconds): Milliseconds =>
  ms(Math.max(1, Math.ceil(interval / SECOND)) * SECOND);

const MINUTE_SECONDS = 60;
const HOUR_SECONDS = 3_600;

const DIVISORS_OF_24 = [24, 12, 8, 6, 4, 3, 2, 1];
const DIVISORS_OF_60 = [60, 30, 20, 15, 12, 10, 6, 5, 4, 3, 2, 1];

/** The grid of a group with an interval. */
function gridOf({ id, interval, offset }: Omit<GroupTiming, 'schedule'>) {
  const step = wholeSeconds(interval);
  return { step, offset: offset ?? spreadOffset(id, step) };
}

/** The last evaluation time of a group with an interval. */
export function lastEvalTime(timing: Omit<GroupTiming, 'schedule'>, now: EpochMs): EpochMs {
  const { step, offset } = gridOf(timing);
  return evalTimeOf(now, step, offset);
}

/** Periods that a cron pattern can express, in seconds, largest first: divisors of a day, an hour, a minute. */
const PERIODS: readonly number[] = [
  ...DIVISORS_OF_24.map((hours) => hours * HOUR_SECONDS),
  ...DIVISORS_OF_60.map((minutes) => minutes * MINUTE_SECONDS),
  ...DIVISORS_OF_60,
];

/** A field with the values from `first` on, `step` apart, below `size`. */
const field = (first: number, step: number, size: number): string => `${first}-${size - 1}/${step}`;

/** A pattern that matches every `period` seconds, `offset` seconds after midnight UTC and so after the epoch. */
function patternOf(period: number, offset: number): string {
  const second = offset % MINUTE_SECONDS;
  const minute = Math.floor(offset / MINUTE_SECONDS) % 60;
  const hour = Math.floor(offset / HOUR_SECONDS);
  if (period < MINUTE_SECONDS) return `${field(offset, period, 60)} * * * * *`;
  if (period < HOUR_SECONDS) return `${second} ${field(minute, period / MINUTE_SECONDS, 60)} * * * *`;
  return `${second} ${minute} ${field(hour, period / HOUR_SECONDS, 24)} * * *`;
}

/** A group with its cron pattern. */
interface CronGroup {
  readonly id: string;
  /** Six fields, UTC. */
  readonly pattern: string;
  /** Whether an instant at which the pattern matches is an evaluation time of the group. */
  readonly isEvalTime: (instant: EpochMs) => boolean;
}

/**
 * The grid of a group with an interval: multiples of the interval since the epoch, shifted by the group's offset. An
 * interval that cron cannot express, such as 45 s, 7 m or 25 h, runs at the longest period that divides it and skips the
 * instants that are no evaluation times:
 *
 *     45 s   runs every 15 s    |--.--.--|--.--.--|     | evaluation time, . skipped
 */
function cronGroupOf({ schedule, ...timing }: GroupTiming): CronGroup {
  const { id } = timing;
  if (schedule !== undefined) return { id, pattern: schedule, isEvalTime: () => true };
  const { step, offset: shift } = gridOf(timing);
  const every = step / SECOND;
  const offset = shift / SECOND;
  const period = PERIODS.find((candidate) => every % candidate === 0) ?? 1;
  return {
    id,
    pattern: patternOf(period, offset % period),
    isEvalTime: (instant) => (instant / SECOND - offset) % every === 0,
  };
}

/**
 * A tick that is late by at most this many milliseconds is run: its queries are for its evaluation time, so the result
 * is the same. The default of node-cron, one second, is shorter than a pause of the process can be.
 */
const LATENESS_TOLERANCE = 10_000;

/** Groups that run at the same time at the start. */
const CONCURRENT_FIRST_RUNS = 8;

const CLOCK_CHECK_EVERY: Milliseconds = ms(10 * SECOND);

/**
 * Calls back when the local clock was set back, until the signal aborts: node-cron waits for the time that it computed
 * last, for an hour when the clock was set back by an hour.
 */
async function watchClock(
  clock: Clock,
  signal: AbortSignal,
  onSetBack: (by: Milliseconds) => void,
): Promise<void> {
  const lead = (): number => clock.now() - monotonicNow();
  for (let known = lead(); !signal.aborted; ) {
    await clock.sleep(CLOCK_CHECK_EVERY, signal);
    const setBack = ms(known - lead());
    known -= setBack;
    if (setBack > SECOND && !signal.aborted) onSetBack(setBack);
  }
}

/** Without a logger node-cron writes colored lines to the console. */
function cronLogger(logger: Logger): CronLogger {
  const text = (message: string | Error): string => (message instanceof Error ? message.message : message);
  return {
    info: (message) => logger.debug(message),
    warn: (message) => logger.debug(message),
    error: (message, error) => logger.error(text(message), error === undefined ? {} : { error }),
    debug: (message) => logger.debug(text(message)),
  };
}

/** Starts the task of the groups with one pattern. */
function startTask(
  logger: Logger,
  { pattern, groups }: { readonly pattern: string; readonly groups: readonly CronGroup[] },
  { onDue, onMissed }: { readonly onDue: OnEvalTime; readonly onMissed: OnEvalTime },
): ScheduledTask {
  const forDueGroups = (date: Date, handle: OnEvalTime): void => {
    const evalTime = epochMs(date.getTime());
    for (const { id, isEvalTime } of groups) if (isEvalTime(evalTime)) handle(id, evalTime);
  };
  const task = startCron(pattern, ({ date }) => forDueGroups(date, onDue), {
    timezone: 'UTC',
    // The function above returns at once: overlap is checked for each group, not for the task.
    noOverlap: true,
    missedExecutionTolerance: LATENESS_TOLERANCE,
    suppressMissedWarning: true,
    logger: cronLogger(logger),
  });
  task.on('execution:missed', ({ date }) => forDueGroups(date, onMissed));
  return task;
}

/** Groups with the same pattern share a task. */
function byPattern(groups: readonly CronGroup[]) {
  const patterns = new Set(groups.map(({ pattern }) => pattern));
  return [...patterns].map((pattern) => ({
    pattern,
    groups: groups.filter((group) => group.pattern === pattern),
  }));
}

/** The runs of groups: of one group never two at the same time. */
function createRuns(logger: Logger) {
  const running = new Map<string, Promise<void>>();
  const atOnce = createLimiter(CONCURRENT_FIRST_RUNS);

  const run = async (id: string, evalTime: EpochMs, handlers: Handlers): Promise<void> => {
    try {
      await handlers.onTick(id, evalTime);
    } catch (error) {
      logger.error('tick failed', { group: id, evalTime, error });
    } finally {
      running.delete(id);
    }
  };

  return {
    /** Runs a group, unless its last run is not finished: then this evaluation time is missed. */
    begin: (id: string, evalTime: EpochMs, handlers: Handlers): void => {
      if (running.has(id)) handlers.onMissed(id, evalTime);
      else running.set(id, run(id, evalTime, handlers));
    },
    /** Runs groups a few at a time: together they are the load of a whole interval. */
    beginAll: (groups: readonly GroupTiming[], now: EpochMs, handlers: Handlers): void => {
      for (const { schedule, ...timing } of groups) {
        const { id } = timing;
        if (schedule !== undefined || running.has(id)) continue;
        const evalTime = lastEvalTime(timing, now);
        running.set(
          id,
          atOnce.run(() => run(id, evalTime, handlers)),
        );
      }
    },
    ended: async (): Promise<void> => {
      await Promise.all(running.values());
    },
  };
}

/**
 * A scheduler on node-cron, in UTC: in a zone with daylight saving time a task pauses for an hour each autumn. Groups
 * with the same pattern share a task. An evaluation time is the instant of the pattern, not of the local clock, so that
 * all replicas have the same evaluation times.
 */
export function createCronScheduler({
  logger,
  clock = systemClock,
}: {
  readonly logger: Logger;
  readonly clock?: Clock;
}): Scheduler {
  const runs = createRuns(logger);
  let tasks: readonly ScheduledTask[] = [];
  let watch = new AbortController();

  const endTasks = async (): Promise<void> => {
    const ended = tasks;
    tasks = [];
    await Promise.all(ended.map(async (task) => await task.destroy()));
  };

  return {
    schedule: (groups, handlers, { isAtOnce = false } = {}) => {
      const all = groups.map(cronGroupOf);
      const start = (): void => {
        void endTasks();
        tasks = byPattern(all).map((each) =>
          startTask(logger, each, {
            onDue: (id, evalTime) => runs.begin(id, evalTime, handlers),
            onMissed: (id, evalTime) => handlers.onMissed(id, evalTime),
          }),
        );
      };
      start();
      if (isAtOnce) runs.beginAll(groups, clock.now(), handlers);
      watch.abort();
      watch = new AbortController();
      void watchClock(clock, watch.signal, (by) => {
        logger.warn('the local clock was set back', { seconds: Math.round(by / SECOND) });
        start();
      });
    },
    stop: async () => {
      watch.abort();
      await endTasks();
      await runs.ended();
    },
  };
}

/** The evaluation times of a group in a past time window. */
export interface EvalTimes {
  readonly group: RuleGroup;
  readonly first: EpochMs;
  readonly step: Milliseconds;
  readonly count: number;
}

/** One evaluation of a group. */
export interface DueEvaluation extends EvalTimes {
  readonly evalTime: EpochMs;
}

/**
 * The evaluation times of a group in a window: those of the scheduler, or every `step`. A group with a cron schedule is
 * approximated by its interval, counted from the epoch.
 */
export function evalTimesOf(
  group: RuleGroup,
  { window, step: given }: { readonly window: TimeWindow; readonly step?: Milliseconds },
): EvalTimes {
  const { id, interval, schedule } = group;
  const step = given ?? wholeSeconds(interval);
  const offset = schedule === undefined ? spreadOffset(id, step) : ms(0);
  const at = evalTimeOf(window.start, step, offset);
  const first = at < window.start ? after(at, step) : at;
  return { group, first, step, count: Math.max(0, Math.floor(between(first, window.end) / step) + 1) };
}

/**
 * All evaluations of the groups, sorted by evaluation time, then in the order of the rule files: an alert may be
 * suppressed by one of another group.
 */
export function* evaluationsIn(groups: readonly EvalTimes[]): Generator<DueEvaluation> {
  const next: number[] = groups.map(({ first, count }) => (count > 0 ? first : Number.POSITIVE_INFINITY));
  for (let at = Math.min(...next); Number.isFinite(at); at = Math.min(...next)) {
    for (const [index, evalTimes] of groups.entries()) {
      if (next[index] !== at) continue;
      const { first, step, count } = evalTimes;
      next[index] = at < first + (count - 1) * step ? at + step : Number.POSITIVE_INFINITY;
      yield { ...evalTimes, evalTime: epochMs(at) };
    }
  }
}
