import { errorMessage } from '../../lib/errors.ts';
import type { Permissions } from '../../policy/permission.ts';
import { channelsIn } from '../../policy/route.ts';
import { NO_POLICY, type NotificationPolicy } from '../../policy/suppress.ts';
import type { RuleGroup, ServiceObjective } from '../rule.ts';
import { type LocatedUse, type RuleGroupReading, readGroup } from './groups.ts';
import { type FilePolicy, POLICY_KEYS, readPermissions, readPolicy } from './policy.ts';
import {
  createSourceFile,
  entriesOf,
  errorAt,
  firstOfEach,
  isMap,
  keyHint,
  keyLocationOf,
  locationOf,
  type RuleFileError,
  type RuleFileNote,
  type RuleFileSection,
  type SourceFile,
  sectionAt,
  shown,
  type UnsupportedKeys,
  valueOf,
} from './section.ts';
import type { ServiceNaming } from './service-names.ts';
import { NAMING_KEY, readNaming } from './service-names.ts';
import { readSlo } from './slos.ts';
import { readYaml } from './yaml-document.ts';

export type { LocatedUse } from './groups.ts';
export type { RuleFileError, RuleFileNote } from './section.ts';

/** The rules in force. A successful reload replaces all of it. */
export interface RuleSet {
  readonly groups: readonly RuleGroup[];
  /** The objectives of all rules whose services a label names. */
  readonly objectives: readonly ServiceObjective[];
  /** Routing, silencing and grouping; absent: every alert is notified in its rule's channel. */
  readonly policy?: NotificationPolicy;
  /** Aliases of services; absent: none. */
  readonly naming?: ServiceNaming;
  /** Who may do what in Slack; absent: the default. */
  readonly permissions?: Permissions;
}

/** Every channel that the rules name, and the default one. */
export function namedChannels(
  { groups, policy = NO_POLICY }: Pick<RuleSet, 'groups' | 'policy'>,
  defaultChannel: string,
): readonly string[] {
  const ofRules = groups.flatMap(({ rules }) => rules.flatMap(({ channel }) => channel ?? []));
  return [...new Set([defaultChannel, ...channelsIn(policy), ...ofRules])];
}

/** Everything in rule files. The groups and uses are those of the files without errors. */
export interface RuleFileContents extends FilePolicy {
  readonly groups: readonly RuleGroup[];
  /** What each rule reads from Prometheus, for `check --against`. */
  readonly uses: readonly LocatedUse[];
  readonly naming: ServiceNaming;
  readonly permissions?: Permissions;
  readonly notes: readonly RuleFileNote[];
}

export type RuleFileResult = RuleFileContents &
  ({ readonly ok: true } | { readonly ok: false; readonly errors: readonly RuleFileError[] });

/** The two kinds of rules, by the key at the top of their document. */
const KINDS = { groups: readGroup, slos: readSlo } as const;
type RuleKind = keyof typeof KINDS;
const KIND_KEYS = Object.keys(KINDS) as readonly RuleKind[];

/** Keys of a document that are not about rules. */
const OTHER_KEYS: readonly string[] = [...POLICY_KEYS, NAMING_KEY];

/** Alertmanager's keys that are refused, because ignoring them would suppress or lose alerts. */
const UNSUPPORTED: UnsupportedKeys = {
  routes: 'Use `route`.',
  receivers: 'Remove it. Routes set a `channel`.',
  mute_time_intervals: 'Use `time_intervals`.',
};

function unknownKeyMessage(key: string, kind: RuleKind | undefined): string {
  if (Object.hasOwn(UNSUPPORTED, key)) return `unsupported key \`${key}\`. ${UNSUPPORTED[key] ?? ''}`;
  if (kind !== undefined && (Object.hasOwn(KINDS, key) || OTHER_KEYS.includes(key)))
    return `\`${key}\` and \`${kind}\` cannot be in one document: separate them with a line of ---.`;
  return `unknown key \`${key}\`: ${keyHint(key, [...KIND_KEYS, ...OTHER_KEYS])}`;
}

/** The section with the rules of a document: in a Kubernetes object of kind PrometheusRule it is `spec`. */
function rulesIn(document: RuleFileSection): RuleFileSection {
  const top = valueOf(document);
  return isMap(top) && top['kind'] === 'PrometheusRule' && isMap(top['spec'])
    ? sectionAt(document, 'spec')
    : document;
}

/** The objects of a Kubernetes list, `kind: List`; any other document alone. */
function objectsIn(document: RuleFileSection): readonly RuleFileSection[] {
  const top = valueOf(document);
  if (!isMap(top) || top['kind'] !== 'List' || !Array.isArray(top['items'])) return [document];
  return top['items'].map((_, index) => sectionAt(document, 'items', index));
}

function readDocument(reading: RuleGroupReading, document: RuleFileSection): void {
  const section = rulesIn(document);
  const top = valueOf(section);
  if (!isMap(top)) {
    const message = `invalid document: found ${shown(top)}, expected a map with \`groups\` or \`slos\`.`;
    reading.errors.push(errorAt(document, message));
    return;
  }
  const keys = Object.keys(top);
  const kind = keys.find((key): key is RuleKind => Object.hasOwn(KINDS, key));
  // Prometheus rejects a file of groups with any other key; the short form is Tailwatch's own.
  const isAlone = kind === 'groups' || section.path.length > 0;
  for (const key of keys.filter((each) => each !== kind && (isAlone || !OTHER_KEYS.includes(each)))) {
    const message = unknownKeyMessage(key, kind);
    reading.errors.push({ ...keyLocationOf(sectionAt(section, key)), message });
  }
  if (kind === undefined) return;
  for (const entry of entriesOf(reading, sectionAt(section, kind))) KINDS[kind](reading, entry);
}

/** A file that defines nothing: most likely the tool that wrote it failed. */
function noteEmptyFiles(reading: RuleGroupReading, sources: readonly SourceFile[]): void {
  const used = new Set(reading.uses.map(({ location }) => location.file));
  const failed = new Set(reading.errors.map(({ file }) => file));
  for (const source of sources) {
    const documents = reading.documents.filter((document) => document.source === source);
    const hasSettings = documents.some((document) => {
      const top = valueOf(document);
      return isMap(top) && OTHER_KEYS.some((key) => Object.hasOwn(top, key));
    });
    if (hasSettings || used.has(source.file) || failed.has(source.file)) continue;
    const message = 'no rules in this file: expected `groups` or `slos` with at least one rule.';
    reading.notes.push({ ...source.at(0), message, code: 'empty-file' });
  }
}

/** A second group of the same name in a file would share the state of the first one. */
function checkGroupNames(reading: RuleGroupReading): void {
  const named = reading.documents.flatMap((document) => {
    const section = rulesIn(document);
    return KIND_KEYS.flatMap((kind) => {
      const list = valueOf(sectionAt(section, kind));
      return (Array.isArray(list) ? list : []).flatMap((entry: unknown, index) => {
        const group = isMap(entry) ? entry['name'] : undefined;
        if (typeof group !== 'string') return [];
        const location = locationOf(sectionAt(section, kind, index, 'name'));
        return [{ name: `${location.file};${group}`, group, location }];
      });
    });
  });
  firstOfEach(reading, named, ({ group }) => `group name \`${group}\``);
}

/** The text of a rule file, or why it could not be read. */
type RuleFileText = { readonly file: string } & ({ readonly text: string } | { readonly reason: string });

/** Reads rule files together: Prometheus rule groups and short-form SLOs, in any number of documents. */
function readRuleFiles(files: readonly RuleFileText[]): RuleFileResult {
  const documents: RuleFileSection[] = [];
  const reading: RuleGroupReading = { documents, errors: [], notes: [], groups: [], uses: [] };
  const sources: SourceFile[] = [];
  for (const given of files) {
    const { file } = given;
    if ('reason' in given) {
      const message = `cannot read this file: ${given.reason}`;
      reading.errors.push({ file, line: 1, column: 1, excerpt: '', message });
      continue;
    }
    const source = createSourceFile(file, given.text);
    sources.push(source);
    const yaml = readYaml(source);
    reading.errors.push(...yaml.errors);
    documents.push(...yaml.documents.flatMap((document) => objectsIn({ source, document, path: [] })));
  }
  for (const document of documents) readDocument(reading, document);
  checkGroupNames(reading);
  noteEmptyFiles(reading, sources);
  const filePolicy = readPolicy(reading);
  const naming = readNaming(reading);
  const permissions = readPermissions(reading);
  const invalid = new Set(reading.errors.map(({ file }) => file));
  const contents: RuleFileContents = {
    ...filePolicy,
    naming,
    permissions,
    groups: reading.groups.filter(({ file }) => !invalid.has(file)),
    uses: reading.uses.filter(({ location }) => !invalid.has(location.file)),
    notes: inOrder(reading.notes, files),
  };
  return invalid.size === 0
    ? { ok: true, ...contents }
    : { ok: false, errors: inOrder(reading.errors, files), ...contents };
}

/** In the order of the files, from top to bottom. */
function inOrder<T extends RuleFileError>(found: readonly T[], files: readonly RuleFileText[]): readonly T[] {
  const order = new Map(files.map(({ file }, index) => [file, index]));
  const rank = ({ file }: T): number => order.get(file) ?? 0;
  return [...found].sort((a, b) => rank(a) - rank(b) || a.line - b.line || a.column - b.column);
}

/** Reads the text of one rule file. */
export const parseRuleText = (file: string, text: string): RuleFileResult => readRuleFiles([{ file, text }]);

/** Returns the text of a file; rejects with an error whose message is shown. */
export type ReadFile = (path: string) => Promise<string>;

/** What the operating system says, in words. */
const READING_PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist',
  EACCES: 'permission denied; make it readable for the user that runs Tailwatch',
  EISDIR: 'it is a folder',
};

function readingProblem(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return READING_PROBLEMS[code] ?? errorMessage(error);
}

/** Reads rule files: the rules of all of them, or the errors in all of them. */
export async function loadRuleFiles(paths: readonly string[], readFile: ReadFile): Promise<RuleFileResult> {
  const files = paths.map(
    async (file): Promise<RuleFileText> =>
      readFile(file).then(
        (text) => ({ file, text }),
        (error: unknown) => ({ file, reason: readingProblem(error) }),
      ),
  );
  return readRuleFiles(await Promise.all(files));
}
