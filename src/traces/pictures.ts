import { count, durationText } from '../lib/format.ts';
import type { Microseconds } from '../lib/units.ts';
import type { PathEntry } from './path-breakdown.ts';
import type { Waterfall } from './waterfall.ts';

/** Draws waterfalls. */
export interface PicturePainter {
  /** A PNG 1,200 pixels wide. Throws `PictureError`, at the latest when its time limit is over. */
  draw(waterfall: Waterfall): Promise<Uint8Array>;
  /** Stops drawing; pictures in progress fail. */
  close(): Promise<void>;
}

/** A picture was not drawn. `message` completes the sentence "No picture: ..." and is safe to show. */
export class PictureError extends Error {
  override readonly name = 'PictureError';
  readonly code: 'late' | 'busy' | 'failed';

  constructor(code: PictureError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** A trace's picture before it is drawn: its layout and its alternative text. */
export interface TracePicture {
  readonly waterfall: Waterfall;
  /** At most 1,000 characters. */
  readonly altText: string;
}

/** Slack's limit for the alternative text of a file (docs.slack.dev, files.getUploadURLExternal, `alt_txt`). */
const MAX_TEXT = 1_000;
const MAX_NAME = 60;
const MAX_ENTRIES = 6;

/** The alternative text of a waterfall: duration, critical path, errors. */
export function waterfallAltText(waterfall: Waterfall, breakdown: readonly PathEntry[]): string {
  const { service, operation, duration, spanCount, serviceCount, hiddenSpans } = waterfall;
  const sentences = [
    `Waterfall of ${shortened(service)} ${shortened(operation)}: ${durationText(duration)}, ${count(spanCount, 'span')} in ${count(serviceCount, 'service')}, ${outcome(waterfall)}.`,
    ...pathSentence(breakdown, duration),
    ...(hiddenSpans > 0 ? [`${count(hiddenSpans, 'shorter span')} not shown.`] : []),
  ];
  const text = sentences.join(' ');
  // Slack refuses half of a surrogate pair.
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT - 1).replace(/\p{Cs}$/u, '')}…`;
}

function pathSentence(breakdown: readonly PathEntry[], duration: Microseconds): readonly string[] {
  if (breakdown.length === 0) return [];
  const shown = breakdown.slice(0, MAX_ENTRIES).map((entry) => {
    const percent = duration === 0 ? 0 : Math.round((entry.time / duration) * 100);
    return `${entryText(entry)} ${durationText(entry.time)} (${percent}%)`;
  });
  const rest = breakdown.length - shown.length;
  return [`Critical path: ${shown.join('; ')}${rest > 0 ? `; and ${rest} more` : ''}.`];
}

function entryText({ kind, service, operation, requestLine, peer }: PathEntry): string {
  const called = shortened(peer || (requestLine ?? operation));
  switch (kind) {
    case 'own':
      return `own code of ${shortened(service)} ${shortened(requestLine ?? operation)}${peer === '' ? '' : `, or network to ${shortened(peer)}`}`;
    case 'network':
      return `network and proxies from ${shortened(service)} to ${called}`;
    case 'connection':
      return `connection setup from ${shortened(service)} to ${called}`;
    case 'retry':
      return `pause of ${shortened(service)} between attempts to call ${called}`;
    case 'database':
      return `database ${called} of ${shortened(service)}`;
    case 'call':
      return `${shortened(service)} waiting ${peer === '' ? 'in' : 'for'} ${called}`;
  }
}

function outcome({ isError, status, errorCount }: Waterfall): string {
  const end = isError ? `failed${status === '' ? '' : `: ${shortened(status)}`}` : 'did not fail';
  return errorCount === 0 ? 'no errors' : `${count(errorCount, 'span')} with an error, the request ${end}`;
}

function shortened(name: string): string {
  const line = name.replace(/[\s\p{Cc}\p{Cf}]+/gu, ' ').trim();
  const characters = Array.from(line);
  return characters.length <= MAX_NAME ? line : `${characters.slice(0, MAX_NAME - 1).join('')}…`;
}
