import type { RE2JS } from 're2js';
import { type Labels, labelValue } from './labels.ts';

/** How a selector compares a label's value. The regular expressions match the whole value. */
export type MatchOperator = '=' | '!=' | '=~' | '!~';

/** One condition of a selector, ready to run. A label that a series lacks counts as ''. */
export interface Matcher {
  readonly name: string;
  readonly operator: MatchOperator;
  /** The value or the regular expression, as written. */
  readonly value: string;
  matches(value: string): boolean;
}

/** A matcher for `=` and `!=`. */
export function equalityMatcher(name: string, operator: '=' | '!=', value: string): Matcher {
  return {
    name,
    operator,
    value,
    matches: operator === '=' ? (found) => found === value : (found) => found !== value,
  };
}

/** A matcher for `=~` and `!~`; `expression` must be anchored at both ends. */
export function expressionMatcher(
  name: string,
  source: { readonly operator: '=~' | '!~'; readonly value: string },
  expression: RE2JS,
): Matcher {
  const wanted = source.operator === '=~';
  const seen = new Map<string, boolean>();
  return {
    name,
    ...source,
    matches(found) {
      let isMatch = seen.get(found);
      if (isMatch === undefined) {
        isMatch = expression.test(found) === wanted;
        seen.set(found, isMatch);
      }
      return isMatch;
    },
  };
}

/** Whether a label set satisfies every matcher. */
export const matchesAll = (matchers: readonly Matcher[], labels: Labels): boolean =>
  matchers.every((matcher) => matcher.matches(labelValue(labels, matcher.name)));
