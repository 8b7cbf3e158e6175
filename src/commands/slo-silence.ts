import type { CreatedSilence } from '../actions/silences.ts';
import type { Alert } from '../alerts/alert.ts';
import { UpstreamError } from '../lib/errors.ts';
import type { Phrase } from '../lib/format.ts';
import { count, grouped } from '../lib/format.ts';
import { isCatchAll, type Matcher, matchersText, matches } from '../lib/matcher.ts';
import { nearest } from '../lib/nearest.ts';
import { DAY, formatDuration, MINUTE, type Milliseconds, ms, parseDuration } from '../lib/units.ts';
import {
  type AlertSelection,
  parseSelection,
  type SelectionContext,
  selectionMatchers,
  serviceLabels,
} from './alert-selection.ts';
import { type Answer, linesAnswer } from './answer.ts';
import type { CommandDeps, CommandForm, CommandInput, CommandRequest, Parsed, Reply } from './command.ts';
import { alertNames, parseComment } from './slo-alert-actions.ts';
import { matchersCode, unsilenceButton } from './slo-silences.ts';

/** `/slo silence`. */
export interface SilenceCommand {
  readonly kind: 'silence';
  readonly selection: AlertSelection;
  readonly duration: Milliseconds;
  readonly comment: string;
  /** It silences many alerts, and the person has seen which. */
  readonly isConfirmed?: true;
}

export const sloSilence: CommandForm<SilenceCommand> = {
  slash: '/slo',
  kind: 'silence',
  keywords: ['silence', 'mute'],
  needs: 'silence',
  usage: 'silence <service or matchers> for 2h [comment]',
  example: 'silence checkout severity="ticket" for 2h database migration',
  summary: 'Silences matching alerts for a time, as the Silence button does',
  system: 'store',
  parse,
  run,
};

/** Longer than any planned work. */
const MAX_DURATION: Milliseconds = ms(30 * DAY);

/** No silence needs more. */
const MAX_TEXT = 1_500;

/** A word including its quoted parts, so that a `for` inside quotes does not count. */
const WORD = /(?:"(?:[^"\\]|\\.)*(?:"|$)|[^\s"])+/gu;

/** `for 2h comment`. */
interface ForClause {
  /** Where it begins in the text. */
  readonly at: number;
  /** Undefined when `written` is no duration. */
  readonly duration: Milliseconds | undefined;
  readonly written: string;
  readonly comment: string;
}

function parseFor(text: string): ForClause | undefined {
  const keyword = [...text.matchAll(WORD)].find(([each]) => each.toLowerCase() === 'for');
  if (keyword === undefined) return undefined;
  const tail = text.slice(keyword.index + keyword[0].length).trimStart();
  const { duration, written } = durationAt(tail);
  return { at: keyword.index, duration, written, comment: parseComment(tail.slice(written.length)) };
}

/** `2h`, `1h30m` or `2 hours` at the beginning of a text. */
function durationAt(text: string): Pick<ForClause, 'duration' | 'written'> {
  const [spoken, count = '', unit = ''] =
    /^(\d{1,4})\s*(m|h|d|w)(?:ins?|inutes?|rs?|ours?|ays?|eeks?)?(?=\s|$)/iu.exec(text) ?? [];
  if (spoken !== undefined)
    return { duration: parseDuration(`${Number(count)}${unit.toLowerCase()}`), written: spoken };
  const [written = ''] = /^\S+/u.exec(text) ?? [];
  return { duration: parseDuration(written.toLowerCase()), written };
}

/** The word that the Silence button of a confirmation adds. */
const CONFIRMED = /^confirmed\s+/iu;

function parse(input: CommandInput): Parsed<SilenceCommand> {
  const confirmed = CONFIRMED.exec(input.text)?.[0];
  if (confirmed === undefined) return parseSilence(input);
  const { text, column } = input;
  const parsed = parseSilence({
    ...input,
    text: text.slice(confirmed.length),
    column: column + confirmed.length,
  });
  return 'problem' in parsed ? parsed : { ...parsed, command: { ...parsed.command, isConfirmed: true } };
}

function parseSilence({ text, column }: CommandInput): Parsed<SilenceCommand> {
  if (text.length > MAX_TEXT) return { problem: `A silence has at most ${grouped(MAX_TEXT)} characters.` };
  const clause = parseFor(text);
  if (clause === undefined) return withoutFor(text);
  const { at, duration, written, comment } = clause;
  if (duration === undefined)
    return { problem: `"${written.slice(0, 60)}" is not a duration: expected for 30m, for 2h or for 1d.` };
  if (duration < MINUTE || duration > MAX_DURATION) {
    return {
      problem: `A silence lasts from 1m to ${formatDuration(MAX_DURATION)}. Write a longer one into the rule file.`,
    };
  }
  const parsed = parseSelection(text.slice(0, at));
  return parsed.ok
    ? { command: { kind: 'silence', selection: parsed.selection, duration, comment }, share: false }
    : { problem: `${parsed.problem} (column ${column + parsed.at})` };
}

/** A silence always has an end. A duration without `for` is put right in the suggestion. */
function withoutFor(text: string): Parsed<SilenceCommand> {
  const [whole, alerts = '', duration = '', comment = ''] =
    /^(.*\S)\s+(\d+[smhdw]\S*)(\s.*)?$/su.exec(text) ?? [];
  const fixed = `${alerts} for ${duration}${comment}`;
  // After an unclosed quote, the added word is part of the quoted text.
  const isFixed = whole !== undefined && parseFor(fixed) !== undefined;
  return {
    problem: 'A silence needs a duration: /slo silence checkout for 2h.',
    fixed: isFixed ? fixed : undefined,
  };
}

/** Silences by severity alone, or of everything, reach more than a person may think of. */
const isBroad = (matchers: readonly Matcher[]): boolean =>
  matchers.every(({ label, operator }) => label === 'severity' || operator.startsWith('!'));

/** The names of services under each label; undefined when Prometheus does not respond. */
async function namesByLabel(
  { metrics }: Pick<CommandDeps, 'metrics'>,
  { known }: SelectionContext,
  labels: readonly string[],
): Promise<ReadonlyMap<string, ReadonlySet<string>> | undefined> {
  try {
    const names = await Promise.all(
      labels.map(async (label) => {
        const ofAlerts = known.flatMap(({ alert }) => alert.labels[label] ?? []);
        return [label, new Set([...(await metrics.labelValues({ label })), ...ofAlerts])] as const;
      }),
    );
    return new Map(names);
  } catch (error) {
    if (error instanceof UpstreamError) return undefined;
    throw error;
  }
}

type Located =
  | { readonly labels: readonly string[] }
  | { readonly unknown: string; readonly suggestion: string | undefined };

/** The labels under which the selected services exist. Without an answer of Prometheus any name is accepted. */
async function locate(
  deps: Pick<CommandDeps, 'metrics'>,
  { services }: AlertSelection,
  context: SelectionContext,
): Promise<Located> {
  const labels = serviceLabels(context);
  const names = services.length === 0 ? undefined : await namesByLabel(deps, context, labels);
  const all = [...new Set([...(names?.values() ?? [])].flatMap((each) => [...each]))];
  if (names === undefined || all.length === 0) return { labels };
  const unknown = services.find((service) => !all.includes(service));
  if (unknown !== undefined) return { unknown, suggestion: nearest(unknown, all)[0] };
  const having = labels.filter((label) => services.some((service) => names.get(label)?.has(service)));
  return { labels: having };
}

/** What a silence of many alerts would silence now, with a button to create it. */
function confirmation(
  { selection: { matchers }, duration, comment }: SilenceCommand,
  firing: readonly Alert[],
): Answer {
  const words = [
    '/slo silence confirmed',
    ...(isCatchAll(matchers) ? ['everything'] : []),
    ...(matchers.length === 0 ? [] : [matchersText(matchers)]),
    `for ${formatDuration(duration)}`,
    ...(comment === '' ? [] : [comment]),
  ];
  const what: Phrase = ['This silences ', matchersCode(matchers), `, for ${formatDuration(duration)}.`];
  const effect =
    firing.length === 0
      ? 'No firing alert matches now; new ones will be silenced.'
      : `It silences ${count(firing.length, 'firing alert')} now: ${alertNames(firing)}.`;
  return linesAnswer({ phrase: what, button: { label: 'Silence', command: words.join(' ') } }, [effect]);
}

async function run(
  { command, by, now, key }: CommandRequest<SilenceCommand>,
  deps: CommandDeps,
): Promise<Reply<SilenceCommand>> {
  const { selection, duration, comment, isConfirmed } = command;
  const { silences, alerts, ruleSet } = deps;
  const context = { ruleSet: ruleSet(), known: await alerts.firing() };
  const located = await locate(deps, selection, context);
  if ('unknown' in located) {
    const { unknown, suggestion } = located;
    const problem = `No service is named ${unknown}${suggestion === undefined ? '' : `. Did you mean ${suggestion}?`}`;
    return { answer: { kind: 'usage', problem, usage: [`/slo ${sloSilence.usage}`] } };
  }
  const all = selectionMatchers(selection, context, located.labels);
  if (isConfirmed !== true && all.some(isBroad)) {
    const firing = context.known.map(({ alert }) => alert);
    const matching = firing.filter(({ labels }) => all.some((matchers) => matches(matchers, labels)));
    return { answer: confirmation(command, matching) };
  }
  const made: CreatedSilence[] = [];
  for (const [index, matchers] of all.entries()) {
    const own = index === 0 || key === undefined ? key : `${key}+${index}`;
    made.push(await silences.silence({ matchers, duration, comment, by, now, key: own }));
  }
  const heads = made.map(({ silence: { id, endsAt, matchers } }) => ({
    phrase: ['Silenced until ', { at: endsAt }, ': ', matchersCode(matchers), '.'] satisfies Phrase,
    button: unsilenceButton(id),
  }));
  const silenced = [
    ...new Map(made.flatMap((each) => each.alerts.map((alert) => [alert.alertId, alert]))).values(),
  ];
  const effect =
    silenced.length === 0
      ? 'No firing alert matches. New matching alerts will be silenced.'
      : `${count(silenced.length, 'firing alert')} silenced: ${alertNames(silenced)}.`;
  return { answer: linesAnswer(...heads, [effect]) };
}
