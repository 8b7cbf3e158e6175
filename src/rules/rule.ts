import type { Labels } from '../lib/labels.ts';
import { HOUR, MINUTE, type Milliseconds, ms, type Ratio } from '../lib/units.ts';
import type { BurnWindows } from './burn-rate.ts';

/** How a value is compared with a bound. */
export type Comparison = '>' | '>=' | '<' | '<=' | '==' | '!=';

/** What the value of a rule's expression is; it decides how the value is formatted. */
export type ValueKind =
  /** The share of requests slower than the objective's threshold, 0 to 1. */
  | 'slow-share'
  /** A latency in the family's unit. */
  | 'latency'
  /** Another share, 0 to 1: of failed requests, of used memory. */
  | 'ratio'
  /** Any other number. */
  | 'number';

/** A latency histogram and how to read it, from a preset or from a hand-written expression. */
export interface LatencyHistogram {
  /** The metric's name without `_bucket`, `_count`, `_sum`. */
  readonly metric: string;
  /** The unit of `le` and of the sum. */
  readonly unit: 'ms' | 's';
  /** `native`: one series without `le`, read by `histogram_fraction`; absent: buckets. */
  readonly histogram?: 'native';
  /** Matchers for one side of each request, as PromQL without braces: `reporter="destination"`; may be empty. */
  readonly selector: string;
  /** The label that names the service; absent in hand-written expressions that name none. */
  readonly serviceLabel?: string;
  /** Matchers for failed requests: `response_code=~"5.."`; absent when the metric does not distinguish them. */
  readonly errorSelector?: string;
}

/** A latency histogram that distinguishes services. */
export interface LatencyFamily extends LatencyHistogram {
  readonly serviceLabel: string;
}

/** A latency objective: a quantile of a service's request durations stays below a threshold, over a window. */
export interface LatencyObjective {
  readonly family: LatencyHistogram;
  /** The labels the objective groups by, the service's among them. */
  readonly by: readonly string[];
  /** Set instead of `by` where it groups by all labels of the series but these and `le`. */
  readonly without?: readonly string[];
  readonly quantile: Ratio;
  readonly threshold: Milliseconds;
  readonly window: Milliseconds;
  /** The threshold may be between two bucket bounds: then requests slower than the bound above are counted. */
  readonly isApproximate?: true;
}

/** An objective of services that a label names. */
export interface ServiceObjective extends LatencyObjective {
  readonly family: LatencyFamily;
}

/** Whether a label names the services of an objective. */
export const isOfServices = (objective: LatencyObjective): objective is ServiceObjective =>
  objective.family.serviceLabel !== undefined;

/**
 * When an alert counts as recovered: `expr` returns a value for the alert's labels, and the value does not meet the
 * comparison. A series that is missing or NaN does not count as recovered.
 */
export interface RecoveryCondition {
  readonly expr: string;
  /** Absent, with `bound`: any value counts as recovered, since it shows that there is data to evaluate. */
  readonly comparison?: Comparison;
  readonly bound?: number;
  /** Its window, where it is known and differs from the objective's. */
  readonly window?: Milliseconds;
}

/** Where the service that an alert is about is read from. */
export type ServiceSource =
  /** A label of the alert: of its series, or of the rule. */
  | { readonly from: 'label'; readonly label: string }
  /** The only value that the expression compares this label with. */
  | { readonly from: 'matcher'; readonly label: string; readonly value: string }
  /**
   * The first of the usual labels that the series have, which is known only at the evaluation; without any of them this
   * label of the rule.
   */
  | { readonly from: 'series'; readonly otherwise?: string }
  | { readonly from: 'none' };

/** A metric that an expression reads, and its matchers as PromQL without braces; they may be empty. */
export interface MetricReading {
  readonly metric: string;
  readonly matchers: string;
}

/** How long a firing alert of a rule without a latency objective stays open without data. */
export const NO_DATA_TIMEOUT: Milliseconds = ms(15 * MINUTE);

/** The same for a latency objective: a service without traffic has not recovered. */
export const OBJECTIVE_NO_DATA_TIMEOUT: Milliseconds = ms(24 * HOUR);

/** A Prometheus alerting rule, with the bot's settings from its annotations. */
export interface SloRule {
  /** The alert's name: the `alertname` label. */
  readonly name: string;
  /** Identity in its group, stable over reloads: the name and the rule's own labels. */
  readonly key: string;
  /** PromQL; every element of its result is a breach. */
  readonly expr: string;
  readonly for: Milliseconds;
  readonly keepFiringFor: Milliseconds;
  /** Labels to add, group labels merged in; values may hold templates. */
  readonly labels: Labels;
  /** Texts for people; values may hold templates. */
  readonly annotations: Labels;
  readonly valueKind: ValueKind;
  /** The bound the expression compares with, in the expression's own unit, where it can be read. */
  readonly bound?: number;
  readonly comparison?: Comparison;
  /** The unit of the value, `s`, `ms`, `bytes`, `%`, `/s`, where the names of the metrics say it. */
  readonly unit?: string;
  /** Absent: as with `series`. */
  readonly service?: ServiceSource;
  /** The range of the first rate in the expression. */
  readonly lookback?: Milliseconds;
  /** The expression counts failed requests: its traces are failed ones. */
  readonly measures?: 'errors';
  readonly objective?: LatencyObjective;
  /** Absent: the alert ends when the expression no longer returns it, as in Prometheus. */
  readonly recovery?: RecoveryCondition;
  /** Below this request count in the objective's window the rule is not evaluated. */
  readonly minRequests?: number;
  /** Set for the burn-rate alerts of an objective. */
  readonly burn?: BurnWindows;
  /** The metrics it reads, to find out why data is missing. Absent: they could not be read. */
  readonly reads?: readonly MetricReading[];
  /** Set for the bot's own alerts on its data sources, its notices, and its messages on silences: they are not in a rule file. */
  readonly about?: 'source' | 'notice' | 'silence';
  /** Set for the rule of a test notification: a copy of a rule. */
  readonly test?: {
    readonly mentions: boolean;
    /** Who sent it: a Slack user id; absent: somebody at the command line. */
    readonly by?: string;
  };
  /** How long a firing alert stays open without data. `resolve`: it ends at once, as in Prometheus. */
  readonly noData: Milliseconds | 'resolve';
  /** The channel of the annotation `slack_channel`: a name with `#` or an id. Absent: the channel of the route, team or severity. */
  readonly channel?: string;
}

/** A rule group: its rules are evaluated together, in order, for one evaluation time. */
export interface RuleGroup {
  /** `file;name`, as Prometheus keys its groups. */
  readonly id: string;
  readonly file: string;
  readonly name: string;
  readonly interval: Milliseconds;
  /** The rule file sets none: it is that of the scrapes, once it is known. */
  readonly isDefaultInterval?: true;
  /** Where in the interval it is evaluated, in whole seconds. Absent: spread by a hash of its id. */
  readonly offset?: Milliseconds;
  /** A six-field cron expression in UTC, in place of the interval (short form only). */
  readonly schedule?: string;
  /** The query runs this much before the evaluation time. */
  readonly queryOffset: Milliseconds;
  /** More alerts than this is an error; 0 is no limit. */
  readonly limit: number;
  readonly rules: readonly SloRule[];
}

/**
 * `true` on the alert of a test notification: a route can send tests elsewhere, and the silence of a test hits tests only.
 */
export const TEST_LABEL = 'tailwatch_test';

/** The file of groups of the bot itself, which are in no rule file. */
export const OWN_FILE = 'tailwatch (itself)';

export const ownGroupId = (name: string): string => `${OWN_FILE};${name}`;

/** Whether a group is one of the bot itself: no rule set holds it, and no report counts it. */
export const isOwnGroup = (id: string): boolean => id.startsWith(ownGroupId(''));

/** A rule and its group. */
export interface RuleAt {
  readonly group: RuleGroup;
  readonly rule: SloRule;
}

/** A rule that is in no rule file: of the bot itself, or removed. No query evaluates it; without data its alerts end at once. */
export const ruleWithoutFile = (key: string, name = key): SloRule => ({
  name,
  key,
  expr: '',
  for: ms(0),
  keepFiringFor: ms(0),
  labels: {},
  annotations: {},
  valueKind: 'number',
  noData: 'resolve',
});
