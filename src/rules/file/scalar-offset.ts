import type { Scalar } from 'yaml';

/** Where a text is read from and how far: in the source, and in the value that YAML made of it. */
interface Cursor {
  readonly source: number;
  readonly value: number;
}

interface Walk {
  readonly text: string;
  readonly value: string;
  readonly end: number;
}

type Step = (walk: Walk, at: Cursor) => Cursor;

const plainStep: Step = (_, at) => ({ source: at.source + 1, value: at.value + 1 });

/** Line breaks of the value at a place: one space where lines were folded, else the breaks themselves. */
function breakLength(walk: Walk, at: Cursor, breaks: number): number {
  if (walk.value[at.value] === ' ') return 1;
  let length = 0;
  while (length < breaks && walk.value[at.value + length] === '\n') length++;
  return length;
}

/** In quoted and plain texts a line break takes the blanks around it along. */
const flowBreak: Step = (walk, at) => {
  const run = /^[ \t]*(?:\r?\n[ \t]*)+/.exec(walk.text.slice(at.source, walk.end));
  if (run === null) return plainStep(walk, at);
  const breaks = run[0].split('\n').length - 1;
  return { source: at.source + run[0].length, value: at.value + breakLength(walk, at, breaks) };
};

const ESCAPE = /^\\(?:x[\da-fA-F]{2}|u[\da-fA-F]{4}|U[\da-fA-F]{8}|\r?\n[ \t]*|[^])/;

const doubleQuotedStep: Step = (walk, at) => {
  const escape = ESCAPE.exec(walk.text.slice(at.source, walk.end))?.[0];
  if (escape === undefined) return flowBreak(walk, at);
  if (/^\\\r?\n/.test(escape)) return { source: at.source + escape.length, value: at.value };
  const units = (walk.value.codePointAt(at.value) ?? 0) > 0xffff ? 2 : 1;
  return { source: at.source + escape.length, value: at.value + units };
};

const singleQuotedStep: Step = (walk, at) =>
  walk.text.startsWith("''", at.source)
    ? { source: at.source + 2, value: at.value + 1 }
    : flowBreak(walk, at);

/** In block texts a line break is followed by the indentation, which is no part of the value. */
const blockStep =
  (indent: number): Step =>
  (walk, at) => {
    const run = /^(?:\r?\n[ \t]*(?=\r?\n))*\r?\n/.exec(walk.text.slice(at.source, walk.end));
    if (run === null) return plainStep(walk, at);
    const source = at.source + run[0].length;
    const blanks = /^ */.exec(walk.text.slice(source, walk.end))?.[0].length ?? 0;
    const breaks = run[0].split('\n').length - 1;
    return { source: source + Math.min(indent, blanks), value: at.value + breakLength(walk, at, breaks) };
  };

function advance(walk: Walk, start: Cursor, by: { readonly step: Step; readonly index: number }): number {
  let at = start;
  while (at.value < by.index && at.source < walk.end) at = by.step(walk, at);
  return at.source;
}

/** A block text starts on the line after its header (`|`, `>-`), behind the indentation of its first line with text. */
function blockStart(walk: Walk, from: number): { readonly start: Cursor; readonly indent: number } {
  const header = walk.text.indexOf('\n', from);
  const body = walk.text.slice(header + 1, walk.end);
  const explicit = /\d/.exec(walk.text.slice(from, header));
  const first = /^(?:[ \t]*\r?\n)*( *)/.exec(body);
  // An explicit indentation counts from the parent's column, which is not known here: the first line's own is near enough.
  const indent = first?.[1]?.length ?? 0;
  const leading = explicit === null ? (first?.[0].length ?? 0) : indent;
  const skipped = body.slice(0, leading).split('\n').length - 1;
  return { start: { source: header + 1 + leading, value: skipped }, indent };
}

/**
 * The offset in the file of the `index`-th character of a scalar's value: past quotes, escapes, folded lines and the
 * indentation of block texts. For carets, so that they point into the text as it is written.
 */
export function offsetInScalar(text: string, node: Scalar, index: number): number {
  const [from = 0, end = 0] = node.range ?? [];
  const walk: Walk = { text, value: String(node.value), end };
  switch (node.type) {
    case 'QUOTE_DOUBLE':
      return advance(walk, { source: from + 1, value: 0 }, { step: doubleQuotedStep, index });
    case 'QUOTE_SINGLE':
      return advance(walk, { source: from + 1, value: 0 }, { step: singleQuotedStep, index });
    case 'BLOCK_LITERAL':
    case 'BLOCK_FOLDED': {
      const { start, indent } = blockStart(walk, from);
      return advance(walk, start, { step: blockStep(indent), index });
    }
    default:
      return advance(walk, { source: from, value: 0 }, { step: flowBreak, index });
  }
}
