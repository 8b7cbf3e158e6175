import type { RuleGroup, SloRule } from '../../domain/slo/rule.ts';
import type { Milliseconds } from '../../domain/units.ts';
import type { RuleFileError, RuleFileNote } from './source.ts';

/** What a rule reads, for the questions `check --against` asks a Prometheus. */
export interface RuleUse {
  readonly group: RuleGroup;
  readonly rule: SloRule;
  /** The metrics its expression names. */
  readonly metrics: readonly string[];
  /** Latencies that must be bucket bounds of the objective's histogram, and the keys that hold them. */
  readonly thresholds: readonly { readonly threshold: Milliseconds; readonly key: string }[];
  /** Where the rule stands: a note about it starts from here. */
  readonly place: RuleFileNote;
}

/** One group as read, or what is wrong with it. */
export interface CompiledGroup {
  readonly group?: RuleGroup;
  readonly uses: readonly RuleUse[];
  readonly errors: readonly RuleFileError[];
  readonly notes: readonly RuleFileNote[];
}
