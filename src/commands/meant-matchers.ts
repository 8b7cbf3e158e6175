import type { ActiveAlert } from '../actions/active-alerts.ts';
import { serviceLabelOf } from '../lib/labels.ts';
import type { Matcher } from '../lib/matcher.ts';
import type { RuleSet } from '../rules/file/rule-file.ts';
import { escapeRegex } from '../rules/queries.ts';
import type { Meant } from './keeper-command.ts';

/** What people call it whatever the mesh does: `service="checkout"` where the alerts say `destination_service_name`. */
const SPOKEN = 'service';

/** The matchers of what a person meant, or why it is not clear. */
export type MeantMatchers =
  | { readonly ok: true; readonly matchers: readonly Matcher[] }
  /** Services are named by several labels here: which one is meant is not known. */
  | { readonly ok: false; readonly labels: readonly string[] };

/** The labels that name services: of the rules in force, and of the alerts that rules written by hand gave. */
function serviceLabels(ruleSet: RuleSet, known: readonly ActiveAlert[]): readonly string[] {
  const ofRules = ruleSet.objectives.map(({ family }) => family.serviceLabel);
  const ofAlerts = known
    .filter(({ rule }) => rule.objective === undefined)
    .flatMap(({ alert }) => serviceLabelOf(Object.keys(alert.labels)) ?? []);
  return [...new Set([...ofRules, ...ofAlerts])].sort();
}

/** Whether alerts may carry the label itself: then it means itself. */
const isLabel = (ruleSet: RuleSet, known: readonly ActiveAlert[]): boolean =>
  ruleSet.groups.some(({ rules }) => rules.some(({ labels }) => Object.hasOwn(labels, SPOKEN))) ||
  known.some(({ alert }) => Object.hasOwn(alert.labels, SPOKEN));

const named = (label: string, services: readonly string[]): Matcher =>
  services.length === 1
    ? { label, operator: '=', value: services[0] ?? '' }
    : { label, operator: '=~', value: services.map(escapeRegex).join('|') };

/**
 * The matchers that are meant, with names of services under the label that names services here. Pure.
 */
export function meantMatchers(
  { matchers, services }: Meant,
  { ruleSet, known }: { readonly ruleSet: RuleSet; readonly known: readonly ActiveAlert[] },
): MeantMatchers {
  const isSpoken = matchers.some(({ label }) => label === SPOKEN) && !isLabel(ruleSet, known);
  if (services.length === 0 && !isSpoken) return { ok: true, matchers };
  const labels = serviceLabels(ruleSet, known);
  if (labels.length > 1) return { ok: false, labels };
  const [label = SPOKEN] = labels;
  const own = matchers.map((matcher) =>
    isSpoken && matcher.label === SPOKEN ? { ...matcher, label } : matcher,
  );
  return { ok: true, matchers: services.length === 0 ? own : [named(label, services), ...own] };
}
