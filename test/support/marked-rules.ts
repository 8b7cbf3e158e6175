import { expect } from 'vitest';
import { parseRuleText, type RuleFileError } from '../../src/rules/file/rule-file.ts';
import type { RuleGroup } from '../../src/rules/rule.ts';

/** Marks in a text where each error must be reported; taken out before the text is read. */
const MARK = '§';

/** Reads a marked text: its errors, and the locations of the marks. */
export function read(marked: string) {
  const places: { line: number; column: number }[] = [];
  const text = marked
    .split('\n')
    .map((line, i) => {
      let unmarked = line;
      for (let at = unmarked.indexOf(MARK); at !== -1; at = unmarked.indexOf(MARK)) {
        places.push({ line: i + 1, column: at + 1 });
        unmarked = unmarked.slice(0, at) + unmarked.slice(at + 1);
      }
      return unmarked;
    })
    .join('\n');
  const result = parseRuleText('rules.yaml', text);
  const errors: readonly RuleFileError[] = result.ok ? [] : result.errors;
  return { places, errors, excerpts: errors.map(({ excerpt }) => excerpt) };
}

/** Expects these errors, each at its mark, in this order. */
export function expectErrors(marked: string, messages: readonly RegExp[]): void {
  const { places, errors } = read(marked);
  expect(errors.map(({ line, column }) => ({ line, column }))).toEqual(places);
  expect(errors.map(({ message }) => message)).toEqual(
    messages.map((message) => expect.stringMatching(message)),
  );
}

/** Reads a valid text. */
export const groups = (text: string): readonly RuleGroup[] => {
  const result = parseRuleText('rules.yaml', text);
  expect(result.ok ? [] : result.errors).toEqual([]);
  return result.groups;
};
