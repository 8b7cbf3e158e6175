import type { Alert, Destination, PostedTo } from '../alerts/alert.ts';
import { sortedLabels } from '../lib/labels.ts';
import { type EpochMs, MINUTE, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import type { RoutedDestination } from '../policy/route.ts';
import type { RuleAlerts } from '../policy/suppress.ts';
import type { RuleAt, SloRule } from '../rules/rule.ts';
import type { NotificationKind, OutboxEntry } from './store.ts';

/** The messages of one alert in several channels have lives of their own; the first one goes by the alert's own name. */
export const messageOf = (alert: Alert, index: number): string =>
  index === 0 ? alert.alertId : `${alert.alertId}+${index}`;

/** The message of each place an alert was posted to: its own, or the alertGroup's it shares. */
export const messagesOf = (alert: Alert, posted: readonly PostedTo[]): readonly string[] =>
  posted.map(({ alertGroup }, index) => alertGroup ?? messageOf(alert, index));

/** The message to look for when one is enough. */
export const firstMessageOf = (alert: Alert): string => alert.postedTo?.[0]?.alertGroup ?? alert.alertId;

/** Where an alert goes without any route. */
export const whereRuleSays = ({ rule }: EntryAt): Destination => ({
  mentions: [],
  channel: rule.channel,
});

/** Where its messages are. One that was notified of before there were routes went where its rule said. */
export function postedTo(at: EntryAt, alert: Alert): readonly PostedTo[] {
  return alert.postedTo ?? (alert.refreshedAt === undefined ? [] : [whereRuleSays(at)]);
}

/**
 * The same news for all messages that an alert has for itself; none where nobody was notified that it fires. What it
 * shares with others is notified by the alert group.
 */
export function entriesOf(
  at: EntryAt,
  evalTime: EpochMs,
  { alert, kind }: Pick<Notification, 'alert' | 'kind'>,
): readonly OutboxEntry[] {
  return postedTo(at, alert).flatMap((destination, index) =>
    destination.alertGroup === undefined
      ? [entryOf(at, evalTime, { alert, kind, alertId: messageOf(alert, index), destination })]
      : [],
  );
}

const isIn = (destinations: readonly Destination[], { channel }: Destination): boolean =>
  destinations.some((each) => each.channel === channel);

const plain = ({ isMuted: _muted, ...destination }: RoutedDestination): Destination => destination;

/** Where an alert is to be posted now, and where later, when its route is not muted any more. */
export function postings(alert: Alert, wanted: readonly RoutedDestination[], posted: readonly Destination[]) {
  if (alert.state !== 'firing' || alert.suppressed !== undefined)
    return { now: [], later: alert.awaiting ?? [] };
  // Where it goes is settled by its first post: a tree that changes later does not post it again.
  const open = posted.length === 0 ? wanted : wanted.filter((each) => isIn(alert.awaiting ?? [], each));
  return {
    now: open.filter(({ isMuted }) => !isMuted).map(plain),
    later: open.filter(({ isMuted }) => isMuted).map(plain),
  };
}

/** An alert that was posted to these, with those that still wait for their first message. */
export function withPostings(
  alert: Alert,
  posted: readonly PostedTo[],
  { now, later }: { readonly now: readonly PostedTo[]; readonly later: readonly Destination[] },
): Alert {
  const { awaiting: _awaiting, ...rest } = alert;
  const all = [...posted, ...now];
  return {
    ...rest,
    ...(all.length === 0 ? {} : { postedTo: all }),
    ...(all.length === 0 || later.length === 0 ? {} : { awaiting: later }),
  };
}

/** A message is brought up to date at most this often. */
export const REFRESH_MIN_INTERVAL: Milliseconds = ms(30 * SECOND);

/** A message is brought up to date this often even when its value stands still: its traces and chart grow. */
export const REFRESH_MAX_INTERVAL: Milliseconds = ms(5 * MINUTE);

/** An alert starts and ends once; everything else can happen again and again. */
function idOf(alertId: string, kind: NotificationKind, evalTime: EpochMs): string {
  const isOnce = kind === 'firing' || kind === 'resolved';
  return isOnce ? `${alertId}:${kind}` : `${alertId}:${kind}:${evalTime / 1_000}`;
}

/** What is notified of an alert, in which message. */
export interface Notification {
  readonly alert: Alert;
  readonly kind: NotificationKind;
  /** The key of the message. */
  readonly alertId: string;
  readonly destination: Destination;
}

/** Where an entry belongs: of the group its name is enough. */
export type EntryAt = Pick<RuleAt, 'rule'> & { readonly group: Pick<RuleAt['group'], 'id'> };

/** A notification with an id that the same decision gives on every replica. */
export function entryOf(
  at: EntryAt,
  evalTime: EpochMs,
  { alert, kind, alertId, destination }: Notification,
): OutboxEntry {
  return {
    id: idOf(alertId, kind, evalTime),
    alertId,
    kind,
    group: at.group.id,
    alert,
    rule: at.rule,
    destination,
    createdAt: evalTime,
    notBefore: evalTime,
    attempt: 0,
  };
}

/** The severity that calls somebody now. */
const URGENT = 'page';

/**
 * What two rules must have in common to be about the same objective: its histogram, quantile and threshold where both
 * have one (an SLO of the short form and its burn rates), else the alert's name.
 */
function objectiveOf({ name, objective }: SloRule): string {
  if (objective === undefined) return name;
  const { family, quantile, threshold } = objective;
  return JSON.stringify([family.metric, family.selector, quantile, threshold]);
}

const subjectOf = (alert: Alert, rule: SloRule): string =>
  JSON.stringify([objectiveOf(rule), sortedLabels(alert.series)]);

const isUrgent = ({ labels }: Alert): boolean => labels['severity'] === URGENT;

/** The messages of open alerts of a group that are less urgent, by what they are about. */
function openMessages(group: RuleAt['group'], rules: readonly RuleAlerts[]): ReadonlyMap<string, string> {
  const messages = new Map<string, string>();
  for (const { rule, alerts } of rules)
    for (const alert of alerts) {
      if (alert.state !== 'firing' || isUrgent(alert)) continue;
      const [message] = messagesOf(alert, postedTo({ group, rule }, alert));
      if (message !== undefined) messages.set(subjectOf(alert, rule), message);
    }
  return messages;
}

/**
 * Finds the message that an urgent alert escalates: of a less urgent alert of its group, about the same objective and
 * the same subject, that is open already. Asked for the few alerts that are posted now, so it looks only when asked.
 */
export function createEscalation(
  group: RuleAt['group'],
  rules: readonly RuleAlerts[],
): (rule: SloRule) => (alert: Alert) => string | undefined {
  let open: ReadonlyMap<string, string> | undefined;
  return (rule) => (alert) => {
    if (!isUrgent(alert) || rules.length < 2) return undefined;
    open ??= openMessages(group, rules);
    return open.get(subjectOf(alert, rule));
  };
}
