import type { ServerResponse } from 'node:http';

/** Ways for the server to misbehave, as servers and the proxies before them do. */
export type Fault =
  /** Accepts the request and never answers. */
  | { readonly hang: true }
  /** Answers with this status and body. */
  | { readonly status: number; readonly body?: string }
  /** Answers rightly, but this many ms late. */
  | { readonly slowMs: number }
  /** Answers 200 with a login page, as a proxy in front of it would. */
  | { readonly html: true }
  /** Answers with a valid success whose body is this many bytes long. */
  | { readonly bytes: number }
  /** Sends this many bytes of the right answer, then closes the connection. */
  | { readonly truncateAt: number };

/** The fault in force, if any. */
export interface Faults {
  /** Every request from now on meets this fault; undefined ends it. */
  set(fault: Fault | undefined): void;
  current(): Fault | undefined;
}

export function createFaults(): Faults {
  let fault: Fault | undefined;
  return {
    set(next) {
      fault = next;
    },
    current: () => fault,
  };
}

const LOGIN_PAGE =
  '<!doctype html><html><head><title>Sign in</title></head><body>Sign in to continue</body></html>';

const HEAD = '{"status":"success","data":{"resultType":"vector","result":[]},"padding":"';
const TAIL = '"}';

/** A valid answer of exactly `bytes` bytes (at least the empty one). */
const padded = (bytes: number): string =>
  HEAD + 'x'.repeat(Math.max(0, bytes - HEAD.length - TAIL.length)) + TAIL;

/** Answers instead of the server when the fault says so. Returns whether it has taken the request over. */
export function answeredByFault(fault: Fault | undefined, response: ServerResponse): boolean {
  if (fault === undefined || 'slowMs' in fault || 'truncateAt' in fault) return false;
  if ('hang' in fault) return true;
  if ('html' in fault)
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(LOGIN_PAGE);
  else if ('bytes' in fault)
    response.writeHead(200, { 'content-type': 'application/json' }).end(padded(fault.bytes));
  else
    response.writeHead(fault.status, { 'content-type': 'text/plain; charset=utf-8' }).end(fault.body ?? '');
  return true;
}
