import { type Document, type ParsedNode, parseAllDocuments } from 'yaml';

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
export function parseYaml(original: string): ParsedText {
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
