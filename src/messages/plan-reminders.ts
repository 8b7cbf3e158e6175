import type { Alert, AlertGroup, Destination, GroupedAlert, Reminders } from '../alerts/alert.ts';
import { timeSpan } from '../lib/format.ts';
import { between, type EpochMs } from '../lib/units.ts';
import { groupedAlertsOf } from '../policy/alert-group.ts';
import type { RoutedDestination } from '../policy/route.ts';
import { type MessageContext, messageOf, postedTo, threadLine } from './alert-messages.ts';
import type { MessageUpdate } from './store.ts';

/*
 * A message that nobody acknowledges gets one reply that mentions the people of its route again, once it has waited for as
 * long as the route says (`remind_after`). The time runs while the alert is open, unacknowledged and not suppressed; an
 * acknowledgement or a silence stops it, and when that is withdrawn or ends, it starts again from zero.
 *
 *   posted        acknowledged   withdrawn           reminder
 *     |-- 9 min --|      ...     |------ 15 min ------|          (none after that)
 */

/** Whether an alert, or a row of an alert group, waits for somebody. */
export const isUnattended = (
  alert: Pick<Alert, 'state' | 'acknowledged' | 'suppressed'> | Pick<GroupedAlert, 'state' | 'acknowledged'>,
): boolean =>
  alert.state !== 'resolved' &&
  alert.state !== 'pending' &&
  alert.acknowledged === undefined &&
  !('suppressed' in alert && alert.suppressed !== undefined);

/** What may be due for a reminder: the alert that it is about, and its messages with where they are. */
interface Candidate {
  readonly alert: Alert;
  readonly reminders: Reminders | undefined;
  readonly isWaiting: boolean;
  readonly messages: readonly (readonly [key: string, destination: Destination])[];
  /** Read each time: the state of a lost store knows neither its mentions nor its reminder. */
  readonly route: (alert: Alert) => readonly RoutedDestination[];
}

interface Decided {
  readonly reminders: Reminders | undefined;
  readonly messages: readonly MessageUpdate[];
}

function decide(at: MessageContext, evalTime: EpochMs, candidate: Candidate): Decided {
  const { alert, reminders, isWaiting, messages, route } = candidate;
  const { sent = [], since = evalTime } = reminders ?? {};
  const open = messages.filter(([key]) => !sent.includes(key));
  if (open.length === 0) return { reminders, messages: [] };
  if (!isWaiting) return { reminders: reminders?.since === undefined ? reminders : { sent }, messages: [] };
  const routed = route(alert);
  const due = open.flatMap(([key, { channel }]) => {
    const found = routed.find((each) => each.channel === channel);
    if (found?.remindAfter === undefined) return [];
    const waited = between(since, evalTime);
    return [{ key, waited, mentions: found.mentions, isDue: waited >= found.remindAfter && !found.isMuted }];
  });
  if (due.length === 0) return { reminders, messages: [] };
  const now = due.filter(({ isDue }) => isDue);
  return {
    reminders:
      now.length === 0 && reminders?.since !== undefined
        ? reminders
        : { since, sent: [...sent, ...now.map(({ key }) => key)] },
    messages: now.map(({ key, waited, mentions }) => {
      const text = `Not acknowledged for ${timeSpan(waited)}`;
      const line = threadLine(at, evalTime, { kind: 'reminder', alert, message: key, text, mentions });
      return { key, line, at: evalTime };
    }),
  };
}

/** The messages that an alert has for itself. */
const ownMessages = (at: MessageContext, alert: Alert): Candidate['messages'] =>
  postedTo(at, alert).flatMap((destination, index) =>
    destination.alertGroup === undefined ? [[messageOf(alert, index), destination] as const] : [],
  );

/** Decides which messages of a rule get their reminder at an evaluation. Pure. */
export function planReminders(
  at: MessageContext,
  evalTime: EpochMs,
  given: {
    readonly alerts: readonly Alert[];
    readonly alertGroups: readonly AlertGroup[];
    readonly route: Candidate['route'];
  },
): {
  readonly alerts: readonly Alert[];
  readonly alertGroups: readonly AlertGroup[];
  readonly messages: readonly MessageUpdate[];
} {
  const { route } = given;
  const messages: MessageUpdate[] = [];
  const waiting = new Set<string>();
  function withReminders<T extends { readonly reminders?: Reminders }>(one: T, candidate: Candidate): T {
    const decided = decide(at, evalTime, candidate);
    messages.push(...decided.messages);
    return decided.reminders === one.reminders ? one : { ...one, reminders: decided.reminders };
  }
  const alerts = given.alerts.map((alert) => {
    if (alert.state !== 'firing') return alert;
    const isWaiting = isUnattended(alert);
    if (isWaiting) waiting.add(alert.alertId);
    const { reminders } = alert;
    return withReminders(alert, { alert, reminders, isWaiting, messages: ownMessages(at, alert), route });
  });
  const alertGroups = given.alertGroups.map((group) => {
    const { alertId: key, destination, lead, reminders } = group;
    const isWaiting = groupedAlertsOf(group).some((alert) => waiting.has(alert.alertId));
    return withReminders(group, { alert: lead, reminders, isWaiting, messages: [[key, destination]], route });
  });
  return { alerts, alertGroups, messages };
}
