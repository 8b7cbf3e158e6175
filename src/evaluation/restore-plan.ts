import type { Alert, AlertGroup, AlertGroupReply, RuleState } from '../alerts/alert.ts';
import { alertIdOf } from '../alerts/identity.ts';
import { resolveAlert } from '../alerts/step-alert.ts';
import { hashTexts } from '../lib/labels.ts';
import type { Matcher } from '../lib/matcher.ts';
import { before, type EpochMs, epochMs, MINUTE, type Milliseconds } from '../lib/units.ts';
import { messageUpdate } from '../messages/alert-messages.ts';
import { nameOf } from '../messages/alert-subject.ts';
import type { OpenMessage } from '../messages/notifier.ts';
import {
  decodeRestorePoint,
  type RestoredAlert,
  type RestorePoint,
  restoredAlert,
} from '../messages/restore-point.ts';
import { SILENCE_GROUP, SILENCE_RULE, silenceInMessage } from '../messages/silence-messages.ts';
import type {
  DesiredMessage,
  MessageUpdate,
  RestoredMessage,
  ShownMessage,
  Store,
} from '../messages/store.ts';
import { countsOf, displayHash, groupedAlertOf } from '../policy/alert-group.ts';
import type { StoredSilence } from '../policy/silence.ts';
import { type RuleGroup, ruleWithoutFile, type SloRule } from '../rules/rule.ts';
import { resolveRemovedRule } from './removed-groups.ts';

/** An open message with what it carries. */
export interface FoundMessage {
  readonly message: OpenMessage;
  readonly point: RestorePoint;
}

/** The alerts of one rule by fingerprint, and the messages that showed an earlier occurrence of one of them. */
interface FoundAlerts {
  readonly alerts: ReadonlyMap<string, Alert>;
  readonly outdated: readonly (readonly [FoundMessage, Alert])[];
}

export interface RestorePlan extends Omit<Parameters<Store['restore']>[0], 'at'> {
  readonly silences: readonly RestoredSilence[];
  /** Those whose own message was found: with all of their matchers. */
  readonly announced: readonly StoredSilence[];
}

/** A silence made in Slack, as far as an open message shows it: for its alert alone. */
interface RestoredSilence {
  /** The silence that suppressed the alert, and may have suppressed others. */
  readonly id: string;
  readonly silence: StoredSilence;
}

const announcedIn = (rules: Readonly<Record<string, RuleState>> = {}): readonly StoredSilence[] =>
  Object.values(rules)
    .flatMap(({ alerts }) => alerts)
    .flatMap((alert) => silenceInMessage(alert) ?? []);

/** The silences of open messages that have not ended. A broader matcher is not known, and would be a guess. */
function silencesOf(found: readonly FoundMessage[], at: EpochMs): readonly RestoredSilence[] {
  return found.flatMap(({ point: { alerts, asOf } }) =>
    alerts.flatMap(({ silence, labels, fingerprint }): readonly RestoredSilence[] => {
      if (silence === undefined || labels === undefined || silence.until <= at) return [];
      const matchers = Object.entries(labels).map(
        ([label, value]): Matcher => ({ label, operator: '=', value }),
      );
      const { id, by: createdBy, until: endsAt } = silence;
      const own = { id: hashTexts([id, fingerprint]).slice(0, 8), matchers, comment: 'restored from Slack' };
      return [{ id, silence: { ...own, createdBy, startsAt: asOf, endsAt, createdAt: asOf } }];
    }),
  );
}

/** The alert's id from the key of one of its messages. */
const alertIdIn = (key: string): string => key.replace(/\+\d+$/, '');

/** A rule that is in no rule file: its messages end by the name that they carry. */
export const removedRule = (key: string): SloRule =>
  key === SILENCE_RULE.key ? SILENCE_RULE : ruleWithoutFile(key, key.replace(/\{.*/s, ''));

/** A line in its thread shows that the message ended, although Slack refused its last edit. */
const hasEnded = ({ message: { key, lineKeys } }: FoundMessage): boolean =>
  lineKeys.includes(`${key}:resolved`);

/** The messages that carry a restore point and have not ended: of those with one key, the last. */
export function foundIn(messages: readonly OpenMessage[]): readonly FoundMessage[] {
  const byKey = new Map<string, FoundMessage>();
  for (const message of messages) {
    const point = decodeRestorePoint(message.key, message.restorePoint);
    if (point === undefined) continue;
    const found = { message, point };
    const known = byKey.get(message.key);
    // A message that was posted again replaces the earlier one.
    const isLater = known === undefined || message.messageTs > known.message.messageTs;
    if (isLater && !hasEnded(found)) byKey.set(message.key, found);
  }
  return [...byKey.values()];
}

/** Alerts in several messages: all that carry the newest occurrence agree on it. */
function alertsOf(group: string, rule: SloRule, found: readonly FoundMessage[]): FoundAlerts {
  const alerts = new Map<string, Alert>();
  const outdated: (readonly [FoundMessage, Alert])[] = [];
  const idOf = ({ message, point }: FoundMessage, { fingerprint, activeAt }: RestoredAlert): string =>
    isSingle(point)
      ? alertIdIn(message.key)
      : alertIdOf({ group: { id: group }, rule }, fingerprint, activeAt);
  const newestFirst = found
    .flatMap((one) => one.point.alerts.map((carried) => [one, carried] as const))
    .sort(
      ([a, x], [b, y]) => y.activeAt - x.activeAt || Number(isSingle(b.point)) - Number(isSingle(a.point)),
    );
  for (const [one, carried] of newestFirst) {
    const alert = restoredAlert(idOf(one, carried), carried, { rule, asOf: one.point.asOf });
    const known = alerts.get(alert.fingerprint);
    if (known === undefined) alerts.set(alert.fingerprint, alert);
    else if (isSingle(one.point) && known.activeAt > alert.activeAt) outdated.push([one, alert]);
    else if (known.isUnlabeled === true && alert.isUnlabeled !== true)
      alerts.set(alert.fingerprint, { ...alert, alertId: known.alertId });
  }
  return { alerts, outdated };
}

/** Whether a message shows one alert, not an alert group. */
export const isSingle = ({ alertGroup, reply }: RestorePoint): boolean =>
  alertGroup === undefined && reply === undefined;

/** The lists of a group by their number, which is part of their keys: one that was not found is empty. */
function repliesOf(
  { point: whole }: FoundMessage,
  replies: readonly FoundMessage[],
  { alerts, rule }: { readonly alerts: ReadonlyMap<string, Alert>; readonly rule: SloRule },
): readonly AlertGroupReply[] {
  const startedAt = whole.alertGroup?.startedAt ?? whole.asOf;
  const elsewhere = new Set(
    replies.flatMap(({ point }) => point.alerts.map(({ fingerprint }) => fingerprint)),
  );
  const listed = (carried: readonly RestoredAlert[]) =>
    carried.flatMap(({ fingerprint, name }) => {
      const alert = alerts.get(fingerprint);
      return alert === undefined ? [] : [groupedAlertOf(alert, name ?? nameOf(alert, rule))];
    });
  const numbers = replies.map(({ point }) => point.reply?.number ?? 1);
  return Array.from({ length: Math.max(1, ...numbers) }, (_, index): AlertGroupReply => {
    const found = replies.find(({ point }) => point.reply?.number === index + 1);
    if (found?.point.reply !== undefined) {
      const { asOf: shownAt, alerts: carried, reply } = found.point;
      return { joinedAt: reply.joinedAt, shownAt, shown: '', mentions: [], alerts: listed(carried) };
    }
    const others = whole.alerts.filter(({ fingerprint }) => !elsewhere.has(fingerprint));
    const first = index === 0 ? listed(others) : [];
    return { joinedAt: startedAt, shown: displayHash(first, false), mentions: [], alerts: first };
  });
}

function alertGroupsOf(
  found: readonly FoundMessage[],
  of: { readonly alerts: ReadonlyMap<string, Alert>; readonly rule: SloRule },
): readonly AlertGroup[] {
  return found.flatMap((whole): AlertGroup[] => {
    const { message, point } = whole;
    if (point.alertGroup === undefined) return [];
    const { startedAt, channel } = point.alertGroup;
    const replies = repliesOf(
      whole,
      found.filter((each) => each.point.reply?.parent === message.key),
      of,
    );
    const lead = replies.flatMap(({ alerts }) => of.alerts.get(alerts[0]?.fingerprint ?? '') ?? [])[0];
    // Without an alert there is nothing to continue: the next edit of the group ends it.
    const { asOf: refreshedAt } = point;
    return [
      {
        alertId: message.key,
        destination: { channel, mentions: [] },
        startedAt,
        refreshedAt,
        shown: '',
        lead: lead ?? emptyLead(message.key, of.rule, startedAt),
        replies,
      },
    ];
  });
}

/** Of an alert group without an alert that is known. */
export const emptyLead = (alertId: string, rule: SloRule, at: EpochMs): Alert =>
  restoredAlert(alertId, { fingerprint: '', activeAt: at, firedAt: at, postedTo: [] }, { rule, asOf: at });

/** A message as the store knows it. */
export const shownOf = ({ message }: FoundMessage): ShownMessage => {
  const { key, channelId, messageTs, permalink } = message;
  const postedAt = epochMs(Math.round(Number(messageTs) * 1_000));
  return { key, channelId, messageTs, permalink, contentHash: '', postedAt, editedAt: postedAt };
};

/** What a message shows, as far as it is known: the next evaluation replaces it. */
function desiredOf(
  { message, point }: FoundMessage,
  rule: SloRule,
  { alerts, alertGroups }: { alerts: ReadonlyMap<string, Alert>; alertGroups: readonly AlertGroup[] },
): DesiredMessage | undefined {
  const { group, asOf, reply } = point;
  const common = { group, rule, asOf };
  if (isSingle(point)) {
    const alert = alerts.get(point.alerts[0]?.fingerprint ?? '');
    const index = Number(/\+(\d+)$/.exec(message.key)?.[1] ?? 0);
    return alert && { ...common, alert, destination: alert.postedTo?.[index] };
  }
  const alertGroup = alertGroups.find(({ alertId }) => alertId === (reply?.parent ?? message.key));
  if (alertGroup === undefined) return undefined;
  const { startedAt, destination, lead: alert, replies } = alertGroup;
  const rows = (reply === undefined ? replies : replies.slice(reply.number - 1, reply.number)).flatMap(
    (each) => each.alerts,
  );
  const snapshot = { id: alertGroup.alertId, startedAt, counts: countsOf(rows), rows, detailPage: reply };
  return { ...common, alert, destination, alertGroup: snapshot, parent: reply?.parent };
}

/** The state of a rule and its messages, from the messages found. */
function restoreRule(
  found: readonly [FoundMessage, ...FoundMessage[]],
  rule: SloRule,
  at: EpochMs,
): { state: RuleState; messages: readonly RestoredMessage[]; updates: readonly MessageUpdate[] } {
  const { group } = found[0].point;
  const { alerts, outdated } = alertsOf(group, rule, found);
  const alertGroups = alertGroupsOf(found, { alerts, rule });
  const earlier = new Map(outdated.map(([{ message }, alert]) => [message.key, alert]));
  const messages = found.flatMap((one): RestoredMessage[] => {
    const ended = earlier.get(one.message.key);
    const known = ended === undefined ? alerts : new Map([[ended.fingerprint, ended]]);
    const desired = desiredOf(one, rule, { alerts: known, alertGroups });
    const { lineKeys } = one.message;
    return desired === undefined ? [] : [{ shown: shownOf(one), desired, lineKeys }];
  });
  const context = { group: { id: group }, rule };
  const updates = [...earlier].map(([key, alert]) => {
    const ended = resolveAlert(alert, at, 'no-longer-returned');
    const destination = alert.postedTo?.[0] ?? { mentions: [] };
    return messageUpdate(context, at, { alert: ended, kind: 'resolved', key, destination });
  });
  const state: RuleState = {
    rule,
    alerts: [...alerts.values()].sort((a, b) => (a.fingerprint < b.fingerprint ? -1 : 1)),
    health: { kind: 'unknown' },
    evaluatedAt: epochMs(Math.max(...found.map(({ point }) => point.asOf))),
    alertGroups: alertGroups.length === 0 ? undefined : alertGroups,
  };
  return { state, messages, updates };
}

function byRule(found: readonly FoundMessage[]): readonly (readonly [FoundMessage, ...FoundMessage[]])[] {
  const rules = new Map<string, [FoundMessage, ...FoundMessage[]]>();
  for (const one of found) {
    const key = JSON.stringify([one.point.group, one.point.rule]);
    const known = rules.get(key);
    if (known === undefined) rules.set(key, [one]);
    else known.push(one);
  }
  return [...rules.values()];
}

const hasTimer = ({ for: hold, about }: SloRule): boolean => hold > 0 && about === undefined;

/** Earlier than any evaluation that follows the restore, whose clock may be a little behind. */
const BEFORE_RESTORE: Milliseconds = MINUTE;

/**
 * What a store without data must hold for the open messages in Slack to continue: the states of their rules with the
 * alerts firing, which the next evaluation continues or ends, and the messages as they are. Messages of groups that are not
 * evaluated any more end now. Where there was data, every group is to read its timers from Prometheus; a store that is new
 * had none. Pure.
 */
export function planRestore(
  messages: readonly OpenMessage[],
  groups: readonly RuleGroup[],
  { at, wasLost }: { readonly at: EpochMs; readonly wasLost: boolean },
): RestorePlan {
  const states = new Map<string, Record<string, RuleState>>();
  const restored: RestoredMessage[] = [];
  const updates: MessageUpdate[] = [];
  const all = foundIn(messages);
  for (const found of byRule(all)) {
    const { group: id, rule: key } = found[0].point;
    const group = groups.find((each) => each.id === id);
    const rule = group?.rules.find((each) => each.key === key) ?? removedRule(key);
    const { state, ...own } = restoreRule(found, rule, at);
    restored.push(...own.messages);
    updates.push(...own.updates);
    if (group === undefined) updates.push(...resolveRemovedRule(id, at, state));
    else states.set(id, { ...states.get(id), [key]: state });
  }
  const hadData = wasLost || restored.length > 0;
  if (hadData)
    for (const { id, rules } of groups) if (rules.some(hasTimer)) states.set(id, states.get(id) ?? {});
  return {
    groups: [...states].map(([group, rules]) => {
      const known = Object.values(rules).map(({ evaluatedAt = 0 }) => evaluatedAt);
      const evalTime = epochMs(known.length === 0 ? before(at, BEFORE_RESTORE) : Math.max(...known));
      return { group, state: { evalTime, rules, restoredAt: at } };
    }),
    messages: restored,
    updates,
    silences: silencesOf(all, at),
    announced: announcedIn(states.get(SILENCE_GROUP.id)),
  };
}
