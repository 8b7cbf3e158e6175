import { count, durationText } from '../lib/format.ts';
import type { Microseconds } from '../lib/units.ts';
import type { PathPart } from './path-parts.ts';
import type { Waterfall } from './waterfall.ts';

/** Slack's limit for the alternative text of a file (docs.slack.dev, files.getUploadURLExternal, `alt_txt`). */
const LONGEST = 1_000;
const LONGEST_NAME = 60;
const PARTS_SHOWN = 6;

/** What a waterfall shows, in words, for those who cannot see it: how long, what the time went to, what failed. */
export function waterfallWords(waterfall: Waterfall, parts: readonly PathPart[]): string {
  const { service, operation, duration, spanCount, serviceCount, hiddenSpans } = waterfall;
  const sentences = [
    `Waterfall of ${named(service)} ${named(operation)}: ${durationText(duration)}, ${count(spanCount, 'span')} in ${count(serviceCount, 'service')}, ${outcome(waterfall)}.`,
    ...pathSentence(parts, duration),
    ...(hiddenSpans > 0 ? [`${count(hiddenSpans, 'shorter span')} not shown.`] : []),
  ];
  const text = sentences.join(' ');
  // Half a character is no character: Slack refuses it.
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST - 1).replace(/\p{Cs}$/u, '')}…`;
}

function pathSentence(parts: readonly PathPart[], duration: Microseconds): readonly string[] {
  const shown = parts.slice(0, PARTS_SHOWN).map((part) => {
    const percent = duration === 0 ? 0 : Math.round((part.time / duration) * 100);
    return `${partName(part)} ${durationText(part.time)} (${percent}%)`;
  });
  const rest = parts.length - shown.length;
  if (shown.length === 0) return [];
  return [`Critical path: ${shown.join('; ')}${rest > 0 ? `; and ${count(rest, 'smaller part')}` : ''}.`];
}

function partName({ kind, service, operation, asked, peer }: PathPart): string {
  const called = named(peer || (asked ?? operation));
  switch (kind) {
    case 'own':
      return `own code of ${named(service)} ${named(asked ?? operation)}${peer === '' ? '' : `, or the way to ${named(peer)}`}`;
    case 'network':
      return `network and proxies from ${named(service)} to ${called}`;
    case 'retry':
      return `pause of ${named(service)} between attempts at ${called}`;
    case 'database':
      return `database ${called} of ${named(service)}`;
    case 'call':
      return `${named(service)} waiting ${peer === '' ? 'in' : 'for'} ${called}`;
  }
}

function outcome({ isError, status, errorCount }: Waterfall): string {
  const end = isError ? `failed${status === '' ? '' : `: ${named(status)}`}` : 'did not fail';
  return errorCount === 0 ? 'no errors' : `${count(errorCount, 'span')} with an error, the request ${end}`;
}

function named(name: string): string {
  const line = name.replace(/[\s\p{Cc}\p{Cf}]+/gu, ' ').trim();
  const characters = Array.from(line);
  return characters.length <= LONGEST_NAME ? line : `${characters.slice(0, LONGEST_NAME - 1).join('')}…`;
}
