import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { KEEP_ALIVE } from '../keep-alive.ts';
import { type Answer, NOT_ALLOWED, NOT_FOUND } from './answer.ts';
import { answerOlder } from './older-routes.ts';
import { answerPage } from './pages.ts';
import type { Backend } from './reader.ts';
import { createFaultGate, type ServerFaults } from './server-faults.ts';
import { BEHAVIORS, type ServerVersion } from './server-version.ts';
import { createSearch, type StorageKind } from './storage.ts';
import type { JaegerStore } from './store.ts';
import { answerV3 } from './v3-routes.ts';
import { refusalOfVictoria } from './victoria.ts';

export interface JaegerServerOptions {
  readonly store: JaegerStore;
  /** Which Jaeger it behaves like; the newest recorded one when absent. */
  readonly serverVersion?: ServerVersion;
  /** Whose storage it searches like; memory when absent. */
  readonly behaviour?: StorageKind;
  /** The present in ms since 1970: the older version's default window ends there. */
  readonly clock: { readonly now: () => number };
  /** 0 or absent: a free one. */
  readonly port?: number;
  /** Decides the arbitrary order of answers; 1 when absent. */
  readonly seed?: number;
  /** Gives memory's answers latest first instead of in an arbitrary order. */
  readonly newestFirst?: boolean;
  /** A path that page and API are put under, as Jaeger's `base_path` does: `/jaeger`. Outside of it is nothing. */
  readonly basePath?: string;
  /** Called for every request: path and query as they came, and the headers. */
  readonly onRequest?: (path: string, headers: IncomingHttpHeaders) => void;
}

/** An HTTP server on the loopback interface that answers as a Jaeger does. */
export interface JaegerServer {
  listen(): Promise<{ readonly url: string }>;
  /** Ends all connections, hanging ones too. */
  close(): Promise<void>;
  readonly faults: ServerFaults;
}

/** Creates the server; it listens once `listen` is called. */
export function createJaegerServer(options: JaegerServerOptions): JaegerServer {
  const backend = createBackend(options);
  const gate = createFaultGate();
  const server = createServer(KEEP_ALIVE, (request, response) => {
    const path = request.url ?? '/';
    options.onRequest?.(path, request.headers);
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    const inside = below(options.basePath ?? '', path);
    const reply = (): Answer => {
      if (!isRead) return NOT_ALLOWED;
      return inside === undefined ? NOT_FOUND : answer(backend, inside);
    };
    gate.pass({ path: inside ?? path, response, answer: reply });
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
        gate.close();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
    faults: gate,
  };
}

function createBackend(options: JaegerServerOptions): Backend {
  const behavior = BEHAVIORS[options.serverVersion ?? 'after-2.20'];
  return {
    store: options.store,
    behavior,
    isVictoria: options.behaviour === 'victoria-traces',
    now: options.clock.now,
    search: createSearch({
      store: options.store,
      kind: options.behaviour ?? 'memory',
      errorTag: behavior.errorTag,
      seed: options.seed ?? 1,
      newestFirst: options.newestFirst ?? false,
    }),
  };
}

/** What comes after the base path; undefined when it is somewhere else. */
function below(basePath: string, path: string): string | undefined {
  if (!path.startsWith(basePath)) return undefined;
  const rest = path.slice(basePath.length);
  return rest === '' || rest.startsWith('?') ? `/${rest}` : rest.startsWith('/') ? rest : undefined;
}

function answer(backend: Backend, path: string): Answer {
  const url = new URL(path, 'http://127.0.0.1');
  const [first, ...rest] = url.pathname
    .split('/')
    .slice(1)
    .map((part) => decodePart(part));
  if (first !== 'api') return answerPage(backend, url);
  const refused = backend.isVictoria ? refusalOfVictoria([first, ...rest], url.searchParams) : undefined;
  if (refused !== undefined) return refused;
  const found =
    rest[0] === 'v3'
      ? answerV3(backend, rest.slice(1), url.searchParams)
      : answerOlder(backend, rest, url.searchParams);
  if (found !== undefined) return found;
  return backend.behavior.pageForUnknownApi ? answerPage(backend, url) : NOT_FOUND;
}

function decodePart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
