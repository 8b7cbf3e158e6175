import { z } from 'zod';
import type { HttpAnswer, HttpClient } from '../http/http-client.ts';
import { createTurns } from '../lib/concurrency.ts';
import { UpstreamError } from '../lib/errors.ts';
import type { Milliseconds } from '../lib/units.ts';
import type { Trace } from '../traces/trace.ts';
import { readTraces, type TraceFormat } from './trace-format.ts';
import type { TraceReader } from './trace-reader.ts';

export type Query = Readonly<Record<string, string | number | undefined>>;

/** A request as the API wants it. */
export interface ApiRequest {
  readonly path: string;
  readonly query?: Query;
  /** Name of the request in metrics. */
  readonly operation: string;
}

/** A request and how to read its answer. */
export interface JaegerRequest<T> extends ApiRequest {
  /** Throws a `ZodError` when the body is something else. */
  read(body: unknown): T;
  /** The result of status 404. */
  readonly none?: T;
}

/** A request for traces. */
export interface TracesRequest extends ApiRequest {
  readonly format: TraceFormat;
  /** The largest answer in bytes, instead of that of a search. */
  readonly maxBytes?: number;
}

/** Sends requests to one Jaeger, each with a deadline. Throws `UpstreamError`. */
export interface JaegerClient {
  /** The answer with any status, if its body is JSON. */
  json(request: ApiRequest, signal?: AbortSignal): Promise<HttpAnswer<unknown>>;
  /** The body as it is. */
  text(request: ApiRequest, signal?: AbortSignal): Promise<HttpAnswer<string>>;
  /** The answer as read by the request. Throws for an error status and for a body that cannot be read. */
  send<T>(request: JaegerRequest<T>, signal?: AbortSignal): Promise<T>;
  /** The traces of an answer, none for status 404. A large body is read in a thread. */
  traces(request: TracesRequest, signal?: AbortSignal): Promise<readonly Trace[]>;
  /**
   * What `small` makes of the traces of an answer, or `large` of a body that is too large to be read and analyzed in this
   * thread.
   */
  either<T>(request: TracesRequest, read: EitherReader<T>, signal?: AbortSignal): Promise<T>;
}

interface EitherReader<T> {
  small(traces: readonly Trace[]): T;
  large(body: Uint8Array): Promise<T>;
}

/** In bytes: a smaller body is parsed, and its spans read, in less than 50 ms each. */
const LARGE_BODY = 2 * 1_024 * 1_024;
/**
 * In bytes, for all answers together: each is parsed, read and redacted in turns of its own, of a few milliseconds for this
 * size. Under load several answers arrive in one turn, and acknowledgements would wait for all of them.
 */
const READ_IN_A_TURN = 256 * 1_024;

interface ClientOptions {
  readonly deadline: Milliseconds;
  readonly reader: TraceReader;
  /** Applied to every trace that is read. The reader applies its own. */
  readonly redact: (trace: Trace) => Trace;
}

export function createJaegerClient(
  http: HttpClient,
  { deadline, reader, redact }: ClientOptions,
): JaegerClient {
  const json: JaegerClient['json'] = ({ path, query, operation }, signal) =>
    http.json({ path, query, operation, deadline, signal });
  const either = createEither(http, { deadline, redact });
  return {
    json,
    text: ({ path, query, operation }, signal) => http.text({ path, query, operation, deadline, signal }),
    send: async (request, signal) => {
      const { status, body } = await json(request, signal);
      if (status === 404 && 'none' in request) return request.none as ReturnType<typeof request.read>;
      if (status >= 400) throw statusError(status, body);
      return reading(async () => request.read(body));
    },
    traces: (request, signal) =>
      either(
        request,
        { small: (traces) => traces, large: (body) => reader.read(body, request.format) },
        signal,
      ),
    either,
  };
}

/** Sends a request for traces, and reads the answer in turns of the event loop. */
function createEither(
  http: HttpClient,
  { deadline, redact }: Pick<ClientOptions, 'deadline' | 'redact'>,
): JaegerClient['either'] {
  const turns = createTurns(READ_IN_A_TURN);
  return async (request, read, signal) => {
    const { path, query, operation, format, maxBytes } = request;
    return reading(async () => {
      const step = turns.begin();
      let size = 0;
      let large: Promise<unknown> | undefined;
      const parse = async (bytes: Uint8Array): Promise<unknown> => {
        size = bytes.byteLength;
        if (size >= LARGE_BODY) {
          large = read.large(bytes);
          return await large;
        }
        await step(size);
        return JSON.parse(new TextDecoder().decode(bytes)) as unknown;
      };
      const { status, body } = await http.json({
        path,
        query,
        operation,
        deadline,
        signal,
        maxBytes,
        parse,
      });
      if (large !== undefined) return body as Awaited<ReturnType<typeof read.large>>;
      if (status === 404) return read.small([]);
      if (status >= 400) throw statusError(status, body);
      await step(size);
      const traces = readTraces(body, format);
      await step(size);
      return read.small(traces.map(redact));
    });
  };
}

async function reading<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error;
    throw badAnswer(`Jaeger's answer could not be read${pathOf(error)}.`);
  }
}

const errorSchema = z.union([
  z.object({ error: z.object({ message: z.string() }) }).transform(({ error }) => error.message),
  z
    .object({ errors: z.array(z.object({ msg: z.string() })).min(1) })
    .transform(({ errors }) => errors[0]?.msg ?? ''),
]);

/** Errors of a storage can be long and contain whole queries. */
const MAX_TEXT = 200;

/** The text of an answer that is an error in either API version; undefined for anything else. */
export function errorTextOf(body: unknown): string | undefined {
  const parsed = errorSchema.safeParse(body);
  return parsed.success ? parsed.data.replace(/\s+/g, ' ').trim().slice(0, MAX_TEXT) : undefined;
}

/** The error of an answer with an error status, in either API version. A 500 has the text of the storage. */
export function statusError(status: number, body: unknown): UpstreamError {
  const text = errorTextOf(body) ?? '';
  const isInvalid = status < 500 && status !== 429;
  return new UpstreamError({
    system: 'jaeger',
    code: isInvalid ? 'bad-request' : 'unavailable',
    message: `Jaeger returned HTTP ${status}${text === '' ? '' : `: ${text}`}.`,
    advice: isInvalid
      ? 'Check the command. If it is correct, report this as a bug.'
      : 'Try again in a moment; if it persists, check the log of Jaeger.',
  });
}

/** An answer that is not that of a Jaeger API. */
export const badAnswer = (message: string): UpstreamError =>
  new UpstreamError({
    system: 'jaeger',
    code: 'bad-answer',
    message,
    advice: 'Check that JAEGER_URL is the address of a Jaeger query service.',
  });

const pathOf = (error: z.ZodError): string => {
  const path = error.issues[0]?.path.map(String).join('.') ?? '';
  return path === '' ? '' : ` (at ${path.slice(0, 80)})`;
};
