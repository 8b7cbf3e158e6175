import type { IncomingHttpHeaders } from 'node:http';
import { createUnzip } from 'node:zlib';
import { type Dispatcher, errors, Pool, ProxyAgent } from 'undici';
import { UpstreamError } from '../lib/errors.ts';
import { type EpochMs, epochMs } from '../lib/units.ts';

export type HttpParameters = Readonly<
  Record<string, string | number | boolean | readonly string[] | undefined>
>;

/** What is sent. */
export interface HttpMessage {
  readonly method?: 'GET' | 'POST';
  /** Below the base address, starting with a slash; already encoded. */
  readonly path: string;
  readonly query?: HttpParameters;
  /** Sent as `application/x-www-form-urlencoded` by a POST. */
  readonly form?: HttpParameters;
  /** The answer is small: compressing it would take both sides longer than sending it. */
  readonly isUncompressed?: boolean;
}

export interface HttpAnswer<Body> {
  readonly status: number;
  /** In lower case, with its parameters; empty when the server did not say. */
  readonly contentType: string;
  /** The server's time, in whole seconds; absent without a valid `Date` header. */
  readonly date?: EpochMs;
  readonly body: Body;
}

const CLOSED: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']);

/** The code of an error; empty without one. */
export function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return error instanceof errors.HTTPParserError ? 'HPE_INVALID' : '';
}

/**
 * The server closed the connection without an answer, as it may close an idle one just when a request is sent on it: the
 * request can be sent again.
 */
export class Unanswered extends Error {
  readonly code = 'ECONNRESET';
}

/** An answer, before or after decompression, is larger than allowed. */
export class TooLarge extends Error {}

/** The client's own deadlines apply, not those of undici; idle connections are kept for as long as the server keeps them. */
const CONNECTIONS = {
  headersTimeout: 0,
  bodyTimeout: 0,
  connect: { timeout: 0 },
  keepAliveTimeout: 10 * 60_000,
} as const;

const DEFAULT_MAX_CONNECTIONS = 16;

/** Connections to a server, through a proxy where one is given; more requests wait for a connection. */
export function createDispatcher(
  origin: string,
  {
    connections = DEFAULT_MAX_CONNECTIONS,
    proxy,
  }: { readonly connections?: number; readonly proxy?: string },
): Dispatcher {
  const limits = { ...CONNECTIONS, connections };
  if (proxy === undefined) return new Pool(origin, limits);
  const uri = new URL(proxy);
  const token = basicAuthorization(uri);
  uri.username = '';
  uri.password = '';
  // Without a tunnel for `http://`, which many proxies refuse; `https://` always has one.
  return new ProxyAgent({ ...limits, uri: uri.href, token, proxyTunnel: false });
}

/** Where requests are sent. */
export interface HttpTarget {
  readonly dispatcher: Dispatcher;
  readonly origin: string;
  /** Without a slash at its end. */
  readonly basePath: string;
  /** Of every request; their names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The largest answer, after decompression. */
  readonly maxBytes: number;
}

const FORM = { 'content-type': 'application/x-www-form-urlencoded;charset=utf-8' } as const;

const UNCOMPRESSED = { 'accept-encoding': 'identity' } as const;

const COMPRESSED = { 'accept-encoding': 'gzip, deflate' } as const;

const COMPRESSION = /^(?:x-)?gzip$|^deflate$/i;

/**
 * Sends a request once and collects the answer, whatever its status. Rejects with errors of undici, Node and zlib, with
 * `Unanswered`, `TooLarge`, or the reason of the signal if that is an `UpstreamError`.
 */
export function send(
  { dispatcher, origin, basePath, headers, maxBytes }: HttpTarget,
  { method = 'GET', path, query, form, isUncompressed }: HttpMessage,
  signal: AbortSignal,
): Promise<HttpAnswer<Buffer>> {
  const search = query === undefined ? '' : `?${encode(query)}`;
  const sent = {
    origin,
    path: `${basePath}${path}${search === '?' ? '' : search}`,
    method,
    headers: {
      ...headers,
      ...(form === undefined ? undefined : FORM),
      ...(isUncompressed === true ? UNCOMPRESSED : COMPRESSED),
    },
    body: form === undefined ? undefined : encode(form),
  };
  // undici's `request` has a signal, but makes a stream of each body, which costs more than a small answer itself.
  return new Promise((resolve, reject) => {
    const { handler, end } = receiver(maxBytes, { resolve, reject });
    const cancel = (): void =>
      end(signal.reason instanceof UpstreamError ? signal.reason : new Error('canceled'));
    if (signal.aborted) {
      cancel();
      return;
    }
    signal.addEventListener('abort', cancel, { once: true });
    dispatcher.dispatch(sent, handler);
  });
}

/** Collects an answer as undici receives it. `end` ends the request with an error. */
function receiver(
  maxBytes: number,
  {
    resolve,
    reject,
  }: {
    readonly resolve: (answer: HttpAnswer<Buffer>) => void;
    readonly reject: (error: Error) => void;
  },
): { readonly handler: Dispatcher.DispatchHandler; readonly end: (error: Error) => void } {
  const body = createBody(maxBytes);
  let head: Omit<HttpAnswer<unknown>, 'body'> | undefined;
  let control: Dispatcher.DispatchController | undefined;
  let failed: Error | undefined;
  let unzip: ReturnType<typeof createUnzip> | undefined;

  const end = (error: Error): void => {
    failed ??= error;
    control?.abort(failed);
    unzip?.destroy();
    reject(failed);
  };
  const add = (part: Buffer): void => {
    if (!body.add(part)) end(new TooLarge());
  };
  const complete = (): void => {
    if (head === undefined) reject(new Error('no answer'));
    else resolve({ ...head, body: body.whole() });
  };
  const handler: Dispatcher.DispatchHandler = {
    onRequestStart(controller) {
      control = controller;
      // It waited for a connection.
      if (failed !== undefined) controller.abort(failed);
    },
    onResponseStart(controller, status, headers) {
      const isInterim = status < 200;
      if (isInterim) return;
      head = { status, ...headOf(headers) };
      if (!COMPRESSION.test(String(headers['content-encoding']))) return;
      unzip = createUnzip().on('data', add).on('end', complete).on('error', end);
      unzip.on('drain', () => controller.resume());
    },
    onResponseData(controller, part) {
      if (unzip === undefined) add(part);
      else if (!unzip.write(part)) controller.pause();
    },
    onResponseEnd: () => (unzip === undefined ? complete() : void unzip.end()),
    onResponseError: (_, error) =>
      end(head === undefined && CLOSED.has(codeOf(error)) ? new Unanswered() : error),
  };
  return { handler, end };
}

function headOf({
  'content-type': type,
  date,
}: IncomingHttpHeaders): Pick<HttpAnswer<unknown>, 'contentType' | 'date'> {
  const at = Date.parse(String(date));
  return {
    contentType: typeof type === 'string' ? type.toLowerCase() : '',
    date: Number.isNaN(at) ? undefined : epochMs(at),
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

/** The bytes of a body, decompressed: `add` is false for more than the body may have. */
function createBody(maxBytes: number): { add(part: Buffer): boolean; whole(): Buffer } {
  const parts: Buffer[] = [];
  let memory: GrowingMemory | undefined;
  let length = 0;
  return {
    add(part) {
      const end = length + part.length;
      if (end > maxBytes) return false;
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
      return true;
    },
    whole() {
      if (memory === undefined)
        return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
      memory.resize(length);
      return Buffer.from(memory);
    },
  };
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

/** The credentials of an address; undefined where it has none. */
export function basicAuthorization({ username, password }: URL): string | undefined {
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return credentials === ':' ? undefined : `Basic ${Buffer.from(credentials).toString('base64')}`;
}
