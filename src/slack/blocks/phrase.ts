import type { Phrase } from '../../lib/phrase.ts';
import { code, date, escape, oneLine } from './mrkdwn.ts';

/** A person by id, shown by name. What is no Slack user id is shown as it is, and calls nobody. */
export const person = (id: string): string => (/^[UW][A-Z0-9]+$/.test(id) ? `<@${id}>` : code(id, 60));

/** Words of one phrase; what is longer was not written by this program alone. */
const LONGEST_WORDS = 600;

/**
 * A phrase as mrkdwn: people and instants as Slack shows them, everything else escaped, each part of it at most `max`
 * long.
 */
export function phraseText(phrase: Phrase, max: number = LONGEST_WORDS): string {
  return phrase
    .map((part) => {
      if (typeof part === 'string') return words(part, max);
      if ('code' in part) return code(part.code, max);
      return 'person' in part ? person(part.person) : date(part.at);
    })
    .join('');
}

/** Escaped in one line, with the blanks at its ends, which keep it apart from a name beside it. */
function words(text: string, max: number): string {
  const start = /^\s/u.test(text) ? ' ' : '';
  const end = text.length > 1 && /\s$/u.test(text) ? ' ' : '';
  return `${start}${escape(oneLine(text), max)}${end}`;
}
