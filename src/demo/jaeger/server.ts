import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Answer, NOT_FOUND, page } from './answer.ts';
import { type Generation, MANNERS } from './generation.ts';
import { answerOlder } from './older-routes.ts';
import { answerPage } from './pages.ts';
import type { Backend } from './reader.ts';
import { createSearch, type StorageKind } from './storage.ts';
import type { JaegerStore } from './store.ts';
import { answerV3 } from './v3-routes.ts';

export interface JaegerServerOptions {
  readonly store: JaegerStore;
  /** Which Jaeger it behaves like; the newest recorded one when absent. */
  readonly generation?: Generation;
  /** Whose storage it searches like; memory when absent. */
  readonly behaviour?: StorageKind;
  /** Tells the present in ms since 1970: the older dialect's default window ends there. */
  readonly clock: { readonly now: () => number };
  /** 0 or absent: a free one. */
  readonly port?: number;
  /** Decides the arbitrary order of answers; 1 when absent. */
  readonly seed?: number;
  /** Gives memory's answers latest first instead of in an arbitrary order. */
  readonly newestFirst?: boolean;
  /** Hears of every request: path and query as they came. */
  readonly onRequest?: (path: string) => void;
}

/** What goes wrong with every request to the API until it is cleared. Pages are not affected, but for `redirect`. */
export type ServerFault =
  /** Accepts the request and never answers. */
  | { readonly hang: true }
  /** Answers with this status and a short text. */
  | { readonly status: number }
  /** Answers 200 with a page, as a proxy's login form does. */
  | { readonly html: true }
  /** Answers 302 to this address, as an OAuth proxy does. */
  | { readonly redirect: string }
  /** Answers rightly, but this much later. */
  | { readonly slowMs: number };

/** An HTTP server on the loopback interface that answers as a Jaeger does. */
export interface JaegerServer {
  listen(): Promise<{ readonly url: string }>;
  /** Ends all connections, hanging ones too. */
  close(): Promise<void>;
  readonly faults: {
    set(fault: ServerFault): void;
    clear(): void;
  };
}

const LOGIN_PAGE =
  '<!DOCTYPE html>\n<html lang="en"><title>Sign in</title><body><h1>Sign in</h1></body></html>\n';

/** Creates the server; it listens once `listen` is called. */
export function createJaegerServer(options: JaegerServerOptions): JaegerServer {
  const backend = createBackend(options);
  let fault: ServerFault | undefined;
  const pending = new Set<NodeJS.Timeout>();

  const later = (delay: number, work: () => void): void => {
    const timer = setTimeout(() => {
      pending.delete(timer);
      work();
    }, delay);
    pending.add(timer);
  };
  const server = createServer((request, response) => {
    options.onRequest?.(request.url ?? '/');
    const isApi = (request.url ?? '/').startsWith('/api');
    const reply = (): void => send(response, answer(backend, request));
    if (fault === undefined) reply();
    else if ('redirect' in fault) redirect(response, fault.redirect);
    else if (!isApi) reply();
    else if ('slowMs' in fault) later(fault.slowMs, reply);
    else if ('status' in fault) send(response, failed(fault.status));
    else if ('html' in fault) send(response, page(LOGIN_PAGE));
  });
  return {
    listen: () =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(options.port ?? 0, '127.0.0.1', () => {
          const { port } = server.address() as AddressInfo;
          resolve({ url: `http://127.0.0.1:${port}` });
        });
      }),
    close: () =>
      new Promise((resolve) => {
        for (const timer of pending) clearTimeout(timer);
        server.close(() => resolve());
        server.closeAllConnections();
      }),
    faults: {
      set: (next) => {
        fault = next;
      },
      clear: () => {
        fault = undefined;
      },
    },
  };
}

function createBackend(options: JaegerServerOptions): Backend {
  const manners = MANNERS[options.generation ?? 'after-2.20'];
  return {
    store: options.store,
    manners,
    now: options.clock.now,
    search: createSearch({
      store: options.store,
      kind: options.behaviour ?? 'memory',
      errorTag: manners.errorTag,
      seed: options.seed ?? 1,
      newestFirst: options.newestFirst ?? false,
    }),
  };
}

function answer(backend: Backend, request: IncomingMessage): Answer {
  const url = new URL(request.url ?? '/', 'http://127.0.0.1');
  const [first, ...path] = url.pathname
    .split('/')
    .slice(1)
    .map((part) => decodePart(part));
  if (first !== 'api') return answerPage(backend, url);
  const found =
    path[0] === 'v3'
      ? answerV3(backend, path.slice(1), url.searchParams)
      : answerOlder(backend, path, url.searchParams);
  if (found !== undefined) return found;
  return backend.manners.pageForUnknownApi ? answerPage(backend, url) : NOT_FOUND;
}

function decodePart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

const failed = (status: number): Answer => ({
  status,
  contentType: 'text/plain; charset=utf-8',
  body: `upstream answered ${status}\n`,
});

function send(response: ServerResponse, { status, contentType, body }: Answer): void {
  response.writeHead(status, { 'content-type': contentType });
  response.end(body);
}

function redirect(response: ServerResponse, location: string): void {
  response.writeHead(302, { location });
  response.end();
}
