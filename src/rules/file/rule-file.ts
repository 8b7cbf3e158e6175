import { nearestName } from '../../lib/nearest.ts';
import { NO_POLICY, type NoisePolicy } from '../../policy/suppress.ts';
import type { RuleGroup } from '../rule.ts';
import { NO_NAMING, type ServiceNaming } from '../service-naming.ts';
import type { CompiledGroup, PlacedUse } from './compiled.ts';
import { readGroup } from './groups.ts';
import { mergePolicies } from './merge-policies.ts';
import { type FilePolicy, type PlacedEnd, POLICY_KEYS, readPolicy } from './policy.ts';
import type { PlacedDefault } from './route-defaults.ts';
import { type FileNaming, mergeNaming, NAMING_KEY, readNaming } from './service-names.ts';
import { readSlo } from './slos.ts';
import type { RuleFileError, RuleFileNote, Source } from './source.ts';
import { createSource } from './source.ts';
import type { Part } from './validate.ts';
import type { Path, YamlDocument } from './yaml-document.ts';
import { readYaml } from './yaml-document.ts';

export type { PlacedUse } from './compiled.ts';
export type { RuleFileError, RuleFileNote } from './source.ts';

/** What reading rule files gives. `ok` says that nothing is wrong; the files without mistakes are read either way. */
export interface RuleFileContents {
  readonly groups: readonly RuleGroup[];
  /** What each rule reads and where it stands, for `check --against`. */
  readonly uses: readonly PlacedUse[];
  readonly notes: readonly RuleFileNote[];
  /** Who is notified what, and when nobody is. */
  readonly policy: NoisePolicy;
  /** How people call services. */
  readonly naming: ServiceNaming;
  readonly ends: readonly PlacedEnd[];
  /** What is said of teams and severities. */
  readonly defaults: readonly PlacedDefault[];
  /** Whether some file has a tree of routes. */
  readonly hasRoute: boolean;
}

export type RuleFileResult =
  | ({ readonly ok: true } & RuleFileContents)
  | ({ readonly ok: false; readonly errors: readonly RuleFileError[] } & RuleFileContents);

/** The two kinds of document, by the key at their top. */
const KINDS: Readonly<Record<string, (part: Part) => CompiledGroup>> = { groups: readGroup, slos: readSlo };

/** Top-level keys of Alertmanager's: refused, because ignoring them would suppression or lose alerts. */
const NOT_BUILT: ReadonlySet<string> = new Set(['routes', 'receivers', 'mute_time_intervals']);

/** Keys of a document that are about something else than rules. */
const OTHER_KEYS: readonly string[] = [...POLICY_KEYS, NAMING_KEY];

type Top = Readonly<Record<string, unknown>>;

const isMap = (value: unknown): value is Top =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function unknownKey(key: string, kind: string | undefined): string {
  if (NOT_BUILT.has(key)) return `\`${key}\` is not built yet, so it would do nothing: remove it.`;
  if (kind !== undefined && (Object.hasOwn(KINDS, key) || OTHER_KEYS.includes(key))) {
    return `\`${key}\` stands in one document with \`${kind}\`: put a line with --- between the two.`;
  }
  const near = nearestName(key, [...Object.keys(KINDS), ...OTHER_KEYS]);
  const hint = near === undefined ? 'a document has `groups:` or `slos:`.' : `did you mean \`${near}\`?`;
  return `\`${key}\` is not a key that is known here; ${hint}`;
}

const nothing: CompiledGroup = { uses: [], errors: [], notes: [] };

/** Where in a document its rules stand. */
interface Rules {
  readonly path: Path;
  readonly top: Top;
}

/** At the top; in a Kubernetes object of kind PrometheusRule, whose other keys are Kubernetes's, under `spec`. */
function rulesIn(top: Top): Rules {
  const { kind, spec } = top;
  return kind === 'PrometheusRule' && isMap(spec) ? { path: ['spec'], top: spec } : { path: [], top };
}

function readEntries(
  source: Source,
  document: YamlDocument,
  { path, top, kind }: Rules & { readonly kind: string },
): readonly CompiledGroup[] {
  const list = top[kind];
  const read = KINDS[kind];
  // `groups:` with nothing after it is an empty list, as in Prometheus.
  if (list === '' || read === undefined) return [];
  if (!Array.isArray(list)) {
    const at = document.offsetOf([...path, kind]);
    const error = source.at(at, `\`${kind}\` must be a list (\`- name: ...\`).`);
    return [{ ...nothing, errors: [error] }];
  }
  return list.map((_, index) => read({ source, document, path: [...path, kind, index] }));
}

function readDocument(source: Source, document: YamlDocument): readonly CompiledGroup[] {
  const { value } = document;
  if (!isMap(value)) {
    const error = source.at(
      document.offsetOf([]),
      'a rule file is a map with `groups:` or `slos:` at its top.',
    );
    return [{ ...nothing, errors: [error] }];
  }
  const { path, top } = rulesIn(value);
  const kind = Object.keys(top).find((key) => Object.hasOwn(KINDS, key));
  const unknown = Object.keys(top)
    // Prometheus refuses a file of groups with any other key; the short form is Tailwatch's own.
    .filter((key) => key !== kind && (kind === 'groups' || path.length > 0 || !OTHER_KEYS.includes(key)))
    .map((key) => source.at(document.offsetOfKey([...path, key]), unknownKey(key, kind)));
  return [
    { ...nothing, errors: unknown },
    ...(kind === undefined ? [] : readEntries(source, document, { path, top, kind })),
  ];
}

/** A second group of the same name would share the first one's state. */
function duplicateGroups(source: Source, documents: readonly YamlDocument[]): readonly RuleFileError[] {
  const seen = new Map<string, number>();
  const errors: RuleFileError[] = [];
  const entries = documents.flatMap((document) => {
    const { path, top } = rulesIn(isMap(document.value) ? document.value : {});
    return Object.keys(KINDS).flatMap((kind) => {
      const list = top[kind];
      return (Array.isArray(list) ? (list as unknown[]) : []).map((entry, index) => ({
        document,
        entry,
        path: [...path, kind, index, 'name'],
      }));
    });
  });
  for (const { document, entry, path } of entries) {
    const name = isMap(entry) ? entry['name'] : undefined;
    if (typeof name !== 'string') continue;
    const place = source.at(document.offsetOf(path), '');
    const first = seen.get(name);
    if (first === undefined) seen.set(name, place.line);
    else
      errors.push({
        ...place,
        message: `the name \`${name}\` is taken by the group on line ${first} of this file.`,
      });
  }
  return errors;
}

const inOrder = <T extends RuleFileError>(entries: readonly T[]): readonly T[] =>
  [...entries].sort((a, b) => a.line - b.line || a.column - b.column);

/** Reads a rule file: Prometheus rule groups and short-form SLOs, in as many documents as there are. */
export function parseRuleText(
  file: string,
  text: string,
): RuleFileResult & { readonly filePolicy: FilePolicy; readonly fileNaming: FileNaming } {
  const source = createSource(file, text);
  const { documents, errors: yamlErrors } = readYaml(source);
  const read = documents.flatMap((document) => readDocument(source, document));
  const filePolicy = readPolicy(source, documents);
  const fileNaming = readNaming(source, documents);
  const { policy } = filePolicy;
  const notes = inOrder([...read.flatMap((entry) => entry.notes), ...filePolicy.notes]);
  const errors = [
    ...yamlErrors,
    ...read.flatMap((entry) => entry.errors),
    ...duplicateGroups(source, documents),
    ...filePolicy.errors,
    ...fileNaming.errors,
  ];
  const { ends, defaults, routePlace } = filePolicy;
  const { naming } = mergeNaming([fileNaming]);
  const hasRoute = routePlace !== undefined;
  const about = { notes, policy, filePolicy, naming, fileNaming, ends, defaults, hasRoute };
  if (errors.length > 0) return { ok: false, errors: inOrder(errors), groups: [], uses: [], ...about };
  return {
    ok: true,
    groups: read.flatMap(({ group }) => (group === undefined ? [] : [group])),
    uses: read.flatMap(({ uses }) => uses),
    ...about,
  };
}

/** Gives the text of a file; rejects with an error whose message a person can read. */
export type ReadFile = (path: string) => Promise<string>;

async function readRuleFile(path: string, readFile: ReadFile): Promise<ReturnType<typeof parseRuleText>> {
  let text: string;
  try {
    text = await readFile(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const message = `this file cannot be read: ${reason}`;
    const unreadable = { file: path, line: 1, column: 1, message, excerpt: '' };
    const filePolicy: FilePolicy = { policy: NO_POLICY, errors: [], notes: [], ends: [], defaults: [] };
    return {
      ok: false,
      errors: [unreadable],
      notes: [],
      groups: [],
      uses: [],
      policy: NO_POLICY,
      filePolicy,
      naming: NO_NAMING,
      fileNaming: { aliases: [], namespaces: [], errors: [] },
      ends: [],
      defaults: [],
      hasRoute: false,
    };
  }
  return parseRuleText(path, text);
}

/** Reads rule files: the groups of all of them, or the mistakes of all of them. */
export async function loadRuleFiles(paths: readonly string[], readFile: ReadFile): Promise<RuleFileResult> {
  const results = await Promise.all(paths.map(async (path) => readRuleFile(path, readFile)));
  const merged = mergePolicies(results.map(({ filePolicy }) => filePolicy));
  const named = mergeNaming(results.map(({ fileNaming }) => fileNaming));
  const contents: RuleFileContents = {
    policy: merged.policy,
    naming: named.naming,
    ends: merged.ends,
    defaults: merged.defaults,
    hasRoute: merged.routePlace !== undefined,
    groups: results.flatMap(({ groups }) => groups),
    uses: results.flatMap(({ uses }) => uses),
    notes: results.flatMap(({ notes }) => notes),
  };
  const errors = [
    ...results.flatMap((result) => (result.ok ? [] : result.errors)),
    ...merged.errors,
    ...named.errors,
  ];
  return errors.length === 0 ? { ok: true, ...contents } : { ok: false, errors, ...contents };
}
