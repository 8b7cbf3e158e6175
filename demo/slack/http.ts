import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Args } from './content.ts';
import type { FaultAction } from './faults.ts';

/** Bodies beyond this are refused: far more than any method of the Web API takes. */
const LARGEST_BODY = 20 * 1024 * 1024;

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: string;
  readonly query: URLSearchParams;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
  /** In one word, for the record of calls. */
  readonly outcome: string;
}

/** The requested address; undefined if it is invalid. */
export const urlOf = ({ url = '/' }: IncomingMessage): URL | undefined =>
  URL.canParse(url, 'http://localhost') ? new URL(url, 'http://localhost') : undefined;

export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > LARGEST_BODY) throw new RangeError('request body too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The arguments of a call, from JSON or a form. Undefined when the body is not what its type says. */
export function parseArgs(contentType: string, body: string, query: URLSearchParams): Args | undefined {
  const fromQuery = Object.fromEntries(query);
  if (!contentType.startsWith('application/json'))
    return { ...fromQuery, ...Object.fromEntries(new URLSearchParams(body)) };
  try {
    const value: unknown = JSON.parse(body === '' ? '{}' : body);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? { ...fromQuery, ...value }
      : undefined;
  } catch {
    return undefined;
  }
}

export const json = (value: unknown, outcome = 'ok', status = 200): HttpAnswer => ({
  status,
  headers: { 'content-type': 'application/json; charset=utf-8' },
  body: JSON.stringify(value),
  outcome,
});

/**
 * Answers a call, or lets it go wrong as the fault says. `accept` makes the call take effect: it runs for faults that
 * lose the answer only, and not for those that lose the call. Returns the outcome for the record.
 */
export async function respond(
  { response, request }: Exchange,
  fault: FaultAction | undefined,
  accept: () => HttpAnswer,
): Promise<string> {
  const early = fault === undefined ? undefined : refusalOf(fault);
  if (early !== undefined) {
    write(response, early);
    return early.outcome;
  }
  if (fault?.kind === 'reset-before-accept') {
    request.socket.resetAndDestroy();
    return fault.kind;
  }
  const answer = accept();
  if (fault?.kind === 'reset-after-accept') {
    request.socket.resetAndDestroy();
    return fault.kind;
  }
  if (fault?.kind === 'stall') {
    response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' });
    response.flushHeaders();
    return fault.kind;
  }
  if (fault?.kind === 'slow') await new Promise((resolve) => setTimeout(resolve, fault.delay).unref());
  write(response, answer);
  return fault === undefined ? answer.outcome : fault.kind;
}

/** The answer of a fault that stops the call before it takes effect. */
function refusalOf(fault: FaultAction): HttpAnswer | undefined {
  if (fault.kind === 'rate-limit') return rateLimited(fault.retryAfterSeconds);
  if (fault.kind === 'http')
    return { status: fault.status, body: fault.body ?? '', outcome: `http ${fault.status}` };
  if (fault.kind === 'error') return json({ ok: false, error: fault.error, ...fault.details }, fault.error);
  return undefined;
}

export const rateLimited = (seconds: number): HttpAnswer => {
  const answer = json({ ok: false, error: 'ratelimited' }, 'ratelimited', 429);
  return { ...answer, headers: { ...answer.headers, 'retry-after': String(seconds) } };
};

export function write(response: ServerResponse, { status, headers, body }: HttpAnswer): void {
  response.writeHead(status, headers);
  response.end(body);
}
