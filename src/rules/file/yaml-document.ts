import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  type ParsedNode,
  parseAllDocuments,
  type Scalar,
  visit,
} from 'yaml';
import { errorMessage } from '../../lib/errors.ts';
import type { RuleFileError, SourceFile } from './section.ts';

/*
 * YAML wants the lines of a quoted text to be indented deeper than the key. Prometheus's parser does not, and people
 * write what it accepts:
 *
 *     annotations:
 *       description: "two
 *       lines"
 */

/** The documents of a text, and the offset in the text as written of an offset in it as it was parsed. */
export interface ParsedText {
  readonly documents: readonly Document.Parsed<ParsedNode>[];
  /** The text with deeper indentation in quoted texts. Its values are the same. */
  readonly text: string;
  readonly writtenOffset: (offset: number) => number;
}

/** Spaces that were added at an offset of the text as written. */
interface Added {
  readonly at: number;
  readonly count: number;
}

/** The rest of a quoted text up to its closing quote. */
const REST: Readonly<Record<string, RegExp>> = {
  '"': /(?:[^"\\]|\\[^])*"/y,
  "'": /(?:[^']|'')*'/y,
};

/** A line that ends the document, also inside of quotes. */
const DOCUMENT_MARKER = /\n(?:---|\.\.\.)/;

/** How many quoted texts of a file are indented: each is a pass of the parser. */
const MAX_PASSES = 200;

const parse = (text: string): readonly Document.Parsed<ParsedNode>[] => {
  const parsed = parseAllDocuments<ParsedNode>(text, {
    schema: 'failsafe',
    merge: true,
    prettyErrors: false,
    logLevel: 'silent',
  });
  return Array.isArray(parsed) ? parsed : [];
};

/** The first quoted text that is cut off by a line without indentation: its quote, and the offset where it is cut. */
function cutText(
  documents: readonly Document.Parsed<ParsedNode>[],
): { readonly quote: string; readonly at: number } | undefined {
  const error = documents.flatMap(({ errors }) => errors)[0];
  const [, quote] = /^Missing closing (["'])quote/.exec(error?.message ?? '') ?? [];
  return error === undefined || quote === undefined ? undefined : { quote, at: error.pos[0] };
}

/** The offsets at which the other lines of the cut text start; none when the text is not closed. */
function otherLines(text: string, { quote, at }: { quote: string; at: number }): readonly number[] {
  const pattern = REST[quote];
  if (pattern === undefined) return [];
  pattern.lastIndex = at;
  const rest = pattern.exec(text)?.[0] ?? '';
  if (DOCUMENT_MARKER.test(rest)) return [];
  return Array.from(rest.matchAll(/\n/g), ({ index }) => at + index + 1);
}

function indented(text: string, lines: readonly number[], count: number): string {
  let written = '';
  let from = 0;
  for (const line of lines) {
    written += text.slice(from, line) + ' '.repeat(count);
    from = line;
  }
  return written + text.slice(from);
}

/** The documents of a YAML text. Scalars stay texts. */
function parseYaml(original: string): ParsedText {
  let text = original;
  let documents = parse(text);
  const added: Added[] = [];
  const writtenOffset = (offset: number): number => {
    let written = offset;
    // The spaces of each pass count from the text of the pass before.
    for (const { at, count } of added.toReversed()) if (written > at) written = Math.max(at, written - count);
    return written;
  };
  for (let pass = 0; pass < MAX_PASSES; pass++) {
    const cut = cutText(documents);
    const lines = cut === undefined ? [] : otherLines(text, cut);
    if (cut === undefined || lines.length === 0) break;
    // Deeper than the key, which is left of the quote.
    const count = cut.at - text.lastIndexOf('\n', cut.at - 1);
    text = indented(text, lines, count);
    added.push(...lines.map((line, index) => ({ at: line + index * count, count })));
    documents = parse(text);
  }
  return { documents, text, writtenOffset };
}

/** A path in a document: keys of maps and indexes of lists. */
export type Path = readonly (string | number)[];

/** One document of a YAML file: its value, in which every scalar is a text, and the offsets of its nodes in the file. */
export interface YamlDocument {
  readonly value: unknown;
  /** The start of a value; when it does not exist, of the nearest value around it. */
  offsetOf(path: Path): number;
  /** The start of a key. */
  offsetOfKey(path: Path): number;
  /** The offset of a character of a text, which may be quoted or folded. */
  offsetInside(path: Path, index: number): number;
}

/** A position in a scalar: in the file, and in the value that YAML made of it. */
interface Cursor {
  readonly source: number;
  readonly value: number;
}

/** A scalar: the text of the file, the scalar's value and its end in the file. */
interface ScalarText {
  readonly text: string;
  readonly value: string;
  readonly end: number;
}

type Step = (scalar: ScalarText, at: Cursor) => Cursor;

const oneCharacter: Step = (_, at) => ({ source: at.source + 1, value: at.value + 1 });

/** The length of line breaks in the value: one space where lines were folded, else the breaks themselves. */
function breakLength(scalar: ScalarText, at: Cursor, breaks: number): number {
  if (scalar.value[at.value] === ' ') return 1;
  let length = 0;
  while (length < breaks && scalar.value[at.value + length] === '\n') length++;
  return length;
}

/** In quoted and plain scalars a line break includes the blanks around it. */
const flowBreak: Step = (scalar, at) => {
  const run = /^[ \t]*(?:\r?\n[ \t]*)+/.exec(scalar.text.slice(at.source, scalar.end));
  if (run === null) return oneCharacter(scalar, at);
  const breaks = run[0].split('\n').length - 1;
  return { source: at.source + run[0].length, value: at.value + breakLength(scalar, at, breaks) };
};

const ESCAPE = /^\\(?:x[\da-fA-F]{2}|u[\da-fA-F]{4}|U[\da-fA-F]{8}|\r?\n[ \t]*|[^])/;

const doubleQuotedStep: Step = (scalar, at) => {
  const escape = ESCAPE.exec(scalar.text.slice(at.source, scalar.end))?.[0];
  if (escape === undefined) return flowBreak(scalar, at);
  if (/^\\\r?\n/.test(escape)) return { source: at.source + escape.length, value: at.value };
  const units = (scalar.value.codePointAt(at.value) ?? 0) > 0xffff ? 2 : 1;
  return { source: at.source + escape.length, value: at.value + units };
};

const singleQuotedStep: Step = (scalar, at) =>
  scalar.text.startsWith("''", at.source)
    ? { source: at.source + 2, value: at.value + 1 }
    : flowBreak(scalar, at);

/** In block scalars a line break is followed by the indentation, which is not in the value. */
const blockStep =
  (indent: number): Step =>
  (scalar, at) => {
    const run = /^(?:\r?\n[ \t]*(?=\r?\n))*\r?\n/.exec(scalar.text.slice(at.source, scalar.end));
    if (run === null) return oneCharacter(scalar, at);
    const source = at.source + run[0].length;
    const blanks = /^ */.exec(scalar.text.slice(source, scalar.end))?.[0].length ?? 0;
    const breaks = run[0].split('\n').length - 1;
    return { source: source + Math.min(indent, blanks), value: at.value + breakLength(scalar, at, breaks) };
  };

function advance(
  scalar: ScalarText,
  start: Cursor,
  by: { readonly step: Step; readonly index: number },
): number {
  let at = start;
  while (at.value < by.index && at.source < scalar.end) at = by.step(scalar, at);
  return at.source;
}

/** A block scalar starts on the line after its header (`|`, `>-`), after the indentation of its first line with text. */
function blockStart(scalar: ScalarText, from: number): { readonly start: Cursor; readonly indent: number } {
  const header = scalar.text.indexOf('\n', from);
  const body = scalar.text.slice(header + 1, scalar.end);
  const explicit = /\d/.exec(scalar.text.slice(from, header));
  const first = /^(?:[ \t]*\r?\n)*( *)/.exec(body);
  // An explicit indentation counts from the parent's column, which is not known here: the first line's own is close enough.
  const indent = first?.[1]?.length ?? 0;
  const leading = explicit === null ? (first?.[0].length ?? 0) : indent;
  const skipped = body.slice(0, leading).split('\n').length - 1;
  return { start: { source: header + 1 + leading, value: skipped }, indent };
}

/** The offset in the file of the `index`-th character of a scalar's value, past quotes, escapes, folds and indentation. */
function offsetInScalar(text: string, node: Scalar, index: number): number {
  const [from = 0, end = 0] = node.range ?? [];
  const scalar: ScalarText = { text, value: String(node.value), end };
  switch (node.type) {
    case 'QUOTE_DOUBLE':
      return advance(scalar, { source: from + 1, value: 0 }, { step: doubleQuotedStep, index });
    case 'QUOTE_SINGLE':
      return advance(scalar, { source: from + 1, value: 0 }, { step: singleQuotedStep, index });
    case 'BLOCK_LITERAL':
    case 'BLOCK_FOLDED': {
      const { start, indent } = blockStart(scalar, from);
      return advance(scalar, start, { step: blockStep(indent), index });
    }
    default:
      return advance(scalar, { source: from, value: 0 }, { step: flowBreak, index });
  }
}

const isNamed = (key: string | number, pair: Pair): boolean =>
  isScalar(pair.key) && String(pair.key.value) === String(key);

const isMerge = (pair: Pair): boolean => isScalar(pair.key) && pair.key.value === Symbol.for('<<');

function childOf(
  document: Document,
  node: Node | null | undefined,
  key: string | number,
): Pair | Node | undefined {
  if (isSeq(node)) return node.items[Number(key)] as Node | undefined;
  if (!isMap(node)) return undefined;
  // The last of two equal keys is the one whose value counts.
  const pair = node.items.findLast((item) => isNamed(key, item));
  if (pair !== undefined) return pair;
  const merged = node.items.filter((item) => typeof item.key !== 'string' && isMerge(item));
  for (const merge of merged) {
    const found = childOf(document, resolved(document, merge.value as Node), key);
    if (found !== undefined) return found;
  }
  return undefined;
}

const resolved = (document: Document, node: Node | null | undefined): Node | null | undefined =>
  isAlias(node) ? node.resolve(document) : node;

const isPair = (item: Pair | Node): item is Pair => 'key' in item && 'value' in item && !('range' in item);

interface YamlNode {
  readonly key?: Scalar;
  readonly value?: Node | null;
}

/** Follows a path as far as the document goes. */
function walk(document: Document, path: Path): YamlNode & { readonly isComplete: boolean } {
  let node: YamlNode = { value: document.contents };
  for (const step of path) {
    const child = childOf(document, resolved(document, node.value), step);
    if (child === undefined) return { ...node, isComplete: false };
    node = isPair(child) ? { key: child.key as Scalar, value: child.value as Node | null } : { value: child };
  }
  return { ...node, isComplete: true };
}

const startOf = (node: Node | Scalar | null | undefined): number | undefined => node?.range?.[0];

function offsetsIn(document: Document, { text, writtenOffset }: ParsedText): Omit<YamlDocument, 'value'> {
  const fallback = document.range?.[0] ?? 0;
  const offsetOf = (path: Path): number => {
    const { key, value } = walk(document, path);
    return writtenOffset(startOf(value) ?? startOf(key) ?? fallback);
  };
  return {
    offsetOf,
    offsetOfKey(path) {
      const { key, isComplete } = walk(document, path);
      const start = isComplete ? startOf(key) : undefined;
      return start === undefined ? offsetOf(path) : writtenOffset(start);
    },
    offsetInside(path, index) {
      const { value, isComplete } = walk(document, path);
      const node = resolved(document, value);
      const isInside = isComplete && isScalar(node);
      return isInside ? writtenOffset(offsetInScalar(text, node, index)) : offsetOf(path);
    },
  };
}

function duplicateMessage(source: SourceFile, offset: number): string {
  const key = /^["']?([^"'\s:]+)/.exec(source.text.slice(offset, offset + 100))?.[1] ?? '';
  return `duplicate key \`${key}\`: remove one of them.`;
}

const yamlErrors = (
  document: Document,
  source: SourceFile,
  writtenOffset: ParsedText['writtenOffset'],
): readonly RuleFileError[] =>
  document.errors.map(({ code, message, pos }) => {
    const offset = writtenOffset(pos[0]);
    return {
      ...source.at(offset),
      message: code === 'DUPLICATE_KEY' ? duplicateMessage(source, offset) : `invalid YAML: ${message}.`,
    };
  });

const isNull = (node: unknown): boolean =>
  isScalar(node) && node.type === 'PLAIN' && /^(?:~|null|Null|NULL)$/.test(String(node.value));

/** `for:` with nothing after it is null. */
const isEmptyDuration = (key: unknown, value: unknown): boolean =>
  isScalar(key) &&
  /^(?:for|keep_firing_for|interval|query_offset)$/.test(String(key.value)) &&
  isScalar(value) &&
  value.type === 'PLAIN' &&
  value.value === '';

/** A key with the value null is an absent one, as for Prometheus: templates of Helm charts leave such keys. */
function dropNulls(document: Document): void {
  visit(document, {
    Pair: (_, { key, value }) => (isNull(value) || isEmptyDuration(key, value) ? visit.REMOVE : undefined),
  });
}

/**
 * Reads all documents of a file. Scalars stay texts, as Prometheus decodes them into texts: `severity: 1` is "1", `for: 0`
 * is "0"; null is absent. A document with invalid YAML gives errors and no value; the others are read all the same.
 */
export function readYaml(source: SourceFile): {
  readonly documents: readonly YamlDocument[];
  readonly errors: readonly RuleFileError[];
} {
  const parsed = parseYaml(source.text);
  const { writtenOffset } = parsed;
  const documents: YamlDocument[] = [];
  const errors: RuleFileError[] = [];
  for (const document of parsed.documents) {
    errors.push(...yamlErrors(document, source, writtenOffset));
    dropNulls(document);
    if (document.errors.some(({ code }) => code !== 'DUPLICATE_KEY')) continue;
    try {
      const value: unknown = document.toJS({ maxAliasCount: 100 });
      // An empty document is a comment or a closing `---`.
      if (value !== undefined && value !== null && value !== '')
        documents.push({ value, ...offsetsIn(document, parsed) });
    } catch (error) {
      const reason = errorMessage(error);
      const message = `cannot resolve the aliases (\`*name\`) of this document: ${reason}.`;
      errors.push({ ...source.at(writtenOffset(document.contents?.range?.[0] ?? 0)), message });
    }
  }
  return { documents, errors };
}
