import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { exportMesh } from '../../../demo/export-mesh.ts';
import type { OtlpTraces } from '../../../demo/jaeger/otlp.ts';
import { after, MINUTE } from '../../../src/lib/units.ts';
import { createVirtualClock, START } from '../../support/virtual-clock.ts';

it('the exported mesh shows its counters to Prometheus and sends its spans to Jaeger', async () => {
  const received: OtlpTraces[] = [];
  let status = 200;
  const jaeger = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (status === 200) received.push(JSON.parse(Buffer.concat(chunks).toString()) as OtlpTraces);
      response.writeHead(status).end('{}');
    });
  }).listen(0, '127.0.0.1');
  await once(jaeger, 'listening');
  const said: string[] = [];
  const mesh = await exportMesh({
    clock: createVirtualClock(),
    commands: [],
    otlp: `http://127.0.0.1:${(jaeger.address() as AddressInfo).port}`,
    metricsPort: 0,
    slackPort: 0,
    host: '127.0.0.1',
    say: (text) => said.push(text),
  });
  onTestFinished(async () => {
    await mesh.close();
    jaeger.close();
    jaeger.closeAllConnections();
  });

  await mesh.advanceTo(after(START, MINUTE));
  const text = await (await fetch(mesh.metricsUrl)).text();
  expect(text).toMatch(
    /^istio_request_duration_milliseconds_bucket\{[^}]*reporter="destination"[^}]*le="500"[^}]*\} \d+$/m,
  );
  const services = received.flatMap(({ resourceSpans }) =>
    resourceSpans.map(
      ({ resource }) => resource.attributes?.find(({ key }) => key === 'service.name')?.value,
    ),
  );
  expect(services).toContainEqual({ stringValue: 'checkout.shop' });
  expect((await fetch(mesh.pageUrl)).status).toBe(200);

  status = 503;
  await mesh.advanceTo(after(after(START, MINUTE), MINUTE));
  expect(said.at(-1)).toBe('spans are dropped: HTTP 503');
});
