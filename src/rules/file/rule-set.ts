import type { NoisePolicy } from '../../policy/suppress.ts';
import type { LatencyObjective, RuleGroup } from '../rule.ts';
import type { ServiceNaming } from '../service-naming.ts';

/** The rules in force: replaced whole by a reload that succeeds. */
export interface RuleSet {
  readonly groups: readonly RuleGroup[];
  /** The objectives of all rules, for answering about a service. */
  readonly objectives: readonly LatencyObjective[];
  /** Who is notified what, and when nobody is; absent: everything is notified where its rule says. */
  readonly policy?: NoisePolicy;
  /** How people call services; absent: by their names. */
  readonly naming?: ServiceNaming;
}
