import { z } from 'zod';
import type { Labels } from '../../lib/labels.ts';
import { type Matcher, matchersText, matches } from '../../lib/matcher.ts';
import type { Milliseconds } from '../../lib/units.ts';
import { DEFAULT_ROUTE, type Route, type Routing } from '../../policy/route.ts';
import type { SloRule } from '../rule.ts';
import { channel, duration, emptyIsAbsent, flag, labelMatchers, mention } from './fields.ts';
import {
  errorAt,
  type RuleFileReading,
  type RuleFileSection,
  sectionAt,
  soleSection,
  type UnsupportedKeys,
  validate,
} from './section.ts';
import { type FindTimeIntervals, intervalNames } from './time-intervals.ts';
import type { Path } from './yaml-document.ts';

/** A route as it is written: time intervals are names. */
interface RouteInput {
  readonly matchers?: readonly Matcher[];
  readonly channel?: string;
  readonly mentions?: Readonly<Record<string, readonly string[]>>;
  readonly mute_time_intervals?: readonly string[];
  readonly active_time_intervals?: readonly string[];
  readonly broadcast_resolved?: 'true' | 'false';
  readonly remind_after?: Milliseconds;
  readonly continue?: 'true' | 'false';
  readonly routes?: readonly RouteInput[];
}

export const routeSchema: z.ZodType<RouteInput> = z.lazy(() =>
  z.strictObject({
    matchers: emptyIsAbsent(labelMatchers),
    channel: channel.optional(),
    mentions: emptyIsAbsent(z.record(z.string(), z.array(mention))),
    mute_time_intervals: intervalNames,
    active_time_intervals: intervalNames,
    broadcast_resolved: flag.optional(),
    remind_after: duration.optional(),
    continue: flag.optional(),
    routes: emptyIsAbsent(z.array(routeSchema)),
  }),
);

const NO_GROUPING = 'Remove it. Each alert is its own message, posted immediately.';
const UNSUPPORTED: UnsupportedKeys = {
  receiver: 'Use `channel`.',
  match: 'Use `matchers`.',
  match_re: 'Use `matchers`.',
  group_by: NO_GROUPING,
  group_wait: NO_GROUPING,
  group_interval: NO_GROUPING,
  repeat_interval: 'Remove it. A firing alert is one message that is updated in place.',
};

function routeOf(input: RouteInput, section: RuleFileSection, find: FindTimeIntervals): Route {
  const timesOf = (key: 'mute_time_intervals' | 'active_time_intervals') => {
    const names = input[key];
    return names === undefined ? undefined : find(sectionAt(section, key), names);
  };
  return {
    matchers: input.matchers ?? [],
    continue: input.continue === 'true',
    routes: (input.routes ?? []).map((child, index) =>
      routeOf(child, sectionAt(section, 'routes', index), find),
    ),
    channel: input.channel,
    mentions: input.mentions,
    broadcastsEnd: input.broadcast_resolved === undefined ? undefined : input.broadcast_resolved === 'true',
    remindAfter: input.remind_after,
    muteTimes: timesOf('mute_time_intervals'),
    activeTimes: timesOf('active_time_intervals'),
  };
}

/** The routing tree; undefined when no file has one. An invalid one is read as an empty one. */
export function readRoute(reading: RuleFileReading, find: FindTimeIntervals): Route | undefined {
  const section = soleSection(reading, 'route');
  if (section === undefined) return undefined;
  const checked = validate(routeSchema, section, UNSUPPORTED);
  if (!checked.ok) {
    reading.errors.push(...checked.errors);
    return DEFAULT_ROUTE;
  }
  // An alert that no route takes would be lost, so the root takes every alert.
  for (const key of (['matchers', 'continue'] as const).filter((own) => checked.value[own] !== undefined)) {
    const message = `unsupported key \`${key}\` at the root, which takes every alert. Move it under \`routes\`.`;
    reading.errors.push(errorAt(sectionAt(section, key), message));
  }
  const route = routeOf(checked.value, section, find);
  for (const { path, reason } of unreachableRoutes(route)) {
    const message = `no alert can reach this route: ${reason}.`;
    reading.notes.push({ ...errorAt(sectionAt(section, ...path), message), code: 'route-unreachable' });
  }
  return route;
}

/*
 * Which alerts can reach which routes, from the matchers alone. A label without a known value may have any.
 */

type MatchedRoute = Pick<Route, 'matchers' | 'continue'> & { readonly routes: readonly MatchedRoute[] };

/** A route that no alert can reach, and why: a clause. */
interface UnreachableRoute {
  readonly path: Path;
  readonly reason: string;
}

const isSame = (a: Matcher, b: Matcher): boolean =>
  a.label === b.label && a.operator === b.operator && a.value === b.value;

/** Whether every alert that meets all matchers of `given` meets `matcher`: it is one of them, or a given value meets it. */
const isImplied = (matcher: Matcher, given: readonly Matcher[]): boolean =>
  given.some(
    (one) =>
      isSame(one, matcher) ||
      (one.label === matcher.label && one.operator === '=' && matches([matcher], { [one.label]: one.value })),
  );

/** Two matchers that exclude each other: one requires a value that the other does not match. */
function contradictionIn(matchers: readonly Matcher[]): string | undefined {
  for (const given of matchers.filter(({ operator }) => operator === '=')) {
    const labels = { [given.label]: given.value };
    const other = matchers.find((one) => one.label === given.label && !matches([one], labels));
    if (other !== undefined)
      return `${matchersText([given])} and ${matchersText([other])} exclude each other`;
  }
  return undefined;
}

/** `earlier` are the siblings before the route; `matchers` include those of its ancestors. */
function unreachableReason(
  earlier: readonly MatchedRoute[],
  matchers: readonly Matcher[],
): string | undefined {
  const contradiction = contradictionIn(matchers);
  if (contradiction !== undefined) return contradiction;
  const taker = earlier.find(
    (route) => !route.continue && route.matchers.every((matcher) => isImplied(matcher, matchers)),
  );
  if (taker === undefined) return undefined;
  const which = taker.matchers.length === 0 ? 'without matchers' : `with ${matchersText(taker.matchers)}`;
  return `an earlier route ${which} takes all its alerts. Move this route before it, or add \`continue: true\` to it`;
}

/** The routes below a route that no alert can reach. Routes below an unreachable one are not listed. */
function unreachableRoutes(
  { routes }: MatchedRoute,
  above: { readonly path: Path; readonly matchers: readonly Matcher[] } = { path: [], matchers: [] },
): readonly UnreachableRoute[] {
  return routes.flatMap((route, index) => {
    const path = [...above.path, 'routes', index];
    const matchers = [...above.matchers, ...route.matchers];
    const reason = unreachableReason(routes.slice(0, index), matchers);
    return reason === undefined ? unreachableRoutes(route, { path, matchers }) : [{ path, reason }];
  });
}

/** The labels of a rule's alerts that are known before it fires: those without a template. */
export function knownLabels({ name, labels }: SloRule): Labels {
  const fixed = Object.entries(labels).filter(([, value]) => !value.includes('{{'));
  return { ...Object.fromEntries(fixed), alertname: name };
}

const mayMatch = (matchers: readonly Matcher[], known: Labels): boolean =>
  matches(
    matchers.filter(({ label }) => Object.hasOwn(known, label)),
    known,
  );

function mayReachChannel(route: Route, known: Labels): boolean {
  if (!mayMatch(route.matchers, known)) return false;
  return route.channel !== undefined || route.routes.some((child) => mayReachChannel(child, known));
}

/** Whether a rule, or a route, team or severity that its alerts may have, sets a channel. */
export function reachesChannel({ route, teams = {}, severities = {} }: Routing, rule: SloRule): boolean {
  const known = knownLabels(rule);
  const mayHave = (label: string, entries: NonNullable<Routing['teams']>): boolean =>
    Object.entries(entries).some(
      ([value, { channel }]) => channel !== undefined && (known[label] ?? value) === value,
    );
  return (
    rule.channel !== undefined ||
    mayReachChannel(route, known) ||
    mayHave('team', teams) ||
    mayHave('severity', severities)
  );
}

/** Whether a route takes every alert that has the known labels, whatever its other labels. */
const takesAll = ({ matchers }: Route, known: Labels): boolean =>
  matchers.every((matcher) => Object.hasOwn(known, matcher.label) && matches([matcher], known));

/** Whether the routes below `route` set a channel for every alert with the known labels, whatever its other labels. */
export function setsChannel({ routes }: Route, known: Labels): boolean {
  for (const child of routes.filter(({ matchers }) => mayMatch(matchers, known))) {
    if (child.channel === undefined && !setsChannel(child, known)) return false;
    if (takesAll(child, known) && !child.continue) return true;
  }
  return routes.some((child) => takesAll(child, known));
}
