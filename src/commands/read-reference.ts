import { isUuid, readRequestId } from '../traces/request-id.ts';
import type { Command } from './command.ts';
import { type Mistake, nearestKeyword, readOptions } from './options.ts';
import { isWord, shortened, type Token, word } from './tokens.ts';
import type { TraceReference } from './trace-id.ts';
import { readPasted, readTraceReference } from './trace-reference.ts';

type Reading = { readonly command: Command; readonly share: boolean } | Mistake;

/** Reads a pasted id, header, link or line, with `share` behind it or not. Undefined: it may be a command with a slip. */
export function readReference(tokens: readonly Token[]): Reading | undefined {
  const [first, ...rest] = tokens;
  if (first === undefined) return undefined;
  const isLine = isField(first) && rest.some((token) => !isWord(token, ['share']));
  const reference = isLine ? OTHER : readTraceReference(first.text);
  return reference.kind === 'other'
    ? readCopied(tokens)
    : meaning(reference, { start: [first], rest: rest.filter((token) => !isMark(token)) });
}

const OTHER: TraceReference = { kind: 'other' };

/** The first of several fields: what follows belongs to it. */
const isField = ({ text }: Token): boolean => /[=:][^=]/.test(text) && !/^\W?https?:/i.test(text);

/** Was copied together with an id. */
const isMark = ({ text, isQuoted }: Token): boolean => !isQuoted && /^[,.;:)\]}]+$/.test(text);

/** A text that was copied from elsewhere, all of it. */
function readCopied(tokens: readonly Token[]): Reading | undefined {
  const isShared = tokens.length > 1 && isWord(tokens.at(-1), ['share']);
  const copied = isShared ? tokens.slice(0, -1) : tokens;
  const reference = readPasted(copied);
  return reference.kind === 'other'
    ? undefined
    : meaning(reference, { start: copied, rest: isShared ? [word('share')] : [] });
}

interface Around {
  /** The words that hold the reference. */
  readonly start: readonly Token[];
  readonly rest: readonly Token[];
}

/** What a reference asks for. */
function meaning(
  reference: Exclude<TraceReference, { readonly kind: 'other' }>,
  { start, rest }: Around,
): Reading {
  if (reference.kind === 'mistake') {
    const { problem, meant } = reference;
    return meant === undefined
      ? { problem, isCertain: true }
      : { problem, fixed: [...meant.map(word), ...rest] };
  }
  return alone(rest, commandOf(reference), start);
}

function commandOf(
  reference: Extract<TraceReference, { readonly kind: 'trace' | 'request' | 'comparison' }>,
): Command {
  switch (reference.kind) {
    case 'trace': {
      const { traceId, isUnsampled } = reference;
      return { kind: 'inspect-trace', traceId, isUnsampled };
    }
    case 'request':
      return { kind: 'find-request', requestId: reference.requestId };
    case 'comparison': {
      const [a, b] = reference.traceIds;
      return { kind: 'compare', a: { kind: 'trace', traceId: a }, b: { kind: 'trace', traceId: b } };
    }
  }
}

/** Nothing may follow but `share`. */
function alone(rest: readonly Token[], command: Command, start: readonly Token[]): Reading {
  const read = readOptions(rest, ['share']);
  if ('problem' in read) return read;
  const [extra] = read.words;
  if (extra === undefined) return { command, share: read.options.share ?? false };
  return {
    problem: `"${shortened(extra.text)}" does not belong here.`,
    fixed: [...start, ...(nearestKeyword(extra.text, ['share']) === undefined ? [] : [word('share')])],
  };
}

/** Longer than any request id. */
const MAX_ID = 256;

/**
 * Reads what follows `/trace request`: an id as it is, whatever it looks like. Asked for like this, one that Envoy did
 * not sample is looked for all the same.
 */
export function readRequest(rest: readonly Token[]): Reading {
  const [id, ...more] = rest;
  if (id === undefined || id.text === '' || id.text.length > MAX_ID) {
    return { problem: 'Say which request: /trace request <request id>.' };
  }
  const isDenied = isUuid(id.text) && readRequestId(id.text) === 'not-sampled';
  const command: Command = {
    kind: 'find-request',
    requestId: id.text,
    evenUnsampled: isDenied ? true : undefined,
  };
  return alone(more, command, [word('request'), id]);
}
