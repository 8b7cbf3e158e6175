import { isUuid } from '../traces/request-id.ts';
import type { Token } from './tokens.ts';
import { readTraceId, type TraceReference } from './trace-id.ts';
import { readBareId, readHeaders, readRequestLine } from './trace-line.ts';
import { readLink } from './trace-link.ts';

/** Brackets, quotes and marks of a sentence that were copied together with an id. */
const AROUND = /^[([{<"'`]+|[)\]}>"'`,.;:!?]+$/g;

/** Reads one word: a trace id, a trace header's value, a link, or a request id. Pure. */
export function readTraceReference(word: string): TraceReference {
  const text = word.replace(AROUND, '');
  if (/^https?:\/\//i.test(text)) return readLink(text);
  if (isUuid(text)) return { kind: 'request', requestId: text };
  const alone = readTraceId(text);
  if (alone.kind !== 'other') return alone;
  return readHeaders(text) ?? { kind: 'other' };
}

/** Words a person types to the bot; more of them, with marks that no sentence has, were copied from elsewhere. */
const MOST_TYPED = 8;
const MACHINE_MADE = /[[{=]|\w:\w/;

/**
 * Reads a text that was copied as it is: headers one after the other, a line of an access log, a link in a sentence.
 * `other` for what may as well be a command with a slip in it. Pure.
 */
export function readPasted(tokens: readonly Token[]): TraceReference {
  const text = tokens.map((token) => token.text).join(' ');
  const found =
    readHeaders(text) ?? readRequestLine(tokens, text) ?? readLinkAmong(tokens) ?? readBareId(text);
  if (found !== undefined) return found;
  return tokens.length <= MOST_TYPED || !MACHINE_MADE.test(text)
    ? { kind: 'other' }
    : {
        kind: 'mistake',
        problem:
          'No trace id, traceparent, b3 header, request id or link was found in this text. Give the id alone.',
      };
}

function readLinkAmong(tokens: readonly Token[]): TraceReference | undefined {
  const link = tokens
    .map((token) => token.text.replace(AROUND, ''))
    .find((text) => /^https?:\/\//i.test(text));
  return link === undefined ? undefined : readLink(link);
}
