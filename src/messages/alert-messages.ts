import type { Alert, Destination, PostedTo } from '../alerts/alert.ts';
import type { EpochMs } from '../lib/units.ts';
import type { RoutedDestination } from '../policy/route.ts';
import { type EntryAt, entryOf, type Notification } from './outbox-entry.ts';
import type { OutboxEntry } from './store.ts';

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
