import type { Labels } from '../lib/labels.ts';
import { type Matcher, matches } from '../lib/matcher.ts';

/** One alert keeps others from being notified, in Alertmanager's terms. */
export interface InhibitRule {
  readonly source: readonly Matcher[];
  readonly target: readonly Matcher[];
  /** Labels that must be the same on both; a missing one is the same as an empty one. */
  readonly equal: readonly string[];
}

/** What inhibition looks at of an alert. */
export interface Inhibitor {
  readonly alertId: string;
  readonly labels: Labels;
}

/** A source of a rule that fires. */
interface Source<T> {
  readonly inhibitor: T;
  readonly isTarget: boolean;
}

/** A rule with its sources by the labels that must be the same. */
interface Prepared<T> {
  readonly rule: InhibitRule;
  readonly sources: ReadonlyMap<string, readonly Source<T>[]>;
}

const equalOf = ({ equal }: InhibitRule, labels: Labels): string =>
  JSON.stringify(equal.map((name) => labels[name] ?? ''));

function prepare<T extends Inhibitor>(rule: InhibitRule, firing: readonly T[]): Prepared<T> {
  const sources = new Map<string, Source<T>[]>();
  for (const inhibitor of firing) {
    const { labels } = inhibitor;
    if (!matches(rule.source, labels)) continue;
    const key = equalOf(rule, labels);
    const same = sources.get(key) ?? [];
    same.push({ inhibitor, isTarget: matches(rule.target, labels) });
    sources.set(key, same);
  }
  return { rule, sources };
}

/**
 * Finds the alert that inhibits one with these labels, or undefined. An alert that is source and target of a rule is not
 * inhibited by others that are both, itself included: or two of them would suppression each other. Each firing alert is held
 * against the rules once, however many are asked about.
 * Source: alertmanager inhibit/inhibit.go, Inhibitor.Mutes.
 */
export function createInhibition<T extends Inhibitor>(
  rules: readonly InhibitRule[],
  firing: readonly T[],
): (target: Inhibitor) => T | undefined {
  const prepared = rules.map((rule) => prepare(rule, firing));
  return ({ alertId, labels }) => {
    for (const { rule, sources } of prepared) {
      if (sources.size === 0 || !matches(rule.target, labels)) continue;
      const isBoth = matches(rule.source, labels);
      const found = sources
        .get(equalOf(rule, labels))
        ?.find(({ inhibitor, isTarget }) => inhibitor.alertId !== alertId && !(isBoth && isTarget));
      if (found !== undefined) return found.inhibitor;
    }
    return undefined;
  };
}
