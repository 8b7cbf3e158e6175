import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { setImmediate } from 'node:timers/promises';
import { type AxiosInstance, create } from 'axios';
import { type System, UpstreamError } from '../lib/errors.ts';
import type { Recorder } from '../lib/recorder.ts';
import type { Milliseconds } from '../lib/units.ts';
import { createDeadline, type Deadline } from './deadline.ts';
import { isStaleConnection, type Situation, toUpstreamError } from './failure.ts';
import { failureOfStatus, isHtml } from './refusal.ts';

/**
 * What is longer takes longer to parse than others should wait for that and for what is made of it in one piece. A trace
 * of 16 MiB held everything else up for 880 ms of processor time, and for 290 ms with a turn for others before it is
 * read and one before it is explained.
 */
const LONG_BODY = 4 * 1_024 * 1_024;

/** The largest answer that is read, in bytes after decompression, unless an option says otherwise. */
const DEFAULT_MAX_BYTES = 16 * 1_024 * 1_024;

export type HttpParameters = Readonly<
  Record<string, string | number | boolean | readonly string[] | undefined>
>;

/** A question to an HTTP API that changes nothing there: a client may ask it twice. */
export interface HttpRequest {
  readonly method?: 'GET' | 'POST';
  /** Below the base address, starting with a slash; already encoded. */
  readonly path: string;
  readonly query?: HttpParameters;
  /** Sent as `application/x-www-form-urlencoded` by a POST. */
  readonly form?: HttpParameters;
  /** What the question is, for `Recorder.queried`: a word from a small set, never an address. */
  readonly operation: string;
  /** For the whole exchange: name look-up, connection, and the last byte of the body. */
  readonly deadline: Milliseconds;
  readonly signal?: AbortSignal | undefined;
}

export interface HttpAnswer<Body> {
  readonly status: number;
  /** In lower case, with its parameters; empty when the server did not say. */
  readonly contentType: string;
  readonly body: Body;
}

/**
 * Asks one HTTP API. Every failure is an `UpstreamError` without a trace of headers, query or credentials. A refusal
 * of the credentials (401, 403, 407, or a redirect, which is how a login proxy answers) is `not-authenticated`.
 */
export interface HttpClient {
  /**
   * For an API that answers in JSON. Resolves with any status whose body is JSON, 4xx and 5xx included: the caller
   * knows what the API's own errors mean. A page of HTML is `not-authenticated` at 2xx; other bodies that are not JSON
   * are `unavailable` at 429 and 5xx, else `bad-answer`.
   */
  json(request: HttpRequest): Promise<HttpAnswer<unknown>>;
  /** The body as it is, whatever it is. */
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
  /** Connections at most at once; more requests wait, inside their deadline. */
  readonly maxConnections?: number;
  /** Obeys `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`. Off unless asked: monitoring is inside the cluster. */
  readonly useEnvironmentProxy?: boolean;
  readonly recorder?: Pick<Recorder, 'queried'>;
}

interface Context {
  readonly api: AxiosInstance;
  readonly base: string;
  readonly maxBytes: number;
  readonly situation: Situation;
}

/** A client for one API, with its own connections. */
export function createHttpClient(options: HttpClientOptions): HttpClient {
  const { base, host, authorization } = readBase(options.baseUrl);
  const agentOptions = { keepAlive: true, maxSockets: options.maxConnections ?? 16 };
  const httpAgent = new HttpAgent(agentOptions);
  const httpsAgent = new HttpsAgent(agentOptions);
  const context: Context = {
    api: create({
      headers: { 'User-Agent': 'tailwatch', ...authorization, ...options.headers },
      httpAgent,
      httpsAgent,
      maxRedirects: 0,
      ...(options.useEnvironmentProxy === true ? {} : { proxy: false }),
    }),
    base,
    maxBytes: options.maxBytes ?? DEFAULT_MAX_BYTES,
    situation: { system: options.system, host, maxBytes: options.maxBytes ?? DEFAULT_MAX_BYTES },
  };
  const recorded = recordWith(options);
  return {
    json: (request) =>
      recorded(request, async () => {
        const answer = await ask(context, request);
        const parsed = asJson(answer, context.situation);
        // Others get their turn between the parsing and what follows.
        if (answer.body.length > LONG_BODY) await setImmediate();
        return parsed;
      }),
    text: (request) => recorded(request, () => ask(context, request)),
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

async function ask(context: Context, request: HttpRequest): Promise<HttpAnswer<string>> {
  // One deadline for both attempts.
  const deadline = createDeadline(request.deadline, request.signal);
  try {
    const answer = await attempt(context, request, deadline).catch((error: unknown) => {
      if (isStaleConnection(error)) return attempt(context, request, deadline);
      throw error;
    });
    const refused = failureOfStatus(answer, context.situation);
    if (refused !== undefined) throw refused;
    return answer;
  } catch (error) {
    if (error instanceof UpstreamError) throw error;
    throw toUpstreamError(error, { ...context.situation, expired: deadline.expired() });
  } finally {
    deadline.clear();
  }
}

async function attempt(
  { api, base, maxBytes }: Context,
  { method = 'GET', path, query, form }: HttpRequest,
  deadline: Deadline,
): Promise<HttpAnswer<string>> {
  const search = query === undefined ? '' : encode(query);
  const response = await api.request<Buffer>({
    method,
    url: `${base}${path}${search === '' ? '' : `?${search}`}`,
    headers: { Accept: 'application/json' },
    data: form === undefined ? undefined : new URLSearchParams(encode(form)),
    // Bytes: axios would otherwise hand out text where JSON was expected, without a word.
    responseType: 'arraybuffer',
    transformResponse: (body: unknown) => body,
    validateStatus: () => true,
    // Counts inflated bytes: the cap holds against a compressed answer too.
    maxContentLength: maxBytes,
    // `timeout` would not stop a body that drips; the signal covers everything from the name look-up on.
    signal: deadline.signal,
  });
  const contentType: unknown = response.headers['content-type'];
  return {
    status: response.status,
    contentType: typeof contentType === 'string' ? contentType.toLowerCase() : '',
    body: response.data.toString('utf8'),
  };
}

function asJson(
  { status, contentType, body }: HttpAnswer<string>,
  situation: Situation,
): HttpAnswer<unknown> {
  try {
    // The body decides, not the type: Jaeger sends JSON as text/plain.
    return { status, contentType, body: JSON.parse(body) as unknown };
  } catch {
    throw notJson({ status, contentType, body }, situation);
  }
}

function notJson(answer: HttpAnswer<string>, { system, host }: Situation): UpstreamError {
  const { status } = answer;
  if (status === 429 || status >= 500) {
    return new UpstreamError({
      system,
      code: 'unavailable',
      message: `${host} answered ${status}.`,
      advice: 'Try again in a moment; if it stays so, look at its log.',
    });
  }
  if (status < 300 && isHtml(answer)) {
    return new UpstreamError({
      system,
      code: 'not-authenticated',
      message: `${host} answered with a web page where data was expected.`,
      advice: 'A login page usually stands in front of it: check the address and the configured headers.',
    });
  }
  return new UpstreamError({
    system,
    code: 'bad-answer',
    message: `${host} answered ${status} with something that is not JSON.`,
    advice: 'Check that the configured address, with its base path, is that of the API.',
  });
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
