import type { Alert, GroupedAlert, RuleGroupState, RuleState } from '../alerts/alert.ts';
import { resolveAlert } from '../alerts/step-alert.ts';
import { type EpochMs, MINUTE, type Milliseconds, SECOND } from '../lib/units.ts';
import { messageUpdate } from '../messages/alert-messages.ts';
import { nameOf } from '../messages/alert-subject.ts';
import type { OpenMessage } from '../messages/notifier.ts';
import { type RestoredAlert, restoredAlert } from '../messages/restore-point.ts';
import type { DesiredMessage, MessageUpdate, RestoredMessage, ShownMessage } from '../messages/store.ts';
import { countsOf, groupedAlertOf } from '../policy/alert-group.ts';
import type { RuleGroup, SloRule } from '../rules/rule.ts';
import { emptyLead, type FoundMessage, foundIn, isSingle, removedRule, shownOf } from './restore-plan.ts';

/*
 * Open messages from before a loss of the store that could be read in Slack only after evaluation had gone on without
 * them. Their alerts may have been posted again by then, so they are not continued: each ends, with a link to the message
 * that continues it where its alert is still firing.
 */

/** What the store holds when orphans are found. */
export interface StoreNow {
  /** The groups that are evaluated. */
  readonly groups: readonly RuleGroup[];
  readonly states: ReadonlyMap<string, RuleGroupState | undefined>;
  /** By the keys of the messages found. */
  readonly shown: ReadonlyMap<string, ShownMessage | undefined>;
  /** When evaluation went on without the messages. */
  readonly since: EpochMs;
  readonly at: EpochMs;
}

/** Messages of the time since then are posted later than this before it, however the clocks differ. */
const CLOCK_MARGIN: Milliseconds = MINUTE;

/** A message whose end differs from the message that the store knows by the same key. */
const orphanKeyOf = ({ message: { key, messageTs } }: FoundMessage): string => `${key}~${messageTs}`;

/** The rule of an orphan as it was evaluated last; undecided until that happens. */
function ruleOf(
  { point }: FoundMessage,
  { groups, states, since }: StoreNow,
): RuleState | 'undecided' | undefined {
  const state = states.get(point.group)?.rules[point.rule];
  const isEvaluated = groups.some(
    ({ id, rules }) => id === point.group && rules.some(({ key }) => key === point.rule),
  );
  return isEvaluated && (state?.evaluatedAt ?? 0) < since ? 'undecided' : state;
}

/** An alert of an orphan as it is now: ended, or pending so that it is not decided yet. */
function endedAlert(
  alertId: string,
  carried: RestoredAlert,
  { asOf, at, rule, state }: { asOf: EpochMs; at: EpochMs; rule: SloRule; state: RuleState | undefined },
): Alert | 'undecided' {
  const alert = restoredAlert(alertId, carried, { rule, asOf });
  const current = state?.alerts.find(({ fingerprint }) => fingerprint === carried.fingerprint);
  if (current?.state === 'pending') return 'undecided';
  if (current?.state !== 'firing')
    return resolveAlert(alert, at, state === undefined ? 'rule-removed' : 'no-longer-returned');
  const continuedAs = { alertId: current.alertId, severity: current.labels['severity'] };
  return { ...resolveAlert(alert, at, 'continued'), continuedAs };
}

/** The alerts of an orphan and of its thread replies, each once; undefined while one is undecided. */
function endedAlerts(
  found: readonly FoundMessage[],
  alertId: string,
  of: Omit<Parameters<typeof endedAlert>[2], 'asOf'>,
): { readonly alerts: readonly Alert[]; readonly rows: readonly GroupedAlert[] } | undefined {
  const alerts = new Map<string, Alert>();
  const rows = new Map<string, GroupedAlert>();
  for (const { point } of found)
    for (const carried of point.alerts) {
      const alert = endedAlert(alertId, carried, { ...of, asOf: point.asOf });
      if (alert === 'undecided') return undefined;
      alerts.set(carried.fingerprint, alert);
      rows.set(carried.fingerprint, groupedAlertOf(alert, carried.name ?? nameOf(alert, of.rule)));
    }
  return { alerts: [...alerts.values()], rows: [...rows.values()] };
}

/** The final form of an orphan; undefined while one of its alerts is not decided. */
function finalForm(
  found: FoundMessage,
  now: StoreNow,
  replies: readonly FoundMessage[],
): DesiredMessage | undefined {
  const { group, rule: key, alertGroup, reply: detailPage, asOf } = found.point;
  const state = ruleOf(found, now);
  if (state === 'undecided') return undefined;
  const { rule } = state ?? { rule: removedRule(key) };
  const [id, at] = [orphanKeyOf(found), now.at];
  const ended = endedAlerts([found, ...replies], id, { at, rule, state });
  if (ended === undefined) return undefined;
  const { rows } = ended;
  const startedAt = alertGroup?.startedAt ?? asOf;
  const lead = ended.alerts[0] ?? resolveAlert(emptyLead(id, rule, startedAt), at, 'no-longer-returned');
  const common = { group, rule, asOf: at, alert: lead };
  if (isSingle(found.point)) return { ...common, destination: lead.postedTo?.[0] };
  const destination = { channel: alertGroup?.channel, mentions: [] };
  return { ...common, destination, alertGroup: { id, startedAt, counts: countsOf(rows), rows, detailPage } };
}

/**
 * The ends of messages that the store does not know, and whether all of them are decided: an alert that is pending may be
 * posted soon, and then continues its orphan. Pure.
 */
export function planOrphans(
  messages: readonly OpenMessage[],
  now: StoreNow,
): {
  readonly messages: readonly RestoredMessage[];
  readonly updates: readonly MessageUpdate[];
  readonly isDecided: boolean;
} {
  const orphans = foundIn(
    messages.filter(
      ({ key, messageTs }) =>
        Number(messageTs) * SECOND < now.since - CLOCK_MARGIN && now.shown.get(key)?.messageTs !== messageTs,
    ),
  );
  const restored: RestoredMessage[] = [];
  const updates: MessageUpdate[] = [];
  let isDecided = true;
  for (const found of orphans) {
    const key = orphanKeyOf(found);
    const replies = orphans.filter(({ point }) => point.reply?.parent === found.message.key);
    const desired = finalForm(found, now, replies);
    if (desired === undefined) {
      isDecided = false;
      continue;
    }
    const { group, rule, alert, destination = { mentions: [] } } = desired;
    const kind = found.point.reply === undefined ? 'resolved' : 'edit';
    const update = messageUpdate({ group: { id: group }, rule }, now.at, { alert, kind, key, destination });
    restored.push({ shown: { ...shownOf(found), key }, desired, lineKeys: found.message.lineKeys });
    updates.push({ ...update, desired });
  }
  return { messages: restored, updates, isDecided };
}
