import type { Document, Node, Pair, ParsedNode, Scalar } from 'yaml';
import { isAlias, isMap, isScalar, isSeq, parseAllDocuments, visit } from 'yaml';
import { offsetInScalar } from './scalar-offset.ts';
import type { RuleFileError, Source } from './source.ts';

/** Where in a document: keys of maps and indexes of lists. */
export type Path = readonly (string | number)[];

/** One document of a YAML file: its value (every scalar a text, as written) and where each part of it stands. */
export interface YamlDocument {
  readonly value: unknown;
  /** Where a value starts; of the nearest thing around it when it is not there. */
  offsetOf(path: Path): number;
  /** Where a key starts. */
  offsetOfKey(path: Path): number;
  /** Where a character of a text stands, folded and quoted texts included. */
  offsetInside(path: Path, index: number): number;
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

interface Found {
  readonly key?: Scalar;
  readonly value?: Node | null;
}

/** Walks as far as the document goes along the path. */
function walk(document: Document, path: Path): { readonly found: Found; readonly complete: boolean } {
  let found: Found = { value: document.contents };
  for (const step of path) {
    const child = childOf(document, resolved(document, found.value), step);
    if (child === undefined) return { found, complete: false };
    found = isPair(child)
      ? { key: child.key as Scalar, value: child.value as Node | null }
      : { value: child };
  }
  return { found, complete: true };
}

const startOf = (node: Node | Scalar | null | undefined): number | undefined => node?.range?.[0];

function locate(document: Document, source: Source): Omit<YamlDocument, 'value'> {
  const fallback = document.range?.[0] ?? 0;
  const offsetOf = (path: Path): number => {
    const { found } = walk(document, path);
    return startOf(found.value) ?? startOf(found.key) ?? fallback;
  };
  return {
    offsetOf,
    offsetOfKey(path) {
      const { found, complete } = walk(document, path);
      return (complete ? startOf(found.key) : undefined) ?? offsetOf(path);
    },
    offsetInside(path, index) {
      const { found, complete } = walk(document, path);
      const node = resolved(document, found.value);
      return complete && isScalar(node) ? offsetInScalar(source.text, node, index) : offsetOf(path);
    },
  };
}

function duplicateMessage(source: Source, offset: number): string {
  const key = /^["']?([^"'\s:]+)/.exec(source.text.slice(offset, offset + 100))?.[1] ?? '';
  return `\`${key}\` stands twice in this map: remove one of them.`;
}

function yamlErrors(document: Document, source: Source): readonly RuleFileError[] {
  return document.errors.map((error) =>
    source.at(
      error.pos[0],
      error.code === 'DUPLICATE_KEY'
        ? duplicateMessage(source, error.pos[0])
        : `This is not YAML: ${error.message}.`,
    ),
  );
}

const isNull = (node: unknown): boolean =>
  isScalar(node) && node.type === 'PLAIN' && /^(?:~|null|Null|NULL)$/.test(String(node.value));

/** A key whose value is written as null is one that is not written, as for Prometheus: templates of charts leave such. */
function dropNulls(document: Document): void {
  visit(document, { Pair: (_, { value }) => (isNull(value) ? visit.REMOVE : undefined) });
}

function valueOf(document: Document, source: Source): { value?: unknown; errors: readonly RuleFileError[] } {
  try {
    return { value: document.toJS({ maxAliasCount: 100 }), errors: [] };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const offset = document.contents?.range?.[0] ?? 0;
    return {
      errors: [source.at(offset, `The aliases (\`*name\`) of this document cannot be followed: ${reason}.`)],
    };
  }
}

/**
 * Reads all documents of a file. Scalars stay texts, as Prometheus's own decoder reads them into texts: `severity: 1`
 * is "1", `for: 0` is "0"; but null is nothing. A document whose YAML is broken gives errors and no value; the others are still read.
 */
export function readYaml(source: Source): {
  readonly documents: readonly YamlDocument[];
  readonly errors: readonly RuleFileError[];
} {
  const parsed = parseAllDocuments<ParsedNode>(source.text, {
    schema: 'failsafe',
    merge: true,
    prettyErrors: false,
    logLevel: 'silent',
  });
  const documents: YamlDocument[] = [];
  const errors: RuleFileError[] = [];
  for (const document of Array.isArray(parsed) ? parsed : []) {
    errors.push(...yamlErrors(document, source));
    dropNulls(document);
    const isReadable = document.errors.every(({ code }) => code === 'DUPLICATE_KEY');
    const { value, errors: unresolved } = isReadable ? valueOf(document, source) : { errors: [] };
    errors.push(...unresolved);
    // An empty document is a comment or a closing `---`: nothing to read, nothing wrong.
    if (value !== undefined && value !== null && value !== '') {
      documents.push({ value, ...locate(document, source) });
    }
  }
  return { documents, errors };
}
