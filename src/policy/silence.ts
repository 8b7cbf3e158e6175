import type { Destination, UserAction } from '../alerts/alert.ts';
import type { Labels } from '../lib/labels.ts';
import { type Matcher, matches } from '../lib/matcher.ts';
import type { EpochMs } from '../lib/units.ts';
import { containsInstant, type LocalTimeIn, type TimeInterval } from './time-interval.ts';

/** Suppresses notifications of matching alerts for a time. The alerts are evaluated as before. */
export interface Silence {
  readonly matchers: readonly Matcher[];
  /** Absent: always started. */
  readonly startsAt?: EpochMs;
  /** Exclusive. */
  readonly endsAt: EpochMs;
  readonly createdBy: string;
  readonly comment: string;
}

/** A silence created in Slack: `createdBy` is a Slack user id. */
export interface StoredSilence extends Silence {
  /** Short, since users type it. */
  readonly id: string;
  readonly startsAt: EpochMs;
  readonly createdAt: EpochMs;
  /** Set when a user ended it early; `endsAt` is the time of that. */
  readonly ended?: UserAction;
  /** Where its messages are. */
  readonly announcedIn?: readonly Destination[];
}

/** A maintenance window: a silence with a name, once or recurring. */
export interface MaintenanceWindow {
  readonly name: string;
  readonly matchers: readonly Matcher[];
  readonly comment?: string;
  /** `endsAt` is exclusive. */
  readonly once?: { readonly startsAt: EpochMs; readonly endsAt: EpochMs };
  /** Active during any of these. */
  readonly recurring: readonly TimeInterval[];
}

/** Whether a silence is active and matches these labels. */
export function isSilencing(silence: Silence, labels: Labels, at: EpochMs): boolean {
  const isRunning = at < silence.endsAt && (silence.startsAt === undefined || at >= silence.startsAt);
  return isRunning && matches(silence.matchers, labels);
}

/** The time of an evaluation. */
export interface Now {
  readonly at: EpochMs;
  readonly localTime: LocalTimeIn;
}

/** Whether a maintenance window is active. */
export function isActive({ once, recurring }: MaintenanceWindow, { at, localTime }: Now): boolean {
  return (
    (once !== undefined && at >= once.startsAt && at < once.endsAt) ||
    containsInstant(recurring, at, localTime)
  );
}

/** Whether a maintenance window is active and matches these labels. */
export const isUnderMaintenance = (window: MaintenanceWindow, labels: Labels, now: Now): boolean =>
  isActive(window, now) && matches(window.matchers, labels);
