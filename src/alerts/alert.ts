import type { Labels } from '../lib/labels.ts';
import type { Sample } from '../lib/metrics-source.ts';
import type { EpochMs, Milliseconds, TimeWindow } from '../lib/units.ts';
import type { SloRule } from '../rules/rule.ts';

/** Why a firing alert ended. */
export type ResolveReason =
  /** The value was seen on the good side of the bound. */
  | 'recovered'
  /** There is data and no breach; or the breach no-data reason, and the rule gives no way to tell or asks for Prometheus's way. */
  | 'no-longer-breaching'
  /** The rule is gone from the files. */
  | 'rule-removed'
  /** The rule went over its limit: Prometheus drops all its alerts, and so nothing is known any more. */
  | 'limit-exceeded'
  /** A person said that it is over, while there was no data to tell. */
  | 'closed';

/** What a person did, and when. */
export interface UserAction {
  /** A Slack user id. */
  readonly by: string;
  readonly at: EpochMs;
  readonly comment?: string;
}

/** What people did about one run of an alert. Kept beside its state, which every evaluation replaces. */
export interface AlertActions {
  /** Who owns it; the first one counts. */
  readonly acknowledged?: UserAction;
  readonly closed?: UserAction;
}

/** Why an alert's message is held back. Its state goes on as ever. */
export interface Suppression {
  readonly kind: 'silence' | 'maintenance' | 'time' | 'inhibited' | 'call-graph' | 'flapping';
  /** Who or what holds it back, for people. */
  readonly by: string;
  /** The run of the alert that holds it back, where it is one. */
  readonly alertId?: string;
  readonly since: EpochMs;
  readonly until?: EpochMs;
  /** The silence that a person made in Slack, where it is one: its id, and that person's Slack user id. */
  readonly silence?: { readonly id: string; readonly by: string };
}

/** What is gone of an alert without data. */
export type NoDataReason =
  /** Its series are gone from the metric. */
  | { readonly kind: 'series'; readonly metric: string }
  /** The series are there, and count no requests. */
  | { readonly kind: 'traffic' }
  /** There are requests, fewer than the rule asks for. */
  | { readonly kind: 'few-requests'; readonly requests: number; readonly minimum: number }
  /** What was scraped does not answer, or is not scraped any more: `up` is 0 or gone. */
  | { readonly kind: 'target' }
  /** The source itself says that it gave a part of the data only. */
  | { readonly kind: 'source' }
  /** All that the rule reads is there and moves, and still gives no value. */
  | { readonly kind: 'value' }
  /** It could not be notified apart, and why. */
  | { readonly kind: 'unknown'; readonly reason: string };

/** Where a message of an alert was asked to be posted. */
export interface PostedTo extends Destination {
  /** The alert group whose message shows it there, in place of one of its own. */
  readonly alertGroup?: string;
}

/** A tracked breach of one rule by one label set, from first sight to its end. */
export interface Alert {
  /** Identity: hash of the alert's labels, `alertname` included. */
  readonly fingerprint: string;
  /** Identity of this one run from pending to resolved: the key of its message. */
  readonly alertId: string;
  readonly labels: Labels;
  /** The labels of the result's element it stands for, without `__name__` and the rule's additions: what evidence carries. */
  readonly series: Labels;
  /** Annotations with their templates expanded for the last value. */
  readonly annotations: Labels;
  readonly state: 'pending' | 'firing' | 'resolved';
  /** When the expression first held. */
  readonly activeAt: EpochMs;
  readonly firedAt?: EpochMs;
  readonly resolvedAt?: EpochMs;
  readonly resolveReason?: ResolveReason;
  /** Since when the breach is gone and the alert only fires on because of `keep_firing_for`. */
  readonly keepFiringSince?: EpochMs;
  /** The last value seen, in the expression's unit; after a recovery, the value that proved it. */
  readonly value: number;
  /** The worst value seen in this alert. */
  readonly peak: number;
  /** The last evaluation time at which a value was seen. */
  readonly seenAt: EpochMs;
  /** Evaluations in a row that saw neither breach nor evidence of recovery. */
  readonly missedTicks: number;
  /** Set while the alert fires on without data: since when. */
  readonly noDataSince?: EpochMs;
  /** What is gone, as far as could be notified when it was noticed. Set together with `noDataSince`. */
  readonly noDataReason?: NoDataReason;
  /** The last time without data, once it is over. */
  readonly gap?: TimeWindow;
  /** How much of the running `for` or `keep_firing_for` went by while evaluations failed: it does not count. */
  readonly pausedFor?: Milliseconds;
  /** The evaluation time at which its message was last asked to be brought up to date. */
  readonly refreshedAt?: EpochMs;
  /** The value its message was last asked to show. */
  readonly shownValue?: number;
  /** Set while its first message, or news in its thread, is held back. */
  readonly suppressed?: Suppression;
  /** Where its messages were asked to be posted, in that order. Absent with `refreshedAt` set: where its rule says. */
  readonly postedTo?: readonly PostedTo[];
  /** Where it waits to be posted when its route is not muted any more, after others have its message. */
  readonly awaiting?: readonly Destination[];
  /** Services whose breaches its message stands for. */
  readonly alsoSlow?: readonly string[];
  readonly acknowledged?: UserAction;
  /** Set with the reason `closed`. */
  readonly closed?: UserAction;
}

/** One alert in an alert group, as its tables show it: kept after the alert itself is forgotten. */
export interface GroupedAlert {
  readonly fingerprint: string;
  /** Its last run. */
  readonly alertId: string;
  /** What it is about, for people. */
  readonly name: string;
  readonly severity?: string;
  readonly state: 'firing' | 'no-data' | 'resolved';
  readonly value: number;
  readonly peak: number;
  readonly since: EpochMs;
  readonly resolvedAt?: EpochMs;
  readonly resolveReason?: ResolveReason;
  readonly acknowledged?: UserAction;
}

/** The members of an alert group that are listed together, in one reply of its thread. */
export interface AlertGroupReply {
  readonly joinedAt: EpochMs;
  /** The evaluation time at which its reply was last asked to be posted or brought up to date; absent: it has none. */
  readonly shownAt?: EpochMs;
  /** What its reply was last asked to show of its members: their states. */
  readonly shown?: string;
  /** Whom its reply calls: those whom the alert group had not called before. */
  readonly mentions: readonly string[];
  readonly members: readonly GroupedAlert[];
}

/** Alerts of one rule that began together, or while the others lasted, and share one message in one channel. */
export interface AlertGroup {
  /** Identity, and the key of its message. */
  readonly alertId: string;
  /** Whom its message called stands here too. */
  readonly destination: Destination;
  readonly startedAt: EpochMs;
  /** The evaluation time at which its message was last asked to be brought up to date. */
  readonly refreshedAt: EpochMs;
  /** What its message was last asked to show. */
  readonly shown: string;
  /** The worst of its alerts when one last fired: what its links and its traces are about. */
  readonly lead: Alert;
  readonly pages: readonly AlertGroupReply[];
}

/** What was notified of one alert identity lately, over all its runs. */
export interface FlapHistory {
  /** When its firings and its ends were notified, in the last hour. */
  readonly notified: readonly EpochMs[];
  /** When it fired, notified or not, in the last hour. */
  readonly fired: readonly EpochMs[];
  /** The messages that notified of it last. */
  readonly messages: readonly string[];
  /** Set while its firings are held back. */
  readonly damped?: {
    readonly since: EpochMs;
    /** The last evaluation time at which it fired. */
    readonly firingAt: EpochMs;
  };
}

/** How the last evaluation of a rule went. */
export type RuleHealth =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'ok' }
  /** The rule is wrong: a person has to change it. */
  | { readonly kind: 'rule-error'; readonly message: string }
  /** The source did not answer: state is frozen until it does. */
  | { readonly kind: 'source-error'; readonly message: string; readonly since: EpochMs };

/** What is known of one rule after an evaluation. */
export interface RuleState {
  /** The rule as it was then: its alerts can be ended when it is gone from the files. */
  readonly rule: SloRule;
  /** Sorted by fingerprint; resolved ones stay for fifteen minutes. */
  readonly alerts: readonly Alert[];
  readonly health: RuleHealth;
  /** The evaluation time of the last evaluation, failed ones too. */
  readonly evaluatedAt?: EpochMs;
  /** Those that last. */
  readonly alertGroups?: readonly AlertGroup[];
  /** By fingerprint. */
  readonly flaps?: Readonly<Record<string, FlapHistory>>;
}

/** Which text of its rules a group was evaluated by, and which policy. */
export interface RuleSetVersion {
  /** Hash of the group and of the policy as the rule files define them. */
  readonly hash: string;
  /** When the replica that took it up last did so. */
  readonly since: EpochMs;
}

/** What is known of a group: one value in the store, replaced whole by each applied evaluation. */
export interface RuleGroupState {
  /** The evaluation time of the evaluation that wrote it: the fencing token. */
  readonly evalTime: EpochMs;
  /** By `SloRule.key`. */
  readonly rules: Readonly<Record<string, RuleState>>;
  /** Absent: written before there were rule-set versions. */
  readonly ruleSetVersion?: RuleSetVersion;
}

/** What happened to an alert in one evaluation. */
export interface Transition {
  readonly kind: 'pending' | 'dropped' | 'firing' | 'resolved' | 'no-data' | 'data-back';
  readonly alert: Alert;
}

/** What came of asking a rule's expression at an evaluation time. */
export type Evaluation =
  | {
      readonly kind: 'vector';
      /** The breaching elements, in the order they came. */
      readonly samples: readonly Sample[];
      /** Values of the evidence expression; absent when it was not asked or did not answer: then nothing follows. */
      readonly evidence?: readonly Sample[];
      /** The evidence was asked, and the source said that it has a part of the data only. */
      readonly isPartial?: true;
      /** The evidence was asked and did not come: what is not breaching cannot be judged. */
      readonly unproven?: string;
    }
  /** The question is wrong: a person has to change the rule. */
  | { readonly kind: 'rule-error'; readonly message: string }
  /** The source did not answer it. */
  | { readonly kind: 'source-error'; readonly message: string };

/** Where one message of an alert goes. */
export interface Destination {
  /** Absent: the default channel. */
  readonly channel?: string;
  /** Whom its first post calls. */
  readonly mentions: readonly string[];
}
