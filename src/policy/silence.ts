import type { UserAction } from '../alerts/alert.ts';
import type { Labels } from '../lib/labels.ts';
import { type Matcher, matches } from '../lib/matcher.ts';
import type { EpochMs } from '../lib/units.ts';
import { containsInstant, type LocalTimeIn, type TimeInterval } from './time-interval.ts';

/** Holds back notifications of the alerts it matches, for a time. The alerts' states go on as ever. */
export interface Silence {
  readonly matchers: readonly Matcher[];
  /** Absent: from the beginning. */
  readonly startsAt?: EpochMs;
  /** Exclusive. */
  readonly endsAt: EpochMs;
  readonly createdBy: string;
  readonly comment: string;
}

/** A silence that a person made in Slack: `createdBy` is a Slack user id. */
export interface StoredSilence extends Silence {
  /** Short, since people type it. */
  readonly id: string;
  readonly startsAt: EpochMs;
  readonly createdAt: EpochMs;
  /** Who ended it before its time; `endsAt` is that moment then. */
  readonly ended?: UserAction;
}

/** Planned work: a silence with a name, once or at recurring times. */
export interface MaintenanceWindow {
  readonly name: string;
  readonly matchers: readonly Matcher[];
  readonly comment?: string;
  /** Once; `end` is exclusive. */
  readonly once?: { readonly startsAt: EpochMs; readonly endsAt: EpochMs };
  /** Whenever an instant lies in one of these. */
  readonly recurring: readonly TimeInterval[];
}

/** Whether a silence holds for these labels now. */
export function isSilencing(silence: Silence, labels: Labels, at: EpochMs): boolean {
  const isRunning = at < silence.endsAt && (silence.startsAt === undefined || at >= silence.startsAt);
  return isRunning && matches(silence.matchers, labels);
}

/** When it is, and how to tell the time. */
export interface Now {
  readonly at: EpochMs;
  readonly localTime: LocalTimeIn;
}

/** Whether planned work goes on now. */
export function goesOn({ once, recurring }: MaintenanceWindow, { at, localTime }: Now): boolean {
  return (
    (once !== undefined && at >= once.startsAt && at < once.endsAt) ||
    containsInstant(recurring, at, localTime)
  );
}

/** Whether planned work on what these labels name goes on now. */
export const isUnderMaintenance = (window: MaintenanceWindow, labels: Labels, now: Now): boolean =>
  goesOn(window, now) && matches(window.matchers, labels);
