import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { FEW_TRACES, startStage } from '../support/stage.ts';

test('evaluations, commands and their requests are sent as traces when an endpoint is set', async () => {
  const names = new Set<string>();
  const collector = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      for (const [, name = ''] of Buffer.concat(chunks)
        .toString()
        .matchAll(/"parentSpanId"[^}]*?"name":"([^"]+)"/g))
        names.add(`child ${name}`);
      for (const [, name = ''] of Buffer.concat(chunks)
        .toString()
        .matchAll(/"name":"([^"]+)"/g))
        names.add(name);
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  }).listen(0, '127.0.0.1');
  await once(collector, 'listening');
  const endpoint = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`;
  const stage = await startStage({
    transport: 'socket',
    sampling: FEW_TRACES,
    environment: { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint },
  });
  await stage.live(20);
  await stage.ask('/trace slowest checkout last 5m');
  await stage.close();
  collector.close();
  collector.closeAllConnections();
  expect([...names]).toEqual(
    expect.arrayContaining([
      'evaluate group',
      'child prometheus instant',
      'command /trace',
      'child jaeger search',
    ]),
  );
});
