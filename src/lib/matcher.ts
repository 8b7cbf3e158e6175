import type { Labels } from './labels.ts';
import { compileAnchored } from './regular-expression.ts';

/** How a label's value is held against a matcher's: equal, not equal, matching an anchored pattern, or not. */
export type MatchOperator = '=' | '!=' | '=~' | '!~';

/** A condition on one label, as Alertmanager writes it. A label that is missing has the empty value. */
export interface Matcher {
  readonly label: string;
  readonly operator: MatchOperator;
  readonly value: string;
}

/** What reading matchers gives; `at` is the offset of the mistake in the text. */
export type MatchersRead =
  | { readonly ok: true; readonly matchers: readonly Matcher[] }
  | { readonly ok: false; readonly at: number; readonly message: string };

/** A label's name and an operator; `!=` and `=~` before `=`, or their second letter would belong to the value. */
const HEAD = /\s*([A-Za-z_]\w*)\s*(=~|!=|!~|=)\s*/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"\s*/y;
const BARE = /[^",{}]*/y;

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', '"': '"', '\\': '\\' };

/** As in Alertmanager: an escape that is not known keeps its backslash, so that patterns need no second one. */
const unescape = (text: string): string =>
  text.replaceAll(/\\(.)/gs, (whole, letter: string) => ESCAPES[letter] ?? whole);

/**
 * A pattern as Alertmanager reads it: RE2, which must match the whole value.
 * @throws Error when it is no pattern, or one that JavaScript cannot say.
 */
const patternOf = (text: string): RegExp => compileAnchored(text, { dotMatchesNewline: true });

function patternProblem({ operator, value }: Matcher): string | undefined {
  if (operator === '=' || operator === '!=') return undefined;
  try {
    patternOf(value);
    return undefined;
  } catch {
    return `${JSON.stringify(value)} is no regular expression that is understood here`;
  }
}

const HOW = 'write it like team="shop" or severity=~"page|ticket"';

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

/** One matcher from `at` on, and where it ends; or what is wrong. */
type MatcherRead =
  | { readonly ok: true; readonly matcher: Matcher; readonly end: number }
  | Extract<MatchersRead, { ok: false }>;

function readMatcher(text: string, at: number): MatcherRead {
  const head = matchAt(HEAD, text, at);
  if (head === null) return { ok: false, at, message: `holds no matcher here: ${HOW}` };
  const valueAt = at + head[0].length;
  const quoted = matchAt(QUOTED, text, valueAt);
  const [whole, inner] = quoted ?? matchAt(BARE, text, valueAt) ?? [''];
  const value = quoted === null ? whole.trim() : unescape(inner ?? '');
  const matcher: Matcher = { label: head[1] ?? '', operator: head[2] as MatchOperator, value };
  const wrong = patternProblem(matcher);
  if (wrong !== undefined) return { ok: false, at: valueAt, message: `has a mistake: ${wrong}` };
  const end = valueAt + whole.length;
  if (end >= text.length || text[end] === ',') return { ok: true, matcher, end: end + 1 };
  return { ok: false, at: end, message: `goes on where a comma should stand: ${HOW}` };
}

/** Reads `a="b"`, or several of them with commas between, with or without braces around. */
export function parseMatchers(text: string): MatchersRead {
  const isBraced = /^\s*\{.*\}\s*$/s.test(text);
  const inner = isBraced ? text.slice(0, text.lastIndexOf('}')) : text;
  const matchers: Matcher[] = [];
  let at = isBraced ? text.indexOf('{') + 1 : 0;
  while (inner.slice(at).trim() !== '') {
    const read = readMatcher(inner, at);
    if (!read.ok) return read;
    matchers.push(read.matcher);
    at = read.end;
  }
  if (matchers.length > 0) return { ok: true, matchers };
  return { ok: false, at: 0, message: `is empty: ${HOW}` };
}

function holds({ label, operator, value }: Matcher, labels: Labels): boolean {
  const actual = labels[label] ?? '';
  switch (operator) {
    case '=':
      return actual === value;
    case '!=':
      return actual !== value;
    case '=~':
      return patternOf(value).test(actual);
    case '!~':
      return !patternOf(value).test(actual);
  }
}

/** Whether all matchers hold. None at all hold for everything. */
export function matches(matchers: readonly Matcher[], labels: Labels): boolean {
  return matchers.every((matcher) => holds(matcher, labels));
}

/** Matchers as a person would write them: `team="shop", severity=~"page|ticket"`. */
export function matchersText(matchers: readonly Matcher[]): string {
  return matchers
    .map(({ label, operator, value }) => `${label}${operator}${JSON.stringify(value)}`)
    .join(', ');
}

/** Values that no label has by accident: none at all, and one that nobody writes. */
const PROBES = ['', 'no-such-value-7f3a'];

/**
 * Whether the matchers hold back whatever comes, or whatever comes but for some values: they hold for labels that are
 * missing, or that have a value nobody thought of. Alertmanager refuses the first kind.
 */
export function isCatchAll(matchers: readonly Matcher[]): boolean {
  return PROBES.some((probe) =>
    matches(matchers, Object.fromEntries(matchers.map(({ label }) => [label, probe]))),
  );
}
