import type { Labels } from '../labels.ts';
import type { SloRule } from '../slo/rule.ts';
import type { EpochMs, Milliseconds } from '../units.ts';
import type { Destination } from './route.ts';

/** Why a firing alert ended. */
export type ResolveReason =
  /** The value was seen on the good side of the bound. */
  | 'recovered'
  /** The breach vanished and the rule gives no way to see evidence, or asks for Prometheus's way. */
  | 'no-longer-breaching'
  /** The rule is gone from the files. */
  | 'rule-removed'
  /** The rule went over its limit: Prometheus drops all its alerts, and so nothing is known any more. */
  | 'limit-exceeded';

/** Why an alert's message is held back. Its state goes on as ever. */
export interface Suppression {
  readonly kind: 'silence' | 'maintenance' | 'time' | 'inhibited' | 'call-graph';
  /** Who or what holds it back, for people. */
  readonly by: string;
  /** The run of the alert that holds it back, where it is one. */
  readonly episode?: string;
  readonly since: EpochMs;
  readonly until?: EpochMs;
}

/** A tracked breach of one rule by one label set, from first sight to its end. */
export interface Alert {
  /** Identity: hash of the alert's labels, `alertname` included. */
  readonly fingerprint: string;
  /** Identity of this one run from pending to resolved: the key of its message. */
  readonly episode: string;
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
  /** The worst value seen in this episode. */
  readonly peak: number;
  /** The last slot at which a value was seen. */
  readonly seenAt: EpochMs;
  /** Evaluations in a row that saw neither breach nor evidence of recovery. */
  readonly missedTicks: number;
  /** Set while the alert fires on without data: since when. */
  readonly noDataSince?: EpochMs;
  /** How much of the running `for` or `keep_firing_for` went by while evaluations failed: it does not count. */
  readonly pausedFor?: Milliseconds;
  /** The slot at which its message was last asked to be brought up to date. */
  readonly refreshedAt?: EpochMs;
  /** The value its message was last asked to show. */
  readonly shownValue?: number;
  /** Set while its first message, or news in its thread, is held back. */
  readonly suppressed?: Suppression;
  /** Where its messages were asked to be posted, in that order. Absent with `refreshedAt` set: where its rule says. */
  readonly postedTo?: readonly Destination[];
  /** Where it waits to be posted when its route is not muted any more, after others have its message. */
  readonly awaiting?: readonly Destination[];
  /** Services whose breaches its message stands for. */
  readonly alsoSlow?: readonly string[];
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
  /** The slot of the last evaluation, failed ones too. */
  readonly evaluatedAt?: EpochMs;
}

/** What is known of a group: one value in the store, replaced whole by each applied evaluation. */
export interface GroupState {
  /** The slot of the evaluation that wrote it: the fencing token. */
  readonly slot: EpochMs;
  /** By `SloRule.key`. */
  readonly rules: Readonly<Record<string, RuleState>>;
}

/** What happened to an alert in one evaluation. */
export interface Transition {
  readonly kind: 'pending' | 'dropped' | 'firing' | 'resolved' | 'no-data' | 'data-back';
  readonly alert: Alert;
}

/** One element of an instant vector. */
export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

/** What came of asking a rule's expression at a slot. */
export type Evaluation =
  | {
      readonly kind: 'vector';
      /** The breaching elements, in the order they came. */
      readonly samples: readonly Sample[];
      /** Values of the evidence expression; absent when it was not asked or did not answer: then nothing follows. */
      readonly evidence?: readonly Sample[];
    }
  /** The question is wrong: a person has to change the rule. */
  | { readonly kind: 'rule-error'; readonly message: string }
  /** The source did not answer it. */
  | { readonly kind: 'source-error'; readonly message: string };
