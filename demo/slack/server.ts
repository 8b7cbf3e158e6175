import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Milliseconds } from '../../src/lib/units.ts';
import { KEEP_ALIVE } from '../keep-alive.ts';
import type { RecordedCall } from './calls.ts';
import { handleControl } from './control.ts';
import { type AppDelivery, dispatchFailed } from './delivery.ts';
import { createFaults, type Faults } from './faults.ts';
import { type Exchange, urlOf } from './http.ts';
import { createHttpDelivery } from './http-delivery.ts';
import { createRateLimits } from './rate-limits.ts';
import { createRoutes } from './routes.ts';
import { createSocketHub, type SocketHub } from './socket-hub.ts';
import type { SlackWorkspace } from './workspace.ts';

/** How the app receives what people do. */
export type DeliveryMode =
  /** Signed requests to the app's URL. `signingSecret` is the workspace's by default (a test may set a wrong one). */
  | { readonly mode: 'http'; readonly requestUrl: string; readonly signingSecret?: string }
  /** Envelopes on the sockets that the app opened. */
  | { readonly mode: 'socket' };

export interface SlackServerOptions {
  readonly workspace: SlackWorkspace;
  /** May be given later with `deliverTo`; until then commands fail with `dispatch_failed`. */
  readonly delivery?: DeliveryMode;
  /** 0, any free port, by default. */
  readonly port?: number;
  /** The interface to listen on; 127.0.0.1 by default. In a container, from which a port is published, all of them. */
  readonly host?: string;
  /** Whether Slack's rate limits apply; true by default. */
  readonly rateLimits?: boolean;
  /** How long an acknowledgement is waited for; 3 s as in Slack by default. */
  readonly acknowledgeWithin?: Milliseconds;
  /** Gets the requests that are none of Slack's own: the web page. */
  readonly fallback?: RequestListener;
}

export interface SlackServer {
  /** Starts and resolves with the address on this machine, without a slash at the end. The Web API is at `${url}/api/`. */
  readonly listen: () => Promise<{ readonly url: string }>;
  readonly close: () => Promise<void>;
  readonly deliverTo: (delivery: DeliveryMode) => void;
  readonly faults: Faults;
  /** The calls so far, oldest first; the latest 20,000 of them. */
  readonly calls: () => readonly RecordedCall[];
  readonly socket: Pick<SocketHub, 'disconnect' | 'drop' | 'refuseNext' | 'connections'>;
}

/** A demo may run for days: only so many calls are remembered. */
const KEPT_CALLS = 20_000;

/** Puts a workspace on the network, on the loopback address unless another one is given. */
export function createSlackServer(options: SlackServerOptions): SlackServer {
  const { workspace, acknowledgeWithin } = options;
  const { state } = workspace;
  const waiting = acknowledgeWithin === undefined ? {} : { acknowledgeWithin };
  const calls: RecordedCall[] = [];
  const faults = createFaults();
  const socket = createSocketHub({ state, ...waiting });
  const record = (call: RecordedCall): void => {
    calls.push(call);
    if (calls.length > KEPT_CALLS) calls.shift();
  };
  const rateLimits = options.rateLimits === false ? undefined : createRateLimits(state.clock);
  const routes = createRoutes({ state, faults, record, socket, rateLimits });
  const control = { workspace, faults, calls: () => calls, socket };
  const deliveryOf = (mode: DeliveryMode): AppDelivery =>
    mode.mode === 'socket'
      ? socket
      : createHttpDelivery({ signingSecret: state.signingSecret, ...mode, ...waiting });
  const deliverTo = (mode: DeliveryMode): void => {
    state.connection = { ...state.connection, delivery: deliveryOf(mode) };
  };
  if (options.delivery !== undefined) deliverTo(options.delivery);
  const handle = async (exchange: Exchange): Promise<boolean> =>
    (await routes(exchange)) || (await handleControl(control, exchange));
  const server = createServer(KEEP_ALIVE, (request, response) => {
    serve(handle, { request, response, fallback: options.fallback });
  });
  server.on('upgrade', (request: IncomingMessage, stream, head) => {
    socket.upgrade(request, stream, head);
  });
  return {
    listen: () =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(options.port ?? 0, options.host ?? '127.0.0.1', () => {
          const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
          state.connection = { ...state.connection, publicUrl: url };
          resolve({ url });
        });
      }),
    close: () => {
      state.connection = {
        ...state.connection,
        delivery: { deliver: () => Promise.resolve(dispatchFailed('the workspace is closed')) },
      };
      socket.close();
      return new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      });
    },
    deliverTo,
    faults,
    calls: () => [...calls],
    socket,
  };
}

interface Incoming {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly fallback: RequestListener | undefined;
}

function serve(
  handle: (exchange: Exchange) => Promise<boolean>,
  { request, response, fallback }: Incoming,
): void {
  const url = urlOf(request);
  const answer = async (): Promise<void> => {
    if (url === undefined) {
      response.writeHead(400).end();
      return;
    }
    if (await handle({ request, response, path: url.pathname, query: url.searchParams })) return;
    if (fallback !== undefined) fallback(request, response);
    else response.writeHead(404).end();
  };
  answer().catch((error: unknown) => {
    // A error of the stand-in itself must not look like one of Slack's answers.
    if (!response.headersSent) response.writeHead(500, { 'content-type': 'text/plain' });
    response.end(error instanceof Error ? (error.stack ?? error.message) : 'unknown');
  });
}
