import type { Labels } from '../lib/labels.ts';
import { type Matcher, matches } from '../lib/matcher.ts';

/** An inhibition rule of Alertmanager: a firing source alert suppresses target alerts. */
export interface InhibitRule {
  readonly source: readonly Matcher[];
  readonly target: readonly Matcher[];
  /** Labels that must be equal on both; a missing label equals an empty one. */
  readonly equal: readonly string[];
}

/** The alert data that inhibition needs. */
export interface Inhibitor {
  readonly alertId: string;
  readonly labels: Labels;
}

/** A firing source of a rule. */
interface Source {
  readonly inhibitor: Inhibitor;
  readonly isTarget: boolean;
}

/** A rule with its firing sources, by the values of the `equal` labels. */
interface Prepared {
  readonly rule: InhibitRule;
  readonly sources: ReadonlyMap<string, readonly Source[]>;
}

const equalOf = ({ equal }: InhibitRule, labels: Labels): string =>
  JSON.stringify(equal.map((name) => labels[name] ?? ''));

function prepare(rule: InhibitRule, firing: readonly Inhibitor[]): Prepared {
  const sources = new Map<string, Source[]>();
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
 * Returns a function that finds the alert that inhibits a target, or undefined. An alert that is source and target of a
 * rule is not inhibited by others that are both, itself included: otherwise two of them would suppress each other. Each
 * firing alert is matched against the rules once, for any number of targets.
 * Source: alertmanager inhibit/inhibit.go, Inhibitor.Mutes.
 */
export function createInhibition(
  rules: readonly InhibitRule[],
  firing: readonly Inhibitor[],
): (target: Inhibitor) => Inhibitor | undefined {
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
