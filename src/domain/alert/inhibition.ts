import type { Labels } from '../labels.ts';
import { type Matcher, matches } from './matcher.ts';

/** One alert keeps others from being told, in Alertmanager's terms. */
export interface InhibitRule {
  readonly source: readonly Matcher[];
  readonly target: readonly Matcher[];
  /** Labels that must be the same on both; a missing one is the same as an empty one. */
  readonly equal: readonly string[];
}

/** What inhibition looks at of an alert. */
export interface Inhibitor {
  readonly episode: string;
  readonly labels: Labels;
}

/**
 * The alert that inhibits one with these labels, or undefined. An alert that is source and target of a rule is not
 * inhibited by others that are both, itself included: or two of them would hush each other.
 * Source: alertmanager inhibit/inhibit.go, Inhibitor.Mutes.
 */
export function inhibitorOf<T extends Inhibitor>(
  rules: readonly InhibitRule[],
  target: Inhibitor,
  firing: readonly T[],
): T | undefined {
  for (const rule of rules) {
    if (!matches(rule.target, target.labels)) continue;
    const isBoth = matches(rule.source, target.labels);
    const found = firing.find(
      ({ labels, episode }) =>
        episode !== target.episode &&
        matches(rule.source, labels) &&
        !(isBoth && matches(rule.target, labels)) &&
        rule.equal.every((name) => (labels[name] ?? '') === (target.labels[name] ?? '')),
    );
    if (found !== undefined) return found;
  }
  return undefined;
}
