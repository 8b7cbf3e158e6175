import { once } from 'node:events';
import { createServer, request as forward } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocket } from 'undici';
import { afterEach, describe, expect, it } from 'vitest';
import { createProxyFor } from '../../../src/http/proxy.ts';
import { secret } from '../../../src/settings/values.ts';
import { createProxiedNetwork } from '../../../src/slack/network.ts';
import { SOCKET, says, useBot } from './bot.ts';

const bot = useBot();
const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

/** A proxy that forwards `http://` requests to one port of this machine, and refuses tunnels. */
async function startProxy(target: () => number) {
  const requests: string[] = [];
  const proxy = createServer((incoming, response) => {
    const { method, headers, url = '' } = incoming;
    requests.push(`${method} ${url.split('?')[0]}`);
    const { pathname, search } = new URL(url);
    const outgoing = forward(
      { port: target(), host: '127.0.0.1', path: pathname + search, method, headers },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      },
    );
    incoming.pipe(outgoing);
  });
  proxy.on('connect', (incoming, socket) => {
    requests.push(`CONNECT ${incoming.url} ${incoming.headers['proxy-authorization']}`);
    socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  cleanups.push(() => {
    proxy.close();
    proxy.closeAllConnections();
  });
  const address = secret(`http://me:p%40ss@127.0.0.1:${(proxy.address() as AddressInfo).port}`);
  return { requests, network: createProxiedNetwork(createProxyFor({ http: address, https: address })) };
}

const CREDENTIALS = `Basic ${Buffer.from('me:p@ss').toString('base64')}`;

describe('Slack behind a proxy', () => {
  it('is called, and its commands are answered', async () => {
    const { requests, network } = await startProxy(() => Number(new URL(bot.stand.apiUrl).port));
    bot.answerWith(() => says('Nothing was slow.'));
    await bot.start(SOCKET, { network, apiUrl: 'http://slack.example/api/' });
    await bot.type('/trace slowest checkout');
    expect((await bot.next()).text).toBe('Nothing was slow.');
    expect(requests).toEqual(
      expect.arrayContaining([
        'POST http://slack.example/api/auth.test',
        'POST http://slack.example/api/apps.connections.open',
      ]),
    );
  });

  it('is reached through a tunnel over TLS, with the credentials of the proxy', async () => {
    const { requests, network } = await startProxy(() => 0);
    await expect(network.fetch('https://slack.com/api/auth.test')).rejects.toThrow();
    const socket = new WebSocket('wss://wss-primary.slack.com/link', { dispatcher: network.dispatcher });
    await new Promise((resolve) => socket.addEventListener('error', resolve));
    expect(requests).toEqual([
      `CONNECT slack.com:443 ${CREDENTIALS}`,
      `CONNECT wss-primary.slack.com:443 ${CREDENTIALS}`,
    ]);
  });
});
