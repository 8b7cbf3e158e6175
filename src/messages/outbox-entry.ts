import type { Alert, Destination } from '../alerts/alert.ts';
import { type EpochMs, MINUTE, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import type { RuleAt } from '../rules/rule.ts';
import type { NotificationKind, OutboxEntry } from './store.ts';

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
