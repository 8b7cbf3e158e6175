import type { HttpClient, HttpRequest } from '../../../src/http/http-client.ts';
import { createJaegerTraceSource } from '../../../src/jaeger/jaeger-trace-source.ts';
import { UpstreamError, type UpstreamErrorCode } from '../../../src/lib/errors.ts';

/** An answer, or the error instead of one. */
export type Reply = { readonly status?: number; readonly body: unknown } | UpstreamErrorCode;

interface ScriptOptions {
  readonly otherwise?: UpstreamErrorCode;
  readonly complaint?: string;
  /** With which status it says that, each time: 400 unless given. */
  readonly statuses?: number[];
}

const JAEGERS_COMPLAINT =
  '{"error":{"httpCode":400,"message":"query.startTimeMin and query.startTimeMax are required"}}';

/**
 * An HTTP client that answers by path; what is not named is not there. `complaint` is what it says to a search without
 * parameters.
 */
export function scripted(
  replies: Readonly<Record<string, Reply | ((request: HttpRequest) => Reply)>>,
  { otherwise = 'bad-answer', complaint = JAEGERS_COMPLAINT, statuses = [] }: ScriptOptions = {},
) {
  const asked: HttpRequest[] = [];
  const json: HttpClient['json'] = async (request) => {
    asked.push(request);
    const scriptedReply = replies[request.path] ?? otherwise;
    const reply = typeof scriptedReply === 'function' ? scriptedReply(request) : scriptedReply;
    if (typeof reply === 'string') {
      throw new UpstreamError({ system: 'jaeger', code: reply, message: `${reply}.`, advice: 'Advice.' });
    }
    return { status: reply.status ?? 200, contentType: 'text/plain', body: reply.body };
  };
  const text: HttpClient['text'] = async (request) => {
    asked.push(request);
    return { status: statuses.shift() ?? 400, contentType: 'text/plain', body: complaint };
  };
  const http: HttpClient = { json, text, close: () => {} };
  return { source: createJaegerTraceSource({ http }), asked, paths: () => asked.map(({ path }) => path) };
}
