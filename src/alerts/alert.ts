import type { Labels } from '../lib/labels.ts';
import type { Sample } from '../lib/metrics-source.ts';
import type { EpochMs, Milliseconds, TimeWindow } from '../lib/units.ts';
import type { SloRule } from '../rules/rule.ts';

/** Why a firing alert ended. */
export type ResolveReason =
  /** The value is within the threshold again. */
  | 'recovered'
  /** There is data that does not breach. */
  | 'no-longer-breaching'
  /**
   * The expression does not return it, which is all that is known: the rule has no recovery condition, Prometheus rejects
   * its query, or the rule resolves without data.
   */
  | 'no-longer-returned'
  /** It had no data for as long as its rule waits for some. */
  | 'no-data'
  /** The rule was removed from the rule files. */
  | 'rule-removed'
  /** The rule exceeded its limit: Prometheus drops all its alerts, so their state is unknown. */
  | 'limit-exceeded'
  /** A user closed it while it had no data. */
  | 'closed'
  /** It breaches on with another severity, as another alert. */
  | 'continued'
  /** The Alertmanager that sent it resolved it, and Prometheus does not show that it recovered. */
  | 'resolved-by-alertmanager'
  /** Alertmanager sent nothing about it for a day. */
  | 'not-notified';

/** An action of a user. */
export interface UserAction {
  /** A Slack user id. */
  readonly by: string;
  readonly at: EpochMs;
  readonly comment?: string;
}

/** The actions on one occurrence of an alert. Stored separately from its state, which every evaluation replaces. */
export interface AlertActions {
  /** Only the first acknowledgement counts, until it is withdrawn. */
  readonly acknowledged?: UserAction;
  /** The last withdrawal of an acknowledgement. */
  readonly unacknowledged?: UserAction;
  readonly closed?: UserAction;
}

/** Why an alert's message is suppressed. Its state is evaluated as usual. */
export interface Suppression {
  readonly kind: 'silence' | 'maintenance' | 'time' | 'inhibited' | 'call-graph' | 'flapping';
  /** What suppresses it, as text for a message. */
  readonly by: string;
  /** The alert that suppresses it, of an inhibition. */
  readonly alertId?: string;
  readonly since: EpochMs;
  readonly until?: EpochMs;
  /** A silence created in Slack: its id and the Slack user id of its creator. */
  readonly silence?: { readonly id: string; readonly by: string };
}

/** Why an alert has no data. */
export type NoDataReason =
  /** Its series are missing from the metric. */
  | { readonly kind: 'series'; readonly metric: string }
  /** Its series exist and count no requests. */
  | { readonly kind: 'traffic' }
  /** There are fewer requests than the rule's minimum. */
  | { readonly kind: 'few-requests'; readonly requests: number; readonly minimum: number }
  /** Its scrape target is down or not scraped: `up` is 0 or missing. */
  | { readonly kind: 'target' }
  /** The source reported that it returned only part of the data. */
  | { readonly kind: 'source' }
  /** Its newest samples are older than usual: they are not ingested yet. */
  | { readonly kind: 'late' }
  /** Every series that the rule reads exists and changes, but the expression returns no value. */
  | { readonly kind: 'value' }
  /** The reason could not be determined. */
  | { readonly kind: 'unknown'; readonly reason: string };

/** Where one message of an alert is sent. */
export interface Destination {
  /** Absent: the default channel. */
  readonly channel?: string;
  /** Mentions in its first post. */
  readonly mentions: readonly string[];
  /** The line about its end is shown in the channel, too, not only in the thread. */
  readonly broadcastsEnd?: true;
  /** How long its message waits for an acknowledgement until the thread gets a reminder; absent: there is none. */
  readonly remindAfter?: Milliseconds;
}

/** Where a message of an alert was sent. */
export interface PostedTo extends Destination {
  /** The alert group whose message shows it there, instead of a message of its own. */
  readonly alertGroup?: string;
}

/** The reminders of messages that nobody has acknowledged: each message gets one. */
export interface Reminders {
  /** Since when they wait; absent while the alert is acknowledged or suppressed: then the time starts again. */
  readonly since?: EpochMs;
  /** Keys of the messages that have theirs. */
  readonly sent: readonly string[];
}

/** The end that Alertmanager gives of an alert, before Prometheus shows recovery. */
export interface UnconfirmedEnd {
  /** When Alertmanager resolved it. */
  readonly at: EpochMs;
  /** When it ends unless it is sent again; absent while Prometheus does not respond: then it waits. */
  readonly until?: EpochMs;
}

/** One occurrence of a breach of one rule by one label set, from pending to resolved. */
export interface Alert {
  /** Identity: hash of the alert's labels, `alertname` included. */
  readonly fingerprint: string;
  /** Identity of this occurrence: the key of its message. */
  readonly alertId: string;
  readonly labels: Labels;
  /** The labels of its element in the result, without `__name__` and the rule's labels: those of the recovery query. */
  readonly series: Labels;
  /** The labels in which other series of its service differ, determined when it fires: its namespace where there are several. */
  readonly apart?: readonly string[];
  /** Restored from its message, which does not carry its labels: they are those of the next result with its fingerprint. */
  readonly isUnlabeled?: true;
  /** Annotations with their templates expanded for the last value. */
  readonly annotations: Labels;
  readonly state: 'pending' | 'firing' | 'resolved';
  /** When the expression first returned it. */
  readonly activeAt: EpochMs;
  readonly firedAt?: EpochMs;
  readonly resolvedAt?: EpochMs;
  readonly resolveReason?: ResolveReason;
  /** Since when it is not breaching and fires only because of `keep_firing_for`. */
  readonly keepFiringSince?: EpochMs;
  /** The last value, in the expression's unit; after a recovery, the value that met the recovery condition. */
  readonly value: number;
  /** The worst value so far. */
  readonly peak: number;
  /** The last evaluation time with a value. */
  readonly seenAt: EpochMs;
  /** Evaluations in a row without data. */
  readonly missedTicks: number;
  /** Since when it is firing without data. */
  readonly noDataSince?: EpochMs;
  /** Determined once, when `noDataSince` is set. */
  readonly noDataReason?: NoDataReason;
  /** The last time window without data, once it is over. */
  readonly gap?: TimeWindow;
  /** Time of failed evaluations, which the current `for` or `keep_firing_for` does not count. */
  readonly pausedFor?: Milliseconds;
  /** The evaluation time of the last update of its message. */
  readonly refreshedAt?: EpochMs;
  /** The value in the last update of its message. */
  readonly shownValue?: number;
  /** Set while Alertmanager says that it is resolved and Prometheus does not show recovery. */
  readonly resolvedInAlertmanager?: UnconfirmedEnd;
  /** Set while its first message or updates in its thread are suppressed. */
  readonly suppressed?: Suppression;
  /** Where its messages were sent, in that order. Absent with `refreshedAt` set: to its rule's own channel. */
  readonly postedTo?: readonly PostedTo[];
  /** Where it is posted once the mute of the route ends; other routes have its message already. */
  readonly awaiting?: readonly Destination[];
  /** Services whose breaches it explains and whose own messages are suppressed. */
  readonly alsoSlow?: readonly string[];
  readonly acknowledged?: UserAction;
  /** Set once it is posted where a route sets a reminder. */
  readonly reminders?: Reminders;
  /** Set with the reason `closed`. */
  readonly closed?: UserAction;
  /** Set with the reason `continued`: the alert that it is now. */
  readonly continuedAs?: { readonly alertId: string; readonly severity?: string };
  /** The alert that it was before its severity changed. */
  readonly continues?: string;
}

/** One alert in an alert group, as its tables show it. Kept after the alert itself is removed from the state. */
export interface GroupedAlert {
  readonly fingerprint: string;
  /** Its last occurrence. */
  readonly alertId: string;
  /** Its subject as text, such as the service. */
  readonly name: string;
  readonly severity?: string;
  readonly state: 'firing' | 'no-data' | 'resolved';
  readonly value: number;
  readonly peak: number;
  readonly since: EpochMs;
  readonly resolvedAt?: EpochMs;
  readonly resolveReason?: ResolveReason;
  /** The alert that continues it (`alertId`), in this message or in another one. */
  readonly continuedAs?: string;
  readonly acknowledged?: UserAction;
}

/** One reply in an alert group's thread and the alerts it lists. */
export interface AlertGroupReply {
  readonly joinedAt: EpochMs;
  /** The evaluation time of its last post or update; absent: not posted. */
  readonly shownAt?: EpochMs;
  /** The states of its alerts in that update. */
  readonly shown?: string;
  /** Mentions in it: only those that the alert group did not mention before. */
  readonly mentions: readonly string[];
  readonly alerts: readonly GroupedAlert[];
}

/** Alerts of one rule that started together or while others were active, and share one message in one channel. */
export interface AlertGroup {
  /** Identity, and the key of its message. */
  readonly alertId: string;
  /** With the mentions of its message. */
  readonly destination: Destination;
  readonly startedAt: EpochMs;
  /** The evaluation time of the last update of its message. */
  readonly refreshedAt: EpochMs;
  /** What that update showed. */
  readonly shown: string;
  /** The worst of its alerts when one last fired: the subject of its links and traces. */
  readonly lead: Alert;
  readonly replies: readonly AlertGroupReply[];
  /** Set where its route sets a reminder. */
  readonly reminders?: Reminders;
}

/** Recent notifications of one alert fingerprint, over all its occurrences. */
export interface FlapHistory {
  /** When its firings and resolutions were notified, in the last hour. */
  readonly notified: readonly EpochMs[];
  /** When it fired, notified or not, in the last hour. */
  readonly fired: readonly EpochMs[];
  /** The ids of its last messages. */
  readonly messages: readonly string[];
  /** The worst value while it was notified, in the last hour. */
  readonly peak?: number;
  /** Set while its firings are suppressed as flapping. */
  readonly flapping?: {
    readonly since: EpochMs;
    /** The last evaluation time at which it fired. */
    readonly firingAt: EpochMs;
  };
}

/** The outcome of the last evaluation of a rule. */
export type RuleHealth =
  | { readonly kind: 'unknown' }
  | {
      readonly kind: 'ok';
      /** Why the source rejected the last recovery query: its alerts end as those of a rule without one. */
      readonly recoveryRejected?: string;
    }
  /** The rule is invalid and must be changed. */
  | { readonly kind: 'rule-error'; readonly message: string }
  /** The source did not respond: the state is frozen until it does. */
  | { readonly kind: 'source-error'; readonly message: string; readonly since: EpochMs };

/** The state of one rule after an evaluation. */
export interface RuleState {
  /** The rule at that time: needed to resolve its alerts after it is removed from the rule files. */
  readonly rule: SloRule;
  /** Sorted by fingerprint; resolved ones are kept for 15 minutes. */
  readonly alerts: readonly Alert[];
  readonly health: RuleHealth;
  /** The time of the last evaluation, failed or not. */
  readonly evaluatedAt?: EpochMs;
  /** How long that took: its queries and the step. */
  readonly evaluationSeconds?: number;
  /** The active ones. */
  readonly alertGroups?: readonly AlertGroup[];
  /** By fingerprint. */
  readonly flaps?: Readonly<Record<string, FlapHistory>>;
}

/** The version of the rules and of the policy that a group was evaluated with. */
export interface RuleSetVersion {
  /** Hash of the group and of the policy in the rule files. */
  readonly hash: string;
  /** When the last replica loaded it. */
  readonly since: EpochMs;
}

/** What one Alertmanager said last of an alert. */
export interface AlertmanagerStatement {
  readonly status: 'firing' | 'resolved';
  /** When it was received. */
  readonly at: EpochMs;
  /** Of a resolved one: its end, by the clock of Prometheus. */
  readonly endsAt?: EpochMs;
}

/** What Alertmanagers said of an alert that they sent. Kept for a day after its end: a late resend is recognized. */
export interface ReceivedAlert {
  /** `SloRule.key`. */
  readonly rule: string;
  /** `Alert.activeAt` of its occurrence; absent: only its end was received. */
  readonly activeAt?: EpochMs;
  /** The last start that was received. */
  readonly startsAt: EpochMs;
  /** When it was last heard of. */
  readonly heardAt: EpochMs;
  /** By the external URL of the Alertmanager. Replicas may share one. */
  readonly from: Readonly<Record<string, AlertmanagerStatement>>;
  /** Set once it ended. */
  readonly endedAt?: EpochMs;
  /** What suppresses its notifications in Alertmanager, as of the last time that its API answered. */
  readonly suppressed?: Suppression;
}

/** The state of a rule group: one value in the store, replaced as a whole by each applied evaluation. */
export interface RuleGroupState {
  /** The time of the evaluation that wrote it: the fencing token. */
  readonly evalTime: EpochMs;
  /** By `SloRule.key`. */
  readonly rules: Readonly<Record<string, RuleState>>;
  readonly ruleSetVersion?: RuleSetVersion;
  /** Of the group of received alerts: what was received, by the alerts' fingerprints. */
  readonly received?: Readonly<Record<string, ReceivedAlert>>;
  /** When a store without data was restored: which alerts were pending then is still to be read from Prometheus. */
  readonly restoredAt?: EpochMs;
}

/** The change of an alert's state in one evaluation. */
export interface Transition {
  readonly kind: 'pending' | 'dropped' | 'firing' | 'resolved' | 'no-data' | 'data-back';
  readonly alert: Alert;
}

/** The result of a rule's queries at an evaluation time. */
export type RuleQueryResult =
  | {
      readonly kind: 'vector';
      /** The breaching elements, in the order of the response. */
      readonly samples: readonly Sample[];
      /** Result of the recovery query; absent: not sent or failed. */
      readonly recoverySamples?: readonly Sample[];
      /** The recovery query failed because the source has only part of the data. */
      readonly isPartial?: true;
      /** Fingerprints of series whose newest samples are late: what the recovery query returns for them is out of date. */
      readonly late?: ReadonlySet<string>;
      /** Why the source rejects the recovery query. */
      readonly recoveryRejected?: string;
      /** Why the source did not respond to the recovery query. */
      readonly recoveryError?: string;
    }
  /** The source rejected the expression: the rule must be changed. */
  | { readonly kind: 'rule-error'; readonly message: string }
  /** The source did not respond. */
  | { readonly kind: 'source-error'; readonly message: string };

/** Who acknowledged an alert: its state may have an acknowledgement that was withdrawn since. */
export function acknowledgedAfter(
  known: Pick<Alert, 'acknowledged'>,
  { acknowledged = known.acknowledged, unacknowledged }: AlertActions,
): UserAction | undefined {
  const isWithdrawn = unacknowledged !== undefined && unacknowledged.at >= (acknowledged?.at ?? 0);
  return isWithdrawn ? undefined : acknowledged;
}

/**
 * The alert with the actions on it. Actions are stored separately from the state, and take precedence over it.
 *
 * A closed alert is resolved from that moment on. One that was resolved before for another reason keeps that reason.
 */
export function withActions(alert: Alert, actions: AlertActions = {}): Alert {
  const { closed } = actions;
  const acknowledged = acknowledgedAfter(alert, actions);
  const known: Alert = acknowledged === alert.acknowledged ? alert : { ...alert, acknowledged };
  if (closed === undefined || alert.state === 'resolved') return known;
  return {
    ...known,
    noDataSince: undefined,
    suppressed: undefined,
    state: 'resolved',
    resolvedAt: closed.at,
    resolveReason: 'closed',
    closed,
  };
}
