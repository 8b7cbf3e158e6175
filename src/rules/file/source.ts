import type { FindingCode } from '../rule-use.ts';

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
