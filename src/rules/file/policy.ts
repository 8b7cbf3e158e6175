import type { z } from 'zod';
import { nearestName } from '../../lib/nearest.ts';
import type { EpochMs } from '../../lib/units.ts';
import type { InhibitRule } from '../../policy/inhibition.ts';
import type { Route } from '../../policy/route.ts';
import { PLAIN_ROUTE } from '../../policy/route.ts';
import type { MaintenanceWindow, Silence } from '../../policy/silence.ts';
import type { NoisePolicy } from '../../policy/suppress.ts';
import type { TimeInterval } from '../../policy/time-interval.ts';
import { defined } from './defined.ts';
import {
  COMPAT,
  INHIBIT,
  INHIBIT_RULE,
  MAINTENANCE,
  ROUTE,
  type RouteInput,
  SILENCE,
} from './policy-fields.ts';
import { type FileLimits, LIMIT_KEYS, readLimits } from './policy-limits.ts';
import { DEFAULT_KEYS, mergeDefaults, type PlacedDefault, readDefaults } from './route-defaults.ts';
import type { RuleFileError, RuleFileNote, Source } from './source.ts';
import { NAMED_INTERVAL_KEYS, namedIntervalSchema } from './time-fields.ts';
import { unreachableRoutes } from './unreachable-routes.ts';
import type { Part, Shape } from './validate.ts';
import { validate } from './validate.ts';
import type { Path, YamlDocument } from './yaml-document.ts';

/** What a file says about who is notified what. The places are for what several files may say only once. */
export interface FilePolicy {
  readonly policy: NoisePolicy;
  readonly errors: readonly RuleFileError[];
  readonly notes: readonly RuleFileNote[];
  /** Silences and planned work that end once and for all. */
  readonly ends: readonly PlacedEnd[];
  /** Where the route stands, when there is one. */
  readonly routePlace?: RuleFileError;
  /** What is said of teams and severities. */
  readonly defaults: readonly PlacedDefault[];
  /** Absent: the file could not be read. */
  readonly limits?: FileLimits;
}

/** Something that holds until an instant, and where it stands. */
export interface PlacedEnd {
  readonly code: 'silence-past' | 'maintenance-past';
  readonly what: string;
  readonly endsAt: EpochMs;
  readonly place: RuleFileError;
}

/** Keys of a document that are about notifications, not rules. */
export const POLICY_KEYS = [
  'route',
  ...DEFAULT_KEYS,
  'time_intervals',
  'inhibit_rules',
  'inhibit',
  'silences',
  'maintenance',
  'compat',
  ...LIMIT_KEYS,
] as const;

type NamedInterval = z.output<typeof namedIntervalSchema>;

const NAMED_INTERVAL: Shape<NamedInterval> = {
  schema: namedIntervalSchema,
  keys: NAMED_INTERVAL_KEYS,
};

/** Everything that is gathered while a file is read. */
interface Reading {
  readonly source: Source;
  readonly documents: readonly YamlDocument[];
  readonly errors: RuleFileError[];
  readonly notes: RuleFileNote[];
  readonly ends: PlacedEnd[];
}

interface Placed<T> {
  readonly value: T;
  readonly part: Part;
}

const topOf = ({ value }: YamlDocument): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};

/** What stands under a key at the top of each document that has it. */
function partsOf({ source, documents }: Reading, key: string): readonly Part[] {
  return documents
    .filter((document) => Object.hasOwn(topOf(document), key))
    .map((document) => ({ source, document, path: [key] }));
}

function readOne<T>(reading: Reading, shape: Shape<T>, part: Part): readonly Placed<T>[] {
  const checked = validate(shape, part);
  if (checked.ok) return [{ value: checked.value, part }];
  reading.errors.push(...checked.errors);
  return [];
}

function readList<T>(reading: Reading, shape: Shape<T>, key: string): readonly Placed<T>[] {
  return partsOf(reading, key).flatMap((part) => {
    const list = topOf(part.document)[key];
    if (list === '') return [];
    if (!Array.isArray(list)) {
      const offset = part.document.offsetOf(part.path);
      reading.errors.push(reading.source.at(offset, `\`${key}\` must be a list (\`- ...\`).`));
      return [];
    }
    return list.flatMap((_, index) => readOne(reading, shape, { ...part, path: [key, index] }));
  });
}

const errorAt = ({ source, document, path }: Part, within: Path, message: string): RuleFileError =>
  source.at(document.offsetOf([...path, ...within]), message);

/** Finds time intervals by name; a name that nobody gave is a mistake at its place. */
type LookUp = (part: Part, within: Path, names: readonly string[]) => readonly TimeInterval[];

function readIntervals(reading: Reading): LookUp {
  const known = new Map<string, readonly TimeInterval[]>();
  for (const { value, part } of readList(reading, NAMED_INTERVAL, 'time_intervals')) {
    if (known.has(value.name))
      reading.errors.push(errorAt(part, ['name'], `the time interval \`${value.name}\` stands twice.`));
    known.set(value.name, value.time_intervals);
  }
  return (part, within, names) =>
    names.flatMap((wanted, index) => {
      const found = known.get(wanted);
      if (found !== undefined) return found;
      const near = nearestName(wanted, known.keys());
      const hint =
        near === undefined ? 'add it to the `time_intervals` of this file.' : `did you mean \`${near}\`?`;
      reading.errors.push(
        errorAt(part, [...within, index], `there is no time interval \`${wanted}\`; ${hint}`),
      );
      return [];
    });
}

interface RouteAt {
  readonly part: Part;
  readonly within: Path;
  readonly lookUp: LookUp;
}

function routeOf(input: RouteInput, { part, within, lookUp }: RouteAt): Route {
  const timesOf = (key: 'mute_time_intervals' | 'active_time_intervals') => {
    const names = input[key];
    return names === undefined ? undefined : lookUp(part, [...within, key], names);
  };
  return {
    matchers: input.matchers ?? [],
    continue: input.continue === 'true',
    routes: (input.routes ?? []).map((child, index) =>
      routeOf(child, { part, lookUp, within: [...within, 'routes', index] }),
    ),
    ...defined({
      channel: input.channel,
      mentions: input.mentions,
      muteTimes: timesOf('mute_time_intervals'),
      activeTimes: timesOf('active_time_intervals'),
    }),
  };
}

/** The root must take everything: an alert that no route takes would be lost. */
function rootMistakes(input: RouteInput, part: Part): readonly RuleFileError[] {
  const own = (['matchers', 'continue'] as const).filter((key) => input[key] !== undefined);
  return own.map((key) =>
    errorAt(
      part,
      [key],
      `\`${key}\` has no meaning at the root, which takes every alert: put it under \`routes\`.`,
    ),
  );
}

function readRoute(reading: Reading, lookUp: LookUp): { route: Route; routePlace?: RuleFileError } {
  const parts = partsOf(reading, 'route');
  const [first, ...others] = parts;
  for (const other of others)
    reading.errors.push(errorAt(other, [], 'a second `route`: there is one tree for all rules.'));
  if (first === undefined) return { route: PLAIN_ROUTE };
  const routePlace = errorAt(first, [], '');
  const [read] = readOne(reading, ROUTE, first);
  if (read === undefined) return { route: PLAIN_ROUTE, routePlace };
  reading.errors.push(...rootMistakes(read.value, first));
  for (const { path, reason } of unreachableRoutes(read.value)) {
    const message = `no alert can reach this route: ${reason}.`;
    reading.notes.push({ ...errorAt(first, path, message), code: 'route-unreachable' });
  }
  return { route: routeOf(read.value, { part: first, within: [], lookUp }), routePlace };
}

function readSilences(reading: Reading): readonly Silence[] {
  return readList(reading, SILENCE, 'silences').map(({ value, part }) => {
    const place = errorAt(part, ['ends_at'], '');
    reading.ends.push({ code: 'silence-past', what: 'this silence', endsAt: value.ends_at, place });
    return {
      matchers: value.matchers,
      endsAt: value.ends_at,
      createdBy: value.created_by,
      comment: value.comment ?? '',
      ...defined({ startsAt: value.starts_at }),
    };
  });
}

function readMaintenance(reading: Reading, lookUp: LookUp): readonly MaintenanceWindow[] {
  return readList(reading, MAINTENANCE, 'maintenance').map(({ value, part }) => {
    const { starts_at: startsAt, ends_at: endsAt } = value;
    const isOnce = (value.time_intervals ?? []).length === 0;
    if (isOnce && endsAt !== undefined) {
      const [place, what] = [errorAt(part, ['ends_at'], ''), `the maintenance \`${value.name}\``];
      reading.ends.push({ code: 'maintenance-past', what, endsAt, place });
    }
    return {
      name: value.name,
      matchers: value.matchers,
      recurring: lookUp(part, ['time_intervals'], value.time_intervals ?? []),
      ...defined({
        comment: value.comment,
        once: startsAt === undefined || endsAt === undefined ? undefined : { startsAt, endsAt },
      }),
    };
  });
}

function readInhibitRules(reading: Reading): readonly InhibitRule[] {
  return readList(reading, INHIBIT_RULE, 'inhibit_rules').map(({ value }) => ({
    source: value.source_matchers,
    target: value.target_matchers,
    equal: value.equal ?? [],
  }));
}

/** Reads what all documents of a file say about notifications. Names of time intervals are looked up in that file. */
export function readPolicy(source: Source, documents: readonly YamlDocument[]): FilePolicy {
  const reading: Reading = { source, documents, errors: [], notes: [], ends: [] };
  const lookUp = readIntervals(reading);
  const { route, routePlace } = readRoute(reading, lookUp);
  const says = (key: string, shape: Shape<unknown>): boolean =>
    partsOf(reading, key).filter((part) => readOne(reading, shape, part).length > 0).length > 0;
  const limits = readLimits((key) => partsOf(reading, key), reading.errors);
  const defaults = readDefaults((key) => partsOf(reading, key), reading.errors);
  const { routing } = mergeDefaults(defaults);
  const policy: NoisePolicy = {
    route,
    ...routing,
    ...limits.limits,
    silences: readSilences(reading),
    maintenance: readMaintenance(reading, lookUp),
    inhibitRules: readInhibitRules(reading),
    inhibitsByCallGraph: says('inhibit', INHIBIT),
    ...defined({ isPrometheus: says('compat', COMPAT) || undefined }),
  };
  const { errors, notes, ends } = reading;
  return { policy, errors, notes, ends, defaults, limits, ...defined({ routePlace }) };
}
