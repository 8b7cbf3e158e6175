import { z } from 'zod';
import type { EpochMs } from '../../lib/units.ts';
import type { InhibitRule } from '../../policy/inhibition.ts';
import { DEFAULT_PERMISSIONS, type Permissions } from '../../policy/permission.ts';
import { DEFAULT_ROUTE } from '../../policy/route.ts';
import type { MaintenanceWindow, Silence } from '../../policy/silence.ts';
import type { NotificationPolicy } from '../../policy/suppress.ts';
import { count, emptyIsAbsent, labelMatchers, labelName, matching, name, oneOf } from './fields.ts';
import { readRoute, routeSchema } from './route.ts';
import {
  locationOf,
  type RuleFileReading,
  readLists,
  readSections,
  sectionAt,
  sectionsOf,
  soleSection,
} from './section.ts';
import type { RuleFileLocation } from './source.ts';
import { defaultRouting, type RoutingDefault, readDefaults, severitySchema, teamSchema } from './teams.ts';
import {
  type FindTimeIntervals,
  instant,
  intervalNames,
  namedIntervalSchema,
  readTimeIntervals,
} from './time-intervals.ts';

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
