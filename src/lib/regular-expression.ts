/**
 * Turns an RE2 expression, the API version of Prometheus and Alertmanager, into a JavaScript one that matches the same strings.
 * Source of the apiVersion: github.com/google/re2/wiki/Syntax. What has no equal in JavaScript is refused by name, never guessed.
 */

/** An expression that is valid RE2 perhaps, but that cannot be carried over. `message` names the construct. */
export class UntranslatableExpression extends Error {
  override readonly name = 'UntranslatableExpression';
}

const POSIX_CLASSES: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  ascii: '\\x00-\\x7F',
  blank: '\\t ',
  cntrl: '\\x00-\\x1F\\x7F',
  digit: '0-9',
  graph: '!-~',
  lower: 'a-z',
  print: ' -~',
  punct: '!-\\/:-@\\[-`\\{-~',
  space: '\\t\\n\\v\\f\\r ',
  upper: 'A-Z',
  word: '0-9A-Za-z_',
  xdigit: '0-9A-Fa-f',
};

/** RE2's \s is ASCII without the vertical tab; JavaScript's is wider. */
const SPACE = '\\t\\n\\f\\r ';

/** What an escaped letter becomes; anything absent is either punctuation (kept) or refused. */
const ESCAPES: Readonly<Record<string, string>> = {
  d: '\\d',
  D: '\\D',
  w: '\\w',
  W: '\\W',
  b: '\\b',
  B: '\\B',
  n: '\\n',
  t: '\\t',
  r: '\\r',
  f: '\\f',
  v: '\\v',
  a: '\\x07',
  s: `[${SPACE}]`,
  S: `[^${SPACE}]`,
  A: '^',
  z: '$',
};

const ESCAPES_IN_CLASS: Readonly<Record<string, string>> = { ...ESCAPES, s: SPACE };
const OUTSIDE_CLASS_ONLY = /[bBAzSC]/;

interface Cursor {
  readonly source: string;
  /** What an unescaped dot stands for. */
  readonly dot: string;
  at: number;
}

function hexadecimalEscape(cursor: Cursor): string {
  const match = /^\\x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,6})\})/.exec(cursor.source.slice(cursor.at));
  if (match === null) throw new SyntaxError('invalid escape sequence: `\\x`');
  cursor.at += match[0].length;
  return `\\u{${match[1] ?? match[2]}}`;
}

function quotedLiteral(cursor: Cursor): string {
  const start = cursor.at + 2;
  const end = cursor.source.indexOf('\\E', start);
  const literal = cursor.source.slice(start, end < 0 ? undefined : end);
  cursor.at = end < 0 ? cursor.source.length : end + 2;
  return literal.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}

/** What the escape of one character becomes, or throws when JavaScript has no equal. */
function escapedCharacter(letter: string, inClass: boolean): string {
  if (inClass && OUTSIDE_CLASS_ONLY.test(letter)) {
    throw new UntranslatableExpression(`\\${letter} inside brackets`);
  }
  const known = (inClass ? ESCAPES_IN_CLASS : ESCAPES)[letter];
  if (known !== undefined) return known;
  if (/[0-9A-Za-z]/.test(letter)) throw new UntranslatableExpression(`\\${letter}`);
  if (letter > '\u007f') throw new SyntaxError(`invalid escape sequence: \`\\${letter}\``);
  return escapePunctuation(letter, inClass);
}

function escape(cursor: Cursor, inClass: boolean): string {
  const letter = cursor.source[cursor.at + 1];
  if (letter === undefined) throw new SyntaxError('trailing backslash at end of expression: ``');
  if (letter === 'x') return hexadecimalEscape(cursor);
  if (letter === 'Q' && !inClass) return quotedLiteral(cursor);
  cursor.at += 2;
  return escapedCharacter(letter, inClass);
}

/** With the u flag JavaScript allows a backslash only before characters that mean something. */
const escapePunctuation = (character: string, inClass: boolean): string =>
  /[\\^$.*+?()[\]{}|/]/.test(character) || (inClass && character === '-') ? `\\${character}` : character;

function posixClass(cursor: Cursor): string | undefined {
  const match = /^\[:(\^?)(\w+):\]/.exec(cursor.source.slice(cursor.at));
  if (match === null) return undefined;
  const members = POSIX_CLASSES[match[2] as string];
  if (members === undefined) throw new SyntaxError(`invalid character class range: \`${match[0]}\``);
  if (match[1] === '^') throw new UntranslatableExpression(match[0]);
  cursor.at += match[0].length;
  return members;
}

function bracketed(cursor: Cursor): string {
  const { source } = cursor;
  const start = cursor.at;
  let out = '[';
  cursor.at++;
  if (source[cursor.at] === '^') {
    out += '^';
    cursor.at++;
  }
  // A bracket right after the opening one is a member of the class, not its end.
  for (let first = true; cursor.at < source.length; first = false) {
    const character = source[cursor.at] as string;
    if (character === ']' && !first) {
      cursor.at++;
      return `${out}]`;
    }
    if (character === '\\') out += escape(cursor, true);
    else {
      const posix = character === '[' ? posixClass(cursor) : undefined;
      out += posix ?? (/[[\]{}()|/^$]/.test(character) ? `\\${character}` : character);
      if (posix === undefined) cursor.at++;
    }
  }
  throw new SyntaxError(`missing closing ]: \`${source.slice(start)}\``);
}

function group(cursor: Cursor): string {
  const match = /^\(\?(?:P?<(\w+)>|([a-zA-Z-]*)([:)]))/.exec(cursor.source.slice(cursor.at));
  if (cursor.source[cursor.at + 1] !== '?') {
    cursor.at++;
    return '(?:';
  }
  if (match === null) {
    throw new SyntaxError(
      `invalid or unsupported Perl syntax: \`${cursor.source.slice(cursor.at, cursor.at + 3)}\``,
    );
  }
  if (match[1] === undefined && match[2] !== '') throw new UntranslatableExpression(match[0]);
  cursor.at += match[0].length;
  return '(?:';
}

function brace(cursor: Cursor): string {
  const match = /^\{(\d+)(?:,(\d*))?\}/.exec(cursor.source.slice(cursor.at));
  // RE2 reads a brace that is no repetition as itself.
  if (match === null) {
    cursor.at++;
    return '\\{';
  }
  if (Number(match[1]) > 1_000 || Number(match[2] ?? 0) > 1_000) {
    throw new SyntaxError(`invalid repeat count: \`${match[0]}\``);
  }
  cursor.at += match[0].length;
  return match[0];
}

function next(cursor: Cursor): string {
  const character = String.fromCodePoint(cursor.source.codePointAt(cursor.at) as number);
  switch (character) {
    case '\\':
      return escape(cursor, false);
    case '[':
      return bracketed(cursor);
    case '(':
      return group(cursor);
    case '{':
      return brace(cursor);
    default:
      cursor.at += character.length;
      if (character === '.') return cursor.dot;
      return character === ']' || character === '}' ? `\\${character}` : character;
  }
}

const LEADING_FLAGS = /^\(\?([is]+)\)/;

/** The whole expression in JavaScript's API version, with its parentheses counted. */
function translate(cursor: Cursor): string {
  const { source } = cursor;
  let depth = 0;
  let out = '';
  while (cursor.at < source.length) {
    const piece = next(cursor);
    if (piece === '(?:') depth++;
    if (piece === ')') depth--;
    if (depth < 0) throw new SyntaxError(`unexpected ): \`${source}\``);
    out += piece;
  }
  if (depth > 0) throw new SyntaxError(`missing closing ): \`^(?:${source})$\``);
  return out;
}

/** Nearly all expressions: both API versions read them alike, and matchers compile them anew for every alert. */
const ALIKE = /^[^\\()[\]{}]*$/;

/**
 * Compiles an RE2 expression, anchored at both ends as Prometheus and Alertmanager do.
 * @throws SyntaxError when it is not valid
 * @throws UntranslatableExpression when JavaScript cannot say it
 */
export function compileAnchored(source: string, options: { readonly dotMatchesNewline: boolean }): RegExp {
  if (options.dotMatchesNewline && ALIKE.test(source)) return new RegExp(`^(?:${source})$`, 'su');
  const flags = LEADING_FLAGS.exec(source);
  const given = flags?.[1] ?? '';
  const dot = options.dotMatchesNewline || given.includes('s') ? '[^]' : '[^\\n]';
  const translated = translate({ source, dot, at: flags?.[0].length ?? 0 });
  return new RegExp(`^(?:${translated})$`, given.includes('i') ? 'iu' : 'u');
}
