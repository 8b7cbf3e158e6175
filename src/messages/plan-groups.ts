import type {
  Alert,
  AlertGroup,
  AlertGroupReply,
  Destination,
  GroupedAlert,
  RuleState,
} from '../alerts/alert.ts';
import { after, between, type EpochMs, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import {
  addToAlertGroup,
  countsOf,
  displayHash,
  GROUP_ROWS,
  groupedAlertOf,
  groupedAlertsOf,
  isGroupResolved,
  replyIdOf,
  replyInterval,
  startAlertGroup,
  updateAlertGroup,
  worstFirst,
} from '../policy/alert-group.ts';
import type { RuleAt } from '../rules/rule.ts';
import {
  type MessageContext,
  messageUpdate,
  REFRESH_MAX_INTERVAL,
  REFRESH_MIN_INTERVAL,
  type UpdateKind,
} from './alert-messages.ts';
import { nameOf } from './alert-subject.ts';
import type { AlertGroupSnapshot, DesiredMessage, MessageUpdate } from './store.ts';

/** Alerts that begin now and share a message. */
export interface NewGroupAlerts {
  readonly alertId: string;
  readonly destination: Destination;
  /** Whom they call. */
  readonly mentions: readonly string[];
  /** Fingerprints. */
  readonly alerts: ReadonlySet<string>;
}

/** Alert groups after an evaluation: the open ones, and the updates of all messages. */
export interface AlertGroupPlan {
  readonly alertGroups: readonly AlertGroup[];
  readonly messages: readonly MessageUpdate[];
}

/** Replies of a thread go out so far apart: in between there is room in the channel for an alert of its own. */
const REPLY_SPACING: Milliseconds = ms(2 * SECOND);

/** An alert group at an evaluation time, with its alerts in the order in which they are shown. */
interface CurrentGroup {
  readonly at: MessageContext;
  readonly evalTime: EpochMs;
  readonly alertGroup: AlertGroup;
  readonly ranked: readonly GroupedAlert[];
}

const snapshotOf = ({ alertGroup, ranked }: CurrentGroup): AlertGroupSnapshot => ({
  id: alertGroup.alertId,
  startedAt: alertGroup.startedAt,
  counts: countsOf(ranked),
  rows: ranked.slice(0, GROUP_ROWS),
  unacknowledged: hiddenUnacknowledged(ranked),
});

/** Open alerts without a row that nobody has acknowledged. */
const hiddenUnacknowledged = (ranked: readonly GroupedAlert[]): number =>
  ranked
    .slice(GROUP_ROWS)
    .filter(({ state, acknowledged }) => state !== 'resolved' && acknowledged === undefined).length;

/** Whether a list has a thread reply: the alerts that started the group have none while the message shows them all. */
const isListed = ({ alertGroup, ranked }: CurrentGroup, reply: AlertGroupReply): boolean =>
  reply.joinedAt > alertGroup.startedAt || ranked.length > GROUP_ROWS;

/** Whether a thread reply may be shown anew, if it changed. */
function isReplyDue(current: CurrentGroup, reply: AlertGroupReply, isLast: boolean): boolean {
  const { alertGroup, evalTime } = current;
  if (!isListed(current, reply)) return false;
  if (reply.shownAt === undefined || isLast) return true;
  return between(reply.shownAt, evalTime) >= replyInterval(alertGroup);
}

/** What a group thread reply is to show. */
function replyUpdate({ at, evalTime, alertGroup }: CurrentGroup, index: number): MessageUpdate | undefined {
  const reply = alertGroup.replies[index];
  if (reply === undefined) return undefined;
  const { mentions, alerts, joinedAt, shownAt } = reply;
  const snapshot: AlertGroupSnapshot = {
    id: alertGroup.alertId,
    startedAt: alertGroup.startedAt,
    counts: countsOf(alerts),
    rows: worstFirst(alerts, at.rule.comparison),
    detailPage: { number: index + 1, joinedAt },
  };
  const key = replyIdOf(alertGroup, index + 1);
  const destination = { ...alertGroup.destination, mentions };
  const kind = shownAt === undefined ? 'new' : 'edit';
  const update = messageUpdate(at, evalTime, { alert: alertGroup.lead, kind, key, destination });
  return withDesired(update, { alertGroup: snapshot, parent: alertGroup.alertId });
}

const withDesired = (update: MessageUpdate, more: Partial<DesiredMessage>): MessageUpdate => ({
  ...update,
  desired: update.desired === undefined ? undefined : { ...update.desired, ...more },
});

/** The thread replies that are due, and the lists with what they show now. */
function updateReplies(current: CurrentGroup): {
  replies: readonly AlertGroupReply[];
  messages: readonly MessageUpdate[];
} {
  const { evalTime, alertGroup, ranked } = current;
  const isLast = ranked.every(({ state }) => state === 'resolved');
  const messages: MessageUpdate[] = [];
  const replies = alertGroup.replies.map((reply, index) => {
    if (!isReplyDue(current, reply, isLast)) return reply;
    const look = displayHash(reply.alerts, false);
    const update = look === reply.shown ? undefined : replyUpdate(current, index);
    if (update === undefined) return reply;
    messages.push({ ...update, notBefore: after(evalTime, ms(messages.length * REPLY_SPACING)) });
    return { ...reply, shownAt: evalTime, shown: look };
  });
  return { replies, messages };
}

/** The updates of a group's messages, and the group with what they show. */
function updatesOf(
  current: CurrentGroup,
  isNew: boolean,
): { alertGroup: AlertGroup; messages: readonly MessageUpdate[] } {
  const { evalTime, alertGroup, ranked } = current;
  const isEnd = isGroupResolved(alertGroup);
  const hidden = hiddenUnacknowledged(ranked) === 0 ? '' : ' unacknowledged';
  const look = displayHash(ranked.slice(0, GROUP_ROWS), true) + ranked.length + hidden;
  const age = between(alertGroup.refreshedAt, evalTime);
  const isDue = age >= REFRESH_MAX_INTERVAL || (age >= REFRESH_MIN_INTERVAL && look !== alertGroup.shown);
  const { replies, messages } = updateReplies(current);
  if (!isNew && !isEnd && !isDue) return { alertGroup: { ...alertGroup, replies }, messages };
  const own = groupUpdate(current, isNew ? 'new' : isEnd ? 'resolved' : 'edit');
  return {
    alertGroup: { ...alertGroup, replies, refreshedAt: evalTime, shown: look },
    messages: [own, ...messages],
  };
}

function groupUpdate(current: CurrentGroup, kind: UpdateKind): MessageUpdate {
  const { at, evalTime, alertGroup } = current;
  const { lead: alert, alertId: key, destination } = alertGroup;
  return withDesired(messageUpdate(at, evalTime, { alert, kind, key, destination }), {
    alertGroup: snapshotOf(current),
  });
}

/** The worst of a alertGroup's alerts while one fires; afterwards the last that was. */
function withLead(current: CurrentGroup, alerts: ReadonlyMap<string, Alert>): CurrentGroup {
  const [worst] = current.ranked;
  const lead = worst === undefined || worst.state === 'resolved' ? undefined : alerts.get(worst.fingerprint);
  return lead === undefined ? current : { ...current, alertGroup: { ...current.alertGroup, lead } };
}

const currentOf = (at: MessageContext, evalTime: EpochMs, alertGroup: AlertGroup): CurrentGroup => ({
  at,
  evalTime,
  alertGroup,
  ranked: worstFirst(groupedAlertsOf(alertGroup), at.rule.comparison),
});

function begin(
  starting: NewGroupAlerts,
  known: AlertGroup | undefined,
  { at, evalTime, alerts }: { at: RuleAt; evalTime: EpochMs; alerts: ReadonlyMap<string, Alert> },
): AlertGroup | undefined {
  const began = [...starting.alerts].flatMap((print) => alerts.get(print) ?? []);
  const started = worstFirst(
    began.map((alert) => groupedAlertOf(alert, nameOf(alert, at.rule))),
    at.rule.comparison,
  );
  const [lead] = began;
  const joining = { evalTime, alerts: started, mentions: starting.mentions };
  if (known !== undefined) return addToAlertGroup(known, joining);
  return lead === undefined ? undefined : startAlertGroup({ ...starting, lead }, joining);
}

/** A rule may have thousands of alerts: no list of pairs. */
function byName(alerts: readonly Alert[], name: 'fingerprint' | 'alertId'): ReadonlyMap<string, Alert> {
  const map = new Map<string, Alert>();
  for (const alert of alerts) map.set(alert[name], alert);
  return map;
}

/**
 * Updates a rule's alert groups with its alerts, adds those that start now, and decides what their messages are to show:
 * a new group and a new reply at once, changes now and then, the end once. Pure.
 */
export function planAlertGroups(
  at: RuleAt,
  evalTime: EpochMs,
  given: {
    readonly alertGroups: readonly AlertGroup[];
    readonly alerts: readonly Alert[];
    readonly starting: readonly NewGroupAlerts[];
  },
): AlertGroupPlan {
  if (given.alertGroups.length === 0 && given.starting.length === 0) return { alertGroups: [], messages: [] };
  const alerts = byName(given.alerts, 'fingerprint');
  const byId = byName(given.alerts, 'alertId');
  const known = new Map(
    given.alertGroups.map((alertGroup) => [alertGroup.alertId, updateAlertGroup(alertGroup, byId, evalTime)]),
  );
  const isNew = new Set<string>();
  for (const each of given.starting) {
    if (!known.has(each.alertId)) isNew.add(each.alertId);
    const alertGroup = begin(each, known.get(each.alertId), { at, evalTime, alerts });
    if (alertGroup !== undefined) known.set(each.alertId, alertGroup);
  }
  const notified = [...known.values()].map((alertGroup) =>
    updatesOf(withLead(currentOf(at, evalTime, alertGroup), alerts), isNew.has(alertGroup.alertId)),
  );
  return {
    alertGroups: notified.flatMap(({ alertGroup }) => (isGroupResolved(alertGroup) ? [] : [alertGroup])),
    messages: notified.flatMap(({ messages }) => messages),
  };
}

/** Ends the alert groups of a rule that is gone: what becomes of their alerts is not known any more. */
export function retireAlertGroups(
  at: MessageContext,
  evalTime: EpochMs,
  state: RuleState,
): readonly MessageUpdate[] {
  return (state.alertGroups ?? []).flatMap((alertGroup) => {
    const replies = alertGroup.replies.map((reply) => ({
      ...reply,
      alerts: reply.alerts.map(
        (alert): GroupedAlert =>
          alert.state === 'resolved'
            ? alert
            : { ...alert, state: 'resolved', resolvedAt: evalTime, resolveReason: 'rule-removed' },
      ),
    }));
    return updatesOf(currentOf(at, evalTime, { ...alertGroup, replies }), false).messages;
  });
}

/** Keys of the messages that alerts share with others, and of the thread replies that list one of them. */
export function sharedMessages(
  alerts: readonly Alert[],
  alertGroups: readonly AlertGroup[],
): readonly { readonly key: string; readonly isReply: boolean }[] {
  const shared = new Set(
    alerts.flatMap(({ postedTo }) => (postedTo ?? []).flatMap(({ alertGroup }) => alertGroup ?? [])),
  );
  const alertIds = new Set(alerts.map(({ alertId }) => alertId));
  const listsOne = (reply: AlertGroupReply): boolean =>
    reply.shownAt !== undefined && reply.alerts.some(({ alertId }) => alertIds.has(alertId));
  return alertGroups
    .filter(({ alertId }) => shared.has(alertId))
    .flatMap((alertGroup) => [
      { key: alertGroup.alertId, isReply: false },
      ...alertGroup.replies.flatMap((reply, index) =>
        listsOne(reply) ? [{ key: replyIdOf(alertGroup, index + 1), isReply: true }] : [],
      ),
    ]);
}
