import { LRUCache } from 'lru-cache';
import { RE2JS, RE2JSSyntaxException } from 're2js';
import type { Labels } from './labels.ts';

/** How a label's value is compared: equal, not equal, the whole value matches a pattern, or does not. */
export type MatchOperator = '=' | '!=' | '=~' | '!~';

/** A condition on one label, as Alertmanager writes it. A label that is missing has the empty value. */
export interface Matcher {
  readonly label: string;
  readonly operator: MatchOperator;
  readonly value: string;
}

/** Parsed matchers, or an error. `at` is the offset of the error in the text, `message` a predicate: `is empty`. */
export type MatchersRead =
  | { readonly ok: true; readonly matchers: readonly Matcher[] }
  | { readonly ok: false; readonly at: number; readonly message: string };

/**
 * A label name, in quotes when it is not a plain one, and an operator. `!=` and `=~` come before `=`, whose value would
 * otherwise start with their second letter. Source: alertmanager matcher/parse, since 0.27.
 */
const HEAD = /\s*(?:([A-Za-z_][\w.-]*)|"((?:[^"\\]|\\.)+)")\s*(=~|!=|!~|=)\s*/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"\s*/y;
const BARE = /[^",{}]*/y;

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', '"': '"', '\\': '\\' };

/** As in Alertmanager, an unknown escape keeps its backslash, so that patterns need no second one. */
const unescape = (text: string): string =>
  text.replaceAll(/\\(.)/gs, (whole, letter: string) => ESCAPES[letter] ?? whole);

/** Longer patterns are refused: compiling one takes time that grows with its repetitions written out. */
const MAX_PATTERN_LENGTH = 4_096;

/** Patterns with larger programs are refused: matching takes time in proportion to it. In instructions. */
const MAX_PROGRAM_SIZE = 10_000;

/** Compiled patterns that are kept: a configuration uses a few dozen. */
const MAX_PATTERNS = 250;

/** Results that are kept of each pattern: one for each alert of a large rule. */
const MAX_RESULTS = 20_000;

/** A compiled pattern with its results by value: label values repeat at every evaluation. */
interface Pattern {
  readonly expression: RE2JS;
  readonly results: Map<string, boolean>;
}

const patterns = new LRUCache<string, Pattern>({ max: MAX_PATTERNS });

/**
 * A pattern as Alertmanager reads it: RE2, where `.` matches a newline. Matching takes time in proportion to the length
 * of the value, whatever the pattern.
 * @throws RE2JSSyntaxException when the pattern is not valid.
 */
function patternOf(text: string): Pattern {
  const known = patterns.get(text);
  if (known !== undefined) return known;
  const pattern = { expression: RE2JS.compile(text, RE2JS.DOTALL), results: new Map<string, boolean>() };
  patterns.set(text, pattern);
  return pattern;
}

/** Whether the pattern matches the whole value. */
function matchesPattern(text: string, value: string): boolean {
  const { expression, results } = patternOf(text);
  const known = results.get(value);
  if (known !== undefined) return known;
  const isMatch = expression.testExact(value);
  if (results.size >= MAX_RESULTS) results.clear();
  results.set(value, isMatch);
  return isMatch;
}

/** The error of RE2 for an invalid pattern: `invalid regular expression: missing closing )`. */
export function regexProblem(pattern: string): string | undefined {
  try {
    patternOf(pattern);
    return undefined;
  } catch (error) {
    if (!(error instanceof RE2JSSyntaxException)) throw error;
    const where = error.input === null || error.input === `(?s)${pattern}` ? '' : `: \`${error.input}\``;
    return `invalid regular expression: ${error.error}${where}`;
  }
}

function patternProblem({ operator, value }: Matcher): string | undefined {
  if (operator === '=' || operator === '!=') return undefined;
  if (value.length > MAX_PATTERN_LENGTH)
    return `invalid regular expression: longer than ${MAX_PATTERN_LENGTH} characters`;
  const problem = regexProblem(value);
  if (problem !== undefined) return problem;
  const isLarge = patternOf(value).expression.programSize() > MAX_PROGRAM_SIZE;
  return isLarge ? 'invalid regular expression: too large, use smaller repeat counts' : undefined;
}

const EXAMPLE = 'write it like team="shop" or severity=~"page|ticket"';

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

/** One matcher and the offset after it, or an error. */
type MatcherRead =
  | { readonly ok: true; readonly matcher: Matcher; readonly end: number }
  | Extract<MatchersRead, { ok: false }>;

function readMatcher(text: string, at: number): MatcherRead {
  const head = matchAt(HEAD, text, at);
  if (head === null) return { ok: false, at, message: `is not valid here: ${EXAMPLE}` };
  const valueAt = at + head[0].length;
  const quoted = matchAt(QUOTED, text, valueAt);
  const [whole, inner] = quoted ?? matchAt(BARE, text, valueAt) ?? [''];
  const value = quoted === null ? whole.trim() : unescape(inner ?? '');
  const label = head[1] ?? unescape(head[2] ?? '');
  const matcher: Matcher = { label, operator: head[3] as MatchOperator, value };
  const wrong = patternProblem(matcher);
  if (wrong !== undefined) return { ok: false, at: valueAt, message: `has an ${wrong}` };
  const end = valueAt + whole.length;
  if (end >= text.length || text[end] === ',') return { ok: true, matcher, end: end + 1 };
  return { ok: false, at: end, message: `lacks a comma here: ${EXAMPLE}` };
}

/** Parses `a="b"`, or several matchers separated by commas, with or without braces around them. */
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
  return { ok: false, at: 0, message: `is empty: ${EXAMPLE}` };
}

function holds({ label, operator, value }: Matcher, labels: Labels): boolean {
  const actual = labels[label] ?? '';
  switch (operator) {
    case '=':
      return actual === value;
    case '!=':
      return actual !== value;
    case '=~':
      return matchesPattern(value, actual);
    case '!~':
      return !matchesPattern(value, actual);
  }
}

/** Whether all matchers match. An empty list matches everything. */
export function matches(matchers: readonly Matcher[], labels: Labels): boolean {
  return matchers.every((matcher) => holds(matcher, labels));
}

const labelText = (label: string): string => (/^[A-Za-z_]\w*$/.test(label) ? label : JSON.stringify(label));

/** Matchers in Alertmanager's syntax: `team="shop", "service.name"=~"cart|checkout"`. */
export function matchersText(matchers: readonly Matcher[]): string {
  return matchers
    .map(({ label, operator, value }) => `${labelText(label)}${operator}${JSON.stringify(value)}`)
    .join(', ');
}

/** A missing label, and a value that no label has by accident. */
const PROBES = ['', 'no-such-value-7f3a'];

/**
 * Whether the matchers match nearly everything: labels that are missing, or that have an unexpected value.
 * Alertmanager refuses matchers that match labels that are missing.
 */
export function isCatchAll(matchers: readonly Matcher[]): boolean {
  return PROBES.some((probe) =>
    matches(matchers, Object.fromEntries(matchers.map(({ label }) => [label, probe]))),
  );
}
