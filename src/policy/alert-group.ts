import type { Alert, AlertGroup, AlertGroupReply, Destination, GroupedAlert } from '../alerts/alert.ts';
import { hashTexts } from '../lib/labels.ts';
import { between, DAY, type EpochMs, HOUR, MINUTE, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import type { Comparison, SloRule } from '../rules/rule.ts';

/** Default of `group_threshold`: more new alerts of one rule in one evaluation share a message. */
export const GROUP_THRESHOLD = 10;

/** Rows in the table of an alert group's message. */
export const GROUP_ROWS = 15;

/** Rows in one reply of its thread: the table and a menu of its alerts stay within Slack's limits. */
export const REPLY_ROWS = 50;

/** Alerts that start within this time after the last reply are added to it, while it has room. */
const REPLY_OPEN_FOR: Milliseconds = ms(5 * MINUTE);

/** A group accepts new alerts for this long after the last one, so that one long alert does not hide what starts days later. */
const ACCEPTS_AFTER_LAST: Milliseconds = HOUR;

/** A group accepts new alerts for this long in all: its alerts are kept until it is resolved. */
const ACCEPTS_AFTER_START: Milliseconds = DAY;

/** Identity of an alert group, the same on every replica. */
export function alertGroupIdOf(
  at: { readonly group: string; readonly rule: Pick<SloRule, 'key'> },
  { channel = '' }: Destination,
  evalTime: EpochMs,
): string {
  return `alertGroup-${hashTexts([at.group, at.rule.key, channel])}-${evalTime / 1_000}`;
}

/** Whether a text is the identity of an alert group. */
export const isAlertGroupId = (text: string): boolean => /^alertGroup-[^\s/]+-\d+$/.test(text);

/** The key of a reply in the group's thread. Replies are numbered from 1. */
export const replyIdOf = (alertGroup: Pick<AlertGroup, 'alertId'>, number: number): string =>
  `${alertGroup.alertId}/${number}`;

/** All alerts of a group, in the order they started. */
export const groupedAlertsOf = ({ replies }: Pick<AlertGroup, 'replies'>): readonly GroupedAlert[] =>
  replies.flatMap(({ alerts }) => alerts);

/** An alert as the group keeps it. `name` is its subject as text. */
export function groupedAlertOf(alert: Alert, name: string): GroupedAlert {
  const { fingerprint, alertId, value, peak, activeAt, resolvedAt, resolveReason, acknowledged } = alert;
  return {
    fingerprint,
    alertId,
    name,
    severity: alert.labels['severity'],
    state: alert.state === 'resolved' ? 'resolved' : alert.noDataSince === undefined ? 'firing' : 'no-data',
    value,
    peak,
    since: activeAt,
    resolvedAt,
    resolveReason,
    continuedAs: alert.continuedAs?.alertId,
    acknowledged,
  };
}

const URGENCY: Readonly<Record<GroupedAlert['state'], number>> = { firing: 0, 'no-data': 1, resolved: 2 };

const isPage = ({ severity }: Pick<GroupedAlert, 'severity'>): boolean => severity === 'page';

/** The most urgent first: firing before resolved, severity `page` before others, then the worst value. */
export function worstFirst(
  alerts: readonly GroupedAlert[],
  comparison: Comparison | undefined,
): readonly GroupedAlert[] {
  const sign = comparison?.startsWith('<') === true ? 1 : -1;
  const size = ({ state, value, peak }: GroupedAlert): number => (state === 'resolved' ? peak : value);
  return alerts.toSorted(
    (a, b) =>
      URGENCY[a.state] - URGENCY[b.state] ||
      Number(isPage(b)) - Number(isPage(a)) ||
      sign * (size(a) - size(b)) ||
      (a.name < b.name ? -1 : a.name > b.name ? 1 : 0),
  );
}

/** Alerts that started in one evaluation and go to one channel. */
export interface NewAlerts {
  readonly evalTime: EpochMs;
  readonly alerts: readonly GroupedAlert[];
  readonly mentions: readonly string[];
}

function repliesOf({ evalTime, alerts }: NewAlerts, mentions: readonly string[]): readonly AlertGroupReply[] {
  const count = Math.ceil(alerts.length / REPLY_ROWS);
  return Array.from({ length: count }, (_, index) => ({
    joinedAt: evalTime,
    mentions: index === 0 ? mentions : [],
    alerts: alerts.slice(index * REPLY_ROWS, (index + 1) * REPLY_ROWS),
  }));
}

/** A new alert group. Its message has the mentions of the alerts. */
export function startAlertGroup(
  of: { readonly alertId: string; readonly destination: Destination; readonly lead: Alert },
  started: NewAlerts,
): AlertGroup {
  const { evalTime, mentions } = started;
  return {
    alertId: of.alertId,
    destination: { ...of.destination, mentions },
    startedAt: evalTime,
    refreshedAt: evalTime,
    shown: '',
    lead: of.lead,
    replies: repliesOf(started, []),
  };
}

/** Whether alerts that start now are added to the group. Otherwise they get messages of their own, or a new group. */
export function acceptsAlerts(
  { startedAt, replies }: Pick<AlertGroup, 'startedAt' | 'replies'>,
  evalTime: EpochMs,
): boolean {
  const joinedAt = replies.at(-1)?.joinedAt ?? startedAt;
  return (
    between(joinedAt, evalTime) < ACCEPTS_AFTER_LAST && between(startedAt, evalTime) < ACCEPTS_AFTER_START
  );
}

/** New mentions only, but all of them for the first alert of severity `page` in the group. */
function mentionsOf(alertGroup: AlertGroup, { alerts, mentions }: NewAlerts): readonly string[] {
  const isEscalation = alerts.some(isPage) && !groupedAlertsOf(alertGroup).some(isPage);
  const mentioned = new Set([alertGroup.destination, ...alertGroup.replies].flatMap((each) => each.mentions));
  return isEscalation ? mentions : mentions.filter((each) => !mentioned.has(each));
}

/** The group with the new occurrences of its alerts in place of the earlier ones, and the alerts that are not in it yet. */
function withOccurrences(
  alertGroup: AlertGroup,
  alerts: readonly GroupedAlert[],
): { readonly alertGroup: AlertGroup; readonly others: readonly GroupedAlert[] } {
  const started = new Map(alerts.map((alert) => [alert.fingerprint, alert]));
  const replies = alertGroup.replies.map((reply) => {
    if (!reply.alerts.some(({ fingerprint }) => started.has(fingerprint))) return reply;
    const current = reply.alerts.map((alert) => {
      const occurrence = started.get(alert.fingerprint);
      started.delete(alert.fingerprint);
      return occurrence ?? alert;
    });
    return { ...reply, alerts: current };
  });
  return { alertGroup: { ...alertGroup, replies }, others: [...started.values()] };
}

/** The alert group with alerts that started while it is active. */
export function addToAlertGroup(given: AlertGroup, started: NewAlerts): AlertGroup {
  const { alertGroup, others } = withOccurrences(given, started.alerts);
  if (others.length === 0) return alertGroup;
  const added = { ...started, alerts: others };
  const mentions = mentionsOf(given, added);
  const last = alertGroup.replies.at(-1);
  const isOpen =
    last !== undefined &&
    last.joinedAt > alertGroup.startedAt &&
    between(last.joinedAt, started.evalTime) < REPLY_OPEN_FOR &&
    last.alerts.length + others.length <= REPLY_ROWS;
  // Mentions need a new reply: Slack notifies nobody of an edit.
  if (!isOpen || mentions.length > 0)
    return { ...alertGroup, replies: [...alertGroup.replies, ...repliesOf(added, mentions)] };
  const reply: AlertGroupReply = { ...last, alerts: [...last.alerts, ...others] };
  return { ...alertGroup, replies: [...alertGroup.replies.slice(0, -1), reply] };
}

/**
 * The alert group with its alerts, by their ids, as they are now. An alert that is not known anymore is resolved, and so
 * is one that started again without a notification. One whose labels changed is the same alert.
 */
export function updateAlertGroup(
  alertGroup: AlertGroup,
  alerts: ReadonlyMap<string, Alert>,
  evalTime: EpochMs,
): AlertGroup {
  const current = (grouped: GroupedAlert): GroupedAlert => {
    const alert = alerts.get(grouped.alertId);
    if (alert !== undefined) return groupedAlertOf(alert, grouped.name);
    return grouped.state === 'resolved' ? grouped : { ...grouped, state: 'resolved', resolvedAt: evalTime };
  };
  const replies = alertGroup.replies.map((reply) => ({ ...reply, alerts: reply.alerts.map(current) }));
  return { ...alertGroup, replies };
}

/** Whether all its alerts are resolved. */
export const isGroupResolved = (alertGroup: AlertGroup): boolean =>
  groupedAlertsOf(alertGroup).every(({ state }) => state === 'resolved');

/** How many alerts are in each state. One that continues as another alert is neither firing nor resolved. */
export function countsOf(alerts: readonly GroupedAlert[]): Readonly<Record<GroupedAlert['state'], number>> {
  const counts = { firing: 0, 'no-data': 0, resolved: 0 };
  for (const { state, continuedAs } of alerts) if (continuedAs === undefined) counts[state] += 1;
  return counts;
}

/** How many of the alerts continue in other messages. */
export const countElsewhere = (alerts: readonly GroupedAlert[]): number =>
  alerts.filter(
    ({ continuedAs }) => continuedAs !== undefined && !alerts.some(({ alertId }) => alertId === continuedAs),
  ).length;

/** A hash of what rows show besides their times: it changes when there is something new to show. */
export const displayHash = (rows: readonly GroupedAlert[], isWithValues: boolean): string =>
  hashTexts(shownTexts(rows, isWithValues));

/** Not joined: a group may have thousands of rows, at every evaluation. */
function* shownTexts(rows: readonly GroupedAlert[], isWithValues: boolean): Generator<string> {
  for (const { alertId, state, value, acknowledged } of rows) {
    yield alertId;
    yield state;
    yield acknowledged?.by ?? '';
    if (isWithValues) yield String(value);
  }
}

/** The time between two edits of one reply: all replies of a thread together are edited 20 times a minute at most. */
export const replyInterval = ({ replies }: Pick<AlertGroup, 'replies'>): Milliseconds =>
  ms(Math.max(MINUTE, replies.length * 3 * SECOND));
