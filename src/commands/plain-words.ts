import type { Token } from './tokens.ts';

/** Words of a sentence that say nothing a command needs: nobody's service is called so, or its name is quoted. */
const FILLERS = new Set(
  'a all an and are for find from give id in is me now of please request-id requests service show slow than the to today trace trace-id traceid traces what which why x-request-id'.split(
    ' ',
  ),
);
const PERCENTILE = /^p\d{2,3}$/;

/** What people write in place of a keyword. */
const SYNONYMS: Readonly<Record<string, string>> = {
  '>': 'over',
  '>=': 'over',
  above: 'over',
  longer: 'over',
  min: 'over',
  slower: 'over',
  past: 'last',
  since: 'last',
  within: 'last',
  first: 'top',
  limit: 'top',
};

/** A value that grew together with its keyword: `last=30m`, `traceid=4bf9...`, `top10`, `>500ms`. */
const JOINED =
  /^(last|op|operation|over|top|service|id|trace-?id|(?:x-)?request-id)[=:](.+)$|^(top|last)(\d.*)$|^(>=?)(\d.*)$/i;

/**
 * The words of a text as a command would have them, when a person wrote a sentence or used the search modes of another tool.
 * It is a guess, for suggestions only: nothing is carried out that was not written as the usage says.
 */
export function plainWords(tokens: readonly Token[]): readonly Token[] {
  const words = tokens.flatMap((token) => (token.isQuoted ? [token] : parted(token.text)));
  const kept = counted(words.filter(({ text, isQuoted }) => isQuoted || !isFiller(text)));
  const slowest = kept.findIndex(({ text, isQuoted }) => !isQuoted && text === 'slowest');
  return slowest <= 0 ? kept : [word('slowest'), ...kept.slice(0, slowest), ...kept.slice(slowest + 1)];
}

const VALUED = new Set(['at', 'last', 'op', 'operation', 'over', 'top']);

/** A bare number that belongs to no option says how many are wanted. */
function counted(words: readonly Token[]): readonly Token[] {
  return words.flatMap((token, index) => {
    const isCount = !token.isQuoted && /^\d{1,2}$/.test(token.text);
    return isCount && !VALUED.has(words[index - 1]?.text.toLowerCase() ?? '')
      ? [word('top'), token]
      : [token];
  });
}

const word = (text: string): Token => ({ text, isQuoted: false });

const isFiller = (text: string): boolean => {
  const lower = text.toLowerCase();
  return FILLERS.has(lower) || PERCENTILE.test(lower);
};

function parted(text: string): readonly Token[] {
  const trimmed = text.replace(/^--?(?=[a-z])/i, '').replace(/[,;:.!?]+$/, '');
  if (/^https?:/i.test(trimmed)) return [word(trimmed)];
  const parts = JOINED.exec(trimmed)
    ?.slice(1)
    .filter((part) => part !== undefined) ?? [trimmed];
  return parts.filter((part) => part !== '').map((part) => word(spelled(part)));
}

function spelled(text: string): string {
  const lower = text.toLowerCase();
  if (lower === 'slowest') return lower;
  return Object.hasOwn(SYNONYMS, lower) ? (SYNONYMS[lower] ?? text) : text;
}
