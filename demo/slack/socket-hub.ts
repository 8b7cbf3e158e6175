import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Milliseconds } from '../../src/lib/units.ts';
import {
  type AppAnswer,
  type AppDelivery,
  type AppReply,
  dispatchFailed,
  type Envelope,
} from './delivery.ts';
import { urlOf } from './http.ts';
import { ACKNOWLEDGE_WITHIN } from './http-delivery.ts';
import type { Ids } from './ids.ts';
import type { WorkspaceState } from './state.ts';

/** Most sockets that one app may hold (docs.slack.dev/apis/events-api/using-socket-mode). */
const MOST_CONNECTIONS = 10;
const PING_EVERY = 5_000;

/** Why Slack says goodbye on a socket. After `warning` the socket still serves for about ten seconds. */
export type DisconnectReason = 'warning' | 'refresh_requested' | 'link_disabled' | 'too_many_websockets';

/** The Socket Mode side of Slack. */
export interface SocketHub extends AppDelivery {
  /** A ws:// address with a ticket that opens one socket, once. */
  readonly openUrl: (publicUrl: string) => string;
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  /** Says goodbye on every socket. Returns how many there were. */
  readonly disconnect: (reason: DisconnectReason) => number;
  /** Cuts every socket without a word. */
  readonly drop: () => number;
  /** The next `attempts` sockets are refused at the door. */
  readonly refuseNext: (attempts: number) => void;
  /** Sockets that are open now. */
  readonly connections: () => number;
  readonly close: () => void;
}

export interface SocketHubOptions {
  readonly state: WorkspaceState;
  readonly acknowledgeWithin?: Milliseconds;
}

interface Link {
  readonly socket: WebSocket;
  /** Envelopes sent and not yet acknowledged on this socket. */
  readonly waiting: Map<string, (reply: AppReply) => void>;
  isDraining: boolean;
}

export function createSocketHub({
  state,
  acknowledgeWithin = ACKNOWLEDGE_WITHIN,
}: SocketHubOptions): SocketHub {
  const { ids } = state;
  const links = new Set<Link>();
  const door = createDoor(ids, (socket) => {
    const link = welcome(socket, { state, count: links.size + 1 });
    links.add(link);
    socket.on('close', () => links.delete(link));
  });
  const cutAll = (): number => {
    const count = links.size;
    for (const { socket } of links) socket.terminate();
    return count;
  };
  return {
    ...door,
    deliver: (envelope) => {
      const usable = [...links].filter((link) => !link.isDraining);
      const link = usable[ids.below(Math.max(usable.length, 1))];
      if (link === undefined) return Promise.resolve(dispatchFailed('no socket is open'));
      return send(link, envelope, { envelopeId: ids.hex(32), acknowledgeWithin });
    },
    disconnect: (reason) => {
      for (const link of links) sayGoodbye(link, reason);
      return links.size;
    },
    drop: cutAll,
    connections: () => links.size,
    close: () => {
      cutAll();
      door.close();
    },
  };
}

type Door = Pick<SocketHub, 'openUrl' | 'upgrade' | 'refuseNext' | 'close'>;

/** Lets in who has a ticket, each ticket once, unless it is set to refuse. */
function createDoor(ids: Ids, accept: (socket: WebSocket) => void): Door {
  const server = new WebSocketServer({ noServer: true });
  const tickets = new Set<string>();
  let refusals = 0;
  return {
    openUrl: (publicUrl) => {
      const ticket = ids.hex(32);
      tickets.add(ticket);
      return `${publicUrl.replace(/^http/, 'ws')}/link/?ticket=${ticket}&app_id=${ids.hex(16)}`;
    },
    upgrade: (request, socket, head) => {
      const ticket = urlOf(request)?.searchParams.get('ticket') ?? '';
      const isKnown = tickets.delete(ticket);
      if (refusals > 0) {
        refusals -= 1;
        socket.destroy();
      } else if (isKnown) server.handleUpgrade(request, socket, head, accept);
      else socket.end('HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    },
    refuseNext: (attempts) => {
      refusals = attempts;
    },
    close: () => {
      server.close();
    },
  };
}

const HOST = 'applink-demo-1';

function welcome(socket: WebSocket, { state, count }: { state: WorkspaceState; count: number }): Link {
  const link: Link = { socket, waiting: new Map(), isDraining: false };
  const ping = setInterval(() => {
    socket.ping();
  }, PING_EVERY);
  ping.unref();
  // A broken connection is reported by `close`, which always follows.
  socket.on('error', () => undefined);
  socket.on('close', () => {
    clearInterval(ping);
    for (const finish of link.waiting.values())
      finish(dispatchFailed('the socket closed before the acknowledgement'));
  });
  socket.on('message', (data) => {
    settle(link, textOf(data));
  });
  if (count > MOST_CONNECTIONS) {
    sayGoodbye(link, 'too_many_websockets');
    return link;
  }
  socket.send(
    JSON.stringify({
      type: 'hello',
      num_connections: count,
      connection_info: { app_id: state.app.id },
      debug_info: {
        host: HOST,
        started: new Date().toISOString(),
        build_number: 1,
        approximate_connection_time: 3_600,
      },
    }),
  );
  return link;
}

const textOf = (data: Buffer | ArrayBuffer | Buffer[]): string =>
  Buffer.isBuffer(data) ? data.toString('utf8') : Buffer.from(data as ArrayBuffer).toString('utf8');

function sayGoodbye(link: Link, reason: DisconnectReason): void {
  link.socket.send(JSON.stringify({ type: 'disconnect', reason, debug_info: { host: HOST } }));
  if (reason !== 'warning') link.isDraining = true;
}

function send(
  link: Link,
  envelope: Envelope,
  { envelopeId, acknowledgeWithin }: { envelopeId: string; acknowledgeWithin: Milliseconds },
): Promise<AppReply> {
  return new Promise((resolve) => {
    const finish = (reply: AppReply): void => {
      clearTimeout(timer);
      link.waiting.delete(envelopeId);
      resolve(reply);
    };
    const timer = setTimeout(() => {
      finish(dispatchFailed(`no acknowledgement within ${acknowledgeWithin} ms`));
    }, acknowledgeWithin);
    link.waiting.set(envelopeId, finish);
    const { kind: type, payload } = envelope;
    // A block action takes no answer in its acknowledgement; a command and a submission do.
    const accepts_response_payload = type === 'slash_commands' || payload['type'] === 'view_submission';
    link.socket.send(JSON.stringify({ envelope_id: envelopeId, type, payload, accepts_response_payload }));
  });
}

/** An acknowledgement: the envelope's id, and an answer if the app has one. Anything else is ignored. */
function settle(link: Link, text: string): void {
  let message: { envelope_id?: unknown; payload?: unknown };
  try {
    message = JSON.parse(text) as typeof message;
  } catch {
    return;
  }
  const { envelope_id: id, payload } = message;
  const isEmpty = typeof payload !== 'object' || payload === null || Object.keys(payload).length === 0;
  if (typeof id === 'string')
    link.waiting.get(id)?.({ ok: true, answer: isEmpty ? undefined : (payload as AppAnswer) });
}
