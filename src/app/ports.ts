import type { Acts, Alert, GroupState, PersonsAct, Sample, StormMember } from '../domain/alert/alert.ts';
import type { Destination } from '../domain/alert/route.ts';
import type { StoredSilence } from '../domain/alert/silence.ts';
import type { NoisePolicy } from '../domain/alert/suppress.ts';
import type { Labels } from '../domain/labels.ts';
import type { ServiceNaming } from '../domain/service-naming.ts';
import type { LatencyObjective, RuleGroup, SloRule } from '../domain/slo/rule.ts';
import type { Attributes, Trace } from '../domain/trace/trace.ts';
import type { EpochMs, Microseconds, Milliseconds, TimeWindow } from '../domain/units.ts';
import type { System } from './errors.ts';
import type { MessageView, NoteView } from './views.ts';

/** Knows what time it is and how to wait. The only way to either, outside the adapters. */
export interface Clock {
  now(): EpochMs;
  /** Ends after `duration`, or at once (without an error) when the signal aborts. */
  sleep(duration: Milliseconds, signal?: AbortSignal): Promise<void>;
}

/** Knows how to write a line that an operator reads. Fields never hold secrets. */
export interface Logger {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** One series of a range query. */
export interface Series {
  readonly labels: Labels;
  readonly points: readonly { readonly at: EpochMs; readonly value: number }[];
}

/** A sampled measurement that names the trace it came from. */
export interface Exemplar {
  readonly seriesLabels: Labels;
  readonly labels: Labels;
  readonly value: number;
  readonly at: EpochMs;
}

/**
 * Knows how to ask a Prometheus. Every method throws `UpstreamError`: `bad-request` when the expression is wrong, any
 * other code when the source is at fault.
 */
export interface MetricsSource {
  /**
   * Evaluates an expression at an instant. A scalar answer is one sample without labels. `isProof`: an answer that the
   * source itself calls partial (a store of Thanos is away, a remote read failed) is an error and no answer.
   */
  instant(
    query: { expr: string; at: EpochMs; isProof?: boolean },
    signal?: AbortSignal,
  ): Promise<readonly Sample[]>;
  range(
    query: { expr: string; window: TimeWindow; step: Milliseconds },
    signal?: AbortSignal,
  ): Promise<readonly Series[]>;
  exemplars(query: { expr: string; window: TimeWindow }, signal?: AbortSignal): Promise<readonly Exemplar[]>;
  /** Values of a label, of all series or of those that match a selector. */
  labelValues(query: { label: string; match?: string }, signal?: AbortSignal): Promise<readonly string[]>;
  /** Proves that it is a Prometheus that answers. Never decide anything by the version: it may be empty. */
  buildInfo(signal?: AbortSignal): Promise<{ readonly version: string }>;
}

/** What answering a query cost the source. */
export interface QueryCost {
  /** From when the query was taken up. */
  readonly seconds: number;
  /** The most samples that were held at once. */
  readonly peakSamples: number;
}

/** Knows what queries cost: some sources tell. Throws as `MetricsSource` does. */
export interface QueryCosts {
  /** Undefined when the source does not tell. */
  cost(query: { expr: string; at: EpochMs }, signal?: AbortSignal): Promise<QueryCost | undefined>;
}

/** A search for traces that hold a matching span of `service`. */
export interface TraceSearch {
  /**
   * Absent: of any service. Not every backend can: one that cannot throws `unsupported`, at once when that is known.
   * Some older ones answer with nothing instead, so an empty answer is no proof.
   */
  readonly service?: string;
  readonly operation?: string;
  /** The matching span starts inside it. */
  readonly window: TimeWindow;
  /** Inclusive; on the matching span's own duration. */
  readonly minDuration?: Microseconds;
  /** All must match, by their string form, on one span. */
  readonly attributes?: Attributes;
  /** At most this many traces come back, an arbitrary subset when there are more. */
  readonly limit: number;
}

/** What a search gave. */
export interface FoundTraces {
  /** In no order. May hold traces that do not match: a backend filters as it can, so the caller looks again. */
  readonly traces: readonly Trace[];
  /** No other trace of the backend matches. False when the limit, or the size of the answer, may have cut it. */
  readonly isComplete: boolean;
}

/** Knows how to ask a tracing backend. Every method throws `UpstreamError`. */
export interface TraceSource {
  services(signal?: AbortSignal): Promise<readonly string[]>;
  operations(service: string, signal?: AbortSignal): Promise<readonly string[]>;
  /** No match is an empty list. An answer that is too large is asked for again with a smaller limit. */
  search(query: TraceSearch, signal?: AbortSignal): Promise<FoundTraces>;
  /** Undefined when the backend has no such trace. */
  trace(traceId: string, signal?: AbortSignal): Promise<Trace | undefined>;
}

/** Where an episode's message is in Slack. */
export interface MessageRef {
  readonly episode: string;
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
  | 'settled';

/** What a storm's message is to show, or one reply of its thread. */
export interface StormShown {
  readonly startedAt: EpochMs;
  /** Of all alerts in the storm; of a reply, of those that it lists. */
  readonly counts: Readonly<Record<StormMember['state'], number>>;
  /** The worst first. */
  readonly rows: readonly StormMember[];
  /** Set for a reply of the thread. */
  readonly page?: {
    /** The storm whose message it stands below. */
    readonly storm: string;
    /** Counts from 1. */
    readonly number: number;
    readonly joinedAt: EpochMs;
  };
}

/** What a person did about the messages of an alert. */
export interface SilenceNews extends PersonsAct {
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
  readonly episode: string;
  readonly kind: NotificationKind;
  readonly group: string;
  /** The alert as it was when this was decided. */
  readonly alert: Alert;
  /** The rule as it was then: the message can be written even when the rule is gone. */
  readonly rule: SloRule;
  /** Where its message goes and whom its first post calls; absent: where the rule says. */
  readonly destination?: Destination;
  /** Set when its message stands for many alerts; `alert` is the worst of them then. */
  readonly storm?: StormShown;
  /** The words of a line in the thread that depend on more than the alert. */
  readonly note?: string;
  /** The message of a less urgent alert of the same objective and subject that was open already. */
  readonly escalates?: string;
  /** Of an `act`: what its thread is told. */
  readonly told?: SilenceNews;
  readonly createdAt: EpochMs;
  /** Not before this instant. */
  readonly notBefore: EpochMs;
  /** How often it has been taken. */
  readonly attempt: number;
  /** Set from the moment an attempt was made whose outcome is not known: look before sending again. */
  readonly uncertainSince?: EpochMs;
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
  /** True for exactly one caller per group and slot; never released, forgotten after `ttl`. */
  claimTick(claim: { group: string; slot: EpochMs; ttl: Milliseconds }): Promise<boolean>;
  loadGroup(group: string): Promise<GroupState | undefined>;
  /** All groups that have state, for reports and for finding groups whose rules are gone. */
  groups(): Promise<readonly string[]>;
  /**
   * Replaces a group's state and adds notifications, in one atomic write guarded by `state.slot`: `stale` and nothing
   * written when the stored slot is the same or later. An entry whose id is already there, or was completed, is not
   * added again. A `refresh` of the same episode that nobody has taken yet makes room for a newer entry.
   */
  applyEvaluation(change: {
    group: string;
    state: GroupState;
    entries: readonly OutboxEntry[];
  }): Promise<'applied' | 'stale'>;
  /** Forgets a group's state (its file is gone and its alerts are resolved). */
  removeGroup(group: string): Promise<void>;

  /**
   * Takes the oldest entry that is due, whose episode has no earlier entry waiting and none taken. An entry that was
   * taken before and neither completed nor postponed until its lease ran out comes back with `uncertainSince`.
   */
  takeEntry(request: { now: EpochMs; lease: Milliseconds }): Promise<TakenEntry | undefined>;
  /**
   * Ends an entry, and in the same write keeps where its message is and adds what follows from it. Nothing at all when
   * the entry is not there any more: the first completion counts.
   */
  completeEntry(done: { id: string; ref?: MessageRef; follow?: readonly OutboxEntry[] }): Promise<void>;
  /**
   * Puts an entry back. `uncertainSince` when the attempt may have reached Slack; once set it stays. With `attempt`
   * nothing happens when the entry has been taken again since: its lease ran out, and it is in other hands.
   */
  postponeEntry(entry: {
    id: string;
    notBefore: EpochMs;
    uncertainSince?: EpochMs;
    attempt?: number;
  }): Promise<void>;
  /** How many entries wait, and when the oldest was created. */
  outbox(): Promise<{ readonly depth: number; readonly oldestAt?: EpochMs }>;

  messageRef(episode: string): Promise<MessageRef | undefined>;

  /**
   * Keeps what a person did about an episode, and adds notifications of it in the same write. The first act of a kind
   * counts: a later one changes nothing and adds nothing. Answers with the acts as they are then. They are forgotten
   * with the episode's message.
   */
  recordAct(done: {
    episode: string;
    kind: keyof Acts;
    act: PersonsAct;
    entries: readonly OutboxEntry[];
  }): Promise<Acts>;
  /** What people did, by episode; episodes of which there is nothing are left out. */
  acts(episodes: readonly string[]): Promise<ReadonlyMap<string, Acts>>;

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
    ended: PersonsAct;
    entries: readonly OutboxEntry[];
  }): Promise<StoredSilence | undefined>;
  /** Silences that run or are to come, and those that ended after `since`; the oldest first. */
  silences(since: EpochMs): Promise<readonly StoredSilence[]>;

  /** Whether it can be written to now. */
  isOpen(): boolean;
  close(): Promise<void>;
}

/** What came of a call that sends something to Slack. */
export type SendOutcome =
  | {
      readonly kind: 'sent';
      readonly channelId: string;
      readonly messageTs: string;
      readonly permalink?: string;
    }
  /** Certainly not sent; may be tried again after exactly this time, or when it suits where it is 0. */
  | { readonly kind: 'not-sent'; readonly retryAfter: Milliseconds; readonly reason: string }
  /** It may have been sent: look for its key before sending again. */
  | { readonly kind: 'unknown'; readonly reason: string }
  /** The message to change or answer is gone. */
  | { readonly kind: 'message-gone' }
  /** The channel cannot take it: missing, archived, not joined. Another channel might. */
  | { readonly kind: 'channel-refused'; readonly code: string }
  /** Nothing can be sent with this token or this content until a person acts. */
  | { readonly kind: 'refused'; readonly code: string };

/** Knows how to show alerts to people in Slack. Never throws for what Slack answers: the outcome says it. */
export interface Notifier {
  /**
   * The key is carried in the message's metadata: what `find` looks for. With `threadTs` it stands below that message,
   * in the channel with that id.
   */
  post(message: {
    channel: string;
    view: MessageView;
    key: string;
    episode: string;
    threadTs?: string;
  }): Promise<SendOutcome>;
  update(message: { ref: MessageRef; view: MessageView; key: string }): Promise<SendOutcome>;
  /** Adds a reply to the thread of a message. */
  reply(message: { ref: MessageRef; note: NoteView; key: string }): Promise<SendOutcome>;
  /** The message that carries this key, posted at or after `since`: a top-level one, or a reply in `threadTs`. */
  find(query: { channel: string; key: string; since: EpochMs; threadTs?: string }): Promise<
    | {
        readonly kind: 'found';
        readonly channelId: string;
        readonly messageTs: string;
        readonly permalink?: string;
      }
    | { readonly kind: 'absent' }
    | { readonly kind: 'unknown'; readonly reason: string }
  >;
  /** Stable hash of what a view shows. */
  contentHash(view: MessageView): string;
}

/** Knows when groups are due. */
export interface Scheduler {
  /**
   * Calls `onSlot` for every slot of every group until the next call replaces the set. A run of one group never
   * overlaps its next; a slot that was missed is reported to `onMissed` and not made up for.
   */
  schedule(
    groups: readonly { readonly id: string; readonly interval: Milliseconds; readonly schedule?: string }[],
    handlers: {
      onSlot(id: string, slot: EpochMs): Promise<void>;
      onMissed(id: string, slot: EpochMs): void;
    },
  ): void;
  /** Ends all tasks and waits for the ones that run. */
  stop(): Promise<void>;
}

/** Knows how to count and time what happens, for `/metrics`. */
export interface Recorder {
  evaluated(event: {
    outcome: 'ok' | 'rule-error' | 'source-error' | 'stale' | 'missed';
    seconds: number;
  }): void;
  queried(event: { system: System; operation: string; outcome: 'ok' | 'error'; seconds: number }): void;
  alerts(counts: Readonly<Record<'pending' | 'firing' | 'no-data', number>>): void;
  outbox(state: { depth: number; oldestAgeSeconds: number }): void;
  notified(event: { kind: NotificationKind; outcome: SendOutcome['kind'] | 'unchanged' }): void;
  slackCalled(event: {
    method: string;
    outcome: 'ok' | 'rate-limited' | 'error' | 'unknown';
    seconds: number;
  }): void;
  answered(event: { command: string; outcome: 'ok' | 'usage' | 'failed'; seconds: number }): void;
  reloaded(event: { ok: boolean }): void;
}

/** The rules in force: replaced whole by a reload that succeeds. */
export interface RuleBook {
  readonly groups: readonly RuleGroup[];
  /** The objectives of all rules, for answering about a service. */
  readonly objectives: readonly LatencyObjective[];
  /** Who is told what, and when nobody is; absent: everything is told where its rule says. */
  readonly policy?: NoisePolicy;
  /** How people call services; absent: by their names. */
  readonly naming?: ServiceNaming;
}
