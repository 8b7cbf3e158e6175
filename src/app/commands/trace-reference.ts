import { isUuid } from '../../domain/trace/request-id.ts';

/** What a person pasted to say which request is meant. */
export type TraceReference =
  | { readonly kind: 'trace'; readonly traceId: string }
  | { readonly kind: 'request'; readonly requestId: string }
  /** Nearly one: what is wrong, and what was probably meant. */
  | { readonly kind: 'mistake'; readonly problem: string; readonly meant?: string }
  | { readonly kind: 'other' };

const TRACE_PARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/i;
/** In the path of Jaeger's pages and API, or as a parameter of Kiali, Grafana and Jaeger's search. */
const IN_LINK = /(?:\/traces?\/|trace_?ids?(?:=|%3d|"?:"?|%22%3a%22))([0-9a-f]{1,32})(?![0-9a-f])/i;
const COMPARISON = /\/trace\/[0-9a-f]+\.\.\.[0-9a-f]*/i;

/** Ids are kept with 32 digits: Jaeger finds old 64-bit ids in both forms. */
const padded = (hex: string): string => hex.toLowerCase().padStart(32, '0');

/** Reads a trace id, a traceparent header, a link, or a request id. Pure. */
export function readTraceReference(text: string): TraceReference {
  if (/^https?:\/\//i.test(text)) return readLink(text);
  if (isUuid(text)) return { kind: 'request', requestId: text };
  const parent = TRACE_PARENT.exec(text)?.[1];
  if (parent !== undefined) return { kind: 'trace', traceId: parent.toLowerCase() };
  const hex = /^(?:0x)?([0-9a-f]+)$/i.exec(text)?.[1];
  return hex === undefined || /^0+$/.test(hex) ? { kind: 'other' } : readHex(hex);
}

function readHex(hex: string): TraceReference {
  if (hex.length === 16 || hex.length === 32) return { kind: 'trace', traceId: padded(hex) };
  if (hex.length < 9) return { kind: 'other' };
  const problem = `A trace id has 16 or 32 hex digits; this one has ${hex.length}.`;
  // Leading zeros get lost in some logs.
  return hex.length < 32
    ? { kind: 'mistake', problem, meant: hex.toLowerCase().padStart(hex.length < 16 ? 16 : 32, '0') }
    : { kind: 'mistake', problem };
}

function readLink(text: string): TraceReference {
  if (COMPARISON.test(text)) {
    return { kind: 'mistake', problem: 'This link compares two traces: give the id of one.' };
  }
  const id = IN_LINK.exec(text)?.[1];
  return id === undefined
    ? { kind: 'mistake', problem: 'There is no trace id in this link.' }
    : { kind: 'trace', traceId: padded(id) };
}
