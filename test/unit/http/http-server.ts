import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { expect } from 'vitest';
import { createHttpClient, type HttpClientOptions } from '../../../src/http/http-client.ts';
import { UpstreamError } from '../../../src/lib/errors.ts';

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

const SECRET = 'Bearer s3cr3t-t0ken';
const servers: Server[] = [];

/** Ends every server that `listen` started in this file. */
export function closeServers(): void {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
}

/** A server on a free port of the loopback interface; gives its base address. */
export async function listen(handler: Handler): Promise<string> {
  const server = createServer(handler);
  servers.push(server);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

export function clientOf(baseUrl: string, more: Partial<HttpClientOptions> = {}) {
  return createHttpClient({ system: 'jaeger', baseUrl, headers: { Authorization: SECRET }, ...more });
}

export async function failureOf(work: Promise<unknown>): Promise<UpstreamError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(UpstreamError);
  return error as UpstreamError;
}

/** Everything a careless log line could print of an error. */
export const everythingOf = (error: UpstreamError): string =>
  [
    error.message,
    error.advice,
    error.stack,
    inspect(error, { depth: 10, showHidden: true }),
    JSON.stringify(error),
  ].join('\n');
