import { createServer, get, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Calls, watchCalls } from '../../support/calls.ts';

let server: Server;
let calls: Calls;
/** What the server answers when it is notified to, in the order it was asked. */
let answers: (() => void)[];
let asked: () => void;

beforeEach(async () => {
  answers = [];
  asked = () => {};
  server = createServer((_request, response) => {
    answers.push(() => response.end('{}'));
    asked();
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  calls = watchCalls();
});

afterEach(() => {
  calls.close();
  server.closeAllConnections();
  server.close();
});

const url = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;

const byFetch = async (): Promise<string> => await (await fetch(url())).text();

const byNode = async (): Promise<string> =>
  await new Promise((resolve, reject) => {
    get(url(), (response) => {
      response.resume();
      response.on('end', () => resolve('{}'));
    }).on('error', reject);
  });

test.each([
  ['by fetch', byFetch],
  ["by Node's own client", byNode],
])('a call made %s is waited for', async (_name, call) => {
  const reached = new Promise<void>((resolve) => {
    asked = resolve;
  });
  const order: string[] = [];
  const calling = call().then(() => order.push('answered'));
  await reached;
  const settled = calls.settled().then(() => order.push('settled'));
  answers[0]?.();
  await Promise.all([calling, settled]);
  expect(order).toEqual(['answered', 'settled']);
});

test('a call that is never answered holds nobody up', async () => {
  const hanging = byFetch().catch(() => 'cut off');
  await calls.stalled();
  await calls.settled();
  server.closeAllConnections();
  expect(await hanging).toBe('cut off');
});
