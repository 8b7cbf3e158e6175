import { z } from 'zod';
import type { Addressing, MentionsBySeverity, Routing } from '../../policy/route.ts';
import { channel, mention } from './fields.ts';
import {
  errorAt,
  firstOfEach,
  isMap,
  keyLocationOf,
  type RuleFileReading,
  type RuleFileSection,
  readSections,
  sectionAt,
  sectionsOf,
  shown,
  valueOf,
} from './section.ts';
import type { RuleFileLocation } from './source.ts';

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

export const teamSchema = entryOf(
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
export const severitySchema = entryOf(
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
export function readDefaults(reading: RuleFileReading): readonly RoutingDefault[] {
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
export function defaultRouting(defaults: readonly RoutingDefault[]): Pick<Routing, DefaultKey> {
  const byName = (key: DefaultKey): Readonly<Record<string, Addressing>> | undefined => {
    const own = defaults.filter((each) => each.key === key);
    return own.length === 0 ? undefined : Object.fromEntries(own.map(({ name, sets }) => [name, sets]));
  };
  return { teams: byName('teams'), severities: byName('severities') };
}
