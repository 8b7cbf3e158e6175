import type { Labels } from '../lib/labels.ts';
import type { Milliseconds, Ratio } from '../lib/units.ts';
import type { BurnWindows } from './burn-rate.ts';

/** How a value is held against a bound. */
export type Comparison = '>' | '>=' | '<' | '<=' | '==' | '!=';

/** What the value of a rule's expression is, and so how it is written for a person. */
export type ValueKind =
  /** The share of requests slower than the objective's threshold, 0 to 1. */
  | 'slow-share'
  /** A latency in the family's unit. */
  | 'latency'
  /** Any other number. */
  | 'number';

/** A latency histogram and how to read it: one row of the presets, or what was found in a hand-written expression. */
export interface LatencyFamily {
  /** The metric's name without `_bucket`, `_count`, `_sum`. */
  readonly metric: string;
  /** The unit of `le` and of the sum. */
  readonly unit: 'ms' | 's';
  /** `native`: one series without `le`, read by `histogram_fraction`; absent: buckets. */
  readonly histogram?: 'native';
  /** Matchers that pick one side of each request, as PromQL without braces: `reporter="destination"`; may be empty. */
  readonly selector: string;
  /** The label that names the service. */
  readonly serviceLabel: string;
  /** Matchers that pick failed requests: `response_code=~"5.."`; absent when the metric does not tell. */
  readonly errorSelector?: string;
}

/** A latency objective: a quantile of a service's request durations stays below a threshold, over a window. */
export interface LatencyObjective {
  readonly family: LatencyFamily;
  /** The labels the verdict is given for, the service's among them. */
  readonly by: readonly string[];
  readonly quantile: Ratio;
  readonly threshold: Milliseconds;
  readonly window: Milliseconds;
  /** The threshold may lie between two bucket bounds: the verdict is by the bound above it, and messages say so. */
  readonly isApproximate?: true;
}

/**
 * What must be seen before an alert of a rule counts as recovered: the value of `expr` for the alert's labels is there
 * and does not meet the comparison any more. A series that is missing or NaN is no evidence.
 */
export interface RecoveryCondition {
  readonly expr: string;
  /** Absent, with `bound`: the value is not what the rule judges; that it is there shows that there is data to judge by. */
  readonly comparison?: Comparison;
  readonly bound?: number;
  /** How far it looks back, where that is known and differs from the objective's window. */
  readonly window?: Milliseconds;
}

/** A metric that an expression reads, and its matchers as PromQL without braces; they may be empty. */
export interface MetricReading {
  readonly metric: string;
  readonly matchers: string;
}

/** One configured check: a Prometheus alerting rule with the bot's settings read out of its annotations. */
export interface SloRule {
  /** The alert's name: the `alertname` label. */
  readonly name: string;
  /** Identity inside its group, kept over reloads: the name and the rule's own labels. */
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
  /** The bound the expression compares with, in the expression's own unit, where it could be read. */
  readonly bound?: number;
  readonly comparison?: Comparison;
  readonly objective?: LatencyObjective;
  /** Absent: a no-data reason breach is a recovery, as in Prometheus. */
  readonly recovery?: RecoveryCondition;
  /** Fewer requests than this in the objective's window give no verdict. */
  readonly minRequests?: number;
  /** Set for the burn-rate alerts of an objective. */
  readonly burn?: BurnWindows;
  /** The metrics it reads: where to look for what no-data reason. Absent: they could not be read. */
  readonly reads?: readonly MetricReading[];
  /** Set for the bot's own watch over what it asks: no rule of a file. */
  readonly about?: 'source';
  /** What to do with a firing alert whose series vanish. `resolve` is Prometheus's way. */
  readonly onNoData: 'keep' | 'resolve';
  /** Where to post, from the annotation `slack_channel`: a name with `#` or an id. Absent: where routes, team and severity lead. */
  readonly channel?: string;
}

/** A rule group: rules that are evaluated together, in order, at one instant. */
export interface RuleGroup {
  /** `file;name`, as Prometheus keys its groups. */
  readonly id: string;
  readonly file: string;
  readonly name: string;
  readonly interval: Milliseconds;
  /** A six-field cron expression in UTC, in place of the interval's own grid (short form only). */
  readonly schedule?: string;
  /** The query runs this much before the evaluation time. */
  readonly queryOffset: Milliseconds;
  /** More alerts than this is an error; 0 is no limit. */
  readonly limit: number;
  readonly rules: readonly SloRule[];
}

/** A rule and where it is defined: what an alert refers to. */
export interface RuleAt {
  readonly group: RuleGroup;
  readonly rule: SloRule;
}
