import { z } from 'zod';
import { nearestName } from '../../lib/nearest.ts';
import type { FindingCode } from '../rule-use.ts';
import type { Path, YamlDocument } from './yaml-document.ts';

/** A place in a rule file. Lines and columns count from 1, columns in UTF-16 units. */
export interface RuleFileLocation {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** The line of the file with a caret under the column; empty when the file could not be read. */
  readonly excerpt: string;
}

/** An error in a rule file, in the form `what is wrong: found X, expected Y. Do Z.` */
export interface RuleFileError extends RuleFileLocation {
  readonly message: string;
}

/** A warning or a note about a rule file. The file is loaded all the same. */
export interface RuleFileNote extends RuleFileError {
  readonly code: FindingCode;
}

/** The text of a rule file. */
export interface SourceFile {
  readonly file: string;
  readonly text: string;
  /** The line and column of an offset in the text. */
  at(offset: number): RuleFileLocation;
}

/** Longer lines are cut around the caret: expressions run to hundreds of characters. */
const EXCERPT_WIDTH = 110;

function lineStartsOf(text: string): readonly number[] {
  const starts = [0];
  for (let i = text.indexOf('\n'); i !== -1; i = text.indexOf('\n', i + 1)) starts.push(i + 1);
  return starts;
}

/** The last index whose start is not after the offset. */
function lineIndexOf(starts: readonly number[], offset: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}

function excerptOf(line: string, column: number): string {
  const from = line.length <= EXCERPT_WIDTH ? 0 : Math.max(0, column - Math.floor(EXCERPT_WIDTH / 2));
  const to = Math.min(line.length, from + EXCERPT_WIDTH);
  const shown = `${from > 0 ? '…' : ''}${line.slice(from, to)}${to < line.length ? '…' : ''}`;
  // Tabs are kept under tabs, so that the caret has the same column as the character in any editor.
  const before = shown.slice(0, column - from + (from > 0 ? 1 : 0));
  return `${shown}\n${before.replaceAll(/[^\t]/g, ' ')}^`;
}

/** Indexes the lines of a file. */
export function createSourceFile(file: string, text: string): SourceFile {
  const starts = lineStartsOf(text);
  return {
    file,
    text,
    at(offset) {
      const index = lineIndexOf(starts, offset);
      const start = starts[index] ?? 0;
      const end = starts[index + 1] ?? text.length + 1;
      const line = text.slice(start, end - 1).replace(/\r$/, '');
      const column = Math.min(offset - start, line.length);
      return { file, line: index + 1, column: column + 1, excerpt: excerptOf(line, column) };
    },
  };
}

/** A value in a document of a rule file. */
export interface RuleFileSection {
  readonly source: SourceFile;
  readonly document: YamlDocument;
  readonly path: Path;
}

/** The documents of all rule files, each as a section with an empty path, and what was found in them so far. */
export interface RuleFileReading {
  readonly documents: readonly RuleFileSection[];
  readonly errors: RuleFileError[];
  readonly notes: RuleFileNote[];
}

export const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The value of a section; undefined when it does not exist. */
export const valueOf = ({ document, path }: RuleFileSection): unknown =>
  path.reduce<unknown>(
    (value, step) => (value as Record<string, unknown> | undefined)?.[step],
    document.value,
  );

/** The section at a path below another one. */
export const sectionAt = (section: RuleFileSection, ...path: Path): RuleFileSection => ({
  ...section,
  path: [...section.path, ...path],
});

/** Where the value of a section starts. */
export const locationOf = ({ source, document, path }: RuleFileSection): RuleFileLocation =>
  source.at(document.offsetOf(path));

/** Where the key of a section starts. */
export const keyLocationOf = ({ source, document, path }: RuleFileSection): RuleFileLocation =>
  source.at(document.offsetOfKey(path));

export const errorAt = (section: RuleFileSection, message: string): RuleFileError => ({
  ...locationOf(section),
  message,
});

/** Unsupported keys, most of them Alertmanager's, with what to do instead: a full sentence. */
export type UnsupportedKeys = Readonly<Record<string, string>>;

/** A valid section, or all errors in it. */
export type Validated<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly errors: readonly RuleFileError[] };

const dotted = (path: Path): string => path.filter((step) => typeof step === 'string').join('.');

/** `objective.below`, or `entry of by`. */
function subjectOf(path: Path): string {
  if (path.length === 0) return 'document';
  return `${typeof path.at(-1) === 'number' ? 'entry of ' : ''}\`${dotted(path)}\``;
}

/** The keys that a schema knows in the map at a path. */
function keysAt(schema: z.core.$ZodType, path: Path): readonly string[] {
  if (schema instanceof z.ZodOptional) return keysAt(schema.unwrap(), path);
  if (schema instanceof z.ZodLazy) return keysAt(schema.unwrap(), path);
  if (schema instanceof z.ZodPipe) return [...keysAt(schema.in, path), ...keysAt(schema.out, path)];
  const [step, ...rest] = path;
  if (schema instanceof z.ZodObject) {
    if (step === undefined) return Object.keys(schema.shape);
    const field = schema.shape[step] as z.core.$ZodType | undefined;
    return field === undefined ? [] : keysAt(field, rest);
  }
  if (schema instanceof z.ZodArray) return keysAt(schema.element, rest);
  return schema instanceof z.ZodRecord ? keysAt(schema.valueType, rest) : [];
}

/** `a, b or c`. */
export const alternatives = (values: readonly string[]): string =>
  new Intl.ListFormat('en-GB', { type: 'disjunction' }).format(values);

/** `did you mean x?`, or the list of all known keys. */
export function keyHint(key: string, known: readonly string[]): string {
  const near = nearestName(key, known);
  return near === undefined ? `expected ${alternatives(known)}.` : `did you mean \`${near}\`?`;
}

/** A value for a message. */
export function shown(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (isMap(value)) return 'a map';
  return value === '' || value === undefined ? 'an empty value' : JSON.stringify(value);
}

const EXPECTED: Readonly<Record<string, string>> = {
  string: 'a single value',
  array: 'a list (`- ...`)',
  object: 'a map (`key: value`)',
  record: 'a map (`key: value`)',
};

function messageOf(issue: z.core.$ZodIssue, subject: string): string {
  if (issue.code !== 'invalid_type') return `invalid ${subject}: ${issue.message}`;
  if (issue.input === undefined) return `missing ${subject}`;
  return `invalid ${subject}: found ${shown(issue.input)}, expected ${EXPECTED[issue.expected] ?? issue.expected}`;
}

const sentence = (text: string): string => (/[.?!]$/.test(text) ? text : `${text}.`);

/** Issues carry what the location needs: an offset in the text, or that the key itself is wrong. */
function placeOf(issue: z.core.$ZodIssue, { source, document, path }: RuleFileSection): RuleFileLocation {
  const { at, onKey } = (issue.code === 'custom' ? (issue.params ?? {}) : {}) as {
    readonly at?: number;
    readonly onKey?: boolean;
  };
  if (onKey === true) return source.at(document.offsetOfKey(path));
  return source.at(at === undefined ? document.offsetOf(path) : document.offsetInside(path, at));
}

interface ValidateOptions {
  readonly schema: z.core.$ZodType;
  readonly section: RuleFileSection;
  readonly unsupported: UnsupportedKeys;
}

function errorsOf(
  issue: z.core.$ZodIssue,
  { schema, section, unsupported }: ValidateOptions,
): readonly RuleFileError[] {
  const within = issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step));
  const at = sectionAt(section, ...within);
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const advice = Object.hasOwn(unsupported, key) ? unsupported[key] : undefined;
      const message =
        advice === undefined
          ? `unknown key \`${key}\`: ${keyHint(key, keysAt(schema, within))}`
          : `unsupported key \`${dotted([...within, key])}\`. ${advice}`;
      return { ...keyLocationOf(sectionAt(at, key)), message };
    });
  }
  const subject = subjectOf(within.length === 0 ? section.path : within);
  return [{ ...placeOf(issue, at), message: sentence(messageOf(issue, subject)) }];
}

/** Validates a section by a schema: its value, or every error with its location. */
export function validate<T>(
  schema: z.ZodType<T>,
  section: RuleFileSection,
  unsupported: UnsupportedKeys = {},
): Validated<T> {
  const parsed = schema.safeParse(valueOf(section), { reportInput: true });
  if (parsed.success) return { ok: true, value: parsed.data };
  const options = { schema, section, unsupported };
  return { ok: false, errors: parsed.error.issues.flatMap((issue) => errorsOf(issue, options)) };
}

/** A valid value and where it was read. */
export interface SectionValue<T> {
  readonly value: T;
  readonly section: RuleFileSection;
}

/** The sections under a key at the top of documents. */
export const sectionsOf = ({ documents }: RuleFileReading, key: string): readonly RuleFileSection[] =>
  documents
    .filter((document) => isMap(valueOf(document)) && valueOf(sectionAt(document, key)) !== undefined)
    .map((document) => sectionAt(document, key));

/** The valid ones of some sections. The errors in the others are added to those of the reading. */
export const readSections = <T>(
  reading: RuleFileReading,
  sections: readonly RuleFileSection[],
  schema: z.ZodType<T>,
): readonly SectionValue<T>[] =>
  sections.flatMap((section) => {
    const checked = validate(schema, section);
    if (checked.ok) return [{ value: checked.value, section }];
    reading.errors.push(...checked.errors);
    return [];
  });

/** The entries of a list; an empty value is an empty list. Anything else is an error. */
export function entriesOf(reading: RuleFileReading, section: RuleFileSection): readonly RuleFileSection[] {
  const list = valueOf(section);
  if (Array.isArray(list)) return list.map((_, index) => sectionAt(section, index));
  if (list !== '') {
    const message = `invalid \`${dotted(section.path)}\`: found ${shown(list)}, expected a list (\`- ...\`).`;
    reading.errors.push(errorAt(section, message));
  }
  return [];
}

/** Reads the lists under a key at the top of documents. */
export const readLists = <T>(
  reading: RuleFileReading,
  key: string,
  schema: z.ZodType<T>,
): readonly SectionValue<T>[] =>
  readSections(
    reading,
    sectionsOf(reading, key).flatMap((section) => entriesOf(reading, section)),
    schema,
  );

/** The section of a key that is set once for all rules; others are errors. */
export function soleSection(reading: RuleFileReading, key: string): RuleFileSection | undefined {
  const all = sectionsOf(reading, key).map((at) => ({ name: key, location: locationOf(at), at }));
  return firstOfEach(reading, all, () => `\`${key}\``)[0]?.at;
}

/** Keeps the first definition of each name; the others are errors. `subject` names one in a message. */
export function firstOfEach<T extends { readonly name: string; readonly location: RuleFileLocation }>(
  reading: RuleFileReading,
  all: readonly T[],
  subject: (definition: T) => string,
): readonly T[] {
  const first = new Map<string, T>();
  for (const definition of all) {
    const earlier = first.get(definition.name);
    if (earlier === undefined) {
      first.set(definition.name, definition);
      continue;
    }
    const { file, line } = earlier.location;
    const message = `duplicate ${subject(definition)}: already defined at ${file}:${line}.`;
    reading.errors.push({ ...definition.location, message });
  }
  return [...first.values()];
}
