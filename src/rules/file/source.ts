import type { FindingCode } from '../rule-use.ts';

/** One mistake in a rule file, and where it is. Lines and columns count from 1, columns in UTF-16 units. */
export interface RuleFileError {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** What is wrong and what to write instead. */
  readonly message: string;
  /** The line of the file with a caret under the place; empty when the file could not be read. */
  readonly excerpt: string;
}

/** Something worth knowing that keeps no file from being loaded. */
export interface RuleFileNote extends RuleFileError {
  readonly code: FindingCode;
}

/** The text of a file, and the way from an offset in it to a line a person can find. */
export interface Source {
  readonly file: string;
  readonly text: string;
  /** An error (or note) at an offset of the text. */
  at(offset: number, message: string): RuleFileError;
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
  // Tabs stay tabs under tabs, so that the caret stands where the reader's editor puts the character.
  const before = shown.slice(0, column - from + (from > 0 ? 1 : 0));
  return `${shown}\n${before.replaceAll(/[^\t]/g, ' ')}^`;
}

/** Wraps a file's text. */
export function createSource(file: string, text: string): Source {
  const starts = lineStartsOf(text);
  return {
    file,
    text,
    at(offset, message) {
      const index = lineIndexOf(starts, offset);
      const start = starts[index] ?? 0;
      const end = starts[index + 1] ?? text.length + 1;
      const line = text.slice(start, end - 1).replace(/\r$/, '');
      const column = Math.min(offset - start, line.length);
      return { file, line: index + 1, column: column + 1, message, excerpt: excerptOf(line, column) };
    },
  };
}
