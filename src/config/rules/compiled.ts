import type { RuleGroup } from '../../domain/slo/rule.ts';
import type { RuleUse } from '../../domain/slo/rule-use.ts';
import type { RuleFileError, RuleFileNote } from './source.ts';

/** What a rule reads, and where it stands: a note about it starts from there. */
export interface PlacedUse {
  readonly use: RuleUse;
  readonly place: RuleFileNote;
}

/** One group as read, or what is wrong with it. */
export interface CompiledGroup {
  readonly group?: RuleGroup;
  readonly uses: readonly PlacedUse[];
  readonly errors: readonly RuleFileError[];
  readonly notes: readonly RuleFileNote[];
}
