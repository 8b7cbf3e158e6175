import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createLogger } from '../../../src/ops/logger.ts';
import { createOtlpTracing, type OtlpTracing } from '../../../src/ops/tracing.ts';

interface SentSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly status: { readonly code?: number; readonly message?: string };
}

let collector: Server;
let tracing: OtlpTracing;
let bodies: {
  resourceSpans: { resource: { attributes: object[] }; scopeSpans: { spans: SentSpan[] }[] }[];
}[];
let authorization: string | undefined;

beforeEach(async () => {
  bodies = [];
  collector = createServer((request, response) => {
    const chunks: Buffer[] = [];
    authorization = request.headers.authorization;
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (request.url === '/base/v1/traces') bodies.push(JSON.parse(Buffer.concat(chunks).toString()));
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  }).listen(0, '127.0.0.1');
  await once(collector, 'listening');
  tracing = createOtlpTracing({
    endpoint: `http://127.0.0.1:${(collector.address() as AddressInfo).port}/base/`,
    headers: { Authorization: 'Bearer collector' },
  });
});
afterEach(() => {
  collector.close();
  collector.closeAllConnections();
});

const sent = (): readonly SentSpan[] =>
  bodies.flatMap(({ resourceSpans }) =>
    resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)),
  );

it('sends nested work as a trace, with the headers, and an error without its text', async () => {
  const failed = tracing.span({ name: 'command /trace', kind: 'server' }, async () => {
    await tracing.span({ name: 'jaeger search', kind: 'client' }, async () => 'found');
    throw new Error('about alice@example.com');
  });
  await expect(failed).rejects.toThrow('alice');
  await tracing.span({ name: 'evaluate group' }, async () => undefined);
  await tracing.stop();
  const [search, command, evaluation] = sent();
  expect([search?.name, command?.name, evaluation?.name]).toEqual([
    'jaeger search',
    'command /trace',
    'evaluate group',
  ]);
  expect(search).toMatchObject({ traceId: command?.traceId, parentSpanId: command?.spanId, kind: 3 });
  expect(command).toMatchObject({ kind: 2, status: { code: 2 } });
  expect(evaluation?.traceId).not.toBe(command?.traceId);
  expect(JSON.stringify(bodies)).not.toContain('alice');
  expect(bodies[0]?.resourceSpans[0]?.resource.attributes).toContainEqual({
    key: 'service.name',
    value: { stringValue: 'tailwatch' },
  });
  expect(authorization).toBe('Bearer collector');
});

it('gives lines of the log the ids of the span they are written in', async () => {
  const lines: string[] = [];
  const logger = createLogger({
    level: 'info',
    secrets: [],
    fields: tracing.ids,
    write: (line) => void lines.push(line),
  });
  logger.info('outside');
  await tracing.span({ name: 'evaluate group' }, async () => logger.info('inside'));
  await tracing.stop();
  const [outside, inside] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  const [span] = sent();
  expect(outside).not.toHaveProperty('trace_id');
  expect(inside).toMatchObject({ trace_id: span?.traceId, span_id: span?.spanId });
});
