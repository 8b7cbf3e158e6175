import type { Phrase } from '../../lib/format.ts';
import type { EpochMs } from '../../lib/units.ts';
import { utcTime } from '../../lib/units.ts';

/*
 * Escapes foreign text (labels, span tags, names, error messages) for Slack, which reads `<!channel>`, `<@U1>`,
 * `<url|label>` and entities in mrkdwn. Source: docs.slack.dev/messaging/formatting-message-text.
 */

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/** C0 and C1 controls, lone surrogates, and bidirectional marks, with which a name could hide the text after it. */
// oxlint-disable-next-line no-control-regex -- matches control characters on purpose
const INVISIBLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\ufeff\p{Cs}]/gu;

const ELLIPSIS = '…';

/** Text on one line: without control characters, each run of white space as one space. */
export function oneLine(text: string): string {
  return text.replace(INVISIBLE, '').replace(/\s+/gu, ' ').trim();
}

/** The start of a text within `max` UTF-16 units. Never splits a character. */
export function truncate(text: string, max: number): string {
  return cut(text, max, (character) => character);
}

/** The start of escaped mrkdwn within `max`: whole lines if there are several. Never splits a link or an entity. */
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

/** Escapes foreign text for mrkdwn; the result has at most `max` UTF-16 units. Never splits an entity. */
export function escape(text: string, max = Number.POSITIVE_INFINITY): string {
  return cut(text.replace(INVISIBLE, ''), max, (character) => ENTITIES[character] ?? character);
}

function cut(source: string, max: number, write: (character: string) => string): string {
  let kept = '';
  let text = '';
  for (const character of source) {
    const next = write(character);
    if (text.length + next.length > max) return max < 1 ? '' : `${kept}${ELLIPSIS}`;
    text += next;
    if (text.length <= max - ELLIPSIS.length) kept = text;
  }
  return text;
}

/** Foreign text as code, so that `*`, `_` and `~` in names have no effect. */
export function code(text: string, max = 200): string {
  const line = oneLine(text).replaceAll('`', 'ˋ');
  return line === '' ? '' : `\`${escape(line, max)}\``;
}

/**
 * Foreign text for `plain_text`, `raw_text` and `rich_text`, where Slack reads no markup and no escaping is needed.
 * Anything that looks like a mention is broken all the same, in case a client interprets it.
 */
export function literal(text: string, max: number): string {
  return truncate(oneLine(text).replace(/<(?=[!@#])/gu, '‹'), max);
}

/** Whether a URL can be linked: http(s) only, at most 3,000 characters. */
export function isLinkable(url: string): boolean {
  return /^https?:\/\/[^\s<>|\p{Cs}]+$/u.test(url) && url.length <= 3_000;
}

/** A link in mrkdwn; the label alone when the URL cannot be linked or is longer than 500 characters. */
export const link = (url: string | undefined, label: string, max = 150): string =>
  linkWithin(url, label, { max, maxUrl: 500 });

function linkWithin(
  url: string | undefined,
  label: string,
  { max, maxUrl }: { readonly max: number; readonly maxUrl: number },
): string {
  // The first bar ends the URL.
  const text = escape(oneLine(label).replaceAll('|', '¦'), max);
  return url === undefined || url.length > maxUrl || !isLinkable(url)
    ? text
    : `<${url.replaceAll('&', '&amp;')}|${text || 'link'}>`;
}

/** An instant in the reader's time zone, in one of Slack's formats; in UTC where Slack cannot show it so. */
export function date(at: EpochMs, format = '{date_short_pretty} {time}'): string {
  return `<!date^${Math.floor(at / 1_000)}^${format}|${utcTime(at)} UTC>`;
}

/** A mention of a person by Slack user id, shown as a name. Any other text is shown as code. */
export const person = (id: string): string => (/^[UW][A-Z0-9]+$/.test(id) ? `<@${id}>` : code(id, 60));

/** A phrase as mrkdwn: people and instants in Slack's syntax, everything else escaped, at most `max` for each part. */
export function phraseText(phrase: Phrase, max = 600): string {
  return phrase
    .map((part) => {
      if (typeof part === 'string') return escapedLine(part, max);
      if ('code' in part) return code(part.code, max);
      if ('url' in part) return link(part.url, part.text);
      return 'person' in part ? person(part.person) : date(part.at);
    })
    .join('');
}

/** What metrics say in support of a culprit: three links of a section, whose expressions are long. */
export const signalLines = (signals: readonly Phrase[] = []): readonly string[] =>
  signals.slice(0, 3).map((signal) => `• ${timedPhrase(signal)}`);

/** Why the traces, or the figures from metrics, may mislead. */
export const warningLines = (warnings: readonly Phrase[] = []): readonly string[] =>
  warnings.slice(0, 2).map((warning) => `:warning: ${timedPhrase(warning)}`);

/** Instants are times of the breach, whose date is known. */
const timedPhrase = (phrase: Phrase): string =>
  phrase
    .map((part) => {
      if (typeof part !== 'string' && 'url' in part)
        return linkWithin(part.url, part.text, { max: 200, maxUrl: 750 });
      return typeof part !== 'string' && 'at' in part ? date(part.at, '{time}') : phraseText([part]);
    })
    .join('');

/** Escaped on one line, with the spaces at its ends. */
function escapedLine(text: string, max: number): string {
  const start = /^\s/u.test(text) ? ' ' : '';
  const end = text.length > 1 && /\s$/u.test(text) ? ' ' : '';
  return `${start}${escape(oneLine(text), max)}${end}`;
}

const MAX_MENTIONS = 10;

/** Mentions that notify, of user groups and users by Slack id. Any other text is shown as code. */
export const mentionLine = (ids: readonly string[]): string =>
  ids
    .slice(0, MAX_MENTIONS)
    .map((id) => (/^S[A-Z0-9]+$/.test(id) ? `<!subteam^${id}>` : person(id)))
    .join(' ');
