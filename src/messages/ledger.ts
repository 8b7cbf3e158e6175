import type { Alert } from '../alerts/alert.ts';
import { errorMessage } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { EpochMs } from '../lib/units.ts';
import { utcTime } from '../lib/units.ts';
import type { SloRule } from '../rules/rule.ts';
import { nameOf, serviceOf } from './alert-subject.ts';
import type { Store } from './store.ts';

/** One entry of the ledger: who did what, when, and with which outcome. */
export interface LedgerEntry {
  readonly at: EpochMs;
  readonly kind:
    | 'posted'
    | 'ended'
    | 'not-posted'
    | 'suppressed'
    | 'acknowledged'
    | 'unacknowledged'
    | 'closed'
    | 'silence-created'
    | 'silence-ended'
    | 'rules-loaded'
    | 'rules-rejected';
  /** A Slack user id; absent: the bot. */
  readonly by?: string;
  /** The alert, the matchers of the silence, or the rules. */
  readonly what: string;
  readonly service?: string;
  readonly alertId?: string;
  /** The id of the silence. */
  readonly silence?: string;
  readonly permalink?: string;
  /** Why it ended, the code of a refusal, a comment. */
  readonly outcome?: string;
}

/** The largest ledger: older entries are deleted. */
export const LEDGER_ENTRIES = 10_000;

/** Adds entries. What cannot be written is logged: no action waits for its entry. */
export interface Ledger {
  add(...entries: readonly LedgerEntry[]): void;
}

/** A ledger that keeps nothing. */
export const NO_LEDGER: Ledger = { add: () => undefined };

export const createLedger = (store: Pick<Store, 'appendLedger'>, logger: Logger): Ledger => ({
  add: (...entries) => {
    if (entries.length === 0) return;
    store.appendLedger(entries).catch((error: unknown) => {
      logger.warn('entries of the ledger could not be written', {
        entries: entries.length,
        reason: errorMessage(error),
      });
    });
  },
});

/** What an entry says of an alert. */
export function alertInLedger(
  alert: Alert,
  rule: SloRule,
): Pick<LedgerEntry, 'what' | 'service' | 'alertId'> {
  const name = nameOf(alert, rule);
  return {
    what: [
      ...(rule.test === undefined ? [] : ['TEST']),
      ...(name === rule.name ? [] : [rule.name]),
      name,
    ].join(' '),
    service: serviceOf(alert, rule),
    alertId: alert.alertId,
  };
}

/** The entry of an alert that a silence suppresses. */
export const suppressedEntry = (
  alert: Alert,
  rule: SloRule,
  { at, silence }: { readonly at: EpochMs; readonly silence: string },
): LedgerEntry => ({ at, kind: 'suppressed', ...alertInLedger(alert, rule), silence });

const VERBS: Readonly<Record<LedgerEntry['kind'], string>> = {
  posted: 'posted',
  ended: 'ended',
  'not-posted': 'refused by Slack',
  suppressed: 'suppressed',
  acknowledged: 'acknowledged',
  unacknowledged: 'acknowledgement withdrawn',
  closed: 'closed',
  'silence-created': 'silenced',
  'silence-ended': 'silence ended',
  'rules-loaded': 'rules loaded',
  'rules-rejected': 'rules rejected',
};

/** What happened, without the time and the person. */
export const ledgerText = ({ kind, what, outcome, silence }: LedgerEntry): string =>
  [
    `${VERBS[kind]}: ${what}`,
    ...(outcome === undefined ? [] : [`(${outcome})`]),
    ...(silence === undefined ? [] : [`[silence ${silence}]`]),
  ].join(' ');

/** An entry as a line of text, for a terminal. */
export const ledgerLine = (entry: LedgerEntry): string =>
  [utcTime(entry.at), entry.by ?? '-', ledgerText(entry), entry.permalink ?? ''].join('  ').trimEnd();
