/** A place in a text, both counted from 1. */
export interface TextPlace {
  readonly line: number;
  readonly column: number;
}

/** Where a text stops being JSON. */
export interface JsonFault extends TextPlace {
  /** The text is the beginning of a document: it was cut off. */
  readonly isCutOff: boolean;
}

const SPACE = /[ \t\r\n]*/y;
/** One token; a text that is not closed, or another character, matches none. */
const TOKEN =
  /"(?:[^"\\\p{Cc}]|\\(?:["\\/bfnrt]|u[0-9a-f]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:e[+-]?\d+)?|true|false|null|[{}[\],:]/iuy;

/**
 * The place of the first fault of a text that `JSON.parse` refuses; its own message names none in older versions of Node.js
 * and for short texts. Grammar: RFC 8259. Undefined for valid JSON.
 */
export function jsonFault(text: string): JsonFault | undefined {
  const reader = createReader();
  let at = skipSpace(text, 0);
  while (at < text.length) {
    TOKEN.lastIndex = at;
    const token = TOKEN.exec(text)?.[0];
    if (token === undefined) return faultAt(text, at, isUnclosedText(text, at));
    if (!reader.accepts(token)) return faultAt(text, at, false);
    at = skipSpace(text, at + token.length);
  }
  return reader.isComplete() ? undefined : faultAt(text, text.length, true);
}

function skipSpace(text: string, from: number): number {
  SPACE.lastIndex = from;
  return from + (SPACE.exec(text)?.[0].length ?? 0);
}

/** What may come next. `first-*` also accepts the end of an empty list or object. */
type Expected = 'value' | 'first-value' | 'key' | 'first-key' | 'colon' | 'separator' | 'nothing';

function createReader(): { accepts(token: string): boolean; isComplete(): boolean } {
  const open: ('[' | '{')[] = [];
  let expected: Expected = 'value';
  const closed = (): boolean => {
    expected = open.length === 0 ? 'nothing' : 'separator';
    return true;
  };
  const expect = (next: Expected): boolean => {
    expected = next;
    return true;
  };
  const isExpected = (...any: readonly Expected[]): boolean => any.includes(expected);
  const begin = (bracket: '[' | '{', next: Expected): boolean =>
    isExpected('value', 'first-value') && open.push(bracket) > 0 && expect(next);
  const close = (bracket: '[' | '{', empty: Expected): boolean =>
    isExpected('separator', empty) && open.pop() === bracket && closed();
  const scalar = (token: string): boolean =>
    isExpected('key', 'first-key')
      ? token.startsWith('"') && expect('colon')
      : isExpected('value', 'first-value') && closed();
  const punctuation = new Map([
    ['{', () => begin('{', 'first-key')],
    ['[', () => begin('[', 'first-value')],
    ['}', () => close('{', 'first-key')],
    [']', () => close('[', 'first-value')],
    [':', () => isExpected('colon') && expect('value')],
    [',', () => isExpected('separator') && expect(open.at(-1) === '{' ? 'key' : 'value')],
  ]);
  return {
    isComplete: () => expected === 'nothing',
    accepts: (token) => punctuation.get(token)?.() ?? scalar(token),
  };
}

/** A text whose closing quote is missing up to the end of the document. */
function isUnclosedText(text: string, at: number): boolean {
  const rest = text.slice(at);
  return rest.startsWith('"') && !/[^\\]"|\p{Cc}/u.test(rest.slice(1));
}

function faultAt(text: string, at: number, isCutOff: boolean): JsonFault {
  const before = text.slice(0, at);
  const lineStart = before.lastIndexOf('\n') + 1;
  return { line: before.split('\n').length, column: at - lineStart + 1, isCutOff };
}
