import { z } from 'zod';
import type { Addressing, Routing } from '../../policy/route.ts';
import { defined } from './defined.ts';
import { channel } from './fields.ts';
import { mention } from './policy-fields.ts';
import type { RuleFileError } from './source.ts';
import type { Part, Shape } from './validate.ts';
import { validate } from './validate.ts';

/** Keys of a document that say where alerts go by the value of one label, and that label. */
const LABELS = { teams: 'team', severities: 'severity' } as const;
export const DEFAULT_KEYS = ['teams', 'severities'] as const;
export type DefaultKey = (typeof DEFAULT_KEYS)[number];

/** What a file says of one team or severity, and where. */
export interface PlacedDefault {
  readonly key: DefaultKey;
  readonly label: 'team' | 'severity';
  readonly name: string;
  readonly says: Addressing;
  readonly place: RuleFileError;
}

const EMPTY = 'is empty, so it would do nothing: write `channel`, `mentions` or both';

interface Said {
  readonly channel?: string | undefined;
  readonly mentions?: Readonly<Record<string, readonly string[]>> | readonly string[] | undefined;
}

const says = <T extends Said>(entry: z.ZodType<T>) =>
  z.preprocess(
    // An entry with nothing after it arrives as an empty text.
    (value) => (value === '' ? {} : value),
    entry.refine((said) => said.channel !== undefined || said.mentions !== undefined, { error: EMPTY }),
  );

const teamSchema = says(
  z.strictObject({
    channel: channel.optional(),
    mentions: z
      .record(z.string(), z.array(mention))
      .refine((bySeverity) => Object.keys(bySeverity).length > 0, {
        error: 'is empty: name a severity, like { page: [S0123ABCD] }; an empty list calls nobody',
      })
      .optional(),
  }),
);
const severitySchema = says(
  z.strictObject({ channel: channel.optional(), mentions: z.array(mention).optional() }),
);

const KEYS = { '': ['channel', 'mentions'] };

/** One form for both: a severity's mentions are for that severity. */
const SHAPES: Readonly<Record<DefaultKey, (name: string) => Shape<Addressing>>> = {
  teams: () => ({ schema: teamSchema.transform((said) => defined(said)), keys: KEYS }),
  severities: (name) => ({
    schema: severitySchema.transform((said) =>
      defined({
        channel: said.channel,
        mentions: said.mentions === undefined ? undefined : { [name]: said.mentions },
      }),
    ),
    keys: KEYS,
  }),
};

const placeIn = ({ source, document, path }: Part, message = ''): RuleFileError =>
  source.at(document.offsetOfKey(path), message);

/** The names below a key, or what is wrong with what stands there. */
function namesIn(key: DefaultKey, { source, document, path }: Part): readonly string[] | RuleFileError {
  const value = (document.value as Readonly<Record<string, unknown>>)[key];
  if (value === '') return [];
  const at = (message: string): RuleFileError => source.at(document.offsetOf(path), message);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return at(`\`${key}\` must be a map from names to \`channel\` and \`mentions\`.`);
  const names = Object.keys(value);
  return names.length > 0 ? names : at(`\`${key}\` is empty: name a ${LABELS[key]}, or remove it.`);
}

interface Reading {
  readonly defaults: PlacedDefault[];
  readonly errors: RuleFileError[];
}

function readDefault(key: DefaultKey, name: string, { part, into }: { part: Part; into: Reading }): void {
  if (name.trim() === '') {
    into.errors.push(placeIn(part, `a ${LABELS[key]} needs a name.`));
    return;
  }
  const checked = validate(SHAPES[key](name), part);
  if (checked.ok)
    into.defaults.push({ key, label: LABELS[key], name, says: checked.value, place: placeIn(part) });
  else into.errors.push(...checked.errors.map((error) => inPlace(error, `${key}.${name}`)));
}

/** An entry is checked by itself: a mistake that is about all of it names it. */
const inPlace = (error: RuleFileError, entry: string): RuleFileError => ({
  ...error,
  message: error.message.replace(/^this /, `\`${entry}\` `),
});

/** Reads the defaults of a file; `partsOf` gives what stands under a key at the top of its documents. Mistakes are added to `errors`. */
export function readDefaults(
  partsOf: (key: string) => readonly Part[],
  errors: RuleFileError[],
): readonly PlacedDefault[] {
  const into: Reading = { defaults: [], errors };
  for (const key of DEFAULT_KEYS) {
    for (const part of partsOf(key)) {
      const names = namesIn(key, part);
      if ('message' in names) errors.push(names);
      else
        for (const name of names)
          readDefault(key, name, { part: { ...part, path: [...part.path, name] }, into });
    }
  }
  return into.defaults;
}

/** What is said twice of one team or severity, in one file or in several. */
function repeated(all: readonly PlacedDefault[]): readonly RuleFileError[] {
  const first = new Map<string, RuleFileError>();
  return all.flatMap(({ key, name, place }) => {
    const entry = `${key}.${name}`;
    const earlier = first.get(entry);
    if (earlier === undefined) {
      first.set(entry, place);
      return [];
    }
    const message = `\`${entry}\` stands in ${earlier.file}, line ${earlier.line}, already: there is one for all rules.`;
    return [{ ...place, message }];
  });
}

/** All of them together: teams may be spread over files, each said once. */
export function mergeDefaults(all: readonly PlacedDefault[]): {
  readonly routing: Pick<Routing, DefaultKey>;
  readonly errors: readonly RuleFileError[];
} {
  const named = (key: DefaultKey): Readonly<Record<string, Addressing>> | undefined => {
    const own = all.filter((each) => each.key === key);
    return own.length === 0 ? undefined : Object.fromEntries(own.map(({ name, says: said }) => [name, said]));
  };
  return {
    routing: defined({ teams: named('teams'), severities: named('severities') }),
    errors: repeated(all),
  };
}
