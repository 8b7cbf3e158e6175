import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

/** How an HTTP server behind a front misbehaves. */
export type FrontFault =
  /** Breaks every connection, as a host that is away. */
  | { readonly kind: 'down' }
  | { readonly kind: 'hang' }
  | { readonly kind: 'slow'; readonly ms: number }
  | { readonly kind: 'status'; readonly status: number }
  /** Answers 200 with this text. */
  | { readonly kind: 'body'; readonly body: string };

/** Stands between the bots and a server, and lets answers go wrong. */
export interface Front {
  readonly url: string;
  fault: FrontFault | undefined;
  close(): Promise<void>;
}

/** Called for each request that was answered as the server answers it. */
type OnAnswered = (path: string, parameters: URLSearchParams) => void;

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function spoil(fault: FrontFault, request: IncomingMessage, response: ServerResponse): boolean {
  switch (fault.kind) {
    case 'down':
      request.socket.resetAndDestroy();
      return true;
    case 'hang':
      return true;
    case 'status':
      response.writeHead(fault.status, { 'content-type': 'text/plain' }).end('upstream error\n');
      return true;
    case 'body':
      response.writeHead(200, { 'content-type': 'application/json' }).end(fault.body);
      return true;
    case 'slow':
      return false;
  }
}

/** Starts a front before `target`, on 127.0.0.1. */
export async function startFront(target: string, onAnswered?: OnAnswered): Promise<Front> {
  async function pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request);
    const { fault } = front;
    if (fault !== undefined && spoil(fault, request, response)) return;
    if (fault?.kind === 'slow') await wait(fault.ms, undefined, { ref: false });
    const { pathname, search, searchParams } = new URL(request.url ?? '/', 'http://127.0.0.1');
    const type = request.headers['content-type'];
    const answer = await fetch(new URL(`${pathname}${search}`, target), {
      method: request.method ?? 'GET',
      headers: type === undefined ? {} : { 'content-type': type },
      ...(body.length === 0 ? {} : { body }),
    });
    const bytes = Buffer.from(await answer.arrayBuffer());
    response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? 'text/plain' });
    response.end(bytes);
    if (answer.ok)
      onAnswered?.(pathname, new URLSearchParams([...searchParams, ...new URLSearchParams(body.toString())]));
  }

  const server = createServer((request, response) => {
    pass(request, response).catch(() => response.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const front: Front = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    fault: undefined,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
  return front;
}
