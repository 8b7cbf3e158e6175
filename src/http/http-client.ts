import { setImmediate } from 'node:timers/promises';
import { systemClock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { SYSTEM_NAMES, type System, UpstreamError, type UpstreamErrorCode } from '../lib/errors.ts';
import type { Recorder } from '../lib/recorder.ts';
import type { Milliseconds } from '../lib/units.ts';
import type { ProxyFor } from './proxy.ts';
import {
  basicAuthorization,
  codeOf,
  createDispatcher,
  type HttpAnswer,
  type HttpMessage,
  type HttpTarget,
  send,
  TooLarge,
  Unanswered,
} from './send.ts';

/** What an error message may say about the server: no path, no query, no credentials. */
export interface Server {
  readonly system: System;
  /** Name and port. */
  readonly host: string;
  readonly maxBytes: number;
}

interface HttpHead {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** Connection errors of Node and undici. */
const CONNECTION_FAILURES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refused the connection',
  ECONNRESET: 'closed the connection',
  EPIPE: 'closed the connection',
  ECONNABORTED: 'closed the connection',
  UND_ERR_SOCKET: 'closed the connection',
  ENOTFOUND: 'is an unknown host name',
  EAI_AGAIN: 'cannot be resolved at the moment',
  EHOSTUNREACH: 'is unreachable',
  ENETUNREACH: 'is unreachable',
  ETIMEDOUT: 'did not accept the connection in time',
};

const CERTIFICATE_FAILURE = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ALTNAME/;
/** Errors of the HTTP parser and of zlib. */
const UNREADABLE = /^(HPE_|Z_|ERR__ERROR_FORMAT|UND_ERR_HEADERS_OVERFLOW|UND_ERR_RES_)/;
const CREDENTIALS_REFUSED: ReadonlySet<number> = new Set([401, 403, 407]);

/** `predicate` follows the host: `jaeger:16686 refused the connection`. */
function failure(
  { system, host }: Server,
  code: UpstreamErrorCode,
  [predicate, advice]: readonly [string, string],
): UpstreamError {
  const message = `${SYSTEM_NAMES[system]} did not respond: ${host} ${predicate}.`;
  return new UpstreamError({ system, code, message, advice });
}

/**
 * Converts an error of undici or Node into one that is safe to show. The original is not kept as the cause: what it holds
 * is not known, and `util.inspect` would print it.
 */
function toUpstreamError(error: unknown, server: Server, isCanceled: boolean): UpstreamError {
  const name = SYSTEM_NAMES[server.system];
  const variable = ADDRESSES[server.system];
  const isRight = variable === undefined ? 'its configured address is correct' : `${variable} is its address`;
  const checkAddress = `Check that ${name} is running and that ${isRight}.`;
  const code = codeOf(error);
  const connection = CONNECTION_FAILURES[code];
  if (isCanceled) {
    return failure(server, 'timeout', ['was too slow', 'Try again, or use a shorter time range.']);
  }
  if (error instanceof TooLarge) {
    return new UpstreamError({
      system: server.system,
      code: 'too-large',
      message: `The answer of ${name} (${server.host}) is larger than ${Math.round(server.maxBytes / 1_048_576)} MiB.`,
      advice: 'Use a shorter time range or a smaller limit.',
    });
  }
  if (connection !== undefined) return failure(server, 'unavailable', [connection, checkAddress]);
  if (CERTIFICATE_FAILURE.test(code)) {
    const advice = 'Add its certificate authority to the bot with NODE_EXTRA_CA_CERTS.';
    return failure(server, 'unavailable', [`has an untrusted certificate (${code})`, advice]);
  }
  if (UNREADABLE.test(code)) {
    const advice = 'Check the scheme and the port of the configured address.';
    return failure(server, 'bad-answer', [`sent an invalid HTTP response (${code})`, advice]);
  }
  return failure(server, 'unavailable', [`failed${code === '' ? '' : ` (${code})`}`, checkAddress]);
}

/** The error that a status means for every API; undefined when the API's adapter decides. */
function failureOfStatus(
  { status }: Pick<HttpHead, 'status'>,
  { system, host }: Server,
): UpstreamError | undefined {
  const name = SYSTEM_NAMES[system];
  if (CREDENTIALS_REFUSED.has(status)) {
    return new UpstreamError({
      system,
      code: 'not-authenticated',
      message: `${name} (${host}) refused the credentials: HTTP ${status}.`,
      advice: 'Check the configured authorization header.',
    });
  }
  if (status < 300 || status >= 400) return undefined;
  return new UpstreamError({
    system,
    code: 'not-authenticated',
    message: `${name} (${host}) redirected the request (HTTP ${status}), as a login page does.`,
    advice: 'Check the configured headers, and use an address that does not redirect.',
  });
}

/** The variables that name the addresses of systems. */
const ADDRESSES: Readonly<Partial<Record<Server['system'], string>>> = {
  prometheus: 'PROMETHEUS_URL',
  jaeger: 'JAEGER_URL',
  alertmanager: 'ALERTMANAGER_URL',
};
const addressOf = (system: Server['system']): string => ADDRESSES[system] ?? 'the configured address';

/** The error of an answer that is not JSON. */
function notJson({ status, contentType, body }: HttpHead, { system, host }: Server): UpstreamError {
  const name = SYSTEM_NAMES[system];
  if (status === 429 || status >= 500) {
    return new UpstreamError({
      system,
      code: 'unavailable',
      message: `${name} (${host}) returned HTTP ${status}.`,
      advice: `Try again in a moment; if it persists, check the log of ${name}.`,
    });
  }
  const isHtml = contentType.includes('text/html') || /^\s*<(!doctype|html)/i.test(body);
  if (status < 300 && isHtml) {
    return new UpstreamError({
      system,
      code: 'not-authenticated',
      message: `${name} (${host}) returned a web page instead of JSON.`,
      advice: `Check that ${addressOf(system)} has its base path. For a login page, check the configured headers.`,
    });
  }
  return new UpstreamError({
    system,
    code: 'bad-answer',
    message: `${name} (${host}) returned HTTP ${status} without JSON.`,
    advice: `Check that ${addressOf(system)}, with its base path, is that of the API.`,
  });
}

/**
 * After parsing a longer body, in bytes, the client yields to other work. Without it a trace of 16 MiB blocked the
 * event loop for 880 ms, with it for 290 ms.
 */
const LONG_BODY = 4 * 1_024 * 1_024;

/** The largest answer, in bytes after decompression. */
const DEFAULT_MAX_BYTES = 16 * 1_024 * 1_024;

/** A request that changes nothing on the server, so that the client may send it twice. */
export interface HttpRequest extends HttpMessage {
  /** Name of the request in `Recorder.queried`: one of a small set, never an address. */
  readonly operation: string;
  /** For the whole exchange: name look-up, connection, and the last byte of the body. */
  readonly deadline: Milliseconds;
  readonly signal?: AbortSignal | undefined;
  /** Called with a body of JSON before it is parsed, which takes time and memory; what it throws fails the request. */
  readonly beforeParsing?: (body: string) => void;
  /** The largest answer, instead of the client's own limit. */
  readonly maxBytes?: number;
  /**
   * Parses a body of JSON elsewhere than in this thread: the answer's body is what it resolves to. Undefined for a body that
   * it leaves to the client. Rejects with a `SyntaxError` for what is not JSON. For `HttpClient.json`.
   */
  readonly parse?: (body: Uint8Array) => Promise<unknown> | undefined;
}

/**
 * A client of one HTTP API. Every failure is an `UpstreamError` without headers, query or credentials. Refused credentials
 * (401, 403, 407, or a redirect, as login proxies send) are `not-authenticated`.
 */
export interface HttpClient {
  /**
   * For an API that answers in JSON. Resolves with any status whose body is JSON, 4xx and 5xx included: the caller
   * knows the API's own errors. An HTML page with 2xx is `not-authenticated`; other bodies that are not JSON are
   * `unavailable` with 429 and 5xx, else `bad-answer`.
   */
  json(request: HttpRequest): Promise<HttpAnswer<unknown>>;
  /** Returns the body as text, whatever its type. */
  text(request: HttpRequest): Promise<HttpAnswer<string>>;
  /** Closes idle connections. */
  close(): void;
}

export interface HttpClientOptions {
  readonly system: System;
  /** A base path is kept; credentials in it are sent as basic authentication and appear nowhere else. */
  readonly baseUrl: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly maxBytes?: number;
  /** More requests wait for a connection, within their deadline. */
  readonly maxConnections?: number;
  /** Absent: no proxy. The environment's variables are not read here. */
  readonly proxyFor?: ProxyFor;
  readonly recorder?: Pick<Recorder, 'queried'>;
}

interface HttpContext extends HttpTarget {
  readonly server: Server;
}

/** A client for one API, with its own connections. */
export function createHttpClient(options: HttpClientOptions): HttpClient {
  const { origin, basePath, host, headers } = readBase(options.baseUrl);
  const maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES;
  const proxy = options.proxyFor?.(origin);
  const context: HttpContext = {
    dispatcher: createDispatcher(origin, { connections: options.maxConnections, proxy }),
    origin,
    basePath,
    headers: {
      'user-agent': 'tailwatch',
      accept: 'application/json',
      ...headers,
      ...inLowerCase(options.headers ?? {}),
    },
    maxBytes,
    server: { system: options.system, host, maxBytes },
  };
  const recorded = recordWith(options);
  return {
    json: (request) =>
      recorded(request, async () => {
        const answer = await exchange(context, request);
        const json = await parsed(answer, request, context.server);
        // Lets other work run between the parsing and what follows.
        if (answer.body.length > LONG_BODY) await setImmediate();
        return json;
      }),
    text: (request) => recorded(request, async () => textOf(await exchange(context, request))),
    close: () => void context.dispatcher.destroy(),
  };
}

function recordWith({ recorder, system }: HttpClientOptions) {
  return async <T>(request: HttpRequest, run: () => Promise<T>): Promise<T> => {
    const startedAt = performance.now();
    const record = (outcome: 'ok' | 'error'): void =>
      recorder?.queried({
        system,
        operation: request.operation,
        outcome,
        seconds: (performance.now() - startedAt) / 1_000,
      });
    try {
      const answer = await run();
      record('ok');
      return answer;
    } catch (error) {
      record('error');
      throw error;
    }
  };
}

async function exchange(context: HttpContext, request: HttpRequest): Promise<HttpAnswer<Buffer>> {
  const maxBytes = request.maxBytes ?? context.maxBytes;
  const [to, server] = [
    { ...context, maxBytes },
    { ...context.server, maxBytes },
  ];
  const { deadline: duration, signal: canceled } = request;
  try {
    // One deadline for both attempts.
    return await withDeadline(
      { clock: systemClock, duration, system: server.system, signal: canceled },
      async (signal) => {
        const answer = await send(to, request, signal).catch((error: unknown) => {
          if (error instanceof Unanswered) return send(to, request, signal);
          throw error;
        });
        const refused = failureOfStatus(answer, server);
        if (refused !== undefined) throw refused;
        return answer;
      },
    );
  } catch (error) {
    if (error instanceof UpstreamError) throw error;
    throw toUpstreamError(error, server, canceled?.aborted === true);
  }
}

const textOf = (answer: HttpAnswer<Buffer>): HttpAnswer<string> => ({
  ...answer,
  body: answer.body.toString('utf8'),
});

async function parsed(
  answer: HttpAnswer<Buffer>,
  { parse, beforeParsing }: HttpRequest,
  server: Server,
): Promise<HttpAnswer<unknown>> {
  try {
    // The body decides, not the type: Jaeger sends JSON as text/plain.
    const elsewhere = parse?.(answer.body);
    if (elsewhere !== undefined) return { ...answer, body: await elsewhere };
    const text = answer.body.toString('utf8');
    beforeParsing?.(text);
    return { ...answer, body: JSON.parse(text) as unknown };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw notJson(textOf(answer), server);
  }
}

const inLowerCase = (headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));

function readBase(baseUrl: string) {
  const url = new URL(baseUrl);
  const authorization = basicAuthorization(url);
  const headers: Readonly<Record<string, string>> = authorization === undefined ? {} : { authorization };
  return {
    origin: url.origin,
    basePath: url.pathname.replace(/\/+$/, ''),
    host: url.host,
    headers,
  };
}
