import { z } from 'zod';
import { emptyIsAbsent, matching } from './fields.ts';
import type { RuleFileLocation } from './section.ts';
import { locationOf, type RuleFileReading, readSections, sectionAt, sectionsOf } from './section.ts';

/** Aliases for the service names of the tracing backend. */
export interface ServiceNaming {
  /** The service of each alias. Aliases are in lower case. */
  readonly aliases: ReadonlyMap<string, string>;
  /** The namespace of a service that exists in several; Istio names services `<app>.<namespace>`. */
  readonly namespace?: string;
}

/** No aliases and no default namespace. */
export const NO_NAMING: ServiceNaming = { aliases: new Map() };

/** The key of a document that defines aliases of services and the default namespace. */
export const NAMING_KEY = 'services';

const WORD = /^\S+$/;

const aliases = z
  .record(z.string(), matching('a service name without blanks', WORD))
  .superRefine((map, context) => {
    const issue = (alias: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [alias], message, params: { onKey: true } });
    for (const [alias, service] of Object.entries(map)) {
      if (!WORD.test(alias)) issue(alias, 'expected an alias without blanks, at which commands end a name');
      else if (alias.toLowerCase() === service.toLowerCase()) issue(alias, 'an alias of itself. Remove it');
    }
  });

export const namingSchema = z.strictObject({
  aliases: emptyIsAbsent(aliases),
  namespace: matching('a Kubernetes namespace like shop', /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/).optional(),
});

/** A name with its meaning, and where it is defined. */
interface NameDefinition {
  readonly name: string;
  readonly value: string;
  readonly location: RuleFileLocation;
}

/** Keeps the first definition of each name. The same one again is allowed, another one is an error. */
function consistent(
  reading: RuleFileReading,
  all: readonly NameDefinition[],
  subject: (name: string) => string,
): ReadonlyMap<string, string> {
  const first = new Map<string, NameDefinition>();
  for (const definition of all) {
    const { name, value, location } = definition;
    const earlier = first.get(name);
    if (earlier === undefined) first.set(name, definition);
    else if (earlier.value !== value) {
      const { file, line } = earlier.location;
      const message = `conflicting ${subject(name)}: found \`${value}\`, but it is \`${earlier.value}\` at ${file}:${line}.`;
      reading.errors.push({ ...location, message });
    }
  }
  return new Map(Array.from(first.values(), ({ name, value }) => [name, value]));
}

/** Reads `services:` of all documents. */
export function readNaming(reading: RuleFileReading): ServiceNaming {
  const inDocuments = readSections(reading, sectionsOf(reading, NAMING_KEY), namingSchema);
  const definedAliases = inDocuments.flatMap(({ value, section }) =>
    Object.entries(value.aliases ?? {}).map(([alias, service]) => ({
      name: alias.toLowerCase(),
      value: service,
      location: locationOf(sectionAt(section, 'aliases', alias)),
    })),
  );
  const namespaces = inDocuments.flatMap(({ value: { namespace }, section }) =>
    namespace === undefined
      ? []
      : [{ name: '', value: namespace, location: locationOf(sectionAt(section, 'namespace')) }],
  );
  return {
    aliases: consistent(reading, definedAliases, (alias) => `alias \`${alias}\``),
    namespace: consistent(reading, namespaces, () => '`services.namespace`').get(''),
  };
}
