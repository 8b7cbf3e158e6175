import { z } from 'zod';
import type { HttpAnswer, HttpClient } from '../http/http-client.ts';
import { UpstreamError } from '../lib/errors.ts';
import type { Milliseconds } from '../lib/units.ts';

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

/** Sends requests to one Jaeger, each with a deadline. Throws `UpstreamError`. */
export interface JaegerClient {
  /** The answer with any status, if its body is JSON. */
  json(request: ApiRequest, signal?: AbortSignal): Promise<HttpAnswer<unknown>>;
  /** The body as it is. */
  text(request: ApiRequest, signal?: AbortSignal): Promise<HttpAnswer<string>>;
  /** The answer as read by the request. Throws for an error status and for a body that cannot be read. */
  send<T>(request: JaegerRequest<T>, signal?: AbortSignal): Promise<T>;
}

export function createJaegerClient(http: HttpClient, deadline: Milliseconds): JaegerClient {
  const json: JaegerClient['json'] = ({ path, query, operation }, signal) =>
    http.json({ path, query, operation, deadline, signal });
  return {
    json,
    text: ({ path, query, operation }, signal) => http.text({ path, query, operation, deadline, signal }),
    send: async (request, signal) => {
      const { status, body } = await json(request, signal);
      if (status === 404 && 'none' in request) return request.none as ReturnType<typeof request.read>;
      if (status >= 400) throw statusError(status, body);
      try {
        return request.read(body);
      } catch (error) {
        if (!(error instanceof z.ZodError)) throw error;
        throw badAnswer(`Jaeger's answer could not be read${pathOf(error)}.`);
      }
    },
  };
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
