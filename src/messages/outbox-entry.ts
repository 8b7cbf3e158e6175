import type { Alert, Destination } from '../alerts/alert.ts';
import { MINUTE, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import type { RuleAt, Slot } from '../rules/rule.ts';
import type { NotificationKind, OutboxEntry } from './store.ts';

/** A message is brought up to date at most this often. */
export const REFRESH_MIN_INTERVAL: Milliseconds = ms(30 * SECOND);

/** A message is brought up to date this often even when its value stands still: its traces and chart grow. */
export const REFRESH_MAX_INTERVAL: Milliseconds = ms(5 * MINUTE);

/** An episode starts and ends once; everything else can happen again and again. */
function idOf(episode: string, kind: NotificationKind, slot: Slot): string {
  const isOnce = kind === 'firing' || kind === 'resolved';
  return isOnce ? `${episode}:${kind}` : `${episode}:${kind}:${slot / 1_000}`;
}

/** What is told of an alert, in which message. */
export interface Telling {
  readonly alert: Alert;
  readonly kind: NotificationKind;
  /** The key of the message. */
  readonly episode: string;
  readonly destination: Destination;
}

/** Where an entry belongs: of the group its name is enough. */
export type EntryAt = Pick<RuleAt, 'rule'> & { readonly group: Pick<RuleAt['group'], 'id'> };

/** A notification with an id that the same decision gives on every replica. */
export function entryOf(
  at: EntryAt,
  slot: Slot,
  { alert, kind, episode, destination }: Telling,
): OutboxEntry {
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
