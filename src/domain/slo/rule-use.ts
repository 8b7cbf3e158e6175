import type { Milliseconds } from '../units.ts';
import type { LatencyFamily } from './rule.ts';

/** What a rule asks of a Prometheus: the things to look for there before the rule is trusted. */
export interface RuleUse {
  /** The rule's name, or the series a recording rule writes. */
  readonly name: string;
  readonly kind: 'alerting' | 'recording';
  readonly expr: string;
  /** The metrics the expression names; of a recording rule, the one it writes. */
  readonly metrics: readonly string[];
  /** The latency histogram the rule reads, where it reads one. */
  readonly family?: LatencyFamily;
  /** The labels a verdict is given for; empty where they are not known. */
  readonly by: readonly string[];
  /** Latencies that must be bucket bounds of the histogram, and the keys of the file that hold them. */
  readonly thresholds: readonly { readonly threshold: Milliseconds; readonly key: string }[];
}

/** What was found out about a rule. A problem is to be mended; anything else is worth knowing. */
export interface RuleFinding {
  readonly isProblem: boolean;
  readonly message: string;
}
