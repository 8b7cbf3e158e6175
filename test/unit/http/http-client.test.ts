import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ms } from '../../../src/lib/units.ts';
import { clientOf, closeServers, everythingOf, failureOf, type Handler, listen } from './http-server.ts';

afterEach(closeServers);

const asked = { path: '/api/things', operation: 'things', deadline: ms(30_000) } as const;

describe('a caller gets', () => {
  const echo: Handler = (request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      response.writeHead(200, { 'content-type': 'text/plain; Charset=UTF-8' });
      response.end(
        JSON.stringify({ method: request.method, url: request.url, body, headers: request.headers }),
      );
    });
  };

  it('JSON whatever its content type, from below the base path, with the headers', async () => {
    const client = clientOf(`${await listen(echo)}/jaeger/`, { headers: { 'x-tenant': 'shop' } });
    const answer = await client.json({
      ...asked,
      query: { q: 'a b&c', n: 1, gone: undefined, 'match[]': ['x', 'y'] },
    });
    expect(answer.status).toBe(200);
    expect(answer.contentType).toBe('text/plain; charset=utf-8');
    expect(answer.body).toMatchObject({
      method: 'GET',
      url: '/jaeger/api/things?q=a+b%26c&n=1&match%5B%5D=x&match%5B%5D=y',
      headers: { 'x-tenant': 'shop', accept: 'application/json' },
    });
  });

  it('a long body whole, up to the last byte that it may have', async () => {
    const text = Array.from({ length: 900_000 }, (_, n) => n).join(' ');
    const client = clientOf(await listen((_, response) => response.end(text)), { maxBytes: text.length });
    expect((await client.text(asked)).body === text).toBe(true);
    const error = await failureOf(client.text({ ...asked, maxBytes: text.length - 1 }));
    expect(error).toMatchObject({ code: 'too-large' });
  });

  it('a form posted as a form', async () => {
    const client = clientOf(await listen(echo));
    const answer = await client.json({ ...asked, method: 'POST', form: { query: 'up{a="b"}', time: 1.5 } });
    expect(answer.body).toMatchObject({
      method: 'POST',
      body: 'query=up%7Ba%3D%22b%22%7D&time=1.5',
      headers: { 'content-type': expect.stringContaining('application/x-www-form-urlencoded') as string },
    });
  });

  it('credentials of the address as basic authentication, and nowhere else', async () => {
    const base = (await listen(echo)).replace('http://', 'http://me:p%40ss@');
    const answer = await clientOf(base, { headers: {} }).json(asked);
    expect(answer.body).toMatchObject({
      headers: { authorization: `Basic ${Buffer.from('me:p@ss').toString('base64')}` },
    });
    closeServers();
    const error = await failureOf(clientOf(base, { headers: {} }).json(asked));
    expect(everythingOf(error)).not.toMatch(/p@ss|p%40ss/);
  });

  it('an API error with its JSON', async () => {
    const base = await listen((_, response) => {
      response.writeHead(422);
      response.end('{"status":"error"}');
    });
    expect(await clientOf(base).json(asked)).toMatchObject({ status: 422, body: { status: 'error' } });
  });

  it('a web page as text, when text is requested', async () => {
    const base = await listen((_, response) => {
      response.writeHead(200, { 'content-type': 'text/html' });
      response.end('<!doctype html>');
    });
    expect((await clientOf(base).text(asked)).body).toBe('<!doctype html>');
  });

  it('no proxy of the environment', async () => {
    vi.stubEnv('HTTP_PROXY', 'http://127.0.0.1:9');
    vi.stubEnv('NO_PROXY', '');
    expect((await clientOf(await listen(echo)).json(asked)).status).toBe(200);
  });

  it('what a proxy answers, which gets the whole address and its credentials', async () => {
    const proxy = (await listen(echo)).replace('http://', 'http://me:p%40ss@');
    const client = clientOf('http://prometheus.example/base', { proxyFor: () => proxy });
    const answer = await client.json(asked);
    expect(answer.body).toMatchObject({
      url: 'http://prometheus.example/base/api/things',
      headers: {
        host: 'prometheus.example',
        'proxy-authorization': `Basic ${Buffer.from('me:p@ss').toString('base64')}`,
      },
    });
    closeServers();
    expect(everythingOf(await failureOf(client.json(asked)))).not.toMatch(/p@ss|p%40ss|bWU6/);
  });

  it('a tunnel through the proxy to an address with TLS', async () => {
    const tunnels: unknown[] = [];
    const proxy = createServer().on('connect', (request, socket) => {
      tunnels.push(request.url);
      socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    });
    await new Promise<void>((resolve) => void proxy.listen(0, '127.0.0.1', resolve));
    const { port } = proxy.address() as AddressInfo;
    const client = clientOf('https://prometheus.example', { proxyFor: () => `http://127.0.0.1:${port}` });
    expect((await failureOf(client.json(asked))).system).toBe('jaeger');
    expect(tunnels).toEqual(['prometheus.example:443']);
    proxy.close();
  });

  it('an immediate end when it cancels, before or during the request', async () => {
    let arrived = (): void => {};
    const client = clientOf(await listen(() => arrived()));
    const controller = new AbortController();
    arrived = () => controller.abort();
    const during = await failureOf(client.json({ ...asked, signal: controller.signal }));
    expect(during.code).toBe('timeout');
    const before = await failureOf(client.json({ ...asked, signal: AbortSignal.abort() }));
    expect(before.code).toBe('timeout');
  });

  it('every request counted once, with how it ended', async () => {
    const events: { operation: string; outcome: string; seconds: number }[] = [];
    let status = 200;
    const base = await listen((_, response) => {
      response.writeHead(status);
      response.end('{}');
    });
    const client = clientOf(base, { recorder: { queried: (event) => events.push(event) } });
    await client.json(asked);
    status = 401;
    await failureOf(client.json(asked));
    expect(events).toMatchObject([
      { system: 'jaeger', operation: 'things', outcome: 'ok' },
      { system: 'jaeger', operation: 'things', outcome: 'error' },
    ]);
    expect(events.every(({ seconds }) => Number.isFinite(seconds) && seconds >= 0)).toBe(true);
  });

  it.each([
    ['long', 5_000_000, ['others', 'caller']],
    ['short', 2_000, ['caller', 'others']],
  ])('other work between the parsing of a %s answer and its use', async (_, size, order) => {
    const body = JSON.stringify({ data: 'x'.repeat(size) });
    const client = clientOf(await listen((_request, response) => void response.end(body)));
    const turns: string[] = [];
    const parse = JSON.parse;
    const spy = vi.spyOn(JSON, 'parse').mockImplementation((text: string) => {
      if (text === body) setImmediate(() => turns.push('others'));
      return parse(text) as unknown;
    });
    await client.json(asked);
    turns.push('caller');
    spy.mockRestore();
    await vi.waitFor(() => expect(turns).toHaveLength(2));
    expect(turns).toEqual(order);
  });
});
