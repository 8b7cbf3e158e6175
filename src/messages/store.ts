import type {
  Alert,
  AlertActions,
  Destination,
  GroupedAlert,
  RuleGroupState,
  UserAction,
} from '../alerts/alert.ts';
import { UpstreamError } from '../lib/errors.ts';
import { DAY, type EpochMs, type Milliseconds, ms } from '../lib/units.ts';
import type { StoredSilence } from '../policy/silence.ts';
import type { SloRule } from '../rules/rule.ts';
import type { CulpritFinding } from './culprit.ts';
import type { LedgerEntry } from './ledger.ts';

/** Where a message is in Slack, and what Slack is known to show there. */
export interface ShownMessage {
  readonly key: string;
  readonly channelId: string;
  readonly messageTs: string;
  /** Hash of what the message shows: an edit that changes nothing is not sent. Empty: not known. */
  readonly contentHash: string;
  readonly postedAt: EpochMs;
  /** The same as `postedAt` until it is edited. */
  readonly editedAt: EpochMs;
  readonly permalink?: string;
  /** Why it is in another channel than the rule names: a line that the message keeps. */
  readonly notice?: string;
  /** `asOf` of the desired message that its evidence was collected for; absent: it shows none yet. */
  readonly evidenceAsOf?: EpochMs;
  /** Who it says is to blame. */
  readonly culprit?: CulpritFinding;
  /** Slack refuses to edit it: what is new is a reply in its thread. */
  readonly isFrozen?: true;
  /** The message that it replaces, in a channel that refused edits; it is ended with this one if the channel takes edits again. */
  readonly replaces?: { readonly channelId: string; readonly messageTs: string };
}

/** What the message of an alert group shows, or one reply of its thread. */
export interface AlertGroupSnapshot {
  /** The alert group. */
  readonly id: string;
  readonly startedAt: EpochMs;
  /** Of all alerts in the alert group; of a reply, of those that it lists. */
  readonly counts: Readonly<Record<GroupedAlert['state'], number>>;
  /** The worst first. */
  readonly rows: readonly GroupedAlert[];
  /** Open alerts without a row that nobody has acknowledged. */
  readonly unacknowledged?: number;
  /** Set for a reply of the thread. */
  readonly detailPage?: {
    /** Counts from 1. */
    readonly number: number;
    readonly joinedAt: EpochMs;
  };
}

/** What a person did about the messages of an alert. */
export interface SilenceUpdate extends UserAction {
  readonly what: 'silenced' | 'unsilenced';
  /** The silence. */
  readonly id: string;
  /** Until when a silence holds. */
  readonly until?: EpochMs;
}

/** What Slack is to show as one message: the newest one replaces the older one. */
export interface DesiredMessage {
  /** The rule group. */
  readonly group: string;
  /** The alert as the evaluation left it; of an alert group, the worst of its alerts. */
  readonly alert: Alert;
  /** The rule as it was then: the message can be rendered when the rule is gone. */
  readonly rule: SloRule;
  /** Where it goes and whom its first post mentions; absent: where the rule says. */
  readonly destination?: Destination;
  /** Set when the message shows many alerts. */
  readonly alertGroup?: AlertGroupSnapshot;
  /** Key of the message whose thread it is a reply in. */
  readonly parent?: string;
  /** Key of the open message of lower severity about the same objective and subject. */
  readonly escalates?: string;
  /** The labels that tell the alert apart from others of its rule, where there are others. */
  readonly apart?: readonly string[];
  /** The evaluation time of the state that it was planned from. */
  readonly asOf: EpochMs;
}

/** A line in a message's thread: sent once. */
export interface ThreadLine {
  /** Deterministic: the same decision gives the same key on every replica. */
  readonly key: string;
  readonly kind:
    | 'no-data'
    | 'data-back'
    | 'silence'
    | 'reminder'
    | 'unacknowledged'
    | 'resolved'
    | 'flapping'
    | 'stable'
    | 'frozen'
    | 'culprit';
  /** When it was decided. */
  readonly at: EpochMs;
  /** The alert and its rule as they were then. */
  readonly alert: Alert;
  readonly rule: SloRule;
  /** The text of a line that depends on more than the alert. */
  readonly text?: string;
  /** Whom a reminder mentions. */
  readonly mentions?: readonly string[];
  /** Set for `silence`. */
  readonly silence?: SilenceUpdate;
  /** Set for `unacknowledged`. */
  readonly action?: UserAction;
}

/** A change to one message, as an evaluation or an action decides it. */
export interface MessageUpdate {
  /** The message's key: it is carried in the metadata of the Slack message. */
  readonly key: string;
  /** The message is posted when it is not known; otherwise an update of an unknown message is dropped. */
  readonly isNew?: boolean;
  /** Replaces what the message is to show; absent: that stays. */
  readonly desired?: DesiredMessage;
  /** What people did changed: the message is rendered again. */
  readonly isTouched?: boolean;
  readonly line?: ThreadLine;
  /** When it was decided. */
  readonly at: EpochMs;
  /** Not to be shown before. */
  readonly notBefore?: EpochMs;
}

/** A call to Slack that is not idempotent, recorded before it is made. Its outcome is unknown while it is recorded. */
export interface Attempt {
  /** The key that the call's metadata carries: the message's, or that of a thread line. */
  readonly key: string;
  /** When it was made first. */
  readonly since: EpochMs;
}

/** What is known of one message. */
export interface MessageRecord {
  readonly key: string;
  /** Absent once the final form is shown. */
  readonly desired?: DesiredMessage;
  /** Lines that the thread does not show yet, in order. */
  readonly lines: readonly ThreadLine[];
  readonly shown?: ShownMessage;
  readonly attempt?: Attempt;
  /** The last silence that was made or ended for it. */
  readonly silence?: SilenceUpdate;
  /** Failed attempts in a row. */
  readonly failures: number;
  /** Counts the changes of what the message is to show, and how many of them are shown. */
  readonly revision: number;
  readonly syncedRevision: number;
}

/** A record that this process has a lease on. */
export interface ClaimedMessage extends MessageRecord {
  /** The fencing token: a later claim has a higher one. */
  readonly token: number;
}

/** What became of a claimed message. */
export interface Settlement {
  readonly key: string;
  readonly token: number;
  /** Absent: as before. */
  readonly shown?: ShownMessage;
  /** Absent: none whose outcome is unknown. */
  readonly attempt?: Attempt;
  /** Keys of the lines that the thread shows now, or that are not needed any more. */
  readonly lineKeys: readonly string[];
  readonly failures: number;
  readonly syncedRevision: number;
  /** When to go on, while something is not shown. */
  readonly dueAt: EpochMs;
  /** What is shown is the message's final form. */
  readonly isFinal: boolean;
}

/** A message that is in Slack, for a store that does not know of it. */
export interface RestoredMessage {
  readonly shown: ShownMessage;
  readonly desired: DesiredMessage;
  /** Keys of the lines in its thread. */
  readonly lineKeys: readonly string[];
}

/**
 * Keeps what must survive a crash. Every write is durable when its promise resolves; each method is atomic.
 * Errors are `UpstreamError` with `system: 'store'`; an unknown outcome is an error, never a guess.
 */
export interface Store {
  /** True for exactly one caller per group and evaluation time; never released, forgotten after `ttl`. */
  claimTick(claim: { group: string; evalTime: EpochMs; ttl: Milliseconds }): Promise<boolean>;
  loadGroup(group: string): Promise<RuleGroupState | undefined>;
  /** All groups that have state, for reports and for finding groups whose rules are gone. */
  groups(): Promise<readonly string[]>;
  /**
   * Replaces a group's state and updates messages, in one atomic write guarded by `state.evalTime`: `stale` and nothing
   * written when the stored evaluation time is the same or later, unless it is `replaces`: a time from the future. With
   * `follows` also when the stored evaluation time is any other than that one, 0 for no state: compare and set.
   */
  applyEvaluation(change: {
    group: string;
    state: RuleGroupState;
    replaces?: EpochMs;
    follows?: EpochMs;
    messages: readonly MessageUpdate[];
  }): Promise<'applied' | 'stale'>;
  /** Forgets a group's state (its file is gone and its alerts are resolved). */
  removeGroup(group: string): Promise<void>;

  /**
   * Whether `restore` was called: false for a new store, and for one that lost its data, even while it is open. After the
   * first call `applyEvaluation` fails until it is restored, so that no alert is notified a second time.
   */
  isRestored(): Promise<boolean>;
  /** When the store was restored without the messages of channels that could not be read; undefined: with all of them. */
  partialSince(): Promise<EpochMs | undefined>;
  /**
   * Adds states and messages that were found in Slack, with updates of them; false, and nothing, when another replica has
   * restored the store. `completes` names the partial restore that lacks these messages: false when it is complete.
   */
  restore(found: {
    readonly at: EpochMs;
    readonly isPartial?: boolean;
    readonly completes?: EpochMs;
    readonly groups: readonly { readonly group: string; readonly state: RuleGroupState }[];
    readonly messages: readonly RestoredMessage[];
    readonly updates: readonly MessageUpdate[];
  }): Promise<boolean>;

  /** Leases the message that has been due the longest and that nobody else has a lease on. */
  claimMessage(request: { now: EpochMs; lease: Milliseconds }): Promise<ClaimedMessage | undefined>;
  /**
   * Renews a lease until `until`, and records an attempt where one is given. False when the message was claimed again
   * since: then nothing may be sent.
   */
  renewLease(claim: { key: string; token: number; until: EpochMs; attempt?: Attempt }): Promise<boolean>;
  /** Records what became of a claimed message and ends the lease; false, and nothing, when it was claimed again since. */
  settleMessage(settlement: Settlement): Promise<boolean>;
  /** How many messages are not shown as they should be, and since when the first of them. */
  pendingMessages(): Promise<{ readonly depth: number; readonly oldestAt?: EpochMs }>;
  /** Where a message is in Slack; undefined before it is posted, and ninety days after its end. */
  shownMessage(key: string): Promise<ShownMessage | undefined>;

  /**
   * Records a person's action on an alert, and updates messages in the same write. The first action of a kind counts: a
   * later one changes nothing, but `unacknowledged` deletes the acknowledgement, so that the next one counts again. Returns the actions as they are then. They are deleted with the alert's message.
   */
  recordAction(done: {
    alertId: string;
    kind: keyof AlertActions;
    action: UserAction;
    messages: readonly MessageUpdate[];
  }): Promise<AlertActions>;
  /** People's actions, by alert; alerts without any are left out. */
  actions(alertIds: readonly string[]): Promise<ReadonlyMap<string, AlertActions>>;

  /**
   * Stores a silence and updates messages in the same write; the first one of an id counts. Returns the stored one.
   * Silences that ended thirty days before this one was made are deleted.
   */
  addSilence(made: { silence: StoredSilence; messages: readonly MessageUpdate[] }): Promise<StoredSilence>;
  /**
   * Ends a silence now and updates messages in the same write; nothing when it has ended. Returns the silence as it is
   * then, or undefined when there is none of this id.
   */
  endSilence(done: {
    id: string;
    ended: UserAction;
    messages: readonly MessageUpdate[];
  }): Promise<StoredSilence | undefined>;
  /** Silences that run or are to come, and those that ended after `since`; the oldest first. */
  silences(since: EpochMs): Promise<readonly StoredSilence[]>;

  /** Adds entries to the ledger; an entry that it has is not added again. It keeps the last 10,000 of ninety days. */
  appendLedger(entries: readonly LedgerEntry[]): Promise<void>;
  /** The entries of the ledger since an instant, the newest first. */
  ledger(query: { readonly since: EpochMs }): Promise<readonly LedgerEntry[]>;

  /**
   * Keeps the evidence of an alert for seven days from `at`, in place of what was kept of it before; only that of the last
   * `KEPT_ALERTS` alerts. `data` is opaque, and the caller bounds its size.
   */
  keepEvidence(kept: {
    readonly alertId: string;
    readonly at: EpochMs;
    readonly data: string;
  }): Promise<void>;
  /** What was kept of an alert and has not expired at `now`. */
  keptEvidence(query: { readonly alertId: string; readonly now: EpochMs }): Promise<string | undefined>;

  /** Whether it can be written to now. */
  isOpen(): boolean;
  close(): Promise<void>;
}

/** Alerts whose evidence a store keeps: with the limit for one alert, this bounds what all of it takes. */
export const KEPT_ALERTS = 100;
/** How long the evidence of an alert is kept after it was collected. */
export const EVIDENCE_RETENTION: Milliseconds = ms(7 * DAY);

/** The error of an evaluation while the store's messages are not restored. */
export const notRestored = (): UpstreamError =>
  new UpstreamError({
    system: 'store',
    code: 'unavailable',
    message: 'The store is new or lost its data: open messages are being looked for in Slack.',
    advice: 'It ends by itself when Slack responds.',
  });

/** What people did, and what is kept of it: the part of a store beside alerts and messages. */
export type ActionStore = Pick<
  Store,
  | 'recordAction'
  | 'actions'
  | 'addSilence'
  | 'endSilence'
  | 'silences'
  | 'appendLedger'
  | 'ledger'
  | 'keepEvidence'
  | 'keptEvidence'
>;
