import { isWord, joinTokens, type Token, word } from './tokens.ts';

/** Words of a sentence that no command needs. A service of such a name has to be quoted. */
const FILLERS = new Set(
  'a all an and are for find from give id in is me now of please request-id requests service show slow than the to today trace trace-id traceid traces what which x-request-id'.split(
    ' ',
  ),
);
const PERCENTILE = /^p\d{2,3}$/;

/** Keywords in other words. */
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

/** A keyword and its value in one word: `last=30m`, `traceid=4bf9...`, `top10`, `>500ms`. */
const JOINED =
  /^(last|op|operation|over|top|service|id|trace-?id|(?:x-)?request-id)[=:](.+)$|^(top|last)(\d.*)$|^(>=?)(\d.*)$/i;

/**
 * Rewrites a sentence, or the syntax of a command line, as the text of a command. The result is used for suggestions only: no
 * command is run that was not typed in its documented form.
 */
export function rewriteSentence(tokens: readonly Token[]): string {
  const words = tokens.flatMap((token) => (token.isQuoted ? [token] : separated(token.text)));
  const kept = withTop(words.filter(({ text, isQuoted }) => isQuoted || !isFiller(text)));
  const at = (keyword: string): number =>
    kept.findIndex(({ text, isQuoted }) => !isQuoted && text === keyword);
  const keyword = ['slowest', 'why'].find((each) => at(each) >= 0);
  if (keyword === undefined) return joinTokens(kept);
  const others = kept.filter((token, index) => index !== at(keyword) && !isWord(token, ['why']));
  return joinTokens([word(keyword), ...others]);
}

const WITH_VALUE = new Set(['at', 'last', 'op', 'operation', 'over', 'top']);

/** A bare number that belongs to no option is the number of traces. */
function withTop(words: readonly Token[]): readonly Token[] {
  return words.flatMap((token, index) => {
    const isCount = !token.isQuoted && /^\d{1,2}$/.test(token.text);
    return isCount && !WITH_VALUE.has(words[index - 1]?.text.toLowerCase() ?? '')
      ? [word('top'), token]
      : [token];
  });
}

const isFiller = (text: string): boolean => {
  const lower = text.toLowerCase();
  return FILLERS.has(lower) || PERCENTILE.test(lower);
};

function separated(text: string): readonly Token[] {
  const trimmed = text.replace(/^--?(?=[a-z])/i, '').replace(/[,;:.!?]+$/, '');
  if (/^https?:/i.test(trimmed)) return [word(trimmed)];
  const pieces = JOINED.exec(trimmed)?.slice(1) ?? [trimmed];
  return pieces.filter((piece) => (piece ?? '') !== '').map((piece) => word(keywordFor(piece)));
}

function keywordFor(text: string): string {
  const lower = text.toLowerCase();
  if (lower === 'slowest' || lower === 'why') return lower;
  return Object.hasOwn(SYNONYMS, lower) ? (SYNONYMS[lower] ?? text) : text;
}
