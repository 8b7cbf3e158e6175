import { withDeadline } from '../lib/deadline.ts';
import { explanationOf, faultText, UpstreamError } from '../lib/errors.ts';
import { grouped } from '../lib/format.ts';
import type { Logger } from '../lib/logger.ts';
import { nearest } from '../lib/nearest.ts';
import { type EpochMs, ms } from '../lib/units.ts';
import { type Answer, linesAnswer } from './answer.ts';
import type { CommandDeps, CommandInput, CommandRequest, Parsed, Reply, SlashCommand } from './command.ts';
import { refusalOf } from './permit.ts';
import { type Command, formOf, formsOf, usageOf, writeCommand } from './table.ts';
import { cleaned, isWord, joinTokens, type Token, tokenize, word } from './tokens.ts';

/** The result of parsing the text of a slash command. */
export type ParsedCommand =
  | { readonly ok: true; readonly command: Command; readonly share: boolean }
  | {
      readonly ok: false;
      /** What is wrong, as a sentence. */
      readonly problem: string;
      readonly usage: readonly string[];
      /** The complete command that was probably intended; it is valid. */
      readonly suggestion?: string;
      /** Complete commands of which one was intended; they are valid. */
      readonly choices?: readonly string[];
    };

/** Slack sends at most 3,000 characters; a link of Grafana or a line of a log takes most of them. */
const MAX_TEXT = 3_000;
const HELP = ['help', '-h', '--help', '?'];

/** Parses the text of a slash command. Pure and total: every text gives a command or a error. */
export function parseCommand(slash: SlashCommand, text: string): ParsedCommand {
  const usage = usageOf(slash);
  if (text.length > MAX_TEXT)
    return { ok: false, problem: `A command has at most ${grouped(MAX_TEXT)} characters.`, usage };
  const tokens = tokenize(text);
  const parsed = parse(slash, text, tokens);
  if ('command' in parsed) return { ok: true, ...parsed };
  const { problem, fixed, isCertain, choices } = parsed;
  // The words of /slo include comments and matchers, which must not be rewritten.
  const rewritten =
    slash === '/slo' || isCertain === true || choices !== undefined ? undefined : rewriteSentence(tokens);
  const valid = corrected(slash, rewritten) ?? corrected(slash, fixed);
  return {
    ok: false,
    problem,
    usage,
    suggestion: valid === undefined ? undefined : `${slash} ${valid}`,
    choices: choices?.map((choice) => `${slash} ${choice}`),
  };
}

/** With more errors than this, the intended command is unknown. */
const MAX_FIXES = 4;

/** Fixes one error after the other until the text is valid. */
function corrected(slash: SlashCommand, text: string | undefined): string | undefined {
  let next = text;
  for (let i = 0; i <= MAX_FIXES && next !== undefined; i += 1) {
    const parsed = parse(slash, next, tokenize(next));
    if ('command' in parsed) return next;
    next = parsed.fixed;
  }
  return undefined;
}

function parse(slash: SlashCommand, text: string, tokens: readonly Token[]): Parsed<Command> {
  const [first, ...rest] = tokens;
  if (rest.length === 0 && isWord(first, HELP)) return { command: { kind: 'help', slash }, share: false };
  const line = cleaned(text).trim();
  const after = line.replace(/^\S+\s*/u, '');
  const form = formsOf(slash).find(({ keywords }) => keywords !== undefined && isWord(first, keywords));
  const column = slash.length + 2;
  if (form === undefined) return parseDefault(slash, { tokens, text: line, column }, after);
  const input = { tokens: rest, text: after, column: column + line.length - after.length };
  const parsed = form.parse(input) ?? { problem: `Usage: ${slash} ${form.usage}` };
  return 'problem' in parsed && parsed.fixed !== undefined
    ? { ...parsed, fixed: `${form.keywords?.[0] ?? ''} ${parsed.fixed}`.trim() }
    : parsed;
}

/** No keyword selects a form. The first word may be a typo of one. */
function parseDefault(slash: SlashCommand, input: CommandInput, after: string): Parsed<Command> {
  const forms = formsOf(slash);
  const keywords = forms.flatMap((form) => form.keywords?.[0] ?? []);
  const defaults = forms.filter((form) => form.keywords === undefined || form.isDefault === true);
  const parsed = defaults.reduce<Parsed<Command> | undefined>(
    (found, form) => found ?? form.parse(input),
    undefined,
  ) ?? { problem: `Usage: ${slash} help` };
  const [first] = input.tokens;
  if ('command' in parsed || parsed.isCertain === true || first === undefined || first.isQuoted)
    return parsed;
  if (parsed.choices !== undefined) return parsed;
  const [near] = keywords.length === 0 ? [] : nearest(first.text, [...keywords, 'help']);
  return near === undefined ? parsed : { ...parsed, fixed: `${near} ${after}`.trim() };
}

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
function rewriteSentence(tokens: readonly Token[]): string {
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

type Sender = Pick<CommandRequest<Command>, 'by' | 'now' | 'key'>;

/** Answers slash commands. Every error is an answer: no method throws. */
export interface Commands {
  answer(request: Sender & { readonly command: SlashCommand; readonly text: string }): Promise<{
    readonly answer: Answer;
    /** Whether the answer is for everyone in the channel. */
    readonly share: boolean;
    /** The complete command that gives the same answer, for the Share button. Absent for what cannot be shared. */
    readonly reproducible?: string;
  }>;
  /** Runs a command that was not typed: the values of a form. */
  run(command: Command, sender: Sender): Promise<Answer>;
}

const DEADLINE = ms(18_000);
/** Time to return a partial answer after the deadline. */
const GRACE = ms(500);

/**
 * A look-up under way that began so recently answers the same command of other people too: in an incident many type the
 * same, and each run costs Prometheus and the tracing backend as much as the first.
 */
const SHARED_FOR = ms(2_000);

interface SharedLookUps {
  /** Joins an equal look-up under way, or starts it. */
  look(command: Command, now: EpochMs, run: () => Promise<Reply<Command>>): Promise<Reply<Command>>;
  /** Runs an action: look-ups that begin later show what it did, so they join none that began before its end. */
  act(run: () => Promise<Reply<Command>>): Promise<Reply<Command>>;
}

function createSharedLookUps(): SharedLookUps {
  const underWay = new Map<string, { readonly at: EpochMs; readonly reply: Promise<Reply<Command>> }>();
  return {
    async look(command, now, run) {
      const key = JSON.stringify(command);
      const known = underWay.get(key);
      if (known !== undefined && now - known.at <= SHARED_FOR) return await known.reply;
      const own = { at: now, reply: run() };
      underWay.set(key, own);
      try {
        return await own.reply;
      } finally {
        if (underWay.get(key) === own) underWay.delete(key);
      }
    },
    async act(run) {
      try {
        return await run();
      } finally {
        underWay.clear();
      }
    },
  };
}

export function createCommands(deps: CommandDeps): Commands {
  const run = createRun(deps, createSharedLookUps());
  return {
    run: async (command, sender) => (await run(command, sender)).answer,
    async answer({ command: slash, text, ...sender }) {
      const parsed = parseCommand(slash, text);
      if (!parsed.ok) {
        const { problem, usage, suggestion, choices } = parsed;
        if (choices !== undefined) return { answer: choicesAnswer(problem, choices), share: false };
        return { answer: { kind: 'usage', problem, usage, suggestion }, share: false };
      }
      const { answer, again } = await run(parsed.command, sender);
      const reproducible = again === undefined ? undefined : writeCommand(again);
      // Errors and failures are shown only to the sender.
      return { answer, share: parsed.share && reproducible !== undefined, reproducible };
    },
  };
}

/** A line with a button for each command. */
const choicesAnswer = (problem: string, choices: readonly string[]): Answer =>
  linesAnswer(
    [choices.length > 1 ? `${problem} Select one:` : problem],
    ...choices.map((command) => ({ phrase: [{ code: command }], button: { label: 'Show', command } })),
  );

type Run = (command: Command, sender: Sender) => Promise<Reply<Command>>;

function createRun(deps: CommandDeps, lookUps: SharedLookUps): Run {
  return async (command, sender) => {
    if (command.kind === 'help')
      return { answer: { kind: 'usage', problem: '', usage: usageOf(command.slash) } };
    const { clock, logger } = deps;
    const form = formOf(command);
    const run = (): Promise<Reply<Command>> =>
      withDeadline({ clock, duration: DEADLINE, grace: GRACE, system: form.system }, (signal) =>
        form.run({ ...sender, command, signal }, deps),
      );
    try {
      const refusal = await refusalOf(deps, form.needs ?? 'look_up', sender.by);
      if (refusal !== undefined) return { answer: refusal };
      return await (form.needs === undefined ? lookUps.look(command, sender.now, run) : lookUps.act(run));
    } catch (error) {
      return { answer: { kind: 'failed', text: failureText(error, command, logger) } };
    }
  };
}

function failureText(error: unknown, { kind: command }: Command, logger: Logger): string {
  if (error instanceof UpstreamError) {
    const { system, code } = error;
    logger.warn('command not answered', { command, system, code });
    const text = explanationOf(error);
    return text.charAt(0).toUpperCase() + text.slice(1);
  }
  logger.error('command failed', { command, error: faultText(error) });
  return "Internal error. Details are in the bot's log.";
}
