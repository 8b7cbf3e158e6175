import { parseInstant } from '../lib/instant.ts';
import { nearest } from '../lib/nearest.ts';
import { formatDuration, type Milliseconds, ms, parseDuration, type TimeWindow } from '../lib/units.ts';
import type { Token } from './tokens.ts';

/** What follows a keyword of a command. */
export interface Options {
  readonly last?: Milliseconds;
  readonly over?: Milliseconds;
  readonly top?: number;
  readonly operation?: string;
  readonly window?: TimeWindow;
  readonly share?: boolean;
}

/** The name of an option, as it is known here. */
export type OptionName = keyof Options;

/** A mistake, and the words as they probably were meant; absent when nobody can know. */
export interface Mistake {
  readonly problem: string;
  readonly fixed?: readonly Token[];
  /** What was pasted is understood and holds nothing to ask for: no other reading of it can be right. */
  readonly isCertain?: true;
}

/** The words that are no options, in order, and the options. */
export interface ReadOptions {
  readonly words: readonly Token[];
  readonly options: Options;
}

const KEYWORDS: Readonly<Record<string, OptionName>> = {
  last: 'last',
  over: 'over',
  top: 'top',
  op: 'operation',
  operation: 'operation',
  at: 'window',
  share: 'share',
};

const MAX_TOP = 20;
/** Longer than what any tracing backend keeps by default; a slip of the finger is likelier. */
const MAX_LAST = ms(30 * 86_400_000);
const MAX_OVER = ms(86_400_000);

const optionOf = (token: Token | undefined): OptionName | undefined => {
  if (token === undefined || token.isQuoted) return undefined;
  const word = token.text.toLowerCase();
  return Object.hasOwn(KEYWORDS, word) ? KEYWORDS[word] : undefined;
};

interface Reading {
  readonly tokens: readonly Token[];
  /** Where the option's value begins. */
  readonly at: number;
  readonly allowed: readonly OptionName[];
}

type Value = { readonly value: Options; readonly end: number } | Mistake;

const word = (text: string): Token => ({ text, isQuoted: false });

/** The words with one of them replaced by others. */
export function replaced(tokens: readonly Token[], index: number, by: readonly string[]): readonly Token[] {
  return [...tokens.slice(0, index), ...by.map(word), ...tokens.slice(index + 1)];
}

/** Reads options wherever they stand. `allowed` are those the command knows. */
export function readOptions(tokens: readonly Token[], allowed: readonly OptionName[]): ReadOptions | Mistake {
  const words: Token[] = [];
  let options: Options = {};
  for (let i = 0; i < tokens.length; ) {
    const token = tokens[i];
    const name = optionOf(token);
    if (token === undefined || name === undefined || !allowed.includes(name)) {
      if (token !== undefined) words.push(token);
      i += 1;
      continue;
    }
    const read = VALUES[name]({ tokens, at: i + 1, allowed });
    if ('problem' in read) return read;
    if (Object.hasOwn(options, name) && name !== 'share') {
      return {
        problem: `${token.text} is given twice.`,
        fixed: [...tokens.slice(0, i), ...tokens.slice(read.end)],
      };
    }
    options = { ...options, ...read.value };
    i = read.end;
  }
  return { words, options };
}

const VALUES: Readonly<Record<OptionName, (reading: Reading) => Value>> = {
  last: (reading) => duration(reading, { name: 'last', example: 'last 30m', max: MAX_LAST }),
  over: (reading) => duration(reading, { name: 'over', example: 'over 500ms', max: MAX_OVER }),
  top,
  operation,
  window: windowValue,
  share: ({ at }) => ({ value: { share: true }, end: at }),
};

interface DurationRule {
  readonly name: 'last' | 'over';
  readonly example: string;
  readonly max: Milliseconds;
}

function duration({ tokens, at }: Reading, { name, example, max }: DurationRule): Value {
  const token = tokens[at];
  if (token === undefined || optionOf(token) !== undefined) {
    return { problem: `${name} needs a duration: write it as in ${example}.` };
  }
  const value = parseDuration(token.text.toLowerCase());
  if (value !== undefined && value > 0 && value <= max) return { value: { [name]: value }, end: at + 1 };
  if (value !== undefined) {
    return {
      problem: `${name} goes up to ${formatDuration(max)} and is more than 0: "${token.text}" does not fit.`,
    };
  }
  const meant = meantDuration(tokens, at, name);
  const problem = `"${token.text}" is not a duration: write 500ms, 30s, 15m, 2h or 1h30m.`;
  return meant === undefined
    ? { problem }
    : { problem, fixed: [...tokens.slice(0, at), word(meant.text), ...tokens.slice(at + meant.words)] };
}

const UNIT_WORDS: readonly (readonly [RegExp, string])[] = [
  [/^(ms|msecs?|millis(econds?)?|milliseconds?)$/, 'ms'],
  [/^(s|secs?|seconds?)$/, 's'],
  [/^(m|mins?|minutes?)$/, 'm'],
  [/^(h|hrs?|hours?)$/, 'h'],
  [/^(d|days?)$/, 'd'],
  [/^(w|weeks?)$/, 'w'],
];
const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** What `30`, `1.5h`, `5min`, `10 minutes` and `hour` probably mean. A bare number is minutes back, or milliseconds slow. */
function meantDuration(
  tokens: readonly Token[],
  at: number,
  name: DurationRule['name'],
): { readonly text: string; readonly words: number } | undefined {
  const { amount, suffix } = amountOf(tokens[at]?.text.toLowerCase() ?? '');
  if (amount === 0) return undefined;
  const next = suffix === '' ? unitOf(tokens[at + 1]?.text.toLowerCase() ?? '') : undefined;
  const unit = next ?? (suffix === '' ? BARE_UNIT[name] : unitOf(suffix));
  if (unit === undefined) return undefined;
  return { text: formatDuration(ms(amount * (UNIT_MS[unit] ?? 1))), words: next === undefined ? 1 : 2 };
}

/** A number and what is written behind it; a unit alone is one of it; 0 for anything else. */
function amountOf(text: string): { readonly amount: number; readonly suffix: string } {
  const match = /^(\d{1,9}(?:[.,]\d{1,3})?)?([a-z]*)$/.exec(text);
  if (match === null || text === '') return { amount: 0, suffix: '' };
  return { amount: Number((match[1] ?? '1').replace(',', '.')), suffix: match[2] ?? '' };
}

const BARE_UNIT: Readonly<Record<DurationRule['name'], string>> = { last: 'm', over: 'ms' };

const unitOf = (text: string): string | undefined => UNIT_WORDS.find(([pattern]) => pattern.test(text))?.[1];

function top({ tokens, at }: Reading): Value {
  const text = tokens[at]?.text ?? '';
  const count = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (count >= 1 && count <= MAX_TOP) return { value: { top: count }, end: at + 1 };
  const problem = `top takes a number from 1 to ${MAX_TOP}, as in top 5.`;
  if (Number.isNaN(count)) return { problem };
  return { problem, fixed: replaced(tokens, at, [String(count < 1 ? 1 : MAX_TOP)]) };
}

/** Words up to the next option belong together: `op GET /cart last 5m` needs no quotes. A quoted word stands alone. */
function operation({ tokens, at, allowed }: Reading): Value {
  const first = tokens[at];
  if (first === undefined) return { problem: 'op needs the name of an operation, as in op "GET /cart".' };
  if (first.isQuoted) {
    return first.text === ''
      ? { problem: 'op needs the name of an operation, as in op "GET /cart".' }
      : { value: { operation: first.text }, end: at + 1 };
  }
  let end = at;
  const isEnd = (token: Token | undefined): boolean => {
    const name = optionOf(token);
    return token === undefined || token.isQuoted || (name !== undefined && allowed.includes(name));
  };
  while (!isEnd(tokens[end])) end += 1;
  if (end === at) return { problem: 'op needs the name of an operation, as in op "GET /cart".' };
  return {
    value: {
      operation: tokens
        .slice(at, end)
        .map(({ text }) => text)
        .join(' '),
    },
    end,
  };
}

function windowValue({ tokens, at }: Reading): Value {
  const text = tokens[at]?.text ?? '';
  const [from = '', to = '', ...rest] = text.split('/');
  const start = parseInstant(from);
  const end = parseInstant(to);
  if (start === undefined || end === undefined || rest.length > 0) {
    return {
      problem: `at takes a start and an end, as in at 2026-11-20T14:00:00Z/2026-11-20T14:10:00Z.`,
    };
  }
  if (start >= end) return { problem: 'at needs a start that is before its end.' };
  if (end - start > MAX_LAST) return { problem: `at spans ${formatDuration(MAX_LAST)} at most.` };
  return { value: { window: { start, end } }, end: at + 1 };
}

/** The option whose keyword a word was probably meant to be. */
export function nearestKeyword(text: string, allowed: readonly OptionName[]): string | undefined {
  const words = Object.entries(KEYWORDS)
    .filter(([, name]) => allowed.includes(name))
    .map(([word]) => word);
  return nearest(text, words)[0];
}
