import type { Alert, RuleGroupState } from '../../alerts/alert.ts';
import {
  after,
  before,
  between,
  type EpochMs,
  epochMs,
  HOUR,
  type Milliseconds,
  ms,
} from '../../lib/units.ts';
import type { OutboxEntry } from '../../messages/store.ts';
import type { LocalTimeIn } from '../../policy/time-interval.ts';
import type { RuleGroup, SloRule } from '../../rules/rule.ts';

/** What one rule did over a replay. */
export interface RuleTally {
  readonly rule: string;
  readonly group: string;
  /** Alerts that fired. */
  alerts: number;
  /** Minutes that alerts were firing, added up over all of them. */
  minutesFiring: number;
  /** Alerts that fired again within an hour of their end. */
  flaps: number;
  /** Messages posted to channels; edits and replies in their threads are not counted. */
  messages: number;
  /** Replies in the threads of messages: data gone and back, and the end. */
  replies: number;
  /** Evaluation times at which the expression was refused or the rule was over its limit. */
  failedEvaluations: number;
}

/** What a replay has seen so far: plain data that can be written to a file and read back. */
export interface Tally {
  readonly rules: Record<string, RuleTally>;
  /** Messages by channel and by the hour they begin in, as milliseconds since the epoch. */
  readonly hours: Record<string, Record<string, number>>;
  /** Nights with a message that calls somebody, by the evening they begin on. */
  readonly woken: Record<string, true>;
  /** When an alert last ended, by rule and fingerprint: what a flap is notified by. */
  ended: Record<string, EpochMs>;
}

/** One evaluation of a group and what came of it. */
export interface ReplayedEvaluation {
  readonly group: RuleGroup;
  readonly evalTime: EpochMs;
  /** How long the state is taken to hold: until the next evaluation time. */
  readonly lasts: Milliseconds;
  readonly state: RuleGroupState;
  readonly entries: readonly OutboxEntry[];
}

/** How nights are notified apart. */
export interface Nights {
  readonly localTime: LocalTimeIn;
  readonly timezone: string;
}

/** Where a message goes for which nobody names a channel: no rule, route, team or severity. */
export const DEFAULT_CHANNEL = 'default channel';

/** An alert that fires again this soon is one that comes and goes. */
const FLAP_TIME: Milliseconds = HOUR;

const NIGHT_BEGINS = 22 * 60;
const NIGHT_ENDS = 6 * 60;

/** Severities whose messages can wait for the morning. */
const QUIET_SEVERITIES: ReadonlySet<string> = new Set(['ticket', 'warning', 'info', 'none']);

/** A tally of nothing yet. */
export const createTally = (): Tally => ({ rules: {}, hours: {}, woken: {}, ended: {} });

const two = (value: number): string => String(value).padStart(2, '0');

/** The night an instant is in, 22:00 to 06:00 by the clock on the wall, as the date of its evening. */
function nightOf(at: EpochMs, { localTime, timezone }: Nights): string | undefined {
  const { minute } = localTime(at, timezone);
  if (minute >= NIGHT_ENDS && minute < NIGHT_BEGINS) return undefined;
  // Twelve hours earlier is the evening's own day for every hour of the night, also where clocks change in it.
  const { year, month, day } = localTime(before(at, ms(12 * HOUR)), timezone);
  return `${year}-${two(month)}-${two(day)}`;
}

/** How many nights a span of time touches. */
export function countNights({ start, end }: { start: EpochMs; end: EpochMs }, nights: Nights): number {
  const seen = new Set<string>();
  for (let at = start; at <= end; at = after(at, HOUR)) {
    const night = nightOf(at, nights);
    if (night !== undefined) seen.add(night);
  }
  return seen.size;
}

/** The key of a rule's tally: unique over all files. */
const keyOf = (group: RuleGroup, { key }: SloRule): string => `${group.id} ${key}`;

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

/** What a rule did so far; nothing, when it was never evaluated. */
export function tallyOf({ rules }: Tally, group: RuleGroup, rule: SloRule): RuleTally {
  return (rules[keyOf(group, rule)] ??= emptyTally(group, rule));
}

function countAlert(
  into: RuleTally,
  alert: Alert,
  at: { tally: Tally; evaluated: ReplayedEvaluation },
): void {
  const { tally, evaluated } = at;
  const { evalTime, lasts, group } = evaluated;
  const identity = `${group.id} ${alert.fingerprint}`;
  if (alert.state === 'resolved') {
    if (alert.resolvedAt === evalTime) tally.ended[identity] = evalTime;
    return;
  }
  if (alert.state !== 'firing') return;
  into.minutesFiring += lasts / 60_000;
  if (alert.firedAt !== evalTime) return;
  into.alerts += 1;
  const ended = tally.ended[identity];
  if (ended !== undefined && between(ended, evalTime) <= FLAP_TIME) into.flaps += 1;
}

function countMessage(tally: Tally, entry: OutboxEntry, nights: Nights): void {
  const { rule, alert, createdAt, destination = rule } = entry;
  const channel = destination.channel ?? DEFAULT_CHANNEL;
  const hour = String(Math.floor(createdAt / HOUR) * HOUR);
  const hours = (tally.hours[channel] ??= {});
  hours[hour] = (hours[hour] ?? 0) + 1;
  if (!QUIET_SEVERITIES.has(alert.labels['severity'] ?? '')) countCall(tally, createdAt, nights);
}

function countCall(tally: Tally, at: EpochMs, nights: Nights): void {
  const night = nightOf(at, nights);
  if (night !== undefined) tally.woken[night] = true;
}

/** Whether it is a reply in a alertGroup's thread that calls somebody, by its first post. */
function isCallingReply({ alertGroup, destination, createdAt }: OutboxEntry): boolean {
  return alertGroup?.page?.joinedAt === createdAt && (destination?.mentions ?? []).length > 0;
}

/** Adds one evaluation to a tally. */
export function count(tally: Tally, evaluated: ReplayedEvaluation, nights: Nights): void {
  const { group, evalTime, state, entries } = evaluated;
  for (const { rule, alerts, health } of Object.values(state.rules)) {
    const into = tallyOf(tally, group, rule);
    if (health.kind === 'rule-error') into.failedEvaluations += 1;
    for (const alert of alerts) countAlert(into, alert, { tally, evaluated });
  }
  for (const entry of entries) {
    const into = tallyOf(tally, group, entry.rule);
    if (entry.kind === 'firing') {
      into.messages += 1;
      countMessage(tally, entry, nights);
    } else if (entry.kind !== 'refresh') into.replies += 1;
    if (isCallingReply(entry)) countCall(tally, evalTime, nights);
  }
  const isOld = (at: EpochMs): boolean => between(at, evalTime) > FLAP_TIME;
  if (evalTime % HOUR < evaluated.lasts) {
    tally.ended = Object.fromEntries(Object.entries(tally.ended).filter(([, at]) => !isOld(at)));
  }
}

/** Messages of one channel in one hour. */
export interface HourOfMessages {
  readonly channel: string;
  readonly hour: EpochMs;
  readonly messages: number;
}

/** The hours in which messages were posted, by channel and time. */
export function hoursOf({ hours }: Tally): readonly HourOfMessages[] {
  return Object.entries(hours)
    .flatMap(([channel, byHour]) =>
      Object.entries(byHour).map(([hour, messages]) => ({ channel, hour: epochMs(Number(hour)), messages })),
    )
    .sort((a, b) => (a.channel < b.channel ? -1 : a.channel > b.channel ? 1 : a.hour - b.hour));
}
