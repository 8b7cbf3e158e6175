import { utcTime } from '../../lib/instant.ts';
import type { Phrase } from '../../lib/phrase.ts';
import type { EpochMs } from '../../lib/units.ts';

/**
 * The one place where text that others wrote (labels, span tags, names, error texts) becomes text for Slack.
 * Slack reads `<!channel>`, `<@U1>`, `<url|label>` and entities in mrkdwn; docs.slack.dev/messaging/formatting-message-text
 * asks to escape `&`, `<` and `>`.
 */

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/** C0 and C1 controls, halves of characters, and the marks that turn a line around: a name could hide what follows it. */
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const INVISIBLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\ufeff\p{Cs}]/gu;

const ELLIPSIS = '…';

/** Text without control characters, with every run of white space as one blank: fit to stand in a line. */
export function oneLine(text: string): string {
  return text.replace(INVISIBLE, '').replace(/\s+/gu, ' ').trim();
}

/** Keeps the start of a text within `max` UTF-16 units, the stricter way to count, and never cuts a character in two. */
export function truncate(text: string, max: number): string {
  return cut(text, max, (character) => character);
}

/**
 * Keeps the start of finished mrkdwn within `max`: whole lines as long as there are several, and never half a link or
 * half an entity.
 */
export function truncateMrkdwn(text: string, max: number): string {
  if (text.length <= max) return text;
  const kept = text.slice(0, max - ELLIPSIS.length);
  const lineEnd = kept.lastIndexOf('\n');
  if (lineEnd > 0) return `${kept.slice(0, lineEnd)}\n${ELLIPSIS}`.slice(0, max);
  return truncate(text, max)
    .slice(0, -ELLIPSIS.length)
    .replace(/<[^>]*$/u, '')
    .replace(/&[a-z]{0,3}$/u, '')
    .concat(ELLIPSIS);
}

/** Escapes a foreign text for mrkdwn; with `max` the escaped text is at most that long and no entity is cut in two. */
export function escape(text: string, max = Number.POSITIVE_INFINITY): string {
  return cut(text.replace(INVISIBLE, ''), max, (character) => ENTITIES[character] ?? character);
}

function cut(text: string, max: number, write: (character: string) => string): string {
  let kept = '';
  let room = '';
  for (const character of text) {
    const next = write(character);
    if (room.length + next.length > max) return max < 1 ? '' : `${kept}${ELLIPSIS}`;
    room += next;
    if (room.length <= max - ELLIPSIS.length) kept = room;
  }
  return room;
}

/** A foreign text in mrkdwn as code, which keeps `*`, `_` and `~` in names from becoming styles. */
export function code(text: string, max = 200): string {
  const line = oneLine(text).replaceAll('`', 'ˋ');
  return line === '' ? '' : `\`${escape(line, max)}\``;
}

/**
 * A foreign text where Slack reads no markup: `plain_text`, `raw_text`, elements of `rich_text`. It stands unescaped
 * there, so whatever looks like a mention is broken all the same: nothing may depend on how a client shows it.
 */
export function literal(text: string, max: number): string {
  return truncate(oneLine(text).replace(/<(?=[!@#])/gu, '‹'), max);
}

/** Only addresses a browser opens over http; a `javascript:` or a relative one from an annotation is no link. */
export function isLinkable(url: string): boolean {
  return /^https?:\/\/[^\s<>|\p{Cs}]+$/u.test(url) && url.length <= 3_000;
}

/** A link in mrkdwn; the bare label when the address is none that may be linked, or so long that it fills the message. */
export function link(url: string | undefined, label: string, max = 150): string {
  // The first bar ends the address; one in the label is not worth finding out about.
  const text = escape(oneLine(label).replaceAll('|', '¦'), max);
  return url === undefined || url.length > 500 || !isLinkable(url)
    ? text
    : `<${url.replaceAll('&', '&amp;')}|${text || 'link'}>`;
}

/** An instant in the reader's own time zone, in one of Slack's formats; UTC where it cannot be shown so. */
export function date(at: EpochMs, format = '{date_short_pretty} {time}'): string {
  return `<!date^${Math.floor(at / 1_000)}^${format}|${utcTime(at)} UTC>`;
}

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
