import { z } from 'zod';
import type { ServiceNaming } from '../service-naming.ts';
import { field } from './fields.ts';
import type { RuleFileError, Source } from './source.ts';
import { emptyIsAbsent } from './text-maps.ts';
import type { Shape } from './validate.ts';
import { validate } from './validate.ts';
import type { Path, YamlDocument } from './yaml-document.ts';

/** The key of a document that says how people call services. */
export const NAMING_KEY = 'services';

/** Something a file says, and where. */
interface Said {
  readonly name: string;
  readonly value: string;
  readonly place: RuleFileError;
}

/** What a file says about the names of services. */
export interface FileNaming {
  readonly aliases: readonly Said[];
  readonly namespaces: readonly Said[];
  readonly errors: readonly RuleFileError[];
}

const WORD = /^\S+$/;
const DNS_LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

const serviceName = field<string>((text) =>
  WORD.test(text)
    ? { value: text }
    : { problems: [{ message: `is ${JSON.stringify(text)}: write the name of a service, without blanks` }] },
);
const namespaceName = field<string>((text) =>
  DNS_LABEL.test(text)
    ? { value: text }
    : {
        problems: [
          { message: `is ${JSON.stringify(text)}: write the name of a Kubernetes namespace, like shop` },
        ],
      },
);

const aliases = z.record(z.string(), serviceName).superRefine((map, context) => {
  for (const [name, service] of Object.entries(map)) {
    const message = WORD.test(name)
      ? name.toLowerCase() === service.toLowerCase()
        ? 'stands for itself: remove it'
        : undefined
      : 'is a name with blanks: a command ends a name at a blank';
    if (message !== undefined)
      context.addIssue({ code: 'custom', path: [name], message, params: { onKey: true } });
  }
});

const schema = z.strictObject({
  aliases: emptyIsAbsent(aliases),
  namespace: namespaceName.optional(),
});

const SHAPE: Shape<z.output<typeof schema>> = { schema, keys: { '': Object.keys(schema.shape) } };

const isMap = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** Reads `services:` of every document of a file that has it. */
export function readNaming(source: Source, documents: readonly YamlDocument[]): FileNaming {
  const said = { aliases: [] as Said[], namespaces: [] as Said[], errors: [] as RuleFileError[] };
  for (const document of documents) {
    if (!isMap(document.value) || !Object.hasOwn(document.value, NAMING_KEY)) continue;
    const checked = validate(SHAPE, { source, document, path: [NAMING_KEY] });
    if (!checked.ok) {
      said.errors.push(...checked.errors);
      continue;
    }
    const at = (path: Path): RuleFileError => source.at(document.offsetOf([NAMING_KEY, ...path]), '');
    for (const [name, value] of Object.entries(checked.value.aliases ?? {})) {
      said.aliases.push({ name: name.toLowerCase(), value, place: at(['aliases', name]) });
    }
    const { namespace } = checked.value;
    if (namespace !== undefined)
      said.namespaces.push({ name: 'namespace', value: namespace, place: at(['namespace']) });
  }
  return said;
}

/** What all files say together. A name that stands for two services is a mistake, and so are two namespaces. */
export function mergeNaming(files: readonly FileNaming[]): {
  readonly naming: ServiceNaming;
  readonly errors: readonly RuleFileError[];
} {
  const aliases = files.flatMap((file) => file.aliases);
  const namespaces = files.flatMap((file) => file.namespaces);
  const [namespace] = namespaces;
  return {
    naming: {
      aliases: new Map(aliases.map(({ name, value }) => [name, value])),
      namespace: namespace?.value,
    },
    errors: [
      ...contradictions(aliases, ({ name }) => `the alias \`${name}\``),
      ...contradictions(namespaces, () => '`services.namespace`'),
    ],
  };
}

function contradictions(all: readonly Said[], subject: (said: Said) => string): readonly RuleFileError[] {
  const first = new Map<string, Said>();
  return all.flatMap((said) => {
    const earlier = first.get(said.name);
    if (earlier === undefined) first.set(said.name, said);
    if (earlier === undefined || earlier.value === said.value) return [];
    const where = `${earlier.place.file}, line ${earlier.place.line}`;
    return [
      { ...said.place, message: `${subject(said)} stands for \`${earlier.value}\` already, in ${where}.` },
    ];
  });
}
