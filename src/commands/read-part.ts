import { isUuid } from '../traces/request-id.ts';
import type { Command } from './command.ts';
import type { Mistake, Options } from './options.ts';
import { type Token, word } from './tokens.ts';
import { readTraceReference } from './trace-reference.ts';

type Reading = { readonly command: Command; readonly share: boolean } | Mistake;

/** Whether a word names a request rather than a service. */
export const isReference = ({ text, isQuoted }: Token): boolean =>
  !isQuoted && readTraceReference(text).kind !== 'other';

/** Alone, a word is a service unless it cannot be one. */
export const isCertainReference = ({ text, isQuoted }: Token): boolean =>
  !isQuoted && (isUuid(text) || /^[0-9a-f]{32}$/i.test(text));

/** Reads `/latency <service> <id>`: one request in one service. */
export function readPart(
  { service, request }: { readonly service: Token; readonly request: Token },
  { last, share = false }: Options,
): Reading {
  const shared = share ? [word('share')] : [];
  if (last !== undefined) {
    return {
      problem: 'last does not go with a request: one request has one time.',
      fixed: [service, request, ...shared],
    };
  }
  const reference = readTraceReference(request.text);
  switch (reference.kind) {
    case 'trace':
      return { command: { kind: 'trace-latency', service: service.text, traceId: reference.traceId }, share };
    case 'request':
      return {
        command: { kind: 'request-latency', service: service.text, requestId: reference.requestId },
        share,
      };
    case 'mistake':
      return {
        problem: reference.problem,
        fixed: reference.meant?.length === 1 ? [service, ...reference.meant.map(word), ...shared] : undefined,
      };
    case 'comparison':
    case 'other':
      return { problem: 'Give the id of one request.' };
  }
}
