import { array, assert, constantFrom, json as jsonText, nat, oneof, property, tuple } from 'fast-check';
import { expect, it } from 'vitest';
import { jsonFault } from '../../../src/jaeger/exported-traces.ts';

it.each([
  ['a comma too many', '[1,\n 2,]', { line: 2, column: 4, isCutOff: false }],
  ['a word', '{"a": nope}', { line: 1, column: 7, isCutOff: false }],
  ['a key without quotes', '{\n  a: 1\n}', { line: 2, column: 3, isCutOff: false }],
  ['a line break in a text', '["a\nb"]', { line: 1, column: 2, isCutOff: false }],
  ['a second document', '{} {}', { line: 1, column: 4, isCutOff: false }],
  ['the wrong bracket', '[1}', { line: 1, column: 3, isCutOff: false }],
  ['a missing end', '{"a": [1,\n2', { line: 2, column: 2, isCutOff: true }],
  ['an end inside a text', '{"a": "b', { line: 1, column: 7, isCutOff: true }],
  ['an end after a backslash', '["a\\', { line: 1, column: 2, isCutOff: true }],
  ['nothing', '', { line: 1, column: 1, isCutOff: true }],
])('finds the place of %s', (_, text, fault) => {
  expect(jsonFault(text)).toEqual(fault);
});

it('finds a fault exactly where JSON.parse does not accept a text', () => {
  const piece = constantFrom(
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"a"',
    '"',
    '1',
    '-',
    '01',
    '1e5',
    'true',
    ' ',
    '\n',
    '\\',
  );
  const text = oneof(
    array(piece, { maxLength: 8 }).map((all) => all.join('')),
    jsonText(),
  );
  const accepts = (json: string): boolean => {
    try {
      JSON.parse(json);
      return true;
    } catch {
      return false;
    }
  };
  assert(property(text, (json) => (jsonFault(json) === undefined) === accepts(json)));
});

it('calls every start of a document cut off', () => {
  const start = tuple(jsonText(), nat())
    .map(([json, at]) => `[${json.slice(0, at % json.length)}`)
    .filter((json) => !/(?:[\d.eE+-]|t|tr|tru|f|fa|fal|fals|n|nu|nul|\\u?[\da-f]{0,3})$/.test(json));
  assert(property(start, (json) => jsonFault(json)?.isCutOff === true));
});
