import { type Matcher, matches } from '../../domain/alert/matcher.ts';
import type { Route } from '../../domain/alert/route.ts';
import type { Labels } from '../../domain/labels.ts';
import type { SloRule } from '../../domain/slo/rule.ts';

/** The labels of a rule's alerts that are known before it breaches: those without a template. */
function knownLabels({ name, labels }: SloRule): Labels {
  const fixed = Object.entries(labels).filter(([, value]) => !value.includes('{{'));
  return { ...Object.fromEntries(fixed), alertname: name };
}

/** A label that comes with the series may have any value. */
const mayMatch = (matchers: readonly Matcher[], known: Labels): boolean =>
  matches(
    matchers.filter(({ label }) => Object.hasOwn(known, label)),
    known,
  );

function reaches(route: Route, known: Labels): boolean {
  if (!mayMatch(route.matchers, known)) return false;
  return route.channel !== undefined || route.routes.some((child) => reaches(child, known));
}

/** Whether some route that names a channel may take alerts of a rule, or the rule names one itself. */
export const reachesChannel = (root: Route, rule: SloRule): boolean =>
  rule.channel !== undefined || reaches(root, knownLabels(rule));
