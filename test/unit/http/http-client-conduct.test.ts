import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import type { UpstreamErrorCode } from '../../../src/lib/errors.ts';
import { ms } from '../../../src/lib/units.ts';
import { clientOf, closeServers, everythingOf, failureOf, type Handler, listen } from './http-server.ts';

afterEach(closeServers);

const asked = { path: '/api/things', operation: 'things', deadline: ms(30_000) } as const;

describe('a client and a server that fails', () => {
  const conduct: Readonly<
    Record<
      string,
      { handler: Handler; code: UpstreamErrorCode; deadline?: number; retryable?: boolean; advice?: RegExp }
    >
  > = {
    'resets the connection': {
      handler: (request) => request.socket.resetAndDestroy(),
      code: 'unavailable',
      retryable: true,
    },
    'closes without a word': { handler: (request) => request.socket.destroy(), code: 'unavailable' },
    'never sends headers': { handler: () => {}, code: 'timeout', deadline: 80 },
    'drips its body for ever': {
      handler: (_, response) => {
        response.writeHead(200, { 'content-type': 'application/json' });
        const timer = setInterval(() => response.write(' '), 5);
        response.on('close', () => clearInterval(timer));
      },
      code: 'timeout',
      deadline: 120,
    },
    'sends a small gzip that inflates to more than the cap': {
      handler: (_, response) => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' });
        response.end(gzipSync(`"${'a'.repeat(3_000_000)}"`));
      },
      code: 'too-large',
    },
    'sends more than the cap': {
      handler: (_, response) => {
        response.end(`"${'a'.repeat(3_000_000)}"`);
      },
      code: 'too-large',
    },
    'sends something that claims to be gzip': {
      handler: (_, response) => {
        response.writeHead(200, { 'content-encoding': 'gzip' });
        response.end('not gzip at all');
      },
      code: 'bad-answer',
    },
    'sends bytes that are not HTTP': {
      handler: (request) => {
        request.socket.end('SSH-2.0-OpenSSH_9.2\r\n');
      },
      code: 'bad-answer',
    },
    'answers a login page': {
      handler: (_, response) => {
        response.writeHead(200, { 'content-type': 'text/html' });
        response.end('<!DOCTYPE html><html>log in</html>');
      },
      code: 'not-authenticated',
      retryable: false,
      advice: /base path.*login page/,
    },
    'redirects to a login page': {
      handler: (_, response) => {
        response.writeHead(302, { location: '/login' });
        response.end();
      },
      code: 'not-authenticated',
    },
    'answers 401 with JSON': {
      handler: (_, response) => {
        response.writeHead(401);
        response.end('{"error":"no"}');
      },
      code: 'not-authenticated',
    },
    'answers 403': {
      handler: (_, response) => {
        response.writeHead(403);
        response.end('no');
      },
      code: 'not-authenticated',
    },
    'answers 503 with a page of its proxy': {
      handler: (_, response) => {
        response.writeHead(503, { 'content-type': 'text/html' });
        response.end('<html>503</html>');
      },
      code: 'unavailable',
      retryable: true,
    },
    'answers 404 in plain text': {
      handler: (_, response) => {
        response.writeHead(404);
        response.end('404 page not found');
      },
      code: 'bad-answer',
    },
    'answers JSON that is cut off': {
      handler: (_, response) => {
        response.end('{"data":[1,');
      },
      code: 'bad-answer',
    },
    'announces more than it sends': {
      handler: (_, response) => {
        response.writeHead(200, { 'content-length': '100' });
        response.write('{"data":');
        setImmediate(() => response.destroy());
      },
      code: 'unavailable',
    },
  };

  it.each(Object.entries(conduct))('%s', async (_, { handler, code, deadline, retryable, advice }) => {
    const client = clientOf(await listen(handler), { maxBytes: 1_000_000 });
    const error = await failureOf(client.json({ ...asked, deadline: ms(deadline ?? 30_000) }));
    expect(error.code).toBe(code);
    expect(error.system).toBe('jaeger');
    if (retryable !== undefined) expect(error.retryable).toBe(retryable);
    if (advice !== undefined) expect(error.advice).toMatch(advice);
    expect(error.advice).toMatch(/^[A-Z].*\.$/);
    expect(everythingOf(error)).not.toContain('s3cr3t');
    client.close();
  });

  it('is not there', async () => {
    const base = await listen(() => {});
    closeServers();
    const client = clientOf(base);
    const error = await failureOf(client.json(asked));
    expect(error.code).toBe('unavailable');
    expect(error.message).toMatch(/^Jaeger did not respond: 127\.0\.0\.1:\d+ refused the connection\.$/);
    expect(everythingOf(error)).not.toContain('s3cr3t');
  });

  it('has a name that cannot be found', async () => {
    const error = await failureOf(clientOf('http://nowhere.invalid').json(asked));
    expect(error.code).toBe('unavailable');
    expect(everythingOf(error)).not.toContain('s3cr3t');
  });

  it('closes the reused connection just before the second request: it is sent again', async () => {
    let requests = 0;
    const base = await listen((request, response) => {
      requests += 1;
      // The second request arrives on the connection of the first and finds it broken.
      if (requests === 2) request.socket.resetAndDestroy();
      else response.end('{"ok":true}');
    });
    const client = clientOf(base, { maxConnections: 1 });
    await client.json(asked);
    expect((await client.json(asked)).body).toEqual({ ok: true });
    expect(requests).toBe(3);
    client.close();
  });
});
