import type { Alert, Destination, PostedTo } from '../alerts/alert.ts';
import { sortedLabels } from '../lib/labels.ts';
import { type EpochMs, MINUTE, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import type { RoutedDestination } from '../policy/route.ts';
import type { RuleAlerts } from '../policy/suppress.ts';
import type { RuleAt, SloRule } from '../rules/rule.ts';
import type { MessageUpdate, ThreadLine } from './store.ts';

/** The messages of one alert in several channels have lives of their own; the first one goes by the alert's own name. */
export const messageOf = (alert: Alert, index: number): string =>
  index === 0 ? alert.alertId : `${alert.alertId}+${index}`;

/** The message of each place an alert was posted to: its own, or the alertGroup's it shares. */
export const messagesOf = (alert: Alert, posted: readonly PostedTo[]): readonly string[] =>
  posted.map(({ alertGroup }, index) => alertGroup ?? messageOf(alert, index));

/** The message to look for when one is enough. */
export const firstMessageOf = (alert: Alert): string => alert.postedTo?.[0]?.alertGroup ?? alert.alertId;

/** Where an alert goes without any route. */
export const whereRuleSays = ({ rule }: MessageContext): Destination => ({
  mentions: [],
  channel: rule.channel,
});

/** Where its messages are. */
export function postedTo(at: MessageContext, alert: Alert): readonly PostedTo[] {
  return alert.postedTo ?? (alert.refreshedAt === undefined ? [] : [whereRuleSays(at)]);
}

/** The same update for all messages that an alert has for itself. What it shares with others is planned by the group. */
export function messageUpdates(
  at: MessageContext,
  evalTime: EpochMs,
  { alert, kind }: Pick<MessageDecision, 'alert' | 'kind'>,
): readonly MessageUpdate[] {
  return postedTo(at, alert).flatMap((destination, index) =>
    destination.alertGroup === undefined
      ? [messageUpdate(at, evalTime, { alert, kind, key: messageOf(alert, index), destination })]
      : [],
  );
}

const isIn = (destinations: readonly Destination[], { channel }: Destination): boolean =>
  destinations.some((each) => each.channel === channel);

const plain = ({ isMuted: _muted, ...destination }: RoutedDestination): Destination => destination;

/** Where an alert is to be posted now, and where later, when its route is not muted any more. */
interface Postings {
  readonly now: readonly Destination[];
  readonly later: readonly Destination[];
}

const NOWHERE: Postings = { now: [], later: [] };

export function postings(
  alert: Alert,
  wanted: readonly RoutedDestination[],
  posted: readonly Destination[],
): Postings {
  if (alert.state !== 'firing' || alert.suppressed !== undefined)
    return alert.awaiting === undefined ? NOWHERE : { now: [], later: alert.awaiting };
  // Its first post decides where it goes: a routing tree that changes later does not post it again.
  if (wanted.length === 0) return NOWHERE;
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
  // The same list for all alerts that begin in one place.
  const all = posted.length === 0 ? now : [...posted, ...now];
  return {
    ...alert,
    postedTo: all.length === 0 ? alert.postedTo : all,
    awaiting: all.length === 0 || later.length === 0 ? undefined : later,
  };
}

/** An open message is edited at most this often. */
export const REFRESH_MIN_INTERVAL: Milliseconds = ms(30 * SECOND);

/** An open message is edited this often even when its value does not change: its traces and chart do. */
export const REFRESH_MAX_INTERVAL: Milliseconds = ms(5 * MINUTE);

/** What is decided about a message: it is new, edited, or edited and its thread gets a line. */
export type UpdateKind = 'new' | 'edit' | ThreadLine['kind'];

/** A decision about one message of an alert. */
interface MessageDecision {
  readonly alert: Alert;
  readonly kind: UpdateKind;
  /** The key of the message. */
  readonly key: string;
  readonly destination: Destination;
}

/** A rule and the id of its group, and the labels that tell its alerts apart. */
export type MessageContext = Pick<RuleAt, 'rule'> & {
  readonly group: Pick<RuleAt['group'], 'id'>;
  readonly apart?: readonly string[];
};

/** A line in a message's thread, with a key that the same decision gives on every replica: an alert ends once, and its message gets one reminder. */
export function threadLine(
  { rule }: MessageContext,
  at: EpochMs,
  line: Pick<ThreadLine, 'kind' | 'alert' | 'text' | 'mentions'> & { readonly message: string },
): ThreadLine {
  const { message, ...said } = line;
  const isOnce = said.kind === 'resolved' || said.kind === 'reminder';
  const key = isOnce ? `${message}:${said.kind}` : `${message}:${said.kind}:${at / 1_000}`;
  return { ...said, key, at, rule };
}

/** The update of a message that an evaluation decides. */
export function messageUpdate(
  context: MessageContext,
  evalTime: EpochMs,
  { alert, kind, key, destination }: MessageDecision,
): MessageUpdate {
  const isLine = kind !== 'new' && kind !== 'edit';
  return {
    key,
    isNew: kind === 'new' ? true : undefined,
    desired: {
      group: context.group.id,
      alert,
      rule: context.rule,
      destination,
      apart: context.apart,
      asOf: evalTime,
    },
    line: isLine ? threadLine(context, evalTime, { kind, alert, message: key }) : undefined,
    at: evalTime,
  };
}

/** The severity that pages somebody. */
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

export const isUrgent = ({ labels }: Alert): boolean => labels['severity'] === URGENT;

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
 * the same subject, that is open already. Computed on demand, for the few alerts that are posted now.
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
