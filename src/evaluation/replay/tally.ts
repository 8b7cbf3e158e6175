import type { Alert, RuleGroupState } from '../../alerts/alert.ts';
import {
  after,
  before,
  between,
  type EpochMs,
  epochMs,
  HOUR,
  MINUTE,
  type Milliseconds,
  ms,
  type TimeWindow,
} from '../../lib/units.ts';
import type { DesiredMessage, MessageUpdate } from '../../messages/store.ts';
import type { LocalTimeIn } from '../../policy/time-interval.ts';
import type { RuleGroup, SloRule } from '../../rules/rule.ts';

/** What one rule did over a replay. */
export interface RuleTally {
  readonly rule: string;
  readonly group: string;
  /** Alerts that fired. */
  alerts: number;
  /** Minutes in which alerts were firing, added up over all of them. */
  minutesFiring: number;
  /** Alerts that fired again within an hour after they resolved. */
  flaps: number;
  /** Messages in channels, without edits and thread replies. */
  messages: number;
  /** Thread replies: data missing and back, and resolved. */
  replies: number;
  /** Evaluations with a rejected expression or an exceeded limit. */
  failedEvaluations: number;
}

/** The counts of a replay so far, as plain data that can be saved. */
export interface Tally {
  readonly rules: Record<string, RuleTally>;
  /** Messages by channel and by the start of their hour, in milliseconds since the epoch. */
  readonly hours: Record<string, Record<string, number>>;
  /** Nights with an urgent message, by the date of their evening. */
  readonly interruptedNights: Record<string, true>;
  /** When an alert last resolved, by group and fingerprint: detects flaps. */
  resolved: Record<string, EpochMs>;
}

/** One evaluation of a group and its result. */
export interface ReplayedEvaluation {
  readonly group: RuleGroup;
  readonly evalTime: EpochMs;
  /** The time until the next evaluation. */
  readonly duration: Milliseconds;
  readonly state: RuleGroupState;
  readonly messages: readonly MessageUpdate[];
}

/** Determines the night of an instant. */
export interface NightClock {
  readonly localTime: LocalTimeIn;
  readonly timezone: string;
}

/** The channel of messages whose rule, route, team and severity name none. */
export const DEFAULT_CHANNEL = 'default channel';

/** An alert that fires again within this time after it resolved is a flap. */
const FLAP_TIME: Milliseconds = HOUR;

const NIGHT_START = 22 * 60;
const NIGHT_END = 6 * 60;

/** Severities whose messages can wait until the morning. */
const QUIET_SEVERITIES: ReadonlySet<string> = new Set(['ticket', 'warning', 'info', 'none']);

/** An empty tally. */
export const createTally = (): Tally => ({ rules: {}, hours: {}, interruptedNights: {}, resolved: {} });

/** The night of an instant, 22:00 to 06:00 local time, as the date of its evening. */
function nightOf(at: EpochMs, { localTime, timezone }: NightClock): string | undefined {
  const { minute } = localTime(at, timezone);
  if (minute >= NIGHT_END && minute < NIGHT_START) return undefined;
  // Twelve hours earlier is the day of the evening for every hour of the night, also when the UTC offset changes in it.
  const { year, month, day } = localTime(before(at, ms(12 * HOUR)), timezone);
  return [year, month, day].map((value) => String(value).padStart(2, '0')).join('-');
}

/** The number of nights that a window includes or overlaps. */
export function countNights({ start, end }: TimeWindow, nightClock: NightClock): number {
  const seen = new Set<string>();
  for (let at = start; at <= end; at = after(at, HOUR)) {
    const night = nightOf(at, nightClock);
    if (night !== undefined) seen.add(night);
  }
  return seen.size;
}

const emptyTally = (group: RuleGroup, rule: SloRule): RuleTally => ({
  rule: rule.name,
  group: group.name,
  alerts: 0,
  minutesFiring: 0,
  flaps: 0,
  messages: 0,
  replies: 0,
  failedEvaluations: 0,
});

/** The counts of a rule so far; zeros when it was not evaluated. */
export function tallyOf({ rules }: Tally, group: RuleGroup, rule: SloRule): RuleTally {
  return (rules[`${group.id} ${rule.key}`] ??= emptyTally(group, rule));
}

function countAlert(tally: Tally, alert: Alert, evaluation: ReplayedEvaluation & { rule: RuleTally }): void {
  const { evalTime, duration, group, rule } = evaluation;
  const identity = `${group.id} ${alert.fingerprint}`;
  if (alert.state === 'resolved' && alert.resolvedAt === evalTime) tally.resolved[identity] = evalTime;
  if (alert.state !== 'firing') return;
  rule.minutesFiring += duration / MINUTE;
  if (alert.firedAt !== evalTime) return;
  rule.alerts += 1;
  const resolvedAt = tally.resolved[identity];
  if (resolvedAt !== undefined && between(resolvedAt, evalTime) <= FLAP_TIME) rule.flaps += 1;
}

function countMessage(tally: Tally, { rule, asOf, destination }: DesiredMessage): void {
  const { channel = DEFAULT_CHANNEL } = destination ?? rule;
  const hour = String(Math.floor(asOf / HOUR) * HOUR);
  const hours = (tally.hours[channel] ??= {});
  hours[hour] = (hours[hour] ?? 0) + 1;
}

/** Whether an update interrupts a night: an urgent message, or the first post of a thread reply with mentions. */
function isInterruption({ isNew, desired }: MessageUpdate): boolean {
  if (isNew !== true || desired === undefined) return false;
  if (desired.parent !== undefined) return (desired.destination?.mentions ?? []).length > 0;
  return !QUIET_SEVERITIES.has(desired.alert.labels['severity'] ?? '');
}

function countUpdate(rule: RuleTally, tally: Tally, { isNew, desired, line }: MessageUpdate): void {
  if (line !== undefined) rule.replies += 1;
  if (isNew !== true || desired === undefined || desired.parent !== undefined) return;
  rule.messages += 1;
  countMessage(tally, desired);
}

/** Adds one evaluation to a tally. */
export function countEvaluation(tally: Tally, evaluation: ReplayedEvaluation, nightClock: NightClock): void {
  const { group, evalTime, duration, state, messages } = evaluation;
  for (const { rule, alerts, health } of Object.values(state.rules)) {
    const into = tallyOf(tally, group, rule);
    if (health.kind === 'rule-error') into.failedEvaluations += 1;
    const counted = { ...evaluation, rule: into };
    for (const alert of alerts) countAlert(tally, alert, counted);
  }
  for (const update of messages) {
    const rule = update.desired?.rule ?? update.line?.rule;
    if (rule !== undefined) countUpdate(tallyOf(tally, group, rule), tally, update);
    const night = isInterruption(update) ? nightOf(update.at, nightClock) : undefined;
    if (night !== undefined) tally.interruptedNights[night] = true;
  }
  if (evalTime % HOUR >= duration) return;
  const recent = Object.entries(tally.resolved).filter(([, at]) => between(at, evalTime) <= FLAP_TIME);
  tally.resolved = Object.fromEntries(recent);
}

/** Messages of one channel in one hour. */
export interface HourOfMessages {
  readonly channel: string;
  readonly hour: EpochMs;
  readonly messages: number;
}

/** The hours with messages, sorted by channel and time. */
export function hoursOf({ hours }: Tally): readonly HourOfMessages[] {
  return Object.entries(hours)
    .flatMap(([channel, byHour]) =>
      Object.entries(byHour).map(([hour, messages]) => ({ channel, hour: epochMs(Number(hour)), messages })),
    )
    .sort((a, b) => (a.channel < b.channel ? -1 : a.channel > b.channel ? 1 : a.hour - b.hour));
}
