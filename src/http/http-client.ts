import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { type AxiosInstance, type AxiosProxyConfig, create, isAxiosError } from 'axios';
import { systemClock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { SYSTEM_NAMES, type System, UpstreamError, type UpstreamErrorCode } from '../lib/errors.ts';
import type { Recorder } from '../lib/recorder.ts';
import { type EpochMs, epochMs, type Milliseconds } from '../lib/units.ts';
import type { ProxyFor } from './proxy.ts';

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

/** Node's connection errors. */
const CONNECTION_FAILURES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refused the connection',
  ECONNRESET: 'closed the connection',
  EPIPE: 'closed the connection',
  ECONNABORTED: 'closed the connection',
  ENOTFOUND: 'is an unknown host name',
  EAI_AGAIN: 'cannot be resolved at the moment',
  EHOSTUNREACH: 'is unreachable',
  ENETUNREACH: 'is unreachable',
  ETIMEDOUT: 'did not accept the connection in time',
};

const CERTIFICATE_FAILURE = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ALTNAME/;
/** Errors of Node's HTTP parser and of zlib. */
const UNREADABLE = /^(HPE_|Z_|ERR__ERROR_FORMAT|ERR_STREAM_PREMATURE_CLOSE)/;
const CREDENTIALS_REFUSED: ReadonlySet<number> = new Set([401, 403, 407]);

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

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
 * Whether a request failed because the server had closed its reused connection: nothing was processed, so the request can
 * be sent again on a new connection (nodejs.org, http `request.reusedSocket`).
 */
function isStaleConnection(error: unknown): boolean {
  if (!isAxiosError(error) || !['ECONNRESET', 'EPIPE'].includes(codeOf(error))) return false;
  const request = error.request as { readonly reusedSocket?: unknown } | undefined;
  return request?.reusedSocket === true && error.response === undefined;
}

/**
 * Converts an error of axios or Node into one that is safe to show. The original is not kept as the cause: an axios error
 * holds the request, and `util.inspect` would print its Authorization header.
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
  if (error instanceof Error && error.message.startsWith('maxContentLength')) {
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

const DEFAULT_MAX_CONNECTIONS = 16;

export type HttpParameters = Readonly<
  Record<string, string | number | boolean | readonly string[] | undefined>
>;

/** A request that changes nothing on the server, so that the client may send it twice. */
export interface HttpRequest {
  readonly method?: 'GET' | 'POST';
  /** Below the base address, starting with a slash; already encoded. */
  readonly path: string;
  readonly query?: HttpParameters;
  /** Sent as `application/x-www-form-urlencoded` by a POST. */
  readonly form?: HttpParameters;
  /** Name of the request in `Recorder.queried`: one of a small set, never an address. */
  readonly operation: string;
  /** For the whole exchange: name look-up, connection, and the last byte of the body. */
  readonly deadline: Milliseconds;
  readonly signal?: AbortSignal | undefined;
  /** Called with a body of JSON before it is parsed, which takes time and memory; what it throws fails the request. */
  readonly beforeParsing?: (body: string) => void;
  /** The largest answer, instead of the client's own limit. */
  readonly maxBytes?: number;
  /** The answer is small: compressing it would take both sides longer than sending it. */
  readonly isUncompressed?: boolean;
  /**
   * Parses a body of JSON elsewhere than in this thread: the answer's body is what it resolves to. Undefined for a body that
   * it leaves to the client. Rejects with a `SyntaxError` for what is not JSON. For `HttpClient.json`.
   */
  readonly parse?: (body: Uint8Array) => Promise<unknown> | undefined;
}

export interface HttpAnswer<Body> {
  readonly status: number;
  /** In lower case, with its parameters; empty when the server did not say. */
  readonly contentType: string;
  /** The server's time, in whole seconds; absent without a valid `Date` header. */
  readonly date?: EpochMs;
  readonly body: Body;
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

interface HttpContext {
  readonly api: AxiosInstance;
  readonly base: string;
  readonly server: Server;
}

/** A client for one API, with its own connections. */
export function createHttpClient(options: HttpClientOptions): HttpClient {
  const { base, host, authorization } = readBase(options.baseUrl);
  const agentOptions = { keepAlive: true, maxSockets: options.maxConnections ?? DEFAULT_MAX_CONNECTIONS };
  const httpAgent = new HttpAgent(agentOptions);
  const httpsAgent = new HttpsAgent(agentOptions);
  const server: Server = { system: options.system, host, maxBytes: options.maxBytes ?? DEFAULT_MAX_BYTES };
  const api = create({
    headers: { 'User-Agent': 'tailwatch', ...authorization, ...options.headers },
    httpAgent,
    httpsAgent,
    maxRedirects: 0,
    // Where JSON is expected, axios would silently return text that does not parse, and it joins the parts of a body.
    responseType: 'stream',
    transformRequest: [],
    transformResponse: [],
    validateStatus: () => true,
    proxy: axiosProxy(options.proxyFor?.(base)),
  });
  const recorded = recordWith(options);
  return {
    json: (request) =>
      recorded(request, async () => {
        const answer = await exchange({ api, base, server }, request);
        const json = await parsed(answer, request, server);
        // Lets other work run between the parsing and what follows.
        if (answer.body.length > LONG_BODY) await setImmediate();
        return json;
      }),
    text: (request) => recorded(request, async () => textOf(await exchange({ api, base, server }, request))),
    close: () => {
      httpAgent.destroy();
      httpsAgent.destroy();
    },
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
  const server = { ...context.server, maxBytes: request.maxBytes ?? context.server.maxBytes };
  const { deadline: duration, signal: canceled } = request;
  try {
    // One deadline for both attempts.
    return await withDeadline(
      { clock: systemClock, duration, system: server.system, signal: canceled },
      async (signal) => {
        const limited = { ...context, server };
        const answer = await attempt(limited, request, signal).catch((error: unknown) => {
          if (isStaleConnection(error)) return attempt(limited, request, signal);
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

const FORM = { 'Content-Type': 'application/x-www-form-urlencoded;charset=utf-8' } as const;
const UNCOMPRESSED = { 'Accept-Encoding': 'identity' } as const;

async function attempt(
  { api, base, server }: HttpContext,
  { method = 'GET', path, query, form, isUncompressed }: HttpRequest,
  signal: AbortSignal,
): Promise<HttpAnswer<Buffer>> {
  const search = query === undefined ? '' : encode(query);
  const response = await api.request<Readable>({
    method,
    url: `${base}${path}${search === '' ? '' : `?${search}`}`,
    headers: {
      Accept: 'application/json',
      ...(form === undefined ? {} : FORM),
      ...(isUncompressed === true ? UNCOMPRESSED : {}),
    },
    data: form === undefined ? undefined : encode(form),
    // Counts decompressed bytes.
    maxContentLength: server.maxBytes,
    // `timeout` would not stop a body that drips; the signal covers everything from the name look-up on.
    signal,
  });
  const contentType: unknown = response.headers['content-type'];
  const date = Date.parse(String(response.headers['date']));
  return {
    status: response.status,
    contentType: typeof contentType === 'string' ? contentType.toLowerCase() : '',
    date: Number.isNaN(date) ? undefined : epochMs(date),
    body: await collected(response.data, server.maxBytes),
  };
}

/** A larger body is collected in memory that grows in place: joining the parts of 64 MiB blocks other work for 50 ms. */
const JOINED_UP_TO = 1_024 * 1_024;
/** By how much that memory grows. */
const GROWTH = 4 * 1_024 * 1_024;

/** A resizable buffer, of ES2024, which Node 20 has already. */
interface GrowingMemory extends ArrayBuffer {
  resize(length: number): void;
}
const Memory = ArrayBuffer as unknown as new (
  length: number,
  options: { readonly maxByteLength: number },
) => GrowingMemory;

/** The bytes of a body, decompressed. */
async function collected(stream: Readable, maxBytes: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let memory: GrowingMemory | undefined;
  let length = 0;
  for await (const part of stream as AsyncIterable<Buffer>) {
    const end = length + part.length;
    if (end > maxBytes) throw new Error(`maxContentLength size of ${maxBytes} exceeded`);
    if (memory === undefined && end > JOINED_UP_TO) {
      memory = new Memory(0, { maxByteLength: maxBytes });
      memory.resize(Math.min(maxBytes, end + GROWTH));
      new Uint8Array(memory).set(Buffer.concat(parts.splice(0)));
    }
    if (memory === undefined) parts.push(part);
    else {
      if (end > memory.byteLength) memory.resize(Math.min(maxBytes, end + GROWTH));
      new Uint8Array(memory, length).set(part);
    }
    length = end;
  }
  if (memory === undefined)
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
  memory.resize(length);
  return Buffer.from(memory);
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

function encode(parameters: HttpParameters): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value === undefined) continue;
    if (typeof value === 'object') for (const one of value) search.append(name, one);
    else search.append(name, String(value));
  }
  return search.toString();
}

function axiosProxy(proxy: string | undefined): AxiosProxyConfig | false {
  if (proxy === undefined) return false;
  const { protocol, hostname, port, username, password } = new URL(proxy);
  const defaultPort = protocol === 'https:' ? 443 : 80;
  return {
    protocol,
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? defaultPort : Number(port),
    auth:
      username === ''
        ? undefined
        : { username: decodeURIComponent(username), password: decodeURIComponent(password) },
  };
}

function readBase(baseUrl: string): {
  readonly base: string;
  readonly host: string;
  readonly authorization: Readonly<Record<string, string>>;
} {
  const url = new URL(baseUrl);
  const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  return {
    base: `${url.origin}${url.pathname.replace(/\/+$/, '')}`,
    host: url.host,
    authorization:
      credentials === ':' ? {} : { Authorization: `Basic ${Buffer.from(credentials).toString('base64')}` },
  };
}
