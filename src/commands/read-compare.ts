import type { Command, RequestReference } from './command.ts';
import { type Mistake, nearestKeyword, readOptions } from './options.ts';
import { shortened, type Token, word } from './tokens.ts';
import { readTraceReference } from './trace-reference.ts';

type Reading = { readonly command: Command; readonly share: boolean } | Mistake;

/** Longer than any request id. */
const MAX_ID = 256;

const HOW =
  'Say which two requests: /trace compare <id> <id>, the slow one last. With one id it is held against a usual one.';

/** Words that people put between two things that they compare. */
const BETWEEN = /^(?:and|with|to|vs\.?|versus|against|,)$/i;

/**
 * Reads what follows `/trace compare`: two ids of any sort, the link of a comparison, or one id to hold against a usual
 * request. `start` is the word itself.
 */
export function readCompare([start, ...rest]: readonly Token[]): Reading {
  if (start === undefined) return { problem: HOW };
  const read = readOptions(rest, ['share']);
  if ('problem' in read)
    return { ...read, ...(read.fixed === undefined ? {} : { fixed: [start, ...read.fixed] }) };
  const share = read.options.share ?? false;
  const words = read.words.flatMap(separated);
  if (words.length === 0) return { problem: HOW };
  if (words.length > 2) return tooMany({ start, words, share });
  const references = words.map(referenceOf);
  const problem = references.find((reference) => 'problem' in reference);
  if (problem !== undefined && 'problem' in problem) return mended({ start, words, share }, problem.problem);
  const [first, second] = references as unknown as readonly [RequestReference, RequestReference?];
  return {
    command: second === undefined ? { kind: 'compare', b: first } : { kind: 'compare', a: first, b: second },
    share,
  };
}

/** A link of a comparison holds both ids. */
function separated(token: Token): readonly Token[] {
  const reference = token.isQuoted ? undefined : readTraceReference(token.text);
  return reference?.kind === 'comparison' ? reference.traceIds.map(word) : [token];
}

interface Words {
  readonly start: Token;
  readonly words: readonly Token[];
  readonly share: boolean;
}

const rebuilt = ({ start, words, share }: Words): readonly Token[] => [
  start,
  ...words,
  ...(share ? [word('share')] : []),
];

function tooMany(given: Words): Mistake {
  const { words } = given;
  const without = words.filter(({ text, isQuoted }) => isQuoted || !BETWEEN.test(text));
  if (without.length === 2) {
    return {
      problem: 'Give the two ids without a word between them.',
      fixed: rebuilt({ ...given, words: without }),
    };
  }
  const [a, b, ...others] = words;
  const isShare = others.some(({ text }) => nearestKeyword(text, ['share']) !== undefined);
  return {
    problem: `Two requests are compared at a time; these are ${words.length} words.`,
    fixed:
      a === undefined || b === undefined
        ? undefined
        : rebuilt({ ...given, words: [a, b], share: given.share || isShare }),
  };
}

/** A quoted word is a request id, whatever it looks like. */
function referenceOf(token: Token): RequestReference | Mistake {
  const { text, isQuoted } = token;
  if (isQuoted && text !== '' && text.length <= MAX_ID) return { kind: 'request', requestId: text };
  const reference = readTraceReference(text);
  switch (reference.kind) {
    case 'trace':
      return { kind: 'trace', traceId: reference.traceId };
    case 'request':
      return reference;
    case 'mistake':
      return {
        problem: reference.problem,
        // What was meant may be another command altogether, which is no id.
        fixed: reference.meant?.length === 1 ? reference.meant.map(word) : undefined,
      };
    case 'comparison':
    case 'other':
      return {
        problem: `"${shortened(text)}" is neither a trace id, a link nor a request id. A request id that is not a UUID stands in quotes.`,
      };
  }
}

/** The same words with what is nearly an id put right, where it can be. */
function mended(given: Words, problem: string): Mistake {
  const words: Token[] = [];
  for (const token of given.words) {
    const reference = referenceOf(token);
    const fixed = 'problem' in reference ? reference.fixed?.[0] : token;
    if (fixed === undefined) return { problem };
    words.push(fixed);
  }
  return { problem, fixed: rebuilt({ ...given, words }) };
}
