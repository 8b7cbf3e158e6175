import type {
  Alert,
  AlertActions,
  Destination,
  GroupedAlert,
  RuleGroupState,
  UserAction,
} from '../alerts/alert.ts';
import type { EpochMs, Milliseconds } from '../lib/units.ts';
import type { StoredSilence } from '../policy/silence.ts';
import type { SloRule } from '../rules/rule.ts';

/** Where an alertId's message is in Slack. */
export interface MessageRef {
  readonly alertId: string;
  readonly channelId: string;
  readonly messageTs: string;
  /** Hash of what the message shows: an edit that changes nothing is not sent. */
  readonly contentHash: string;
  readonly postedAt: EpochMs;
  /** The same as `postedAt` until it is edited. */
  readonly editedAt: EpochMs;
  readonly permalink?: string;
  /** When the newest notification that it shows was decided: an older one must not turn it back. */
  readonly asOf: EpochMs;
  /** A line the message keeps: why it stands in another channel than the rule names. */
  readonly notice?: string;
}

/** What an outbox entry asks for. */
export type NotificationKind =
  /** Post the message of a new firing alert. */
  | 'firing'
  /** Bring the message up to date: value, traces, chart. */
  | 'refresh'
  /** Say in the thread that the data is gone. */
  | 'no-data'
  /** Say in the thread that the data is back. */
  | 'data-back'
  /** Show at once what a person did, and tell the thread where the entry says what. */
  | 'act'
  /** Turn the message into its final form. */
  | 'resolved'
  /** Say below the last message that the alert comes and goes, and when the next one will come. */
  | 'flapping'
  /** Say below the last message that the alert has been quiet since. */
  | 'stable';

/** What a alertGroup's message is to show, or one reply of its thread. */
export interface AlertGroupSnapshot {
  readonly startedAt: EpochMs;
  /** Of all alerts in the alert group; of a reply, of those that it lists. */
  readonly counts: Readonly<Record<GroupedAlert['state'], number>>;
  /** The worst first. */
  readonly rows: readonly GroupedAlert[];
  /** Set for a reply of the thread. */
  readonly page?: {
    /** The alert group whose message it stands below. */
    readonly alertGroup: string;
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

/** A notification that has been decided but not yet seen through. */
export interface OutboxEntry {
  /** Deterministic: the same decision gives the same id on every replica. */
  readonly id: string;
  readonly alertId: string;
  readonly kind: NotificationKind;
  readonly group: string;
  /** The alert as it was when this was decided. */
  readonly alert: Alert;
  /** The rule as it was then: the message can be written even when the rule is gone. */
  readonly rule: SloRule;
  /** Where its message goes and whom its first post calls; absent: where the rule says. */
  readonly destination?: Destination;
  /** Set when its message stands for many alerts; `alert` is the worst of them then. */
  readonly alertGroup?: AlertGroupSnapshot;
  /** The words of a line in the thread that depend on more than the alert. */
  readonly note?: string;
  /** The message of a less urgent alert of the same objective and subject that was open already. */
  readonly escalates?: string;
  /** Of an `act`: what its thread is notified. */
  readonly notified?: SilenceUpdate;
  readonly createdAt: EpochMs;
  /** Not before this instant. */
  readonly notBefore: EpochMs;
  /** How often it has been taken. */
  readonly attempt: number;
  /** Set from the moment an attempt was made whose outcome is not known: look before sending again. */
  readonly unknownSince?: EpochMs;
}

/** An entry that this process holds until `leasedUntil`. */
export interface TakenEntry extends OutboxEntry {
  readonly leasedUntil: EpochMs;
}

/**
 * Knows how to keep what must survive a crash. Every write is durable when its promise resolves; each method is atomic.
 * Errors are `UpstreamError` with `system: 'store'`; an outcome that is not known is an error, never a guess.
 */
export interface Store {
  /** True for exactly one caller per group and evaluation time; never released, forgotten after `ttl`. */
  claimTick(claim: { group: string; evalTime: EpochMs; ttl: Milliseconds }): Promise<boolean>;
  loadGroup(group: string): Promise<RuleGroupState | undefined>;
  /** All groups that have state, for reports and for finding groups whose rules are gone. */
  groups(): Promise<readonly string[]>;
  /**
   * Replaces a group's state and adds notifications, in one atomic write guarded by `state.evalTime`: `stale` and nothing
   * written when the stored evaluation time is the same or later. An entry whose id is already there, or was completed, is not
   * added again. A `refresh` of the same alert that nobody has taken yet makes room for a newer entry.
   */
  applyEvaluation(change: {
    group: string;
    state: RuleGroupState;
    entries: readonly OutboxEntry[];
  }): Promise<'applied' | 'stale'>;
  /** Forgets a group's state (its file is gone and its alerts are resolved). */
  removeGroup(group: string): Promise<void>;

  /**
   * Takes the oldest entry that is due, whose alert has no earlier entry waiting and none taken. An entry that was
   * taken before and neither completed nor postponed until its lease ran out comes back with `unknownSince`.
   */
  takeEntry(request: { now: EpochMs; lease: Milliseconds }): Promise<TakenEntry | undefined>;
  /**
   * Ends an entry, and in the same write keeps where its message is and adds what follows from it. Nothing at all when
   * the entry is not there any more: the first completion counts.
   */
  completeEntry(done: { id: string; ref?: MessageRef; follow?: readonly OutboxEntry[] }): Promise<void>;
  /**
   * Puts an entry back. `unknownSince` when the attempt may have reached Slack; once set it stays. With `attempt`
   * nothing happens when the entry has been taken again since: its lease ran out, and it is in other hands.
   */
  postponeEntry(entry: {
    id: string;
    notBefore: EpochMs;
    unknownSince?: EpochMs;
    attempt?: number;
  }): Promise<void>;
  /** How many entries wait, and when the oldest was created. */
  outbox(): Promise<{ readonly depth: number; readonly oldestAt?: EpochMs }>;

  messageRef(alertId: string): Promise<MessageRef | undefined>;

  /**
   * Keeps what a person did about an alert, and adds notifications of it in the same write. The first act of a kind
   * counts: a later one changes nothing and adds nothing. Answers with the actions as they are then. They are forgotten
   * with the alertId's message.
   */
  recordAction(done: {
    alertId: string;
    kind: keyof AlertActions;
    act: UserAction;
    entries: readonly OutboxEntry[];
  }): Promise<AlertActions>;
  /** What people did, by alert; alerts of which there is nothing are left out. */
  actions(alertIds: readonly string[]): Promise<ReadonlyMap<string, AlertActions>>;

  /**
   * Keeps a silence and adds notifications of it in the same write; the first one of an id counts. Answers with the
   * one that is kept. Silences that ended thirty days before this one was made are forgotten.
   */
  addSilence(made: { silence: StoredSilence; entries: readonly OutboxEntry[] }): Promise<StoredSilence>;
  /**
   * Ends a silence now and adds notifications of it in the same write; nothing when it is over already. Answers with
   * the silence as it is then, or undefined when there is none of this id.
   */
  endSilence(done: {
    id: string;
    ended: UserAction;
    entries: readonly OutboxEntry[];
  }): Promise<StoredSilence | undefined>;
  /** Silences that run or are to come, and those that ended after `since`; the oldest first. */
  silences(since: EpochMs): Promise<readonly StoredSilence[]>;

  /** Whether it can be written to now. */
  isOpen(): boolean;
  close(): Promise<void>;
}
