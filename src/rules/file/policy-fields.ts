import { z } from 'zod';
import { type Matcher, parseMatchers } from '../../lib/matcher.ts';
import { channel, field, labelName, name, oneOf } from './fields.ts';
import { emptyIsAbsent } from './text-maps.ts';
import { instant } from './time-fields.ts';
import type { KnownKeys, NotBuilt, Shape } from './validate.ts';

const matcherText = field<readonly Matcher[]>((text) => {
  const read = parseMatchers(text);
  return read.ok ? { value: read.matchers } : { problems: [{ at: read.at, message: read.message }] };
});

const labelMatchers = z.array(matcherText).transform((lists) => lists.flat());
/** What would match everything by a slip of the hand is refused. */
const someMatchers = labelMatchers.refine((list) => list.length > 0, {
  error: 'is empty, which would match every alert: write `alertname=~".+"` if that is meant',
});

const MENTION = /^[SUW][A-Z0-9]{7,}$/;
/** Whom a message calls. */
export const mention = field<string>((text) =>
  MENTION.test(text)
    ? { value: text }
    : {
        problems: [
          {
            message: `is ${JSON.stringify(text)}: write the id of a user group (S0123ABCD) or of a person (U0123ABCD)`,
          },
        ],
      },
);
const intervalNames = emptyIsAbsent(z.array(name));
const comment = z.string({ error: 'must be a single value, not a list or a map' });

const routeFields = {
  matchers: emptyIsAbsent(labelMatchers),
  channel: channel.optional(),
  mentions: emptyIsAbsent(z.record(z.string(), z.array(mention))),
  mute_time_intervals: intervalNames,
  active_time_intervals: intervalNames,
  continue: oneOf(['true', 'false']).optional(),
};

/** A route as it is written: names of time intervals are not looked up yet. */
export interface RouteInput {
  readonly matchers?: readonly Matcher[] | undefined;
  readonly channel?: string | undefined;
  readonly mentions?: Readonly<Record<string, readonly string[]>> | undefined;
  readonly mute_time_intervals?: readonly string[] | undefined;
  readonly active_time_intervals?: readonly string[] | undefined;
  readonly continue?: 'true' | 'false' | undefined;
  readonly routes?: readonly RouteInput[] | undefined;
}

const routeSchema: z.ZodType<RouteInput> = z.lazy(() =>
  z.strictObject({ ...routeFields, routes: emptyIsAbsent(z.array(routeSchema)) }),
);

/** Messages about wrong keys know the tree this deep; deeper ones are refused as well, with a shorter hint. */
const DEEPEST_HINT = 8;
const ROUTE_KEYS = [...Object.keys(routeFields), 'routes'];
const ROUTE_PATHS = Array.from({ length: DEEPEST_HINT }, (_, depth) =>
  Array.from({ length: depth }, () => 'routes').join('.'),
);

const AT_ONCE = 'remove it; each alert has a message of its own, posted at once.';
const ROUTE_NOT_BUILT: NotBuilt = {
  receiver: 'write `channel`.',
  match: 'write `matchers`.',
  match_re: 'write `matchers`.',
  group_by: AT_ONCE,
  group_wait: AT_ONCE,
  group_interval: AT_ONCE,
  repeat_interval: 'remove it; a firing alert keeps one message that is brought up to date.',
};

const dotted = (path: string, key: string): string => (path === '' ? key : `${path}.${key}`);

export const ROUTE: Shape<RouteInput> = {
  schema: routeSchema,
  keys: Object.fromEntries(ROUTE_PATHS.map((path) => [path, ROUTE_KEYS])) as KnownKeys,
  notBuilt: Object.fromEntries(
    ROUTE_PATHS.flatMap((path) =>
      Object.entries(ROUTE_NOT_BUILT).map(([key, sentence]) => [dotted(path, key), sentence]),
    ),
  ),
};

const silenceSchema = z
  .strictObject({
    matchers: someMatchers,
    starts_at: instant.optional(),
    ends_at: instant,
    created_by: name,
    comment: comment.optional(),
  })
  .refine(({ starts_at: start, ends_at: end }) => start === undefined || start < end, {
    error: 'is not after `starts_at`',
    path: ['ends_at'],
  });

export const SILENCE: Shape<z.output<typeof silenceSchema>> = {
  schema: silenceSchema,
  keys: { '': ['matchers', 'starts_at', 'ends_at', 'created_by', 'comment'] },
};

const maintenanceSchema = z
  .strictObject({
    name,
    matchers: someMatchers,
    starts_at: instant.optional(),
    ends_at: instant.optional(),
    time_intervals: intervalNames,
    comment: comment.optional(),
  })
  .superRefine(({ starts_at: start, ends_at: end, time_intervals: times }, context) => {
    const issue = (key: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [key], message });
    if ((start === undefined) !== (end === undefined))
      issue(start === undefined ? 'ends_at' : 'starts_at', 'needs its other end: write both, or neither');
    if (start !== undefined && end !== undefined && start >= end)
      issue('ends_at', 'is not after `starts_at`');
    if (start === undefined && end === undefined && (times ?? []).length === 0)
      issue('name', 'is never: write `starts_at` and `ends_at`, or `time_intervals`');
  });

export const MAINTENANCE: Shape<z.output<typeof maintenanceSchema>> = {
  schema: maintenanceSchema,
  keys: { '': ['name', 'matchers', 'starts_at', 'ends_at', 'time_intervals', 'comment'] },
};

const inhibitRuleSchema = z.strictObject({
  source_matchers: someMatchers,
  target_matchers: someMatchers,
  equal: emptyIsAbsent(z.array(labelName)),
});

export const INHIBIT_RULE: Shape<z.output<typeof inhibitRuleSchema>> = {
  schema: inhibitRuleSchema,
  keys: { '': Object.keys(inhibitRuleSchema.shape) },
  notBuilt: {
    source_match: 'write `source_matchers`.',
    source_match_re: 'write `source_matchers`.',
    target_match: 'write `target_matchers`.',
    target_match_re: 'write `target_matchers`.',
  },
};

const inhibitSchema = oneOf(['call-graph']);
export const INHIBIT: Shape<'call-graph'> = {
  schema: inhibitSchema,
  keys: {},
};

const compatSchema = oneOf(['prometheus']);
export const COMPAT: Shape<'prometheus'> = {
  schema: compatSchema,
  keys: {},
};
