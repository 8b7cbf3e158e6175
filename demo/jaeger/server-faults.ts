import type { ServerResponse } from 'node:http';
import { type Answer, page } from './answer.ts';

/** What goes wrong with requests to the API until it is cleared. Pages are not affected, but for `redirect`. */
export type ServerFault =
  /** Accepts the request and never answers. */
  | { readonly hang: true }
  /** Sends the head and half of the body, and then nothing more. */
  | { readonly stall: true }
  /** Sends the head and half of the body, and then breaks the connection. */
  | { readonly cut: true }
  /** Answers with this status and a short text. */
  | { readonly status: number }
  /** Answers 200 with a page, as a proxy's login form does. */
  | { readonly html: true }
  /** Answers 302 to this address, as an OAuth proxy does. */
  | { readonly redirect: string }
  /** Answers rightly, but this much later. */
  | { readonly slowMs: number };

/** Which requests a fault strikes; all by default. */
export interface FaultScope {
  /** How many requests, after which all is well again. */
  readonly times?: number;
  /** Only requests with this text in their path or query. */
  readonly path?: string;
}

/** The faults of a server under test. One is in force at a time. */
export interface ServerFaults {
  set(fault: ServerFault, scope?: FaultScope): void;
  clear(): void;
}

/** An exchange that a fault may spoil. */
export interface Exchange {
  readonly path: string;
  readonly response: ServerResponse;
  readonly answer: () => Answer;
}

/** The faults, and the server's side of them. */
export interface FaultGate extends ServerFaults {
  /** Answers, well or badly. */
  pass(exchange: Exchange): void;
  /** Drops the answers that are still to be sent late. */
  close(): void;
}

const LOGIN_PAGE =
  '<!DOCTYPE html>\n<html lang="en"><title>Sign in</title><body><h1>Sign in</h1></body></html>\n';

const failed = (status: number): Answer => ({
  status,
  contentType: 'text/plain; charset=utf-8',
  body: `upstream answered ${status}\n`,
});

function send(response: ServerResponse, { status, contentType, body }: Answer): void {
  response.writeHead(status, { 'content-type': contentType });
  response.end(body);
}

function sendHalf(response: ServerResponse, answer: Answer, then: () => void): void {
  const body = Buffer.from(answer.body);
  response.writeHead(answer.status, { 'content-type': answer.contentType, 'content-length': body.length });
  response.write(body.subarray(0, Math.floor(body.length / 2)), then);
}

function spoil(
  fault: ServerFault,
  { response, answer }: Exchange,
  later: (ms: number, work: () => void) => void,
): void {
  if ('redirect' in fault) {
    response.writeHead(302, { location: fault.redirect });
    response.end();
  } else if ('status' in fault) send(response, failed(fault.status));
  else if ('html' in fault) send(response, page(LOGIN_PAGE));
  else if ('slowMs' in fault) later(fault.slowMs, () => send(response, answer()));
  else if ('stall' in fault) sendHalf(response, answer(), () => undefined);
  else if ('cut' in fault) sendHalf(response, answer(), () => response.destroy());
}

/** Creates a gate without faults. */
export function createFaultGate(): FaultGate {
  const pending = new Set<NodeJS.Timeout>();
  let fault: ServerFault | undefined;
  let scope: FaultScope = {};
  let left = Infinity;

  const later = (delay: number, work: () => void): void => {
    const timer = setTimeout(() => {
      pending.delete(timer);
      work();
    }, delay);
    pending.add(timer);
  };
  /** The fault that strikes this request, if any. */
  const striking = (path: string): ServerFault | undefined => {
    if (fault === undefined || left <= 0) return undefined;
    if (!path.startsWith('/api') && !('redirect' in fault)) return undefined;
    if (scope.path !== undefined && !path.includes(scope.path)) return undefined;
    left -= 1;
    return fault;
  };
  return {
    set: (next, within = {}) => {
      fault = next;
      scope = within;
      left = within.times ?? Infinity;
    },
    clear: () => {
      fault = undefined;
    },
    pass: (exchange) => {
      const struck = striking(exchange.path);
      if (struck === undefined) send(exchange.response, exchange.answer());
      else spoil(struck, exchange, later);
    },
    close: () => {
      for (const timer of pending) clearTimeout(timer);
    },
  };
}
