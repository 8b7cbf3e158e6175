import type { Labels } from '../../lib/labels.ts';
import { type Matcher, matches } from '../../lib/matcher.ts';
import type { Route, Routing } from '../../policy/route.ts';
import type { SloRule } from '../rule.ts';

/** The labels of a rule's alerts that are known before it breaches: those without a template. */
export function knownLabels({ name, labels }: SloRule): Labels {
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

/** Whether a team or a severity that names a channel may be that of a rule's alerts. */
function isLedByLabel({ teams = {}, severities = {} }: Routing, known: Labels): boolean {
  const leads = (label: string, entries: NonNullable<Routing['teams']>): boolean =>
    Object.entries(entries).some(
      ([name, { channel }]) => channel !== undefined && (known[label] ?? name) === name,
    );
  return leads('team', teams) || leads('severity', severities);
}

/** Whether some route, team or severity that names a channel may take alerts of a rule, or the rule names one itself. */
export function reachesChannel(routing: Routing, rule: SloRule): boolean {
  const known = knownLabels(rule);
  return rule.channel !== undefined || reaches(routing.route, known) || isLedByLabel(routing, known);
}

/** Whether a route takes every alert that has the known labels, whatever others it has. */
const takesAll = ({ matchers }: Route, known: Labels): boolean =>
  matchers.every((matcher) => Object.hasOwn(known, matcher.label) && matches([matcher], known));

/**
 * Whether routes below `route` name a channel for every alert with the known labels, whatever others it has, so that
 * nobody who is asked after them does.
 */
export function namesChannel({ routes }: Route, known: Labels): boolean {
  for (const child of routes.filter(({ matchers }) => mayMatch(matchers, known))) {
    if (child.channel === undefined && !namesChannel(child, known)) return false;
    if (takesAll(child, known) && !child.continue) return true;
  }
  return routes.some((child) => takesAll(child, known));
}
