import { nearest } from '../lib/nearest.ts';
import {
  before,
  type EpochMs,
  formatDuration,
  formatInstant,
  type Milliseconds,
  ms,
  parseDuration,
  parseInstant,
  type TimeWindow,
} from '../lib/units.ts';
import type { CommandError } from './command.ts';
import { isPlain, joinTokens, quote, shortened, type Token, word } from './tokens.ts';
import { parseTraceReference } from './trace-reference.ts';

/** The options of a command. */
export interface Options {
  readonly last?: Milliseconds;
  readonly over?: Milliseconds;
  readonly top?: number;
  readonly operation?: string;
  readonly window?: TimeWindow;
  /** Only failed requests. */
  readonly failed?: true;
  readonly share?: boolean;
}

/** The name of an option. */
export type OptionName = keyof Options;

/** The words that are no options, in order, and the options. */
export interface ParsedOptions {
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
  failed: 'failed',
  share: 'share',
};

const MAX_TOP = 20;
/** Longer than any tracing backend keeps by default: a typo is more likely. */
const MAX_LAST = ms(30 * 86_400_000);
const MAX_OVER = ms(86_400_000);

const optionOf = (token: Token | undefined): OptionName | undefined => {
  if (token === undefined || token.isQuoted) return undefined;
  const keyword = token.text.toLowerCase();
  return Object.hasOwn(KEYWORDS, keyword) ? KEYWORDS[keyword] : undefined;
};

interface ValueInput {
  readonly tokens: readonly Token[];
  /** Where the option's value begins. */
  readonly at: number;
  readonly allowed: readonly OptionName[];
}

type Value = { readonly value: Options; readonly end: number } | CommandError;

/** The words as text, with one of them replaced by others. */
const replaced = (tokens: readonly Token[], index: number, by: readonly string[]): string =>
  joinTokens([...tokens.slice(0, index), ...by.map(word), ...tokens.slice(index + 1)]);

/** Parses options at any position. `allowed` are those of the command; the others are words. */
export function parseOptions(
  tokens: readonly Token[],
  allowed: readonly OptionName[],
): ParsedOptions | CommandError {
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
    const parsed = VALUES[name]({ tokens, at: i + 1, allowed });
    if ('problem' in parsed) return parsed;
    if (Object.hasOwn(options, name) && name !== 'share') {
      return {
        problem: `${token.text} is given twice.`,
        fixed: joinTokens([...tokens.slice(0, i), ...tokens.slice(parsed.end)]),
      };
    }
    options = { ...options, ...parsed.value };
    i = parsed.end;
  }
  return { words, options };
}

/** For commands without other options: the words without `share`, and whether it is among them. */
export function parseShare(tokens: readonly Token[]): {
  readonly words: readonly Token[];
  readonly share: boolean;
} {
  const words = tokens.filter((token) => optionOf(token) !== 'share');
  return { words, share: words.length < tokens.length };
}

const VALUES: Readonly<Record<OptionName, (input: ValueInput) => Value>> = {
  last: (input) => duration(input, { name: 'last', example: 'last 30m', max: MAX_LAST }),
  over: (input) => duration(input, { name: 'over', example: 'over 500ms', max: MAX_OVER }),
  top,
  operation,
  window: windowValue,
  failed: ({ at }) => ({ value: { failed: true }, end: at }),
  share: ({ at }) => ({ value: { share: true }, end: at }),
};

interface DurationRule {
  readonly name: 'last' | 'over';
  readonly example: string;
  readonly max: Milliseconds;
}

function duration({ tokens, at }: ValueInput, { name, example, max }: DurationRule): Value {
  const token = tokens[at];
  if (token === undefined || optionOf(token) !== undefined)
    return { problem: `${name} needs a duration, such as ${example}.` };
  const value = parseDuration(token.text.toLowerCase());
  if (value !== undefined && value > 0 && value <= max) return { value: { [name]: value }, end: at + 1 };
  if (value !== undefined) {
    return {
      problem: `${name} must be more than 0 and at most ${formatDuration(max)}: found "${token.text}".`,
    };
  }
  const suggestion = suggestedDuration(tokens, at, name);
  return {
    problem: `"${token.text}" is not a duration: expected 500ms, 30s, 15m, 2h or 1h30m.`,
    fixed:
      suggestion === undefined
        ? undefined
        : joinTokens([...tokens.slice(0, at), word(suggestion.text), ...tokens.slice(at + suggestion.words)]),
  };
}

const UNIT_WORDS: readonly (readonly [RegExp, number])[] = [
  [/^(ms|msecs?|millis(econds?)?|milliseconds?)$/, 1],
  [/^(s|secs?|seconds?)$/, 1_000],
  [/^(m|mins?|minutes?)$/, 60_000],
  [/^(h|hrs?|hours?)$/, 3_600_000],
  [/^(d|days?)$/, 86_400_000],
  [/^(w|weeks?)$/, 604_800_000],
];

/** The likely duration for `30`, `1.5h`, `5min`, `10 minutes` and `hour`. A bare number is minutes for `last`, milliseconds for `over`. */
function suggestedDuration(
  tokens: readonly Token[],
  at: number,
  name: DurationRule['name'],
): { readonly text: string; readonly words: number } | undefined {
  const { amount, suffix } = amountOf(tokens[at]?.text.toLowerCase() ?? '');
  if (amount === 0) return undefined;
  const next = suffix === '' ? unitOf(tokens[at + 1]?.text.toLowerCase() ?? '') : undefined;
  const unit = next ?? unitOf(suffix === '' ? BARE_UNIT[name] : suffix);
  if (unit === undefined) return undefined;
  return { text: formatDuration(ms(amount * unit)), words: next === undefined ? 1 : 2 };
}

/** A number and its suffix. A suffix alone counts as 1 of it; any other text as 0. */
function amountOf(text: string): { readonly amount: number; readonly suffix: string } {
  const match = /^(\d{1,9}(?:[.,]\d{1,3})?)?([a-z]*)$/.exec(text);
  if (match === null || text === '') return { amount: 0, suffix: '' };
  return { amount: Number((match[1] ?? '1').replace(',', '.')), suffix: match[2] ?? '' };
}

const BARE_UNIT: Readonly<Record<DurationRule['name'], string>> = { last: 'm', over: 'ms' };

/** The length of a unit in milliseconds. */
const unitOf = (text: string): number | undefined => UNIT_WORDS.find(([pattern]) => pattern.test(text))?.[1];

function top({ tokens, at }: ValueInput): Value {
  const text = tokens[at]?.text ?? '';
  const count = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (count >= 1 && count <= MAX_TOP) return { value: { top: count }, end: at + 1 };
  return {
    problem: `top takes a number from 1 to ${MAX_TOP}, such as top 5.`,
    fixed: Number.isNaN(count) ? undefined : replaced(tokens, at, [String(count < 1 ? 1 : MAX_TOP)]),
  };
}

const NO_OPERATION: CommandError = { problem: 'op needs an operation name, such as op "GET /cart".' };

/** An unquoted operation extends to the next option: `op GET /cart last 5m`. A quoted one is a single word. */
function operation({ tokens, at, allowed }: ValueInput): Value {
  const first = tokens[at];
  if (first?.isQuoted === true)
    return first.text === '' ? NO_OPERATION : { value: { operation: first.text }, end: at + 1 };
  let end = at;
  const isEnd = (token: Token | undefined): boolean => {
    const name = optionOf(token);
    return token === undefined || token.isQuoted || (name !== undefined && allowed.includes(name));
  };
  while (!isEnd(tokens[end])) end += 1;
  if (end === at) return NO_OPERATION;
  const words = tokens.slice(at, end).map(({ text }) => text);
  return { value: { operation: words.join(' ') }, end };
}

function windowValue({ tokens, at }: ValueInput): Value {
  const text = tokens[at]?.text ?? '';
  const [from = '', to = '', ...rest] = text.split('/');
  const start = parseInstant(from);
  const end = parseInstant(to);
  if (start === undefined || end === undefined || rest.length > 0) {
    return {
      problem: 'at needs a start and an end, such as at 2026-11-20T14:00:00Z/2026-11-20T14:10:00Z.',
    };
  }
  if (start >= end) return { problem: 'at needs a start before its end.' };
  if (end - start > MAX_LAST) return { problem: `at can span at most ${formatDuration(MAX_LAST)}.` };
  return { value: { window: { start, end } }, end: at + 1 };
}

/** The option keyword that a word is probably a typo of. */
export function nearestKeyword(text: string, allowed: readonly OptionName[]): string | undefined {
  const keywords = Object.entries(KEYWORDS)
    .filter(([, name]) => allowed.includes(name))
    .map(([keyword]) => keyword);
  return nearest(text, keywords)[0];
}

/** The error of a word too many: a keyword with a typo, a duration without `last`, or an unknown word. */
export function unknownWord(
  tokens: readonly Token[],
  extra: Token,
  allowed: readonly OptionName[],
): CommandError {
  const index = tokens.indexOf(extra);
  const problem = `"${shortened(extra.text)}" is not an option.`;
  if (!extra.isQuoted && /^\d+(ms|s|m|h|d)$/i.test(extra.text) && allowed.includes('last'))
    return { problem, fixed: replaced(tokens, index, ['last', extra.text]) };
  const keyword = extra.isQuoted ? undefined : nearestKeyword(extra.text, allowed);
  return { problem, fixed: replaced(tokens, index, keyword === undefined ? [] : [keyword]) };
}

/** Names and request ids are shorter than this. */
const MAX_NAME = 256;

/** Whether a text can be a request id. */
export const isId = (text: string): boolean => text !== '' && text.length <= MAX_NAME;

/** Whether a text can be the name of a service. */
export const isName = (text: string): boolean => isId(text) && text.trim() !== '';

/** A name as text that parses to the same name. */
export const writeName = (text: string): string =>
  isPlain(text) &&
  !Object.hasOwn(KEYWORDS, text.toLowerCase()) &&
  !/^(?:help|--?h(?:elp)?)$/i.test(text) &&
  parseTraceReference(text).kind === 'other'
    ? text
    : quote(text);

/** A service and the time a command is about, with its other options. */
interface ServiceWindow {
  readonly service: string;
  readonly last: Milliseconds;
  readonly window?: Options['window'];
  readonly options: Options;
}

/** Parses `<service> [last 30m | at <start>/<end>] ...`: one service, and one way to give the time. */
export function parseServiceWindow(
  tokens: readonly Token[],
  of: {
    readonly allowed: readonly OptionName[];
    readonly example: string;
    readonly defaultLast: Milliseconds;
  },
): ServiceWindow | CommandError {
  const parsed = parseOptions(tokens, of.allowed);
  if ('problem' in parsed) return parsed;
  const id = parsed.words.find(isRequestReference);
  if (id !== undefined)
    return {
      problem: `"${shortened(id.text)}" is the id of one request, not a service.`,
      choices: [id.text],
    };
  const [service, extra] = parsed.words;
  if (service === undefined || !isName(service.text)) return { problem: `Specify a service: ${of.example}.` };
  if (extra !== undefined) return unknownWord(tokens, extra, of.allowed);
  const { options } = parsed;
  const { last, window } = options;
  if (last !== undefined && window !== undefined) return { problem: 'Specify either last or at, not both.' };
  const length = window === undefined ? of.defaultLast : ms(window.end - window.start);
  return { service: service.text, last: last ?? length, window, options };
}

/** Whether a word is an id or a link of one request. A service of such a name has to be quoted. */
function isRequestReference({ text, isQuoted }: Token): boolean {
  if (isQuoted) return false;
  const { kind } = parseTraceReference(text);
  return kind === 'trace' || kind === 'request';
}

/** The time of a command as text that parses to the same time. */
export const timeText = ({ last, window }: Pick<ServiceWindow, 'last' | 'window'>): string =>
  window === undefined
    ? `last ${formatDuration(last)}`
    : `at ${formatInstant(window.start)}/${formatInstant(window.end)}`;

/** The window of a command: its own, or the last ones before `end`. */
export const windowUntil = (
  end: EpochMs,
  { last, window }: Pick<ServiceWindow, 'last' | 'window'>,
): TimeWindow => window ?? { start: before(end, last), end };
