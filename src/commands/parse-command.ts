import { nearest } from '../lib/nearest.ts';
import { type Milliseconds, ms } from '../lib/units.ts';
import type { Command, ParsedCommand, SlashCommand } from './command.ts';
import {
  type Mistake,
  nearestKeyword,
  type OptionName,
  type Options,
  readOptions,
  replaced,
} from './options.ts';
import { plainWords } from './plain-words.ts';
import { readCompare } from './read-compare.ts';
import { isCertainReference, isReference, readPart } from './read-part.ts';
import { readReference, readRequest } from './read-reference.ts';
import { isWord, quote, shortened, type Token, tokenize, word } from './tokens.ts';
import { USAGE } from './usage.ts';

const DEFAULT_LAST: Milliseconds = ms(30 * 60_000);
/** How many traces are shown unless said. */
export const DEFAULT_TOP = 5;
const DEFAULT_LATENCY_LAST: Milliseconds = ms(3_600_000);

/** A service's name, a request id: nothing that is meant is longer. */
const MAX_NAME = 256;
/** Slack sends at most 3,000 characters; a link of Grafana or a line of a log takes most of them. */
const MAX_TEXT = 3_000;

type Understood = { readonly command: Command; readonly share: boolean };
type Reading = Understood | Mistake;

/**
 * Understands the text of a slash command. Pure and total: any text gives a command, or a sentence that says what is
 * wrong, how it is written, and where possible the complete command that was probably meant.
 */
export function parseCommand(command: SlashCommand, text: string): ParsedCommand {
  if (text.length > MAX_TEXT) return refusal(command, { problem: 'That is too long to be a command.' });
  const tokens = tokenize(text);
  const reading = read(command, tokens);
  if ('command' in reading) return { ok: true, ...reading };
  return refusal(command, reading, plainWords(tokens));
}

/** More mistakes than this and nobody knows what was meant. */
const MAX_FIXES = 4;

function refusal(
  command: SlashCommand,
  { problem, fixed, isCertain }: Mistake,
  plain: readonly Token[] = [],
): ParsedCommand {
  const usage = USAGE[command];
  const meant =
    (plain.length === 0 || isCertain === true ? undefined : mended(command, plain)) ?? mended(command, fixed);
  return { ok: false, problem, usage, ...(meant === undefined ? {} : suggestionOf(command, meant)) };
}

/** Follows the fixes of one mistake after the other, up to words that are understood. */
function mended(command: SlashCommand, tokens: readonly Token[] | undefined): readonly Token[] | undefined {
  let meant = tokens;
  for (let i = 0; i <= MAX_FIXES && meant !== undefined; i += 1) {
    const reading = read(command, meant);
    if ('command' in reading) return meant;
    meant = reading.fixed;
  }
  return undefined;
}

/** Only what is understood when it is typed: odd characters may not survive being written down. */
function suggestionOf(command: SlashCommand, tokens: readonly Token[]): { readonly suggestion?: string } {
  const text = tokens.map((token) => (isKeptBare(token) ? token.text : quote(token.text))).join(' ');
  return 'command' in read(command, tokenize(text)) ? { suggestion: `${command} ${text}` } : {};
}

function isKeptBare({ text, isQuoted }: Token): boolean {
  const [again, ...more] = isQuoted ? [] : tokenize(text);
  return again?.text === text && !again.isQuoted && more.length === 0;
}

function read(command: SlashCommand, tokens: readonly Token[]): Reading {
  if (tokens.length === 1 && isWord(tokens[0], ['help', '?', '-h', '--help'])) {
    return { command: { kind: 'help', about: command }, share: false };
  }
  switch (command) {
    case '/trace':
      return readTrace(tokens);
    case '/latency':
      return readLatency(tokens);
    case '/slo':
      return readSlo(tokens);
  }
}

const SLOWEST_OPTIONS: readonly OptionName[] = ['last', 'over', 'top', 'operation', 'window', 'share'];

function readTrace(tokens: readonly Token[]): Reading {
  const [first, ...rest] = tokens;
  if (first === undefined)
    return { problem: 'Say what to look for: a service, a trace id, or a request id.' };
  if (isWord(first, ['slowest'])) return readSlowest(tokens);
  if (isWord(first, ['request'])) return readRequest(rest);
  if (isWord(first, ['compare'])) return readCompare(tokens);
  return readReference(tokens) ?? unknownForm(tokens, first);
}

/** A first word that is neither a form nor an id: a slip, or a service whose slowest traces are wanted. */
function unknownForm(tokens: readonly Token[], first: Token): Mistake {
  if (/^(?=.*\d)(?=.*[a-f])[0-9a-f]{6,8}$/i.test(first.text)) {
    return {
      problem: `"${first.text}" looks like the beginning of a trace id: give all of it, 16 or 32 hex digits, or its link.`,
    };
  }
  if (NO_ID.test(first.text)) {
    return { problem: 'A trace id of zeros stands for none: this request was not traced.', isCertain: true };
  }
  const problem = `"${shortened(first.text)}" is neither slowest nor a trace id, a link or a request id.`;
  const [form] = first.isQuoted ? [] : nearest(first.text, ['slowest', 'request', 'compare', 'help']);
  if (form !== undefined) return { problem, fixed: replaced(tokens, 0, [form]) };
  if (MAY_BE_ID.test(first.text)) return { problem, fixed: [word('request'), ...tokens] };
  return MAY_BE_SERVICE.test(first.text) ? { problem, fixed: [word('slowest'), ...tokens] } : { problem };
}

/** What every format of trace headers writes for "no id", alone or inside a header. */
const NO_ID = /(?<![0-9a-z])(?:0{16}){1,2}(?![0-9a-z])/i;
/** Numbers of requests are long; those in names of services are versions. */
const MAY_BE_ID = /^(?=.*\d{5})(?!.*[0-9a-f]{16})[\w.:-]+$/i;
/** Names of services have letters, and neither the marks of data nor the long numbers of headers. */
const MAY_BE_SERVICE = /^(?=.*\p{L})(?!.*[0-9a-f]{16})[\p{L}\p{N}_./@ -]+$/u;

function readSlowest(tokens: readonly Token[]): Reading {
  const read = readOptions(tokens, SLOWEST_OPTIONS);
  if ('problem' in read) return read;
  const { options } = read;
  const [, service, extra] = read.words;
  if (service === undefined || !isName(service.text))
    return { problem: 'Say which service: /trace slowest checkout.' };
  if (extra !== undefined) return unknownWord(tokens, extra, SLOWEST_OPTIONS);
  if (options.last !== undefined && options.window !== undefined) {
    return { problem: 'Give either last or at, not both.' };
  }
  return { command: slowestCommand(service.text, options), share: options.share ?? false };
}

function slowestCommand(
  service: string,
  { operation, last = DEFAULT_LAST, window, over, top = DEFAULT_TOP }: Options,
): Command {
  return {
    kind: 'slowest',
    service,
    operation,
    ...(window === undefined ? { last } : { last: ms(window.end - window.start), window }),
    over,
    top,
  };
}

const isName = (text: string): boolean => text.trim() !== '' && text.length <= MAX_NAME;

/** A word too many: a keyword with a slip, a duration without `last`, or nothing anyone knows. */
function unknownWord(tokens: readonly Token[], extra: Token, allowed: readonly OptionName[]): Mistake {
  const index = tokens.indexOf(extra);
  const problem = `"${shortened(extra.text)}" is not an option.`;
  if (!extra.isQuoted && /^\d+(ms|s|m|h|d)$/i.test(extra.text) && allowed.includes('last')) {
    return { problem, fixed: replaced(tokens, index, ['last', extra.text]) };
  }
  const keyword = extra.isQuoted ? undefined : nearestKeyword(extra.text, allowed);
  return { problem, fixed: replaced(tokens, index, keyword === undefined ? [] : [keyword]) };
}

const LATENCY_OPTIONS: readonly OptionName[] = ['last', 'share'];

function readLatency(tokens: readonly Token[]): Reading {
  const read = readOptions(tokens, LATENCY_OPTIONS);
  if ('problem' in read) return read;
  const request =
    read.words.length > 1 ? read.words.findLast(isReference) : read.words.find(isCertainReference);
  const [service, extra] = read.words.filter((token) => token !== request);
  if (service === undefined && request !== undefined) return { problem: requestAlone(request.text) };
  if (service === undefined || !isName(service.text))
    return { problem: 'Say which service: /latency checkout.' };
  if (extra !== undefined) return unknownWord(tokens, extra, LATENCY_OPTIONS);
  if (request !== undefined) return readPart({ service, request }, read.options);
  const { last = DEFAULT_LATENCY_LAST, share = false } = read.options;
  return { command: { kind: 'latency', service: service.text, last }, share };
}

const requestAlone = (id: string): string =>
  `Say in which service: /latency checkout ${id}. Without one: /trace ${id}.`;

function readSlo(tokens: readonly Token[]): Reading {
  const rest = isWord(tokens[0], ['status']) ? tokens.slice(1) : tokens;
  const read = readOptions(rest, ['share']);
  if ('problem' in read) return read;
  const [extra] = read.words;
  if (extra === undefined) return { command: { kind: 'slo-status' }, share: read.options.share ?? false };
  const [meant] = nearest(extra.text, ['status', 'share', 'help']);
  return {
    problem: `"${shortened(extra.text)}" is not something /slo can show.`,
    fixed: meant === undefined ? [word('status')] : replaced(tokens, tokens.indexOf(extra), [meant]),
  };
}
