import { metricsNeededBy, rateRangesOf, servicesNamedIn } from '../analysis/metrics.ts';
import type { RuleGroup, SloRule } from '../rule.ts';
import type { RuleUse } from '../rule-use.ts';
import type { RuleFileError, RuleFileNote } from './source.ts';

/** What a rule reads, and where it stands: a finding about it starts from there. */
export interface PlacedUse {
  readonly use: RuleUse;
  readonly place: RuleFileError;
  /** The rule as it was compiled; absent for a recording rule. */
  readonly rule?: SloRule;
  /** `file;name` of its group. */
  readonly group: string;
  /** An alert that is written by hand and does not say how long it has to breach. */
  readonly isWithoutFor?: boolean;
}

/** What a rule asks of a Prometheus, as far as its expression tells. */
export function useOfExpression(
  named: Pick<RuleUse, 'name' | 'kind' | 'expr' | 'interval'>,
): Omit<RuleUse, 'family'> {
  const { expr } = named;
  return {
    ...named,
    metrics: metricsNeededBy(expr),
    rates: rateRangesOf(expr),
    services: servicesNamedIn(expr),
    by: [],
    thresholds: [],
  };
}

/** One group as read, or what is wrong with it. */
export interface CompiledGroup {
  readonly group?: RuleGroup;
  readonly uses: readonly PlacedUse[];
  readonly errors: readonly RuleFileError[];
  readonly notes: readonly RuleFileNote[];
}
