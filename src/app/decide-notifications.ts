import type { Alert, Transition } from '../domain/alert/alert.ts';
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
function idOf(alert: Alert, kind: NotificationKind, slot: Slot): string {
  const isOnce = kind === 'firing' || kind === 'resolved';
  return isOnce ? `${alert.episode}:${kind}` : `${alert.episode}:${kind}:${slot / 1_000}`;
}

/** A notification with an id that the same decision gives on every replica. */
export function entryOf(at: RuleAt, slot: Slot, told: { alert: Alert; kind: NotificationKind }): OutboxEntry {
  return {
    id: idOf(told.alert, told.kind, slot),
    episode: told.alert.episode,
    kind: told.kind,
    group: at.group.id,
    alert: told.alert,
    rule: at.rule,
    createdAt: slot,
    notBefore: slot,
    attempt: 0,
  };
}

/** What a transition tells people; pending alerts are nobody's business yet. */
function kindOf(transition: Transition): NotificationKind | undefined {
  return transition.kind === 'pending' || transition.kind === 'dropped' ? undefined : transition.kind;
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

/** Decides what to tell people after an evaluation: each news once, and an edit now and then. Pure. */
export function decideNotifications(
  at: RuleAt,
  slot: Slot,
  step: { readonly alerts: readonly Alert[]; readonly transitions: readonly Transition[] },
): Decision {
  const news = new Map(
    step.transitions.flatMap((transition) => {
      const kind = kindOf(transition);
      return kind === undefined ? [] : [[transition.alert.fingerprint, kind] as const];
    }),
  );
  const entries: OutboxEntry[] = [];
  const alerts = step.alerts.map((alert) => {
    const kind = news.get(alert.fingerprint) ?? (isRefreshDue(alert, slot) ? 'refresh' : undefined);
    if (kind === undefined) return alert;
    const told = shown(alert, slot);
    entries.push(entryOf(at, slot, { alert: told, kind }));
    return told;
  });
  return { alerts, entries };
}
