import { z } from 'zod';
import type { EpochMs } from '../../lib/units.ts';
import type { InhibitRule } from '../../policy/inhibition.ts';
import { DEFAULT_PERMISSIONS, type Permissions } from '../../policy/permission.ts';
import { type Addressing, DEFAULT_ROUTE, type MentionsBySeverity, type Routing } from '../../policy/route.ts';
import type { MaintenanceWindow, Silence } from '../../policy/silence.ts';
import type { NotificationPolicy } from '../../policy/suppress.ts';
import {
  channel,
  count,
  emptyIsAbsent,
  labelMatchers,
  labelName,
  matching,
  mention,
  name,
  oneOf,
} from './fields.ts';
import { readRoute, routeSchema } from './route.ts';
import type { RuleFileLocation } from './section.ts';
import {
  errorAt,
  firstOfEach,
  isMap,
  keyLocationOf,
  locationOf,
  type RuleFileReading,
  type RuleFileSection,
  readLists,
  readSections,
  sectionAt,
  sectionsOf,
  shown,
  soleSection,
  valueOf,
} from './section.ts';
import {
  type FindTimeIntervals,
  instant,
  intervalNames,
  namedIntervalSchema,
  readTimeIntervals,
} from './time-intervals.ts';

/** The keys that route alerts by the value of a label, with that label. */
const LABELS = { teams: 'team', severities: 'severity' } as const;
type DefaultKey = keyof typeof LABELS;
const DEFAULT_KEYS = Object.keys(LABELS) as readonly DefaultKey[];

/** The channel and mentions of one team or severity, and where they are set. */
export interface RoutingDefault {
  readonly key: DefaultKey;
  readonly label: 'team' | 'severity';
  /** The value of the label. */
  readonly name: string;
  readonly sets: Addressing;
  readonly location: RuleFileLocation;
}

interface EntryInput {
  readonly channel?: string;
  readonly mentions?: MentionsBySeverity | readonly string[];
}

const entryOf = <T extends EntryInput>(schema: z.ZodType<T>) =>
  z.preprocess(
    // An entry with nothing after it is an empty text.
    (value) => (value === '' ? {} : value),
    schema.refine((entry) => entry.channel !== undefined || entry.mentions !== undefined, {
      error: 'found no keys, expected `channel`, `mentions` or both',
    }),
  );

const teamSchema = entryOf(
  z.strictObject({
    channel: channel.optional(),
    mentions: z
      .record(z.string(), z.array(mention))
      .refine((bySeverity) => Object.keys(bySeverity).length > 0, {
        error:
          'found an empty map, expected a severity, like { page: [S0123ABCD] }. An empty list mentions nobody',
      })
      .optional(),
  }),
);
const severitySchema = entryOf(
  z.strictObject({ channel: channel.optional(), mentions: z.array(mention).optional() }),
);

/** Both keys in one form: the mentions of a severity are for that severity. */
const SCHEMAS: Readonly<Record<DefaultKey, (name: string) => z.ZodType<Addressing>>> = {
  teams: () => teamSchema,
  severities: (name) =>
    severitySchema.transform(({ channel: to, mentions }) => ({
      channel: to,
      mentions: mentions === undefined ? undefined : { [name]: mentions },
    })),
};

/** The entries under a key; an empty value has none. */
function entriesIn(reading: RuleFileReading, key: DefaultKey, section: RuleFileSection): readonly string[] {
  const value = valueOf(section);
  if (value === '') return [];
  const names = isMap(value) ? Object.keys(value) : [];
  if (names.length === 0) {
    const found = isMap(value) ? 'an empty map' : shown(value);
    const expected = `a map from each ${LABELS[key]} to \`channel\` and \`mentions\``;
    reading.errors.push(errorAt(section, `invalid \`${key}\`: found ${found}, expected ${expected}.`));
  }
  return names.filter((name) => {
    if (name.trim() !== '') return true;
    const message = `missing name of a ${LABELS[key]} in \`${key}\`.`;
    reading.errors.push({ ...keyLocationOf(sectionAt(section, name)), message });
    return false;
  });
}

/** Reads `teams` and `severities` of all documents. Each team or severity is defined once. */
function readDefaults(reading: RuleFileReading): readonly RoutingDefault[] {
  const all = DEFAULT_KEYS.flatMap((key) =>
    sectionsOf(reading, key).flatMap((section) =>
      entriesIn(reading, key, section).flatMap((name) => {
        const entry = sectionAt(section, name);
        return readSections(reading, [entry], SCHEMAS[key](name)).map(({ value }) => ({
          key,
          label: LABELS[key],
          name,
          sets: value,
          location: keyLocationOf(entry),
        }));
      }),
    ),
  );
  return DEFAULT_KEYS.flatMap((key) =>
    firstOfEach(
      reading,
      all.filter((each) => each.key === key),
      ({ name }) => `\`${key}.${name}\``,
    ),
  );
}

/** The part of the routing that teams and severities set. */
function defaultRouting(defaults: readonly RoutingDefault[]): Pick<Routing, DefaultKey> {
  const byName = (key: DefaultKey): Readonly<Record<string, Addressing>> | undefined => {
    const own = defaults.filter((each) => each.key === key);
    return own.length === 0 ? undefined : Object.fromEntries(own.map(({ name, sets }) => [name, sets]));
  };
  return { teams: byName('teams'), severities: byName('severities') };
}

/** The end of a silence or maintenance window that does not recur, and where it is set. */
export interface PolicyEnd {
  readonly code: 'silence-past' | 'maintenance-past';
  /** The subject of a message: `this silence`. */
  readonly subject: string;
  readonly endsAt: EpochMs;
  readonly location: RuleFileLocation;
}

/** The notification policy of all rule files, and where its parts are set. */
export interface FilePolicy {
  readonly policy: NotificationPolicy;
  readonly ends: readonly PolicyEnd[];
  readonly defaults: readonly RoutingDefault[];
  readonly hasRoute: boolean;
}

const someMatchers = labelMatchers.refine((list) => list.length > 0, {
  error: 'found an empty list, which matches every alert. Use `alertname=~".+"` for that',
});

const silenceSchema = z
  .strictObject({
    matchers: someMatchers,
    starts_at: instant.optional(),
    ends_at: instant,
    created_by: name,
    comment: z.string().optional(),
  })
  .refine(({ starts_at: start, ends_at: end }) => start === undefined || start < end, {
    error: 'not after `starts_at`',
    path: ['ends_at'],
  });

const maintenanceSchema = z
  .strictObject({
    name,
    matchers: someMatchers,
    starts_at: instant.optional(),
    ends_at: instant.optional(),
    time_intervals: intervalNames,
    comment: z.string().optional(),
  })
  .superRefine(({ starts_at: start, ends_at: end, time_intervals: times = [] }, context) => {
    const issue = (key: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [key], message });
    if (start !== undefined && end !== undefined && start >= end) issue('ends_at', 'not after `starts_at`');
    if (start !== undefined && end === undefined) issue('starts_at', 'needs `ends_at` as well');
    if (start === undefined && end !== undefined) issue('ends_at', 'needs `starts_at` as well');
    if (start === undefined && end === undefined && times.length === 0)
      issue('name', 'never in effect. Add `starts_at` and `ends_at`, or `time_intervals`');
  });

const inhibitRuleSchema = z.strictObject({
  source_matchers: someMatchers,
  target_matchers: someMatchers,
  equal: emptyIsAbsent(z.array(labelName)),
});

const flapThreshold = count.refine((limit) => limit !== 1, {
  error: 'found 1, expected at least 2 (firing and resolved), or 0 for no limit',
});

const grantees = z.preprocess(
  (value) => (typeof value === 'string' ? [value] : value),
  z
    .array(
      matching(
        '`everyone`, `members`, a user group ID (S0123ABCD) or a user ID (U0123ABCD)',
        /^(?:everyone|members|[SUW][A-Z0-9]{7,})$/,
      ),
    )
    .min(1, {
      error: 'found an empty list, which forbids it to everyone. Name at least one person or group',
    }),
);

const permissionsSchema = z.strictObject({
  look_up: grantees.optional(),
  acknowledge: grantees.optional(),
  silence: grantees.optional(),
  close: grantees.optional(),
  test: grantees.optional(),
});

/** The keys of a document that are about notifications, not rules, with what they hold. */
export const POLICY_SCHEMAS = {
  route: routeSchema,
  teams: z.record(z.string(), teamSchema),
  severities: z.record(z.string(), severitySchema),
  time_intervals: z.array(namedIntervalSchema),
  inhibit_rules: z.array(inhibitRuleSchema),
  inhibit: oneOf(['call-graph']),
  silences: z.array(silenceSchema),
  maintenance: z.array(maintenanceSchema),
  permissions: permissionsSchema,
  compat: oneOf(['prometheus']),
  group_threshold: count,
  flap_threshold: flapThreshold,
} as const;

type PolicyKey = keyof typeof POLICY_SCHEMAS;

export const POLICY_KEYS = Object.keys(POLICY_SCHEMAS) as readonly PolicyKey[];

function readSilences(reading: RuleFileReading, ends: PolicyEnd[]): readonly Silence[] {
  return readLists(reading, 'silences', silenceSchema).map(({ value, section }) => {
    const { matchers, starts_at: startsAt, ends_at: endsAt, created_by: createdBy, comment = '' } = value;
    const location = locationOf(sectionAt(section, 'ends_at'));
    ends.push({ code: 'silence-past', subject: 'this silence', endsAt, location });
    return { matchers, startsAt, endsAt, createdBy, comment };
  });
}

function readMaintenance(
  reading: RuleFileReading,
  find: FindTimeIntervals,
  ends: PolicyEnd[],
): readonly MaintenanceWindow[] {
  return readLists(reading, 'maintenance', maintenanceSchema).map(({ value, section }) => {
    const { matchers, comment, starts_at: startsAt, ends_at: endsAt, time_intervals: times = [] } = value;
    if (times.length === 0 && endsAt !== undefined) {
      const location = locationOf(sectionAt(section, 'ends_at'));
      ends.push({ code: 'maintenance-past', subject: `the maintenance \`${value.name}\``, endsAt, location });
    }
    return {
      name: value.name,
      matchers,
      recurring: find(sectionAt(section, 'time_intervals'), times),
      comment,
      once: startsAt === undefined || endsAt === undefined ? undefined : { startsAt, endsAt },
    };
  });
}

const readInhibitRules = (reading: RuleFileReading): readonly InhibitRule[] =>
  readLists(reading, 'inhibit_rules', inhibitRuleSchema).map(({ value }) => ({
    source: value.source_matchers,
    target: value.target_matchers,
    equal: value.equal ?? [],
  }));

/** A number that is set once for all rules. */
function readThreshold(
  reading: RuleFileReading,
  key: 'group_threshold' | 'flap_threshold',
): number | undefined {
  const section = soleSection(reading, key);
  return section === undefined ? undefined : readSections(reading, [section], POLICY_SCHEMAS[key])[0]?.value;
}

/** Who may do what in Slack; what the file does not name is as by default. */
export function readPermissions(reading: RuleFileReading): Permissions | undefined {
  const section = soleSection(reading, 'permissions');
  if (section === undefined) return undefined;
  const [given] = readSections(reading, [section], permissionsSchema);
  const set = Object.entries(given?.value ?? {}).filter(([, people]) => people !== undefined);
  return { ...DEFAULT_PERMISSIONS, ...Object.fromEntries(set) };
}

/** Reads everything about notifications in all documents. */
export function readPolicy(reading: RuleFileReading): FilePolicy {
  const find = readTimeIntervals(reading);
  const route = readRoute(reading, find);
  const defaults = readDefaults(reading);
  const ends: PolicyEnd[] = [];
  const isSet = (key: 'inhibit' | 'compat'): boolean =>
    readSections<string>(reading, sectionsOf(reading, key), POLICY_SCHEMAS[key]).length > 0;
  const policy: NotificationPolicy = {
    route: route ?? DEFAULT_ROUTE,
    ...defaultRouting(defaults),
    groupThreshold: readThreshold(reading, 'group_threshold'),
    flapThreshold: readThreshold(reading, 'flap_threshold'),
    silences: readSilences(reading, ends),
    maintenance: readMaintenance(reading, find, ends),
    inhibitRules: readInhibitRules(reading),
    inhibitsByCallGraph: isSet('inhibit'),
    isPrometheus: isSet('compat') || undefined,
  };
  return { policy, ends, defaults, hasRoute: route !== undefined };
}
