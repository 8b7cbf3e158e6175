import { spreadOffset } from '../alerts/eval-time.ts';
import { type EpochMs, type Milliseconds, ms, SECOND } from '../lib/units.ts';

/** When a group is due, in terms of cron. */
export interface Grid {
  /** Six fields, UTC. Groups with the same pattern share a task. */
  readonly pattern: string;
  /** Whether an instant at which the pattern matches is an evaluation time of the group. */
  readonly isEvalTime: (instant: EpochMs) => boolean;
}

/** A group as the scheduler is notified of it. */
export interface ScheduledGroup {
  readonly id: string;
  readonly interval: Milliseconds;
  readonly schedule?: string;
}

const MINUTE_SECONDS = 60;
const HOUR_SECONDS = 3_600;

/** The numbers that divide another one evenly, largest first. */
function divisorsOf(size: number): readonly number[] {
  return Array.from({ length: size }, (_, i) => size - i).filter((divisor) => size % divisor === 0);
}

/** Periods a cron pattern can say, in seconds, largest first: parts of a day, of an hour, of a minute. */
const PERIODS: readonly number[] = [
  ...divisorsOf(24).map((hours) => hours * HOUR_SECONDS),
  ...divisorsOf(60).map((minutes) => minutes * MINUTE_SECONDS),
  ...divisorsOf(60),
];

/** The values of a field, `step` apart from `first`, below `size`; every value is written `*`. */
function field(first: number, step: number, size: number): string {
  if (step === 1) return '*';
  const values = [];
  for (let value = first; value < size; value += step) values.push(value);
  return values.join(',');
}

/** A pattern that matches every `period` seconds, `offset` seconds after midnight UTC and so after the epoch. */
function patternOf(period: number, offset: number): string {
  const second = offset % MINUTE_SECONDS;
  const minute = Math.floor(offset / MINUTE_SECONDS) % 60;
  const hour = Math.floor(offset / HOUR_SECONDS);
  if (period < MINUTE_SECONDS) return `${field(offset, period, 60)} * * * * *`;
  if (period < HOUR_SECONDS) return `${second} ${field(minute, period / MINUTE_SECONDS, 60)} * * * *`;
  return `${second} ${minute} ${field(hour, period / HOUR_SECONDS, 24)} * * *`;
}

/**
 * The grid of a group with an interval: multiples of the interval since the epoch, moved by the group's own offset, in
 * whole seconds (cron knows no fractions; a shorter interval is rounded up). An interval that cron cannot say, such as
 * 45 s, 7 m or 25 h, wakes at the longest period that divides it and passes over the instants that are no evalTimes:
 *
 *     45 s   wakes every 15 s    |--.--.--|--.--.--|     | evaluation time, . passed over
 */
function intervalGrid(id: string, interval: Milliseconds): Grid {
  const every = Math.max(1, Math.ceil(interval / SECOND));
  const offset = spreadOffset(id, ms(every * SECOND)) / SECOND;
  const period = PERIODS.find((candidate) => every % candidate === 0) ?? 1;
  return {
    pattern: patternOf(period, offset % period),
    isEvalTime: (instant) => (instant / SECOND - offset) % every === 0,
  };
}

/** When a group is due: by its own schedule, or by its interval. */
function gridOf({ id, interval, schedule }: ScheduledGroup): Grid {
  return schedule === undefined ? intervalGrid(id, interval) : { pattern: schedule, isEvalTime: () => true };
}

/** A group that shares a pattern with others. */
export interface Member extends Pick<Grid, 'isEvalTime'> {
  readonly id: string;
}

/** Groups by the pattern they share. */
export function groupByPattern(groups: readonly ScheduledGroup[]): ReadonlyMap<string, readonly Member[]> {
  const byPattern = new Map<string, Member[]>();
  for (const group of groups) {
    const { pattern, isEvalTime } = gridOf(group);
    byPattern.set(pattern, [...(byPattern.get(pattern) ?? []), { id: group.id, isEvalTime }]);
  }
  return byPattern;
}
