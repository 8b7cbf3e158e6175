import { z } from 'zod';
import type { Matcher } from '../../lib/matcher.ts';
import { PLAIN_ROUTE, type Route } from '../../policy/route.ts';
import { channel, emptyIsAbsent, flag, labelMatchers, mention } from './fields.ts';
import { unreachableRoutes } from './route-reach.ts';
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

/** A route as it is written: time intervals are names. */
interface RouteInput {
  readonly matchers?: readonly Matcher[];
  readonly channel?: string;
  readonly mentions?: Readonly<Record<string, readonly string[]>>;
  readonly mute_time_intervals?: readonly string[];
  readonly active_time_intervals?: readonly string[];
  readonly continue?: 'true' | 'false';
  readonly routes?: readonly RouteInput[];
}

const routeSchema: z.ZodType<RouteInput> = z.lazy(() =>
  z.strictObject({
    matchers: emptyIsAbsent(labelMatchers),
    channel: channel.optional(),
    mentions: emptyIsAbsent(z.record(z.string(), z.array(mention))),
    mute_time_intervals: intervalNames,
    active_time_intervals: intervalNames,
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
    return PLAIN_ROUTE;
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
