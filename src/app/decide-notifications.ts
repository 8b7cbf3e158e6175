import type { Alert, Transition } from '../domain/alert/alert.ts';
import type { Destination, RoutedDestination } from '../domain/alert/route.ts';
import type { RuleAt, Slot } from '../domain/slo/rule.ts';
import { between, MINUTE, type Milliseconds, ms, SECOND } from '../domain/units.ts';
import type { NotificationKind, OutboxEntry } from './ports.ts';

/** A message is brought up to date at most this often. */
const REFRESH_MIN_INTERVAL: Milliseconds = ms(30 * SECOND);

/** A message is brought up to date this often even when its value stands still: its traces and chart grow. */
const REFRESH_MAX_INTERVAL: Milliseconds = ms(5 * MINUTE);

/** What is to be told about one rule's alerts, and the alerts with a note of what was told. */
export interface Decision {
  readonly alerts: readonly Alert[];
  readonly entries: readonly OutboxEntry[];
}

/** An episode starts and ends once; everything else can happen again and again. */
function idOf(episode: string, kind: NotificationKind, slot: Slot): string {
  const isOnce = kind === 'firing' || kind === 'resolved';
  return isOnce ? `${episode}:${kind}` : `${episode}:${kind}:${slot / 1_000}`;
}

/** The messages of one alert in several channels have lives of their own; the first one goes by the alert's own name. */
const messageOf = (alert: Alert, index: number): string =>
  index === 0 ? alert.episode : `${alert.episode}+${index}`;

/** What is told of an alert, in which of its messages. */
interface Telling {
  readonly alert: Alert;
  readonly kind: NotificationKind;
  readonly index: number;
  readonly destination: Destination;
}

/** A notification with an id that the same decision gives on every replica. */
function entryOf(at: RuleAt, slot: Slot, telling: Telling): OutboxEntry {
  const { alert, kind, destination } = telling;
  const episode = messageOf(alert, telling.index);
  return {
    id: idOf(episode, kind, slot),
    episode,
    kind,
    group: at.group.id,
    alert,
    rule: at.rule,
    destination,
    createdAt: slot,
    notBefore: slot,
    attempt: 0,
  };
}

const whereRuleSays = ({ rule }: RuleAt): Destination => ({
  mentions: [],
  ...(rule.channel === undefined ? {} : { channel: rule.channel }),
});

/** Where its messages are. One that was told of before there were routes went where its rule said. */
function postedTo(at: RuleAt, alert: Alert): readonly Destination[] {
  return alert.postedTo ?? (alert.refreshedAt === undefined ? [] : [whereRuleSays(at)]);
}

/** The same news for all messages of an alert; none where nobody was told that it fires. */
export function entriesOf(
  at: RuleAt,
  slot: Slot,
  { alert, kind }: Pick<Telling, 'alert' | 'kind'>,
): readonly OutboxEntry[] {
  return postedTo(at, alert).map((destination, index) =>
    entryOf(at, slot, { alert, kind, index, destination }),
  );
}

/** Whether the message of a firing alert without news is due for an edit. */
function isRefreshDue(alert: Alert, slot: Slot): boolean {
  if (alert.state !== 'firing' || alert.noDataSince !== undefined) return false;
  const age = between(alert.refreshedAt ?? alert.firedAt ?? slot, slot);
  if (age < REFRESH_MIN_INTERVAL) return false;
  return age >= REFRESH_MAX_INTERVAL || !Object.is(alert.value, alert.shownValue);
}

const shown = (alert: Alert, slot: Slot): Alert => ({
  ...alert,
  refreshedAt: slot,
  shownValue: alert.value,
});

/** What the messages that stand are told. A thread is left alone while its alert is held back; its end is always told. */
function newsOf(
  alert: Alert,
  news: Transition['kind'] | undefined,
  isDue: boolean,
): NotificationKind | undefined {
  switch (news) {
    case 'resolved':
      return 'resolved';
    case 'no-data':
    case 'data-back':
      return alert.suppressed === undefined ? news : 'refresh';
    default:
      return isDue ? 'refresh' : undefined;
  }
}

const isIn = (destinations: readonly Destination[], { channel }: Destination): boolean =>
  destinations.some((each) => each.channel === channel);

const plain = ({ isMuted: _muted, ...destination }: RoutedDestination): Destination => destination;

/** Where an alert is to be posted now, and where later, when its route is not muted any more. */
function postings(alert: Alert, wanted: readonly RoutedDestination[], posted: readonly Destination[]) {
  if (alert.state !== 'firing' || alert.suppressed !== undefined)
    return { now: [], later: alert.awaiting ?? [] };
  // Where it goes is settled by its first post: a tree that changes later does not post it again.
  const open = posted.length === 0 ? wanted : wanted.filter((each) => isIn(alert.awaiting ?? [], each));
  return {
    now: open.filter(({ isMuted }) => !isMuted).map(plain),
    later: open.filter(({ isMuted }) => isMuted).map(plain),
  };
}

/** An alert that nobody is told of because all its routes are muted. */
const heldByTime = (alert: Alert, slot: Slot): Alert => ({
  ...alert,
  suppressed: { kind: 'time', by: 'its route', since: alert.firedAt ?? slot },
});

function withPostings(
  alert: Alert,
  posted: readonly Destination[],
  { now, later }: ReturnType<typeof postings>,
): Alert {
  const { awaiting: _awaiting, ...rest } = alert;
  const all = [...posted, ...now];
  return {
    ...rest,
    ...(all.length === 0 ? {} : { postedTo: all }),
    ...(all.length === 0 || later.length === 0 ? {} : { awaiting: later }),
  };
}

/** What an evaluation gives to tell of. */
export interface Evaluated {
  /** With `suppressed` as it is now. */
  readonly alerts: readonly Alert[];
  readonly transitions: readonly Transition[];
  /** Where an alert goes; absent: where its rule says. */
  readonly route?: (alert: Alert) => readonly RoutedDestination[];
  /** Fingerprints of alerts whose message shows something new besides the value. */
  readonly changed?: ReadonlySet<string>;
}

/**
 * Decides what to tell people after an evaluation: each news once, and an edit now and then. An alert whose first
 * message was held back is posted when nothing holds it back any more and it still fires. Pure.
 */
export function decideNotifications(at: RuleAt, slot: Slot, evaluated: Evaluated): Decision {
  const { changed, route = () => [{ ...whereRuleSays(at), isMuted: false }] } = evaluated;
  const news = new Map(evaluated.transitions.map(({ kind, alert }) => [alert.fingerprint, kind]));
  const entries: OutboxEntry[] = [];
  const alerts = evaluated.alerts.map((alert) => {
    const posted = postedTo(at, alert);
    const open = postings(
      alert,
      posted.length === 0 || alert.awaiting !== undefined ? route(alert) : [],
      posted,
    );
    const isDue = changed?.has(alert.fingerprint) === true || isRefreshDue(alert, slot);
    const kind = posted.length === 0 ? undefined : newsOf(alert, news.get(alert.fingerprint), isDue);
    if (kind === undefined && open.now.length === 0)
      return posted.length === 0 && open.later.length > 0 ? heldByTime(alert, slot) : alert;
    const told = withPostings(shown(alert, slot), posted, open);
    if (kind !== undefined)
      entries.push(...entriesOf(at, slot, { alert: { ...told, postedTo: posted }, kind }));
    for (const [offset, destination] of open.now.entries())
      entries.push(
        entryOf(at, slot, { alert: told, kind: 'firing', index: posted.length + offset, destination }),
      );
    return told;
  });
  return { alerts, entries };
}
