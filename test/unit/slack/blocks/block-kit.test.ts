import { expect, it } from 'vitest';
import { shortTraceId } from '../../../../src/slack/blocks/block-kit.ts';

it.each([
  ['the first digits of an id', '5157501fc6d270098cdf075f16aba5c9', '5157501f'],
  ['those of its own, of an id of 64 bits', `${'0'.repeat(16)}ef86c83c0a05a6d6`, 'ef86c83c'],
  ['zeros that are its own', `${'0'.repeat(16)}00000c3c0a05a6d6`, '00000c3c'],
  ['a short id as it is', 'ef86c83c0a05a6d6', 'ef86c83c'],
  ['a dash for none', '', '–'],
])('a short trace id is %s', (_, traceId, expected) => {
  expect(shortTraceId(traceId)).toBe(expected);
});
