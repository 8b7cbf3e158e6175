import { grouped } from '../lib/format.ts';
import type { Phrase } from '../lib/phrase.ts';
import { DAY, formatDuration, MINUTE, type Milliseconds, ms, parseDuration } from '../lib/units.ts';
import { type AlertSelection, parseSelection, selectionMatchers } from './alert-selection.ts';
import { linesAnswer } from './answer.ts';
import type { CommandDeps, CommandForm, CommandInput, CommandRequest, Parsed, Reply } from './command.ts';
import { alertNames, parseComment } from './slo-alert-actions.ts';
import { matchersCode, unsilenceButton } from './slo-silences.ts';

/** `/slo silence`. */
export interface SilenceCommand {
  readonly kind: 'silence';
  readonly selection: AlertSelection;
  readonly duration: Milliseconds;
  readonly comment: string;
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

function parse({ text, column }: CommandInput): Parsed<SilenceCommand> {
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

async function run(
  { command: { selection, duration, comment }, by, now, key }: CommandRequest<SilenceCommand>,
  { silences, alerts, ruleSet }: CommandDeps,
): Promise<Reply<SilenceCommand>> {
  const known = await alerts.firing();
  const selected = selectionMatchers(selection, { ruleSet: ruleSet(), known });
  if (!selected.ok) {
    const { labels } = selected;
    const [service = 'checkout'] = selection.services;
    const choices = labels.map((label) => `${label}="${service}"`).join(' or ');
    const problem = `Several labels name services here. Specify one: ${choices}.`;
    return { answer: { kind: 'usage', problem, usage: [`/slo ${sloSilence.usage}`] } };
  }
  const { matchers } = selected;
  const made = await silences.silence({ matchers, duration: duration, comment, by, now, key });
  const { id, endsAt } = made.silence;
  const head: Phrase = ['Silenced until ', { at: endsAt }, ': ', matchersCode(matchers), '.'];
  const count = made.alerts.length === 1 ? '1 firing alert' : `${made.alerts.length} firing alerts`;
  const effect =
    made.alerts.length === 0
      ? 'No firing alert matches. New matching alerts will be silenced.'
      : `${count} silenced: ${alertNames(made.alerts)}.`;
  return { answer: linesAnswer({ phrase: head, button: unsilenceButton(id) }, [effect]) };
}
