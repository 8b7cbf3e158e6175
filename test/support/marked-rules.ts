import { expect } from 'vitest';
import { parseRuleText } from '../../src/rules/file/rule-file.ts';
import type { RuleGroup } from '../../src/rules/rule.ts';

/** Marks in a text where each error must be reported; taken out before the text is read. */
const MARK = '§';

interface Found {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** Reads a marked text: what was found, and the places of the marks. */
export function read(marked: string) {
  const places: { line: number; column: number }[] = [];
  const text = marked
    .split('\n')
    .map((line, i) => {
      let plain = line;
      for (let at = plain.indexOf(MARK); at !== -1; at = plain.indexOf(MARK)) {
        places.push({ line: i + 1, column: at + 1 });
        plain = plain.slice(0, at) + plain.slice(at + 1);
      }
      return plain;
    })
    .join('\n');
  const result = parseRuleText('rules.yaml', text);
  const errors: readonly Found[] = result.ok ? [] : result.errors;
  return { places, errors, excerpts: result.ok ? [] : result.errors.map(({ excerpt }) => excerpt) };
}

/** Expects these errors, each at its mark, in this order. */
export function expectErrors(marked: string, messages: readonly RegExp[]): void {
  const { places, errors } = read(marked);
  expect(errors.map(({ line, column }) => ({ line, column }))).toEqual(places);
  expect(errors.map(({ message }) => message)).toEqual(
    messages.map((message) => expect.stringMatching(message)),
  );
}

/** Reads a text that must be right. */
export const groups = (text: string): readonly RuleGroup[] => {
  const result = parseRuleText('rules.yaml', text);
  expect(result.ok ? [] : result.errors).toEqual([]);
  return result.groups;
};
