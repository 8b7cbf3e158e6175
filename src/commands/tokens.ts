/** A word of a command's text. A quoted word is never a keyword. */
export interface Token {
  readonly text: string;
  readonly isQuoted: boolean;
}

/** An unquoted word. */
export const word = (text: string): Token => ({ text, isQuoted: false });

/** Whether a word is one of these, and not quoted. */
export const isWord = (token: Token | undefined, words: readonly string[]): boolean =>
  token !== undefined && !token.isQuoted && words.includes(token.text.toLowerCase());

/** A word as it is quoted in an error message. */
export const shortened = (text: string): string => (text.length > 60 ? `${text.slice(0, 59)}…` : text);

/** Quotes as phones, Slack on a Mac, and word processors type them. */
const DOUBLE_QUOTES = /[\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033\uff02]/g;
const SINGLE_QUOTES = /[\u2018\u2019\u201a\u201b\u2032]/g;
/** Zero-width characters and direction marks that are copied along with text. */
const INVISIBLE = /[\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/g;
const ENTITIES: Readonly<Record<string, string>> = { '&amp;': '&', '&lt;': '<', '&gt;': '>' };

/** Slack writes links as `<address|label>`. It also links what looks like a domain (`checkout.shop`) or a telephone number: the label is then what was typed. */
function unwrapLinks(text: string): string {
  return text.replace(/<([^<>|\s]*)(?:\|([^<>]*))?>/g, (_, address: string, label: string | undefined) => {
    if (label === undefined) return address;
    const isTyped =
      address.replace(/^(https?:\/\/|mailto:|tel:)/i, '').replace(/\/$/, '') === label.replace(/\/$/, '');
    return isTyped ? label : address;
  });
}

/** A command's text as it was typed: without the links, entities, quotes and invisible characters that Slack and phones put into it. */
export function cleaned(text: string): string {
  return unwrapLinks(text)
    .replace(/&(?:amp|lt|gt);/g, (entity) => ENTITIES[entity] ?? entity)
    .replace(INVISIBLE, '')
    .replace(DOUBLE_QUOTES, '"')
    .replace(SINGLE_QUOTES, "'");
}

/**
 * Splits a command's text into words. Quotes keep spaces; inside quotes, a backslash escapes a quote or a backslash. An
 * unclosed quote extends to the end; a quote inside a word is part of the word.
 */
export function tokenize(text: string): readonly Token[] {
  const tokens: Token[] = [];
  const word = /"((?:[^"\\]|\\.)*)(?:"|$)|'((?:[^'\\]|\\.)*)(?:'|$)|(\S+)/gsu;
  for (const [, double, single, bare] of cleaned(text).matchAll(word)) {
    if (bare !== undefined) tokens.push({ text: bare.replace(/^`+|`+$/g, ''), isQuoted: false });
    else tokens.push({ text: unescaped(double ?? single ?? ''), isQuoted: true });
  }
  return tokens.filter(({ text, isQuoted }) => isQuoted || text !== '');
}

/** Inside quotes: a backslash before a quote or itself, and `\\u` with four hex digits. */
function unescaped(text: string): string {
  return text.replace(
    /\\(?:(["'\\])|u([0-9a-f]{4}))/gi,
    (_, mark: string | undefined, hex: string | undefined) =>
      hex === undefined ? (mark ?? '') : String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

/** Characters that `cleaned` or Slack would change, and spaces that would be merged into one. */
const FRAGILE =
  /[<>&\u2018-\u201f\u2032\u2033\u00ab\u00bb\uff02\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]|[^\S ]|(?<= ) |^ | $/g;

/** Quotes a word so that `tokenize` returns it unchanged. */
export function quote(text: string): string {
  const escaped = text
    .replace(/(["\\])/g, '\\$1')
    .replace(FRAGILE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return `"${escaped}"`;
}

/** Whether a text needs no quotes: no space, no quote, nothing that Slack would change. */
export const isPlain = (text: string): boolean => /^[\p{L}\p{N}_./:@*-]+$/u.test(text);

/** Whether a word survives `tokenize` without quotes. */
function isKeptBare({ text, isQuoted }: Token): boolean {
  if (!isQuoted && isPlain(text)) return true;
  const [again, ...more] = isQuoted ? [] : tokenize(text);
  return again?.text === text && !again.isQuoted && more.length === 0;
}

/** Words as text, quoted where they have to be. */
export const joinTokens = (tokens: readonly Token[]): string =>
  tokens.map((token) => (isKeptBare(token) ? token.text : quote(token.text))).join(' ');
