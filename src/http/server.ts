import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, Server, ServerOptions, ServerResponse } from 'node:http';

/** How long a client may take, in ms. */
export type ServerLimits = Pick<
  ServerOptions,
  'headersTimeout' | 'requestTimeout' | 'keepAliveTimeout' | 'connectionsCheckingInterval'
>;

/** Limits for slow clients, in ms. The defaults of Node allow a request five minutes. */
export const SERVER_LIMITS: ServerLimits = {
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 1_000,
};

/** A client that does not read its response, or is idle, is disconnected after this time, in ms. */
const IDLE_TIMEOUT = 30_000;

/** Why a port cannot be listened on, and what to do, with the variables that set it. Any other error as it is. */
export function listenError(
  error: unknown,
  { port, variable, hostVariable }: { port: number; variable: string; hostVariable: string },
): unknown {
  switch ((error as NodeJS.ErrnoException | undefined)?.code) {
    case 'EADDRINUSE':
      return new Error(
        `${variable}: port ${port} is in use by another process. Stop that process or set another port.`,
      );
    case 'EACCES':
      return new Error(`${variable}: this user may not listen on port ${port}. Set a port from 1024 on.`);
    case 'EADDRNOTAVAIL':
      return new Error(`${hostVariable}: this machine has no such address. Set one of its own, or 0.0.0.0.`);
    default:
      return error;
  }
}

/** Slack, Prometheus and a kubelet need a few; more connections are closed at once. */
const MAX_CONNECTIONS = 200;

/** Limits the connections of a server that was created with `SERVER_LIMITS`. */
export function limitConnections(server: Server, maxConnections = MAX_CONNECTIONS): void {
  server.maxConnections = maxConnections;
  server.setTimeout(IDLE_TIMEOUT);
}

/** Discards the body of a request that has none to read, and closes the connection when it is longer than `maxBytes`. */
export function discardBody(request: IncomingMessage, response: ServerResponse, maxBytes: number): void {
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= maxBytes) return;
    response.destroy();
    request.destroy();
  });
}

/** A reply of the operations port. */
export interface HttpReply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly contentType?: string;
  readonly body: string;
}

export const text = (status: number, body: string): HttpReply => ({ status, body: `${body}\n` });

export const UNAUTHORIZED: HttpReply = {
  ...text(401, 'unauthorized: send the token as Authorization: Bearer <token>'),
  headers: { 'www-authenticate': 'Bearer' },
};

const digest = (value: string): Buffer => createHash('sha256').update(value).digest();

/** Whether a request carries the bearer token. The time it takes does not depend on how much of a token is right. */
export function hasToken({ headers }: Pick<IncomingMessage, 'headers'>, token: string): boolean {
  const [, given = ''] = /^bearer +(\S+) *$/i.exec(headers.authorization ?? '') ?? [];
  return timingSafeEqual(digest(given), digest(token));
}
