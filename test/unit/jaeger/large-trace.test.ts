import { expect, it } from 'vitest';
import { readTraces } from '../../../src/jaeger/trace-format.ts';
import { createTraceReader } from '../../../src/jaeger/trace-reader.ts';
import { traceView } from '../../../src/traces/inspect-trace.ts';
import { START } from '../../support/virtual-clock.ts';

const ID = '1'.padStart(32, '0');

const document = {
  data: [
    {
      traceID: ID,
      spans: Array.from({ length: 1_200 }, (_, n) => ({
        traceID: ID,
        spanID: (n + 1).toString(16),
        references: n === 0 ? [] : [{ traceID: ID, spanID: '1', refType: 'CHILD_OF' }],
        operationName: 'op',
        startTime: START * 1_000 + n,
        duration: n === 0 ? 5_000 : 2,
        processID: n === 0 ? 'p1' : 'p2',
        tags: [{ key: 'n', type: 'int64', value: n }],
      })),
      processes: { p1: { serviceName: 'checkout.shop' }, p2: { serviceName: 'payments.shop' } },
    },
  ],
};
const bytesOf = (body: unknown): Uint8Array => Buffer.from(JSON.stringify(body));
const links = {
  trace: (traceId: string, marked: readonly string[] = []) => `http://jaeger/${traceId}/${marked.length}`,
  kialiGraph: ({ namespaces }: { namespaces: readonly string[] }) => `http://kiali/${namespaces.join()}`,
  grafanaTrace: () => undefined,
};

it('a body that is read in a thread has the same traces', async () => {
  const read = await createTraceReader({ patterns: [] }).read(bytesOf(document), {
    api: 'legacy',
    rankedService: 'checkout.shop',
  });
  expect(read).toEqual(readTraces(document, { api: 'legacy', rankedService: 'checkout.shop' }));
  expect(read[0]?.spans[1]).toMatchObject({ attributes: {}, duration: 2 });
});

it('a trace that is explained in a thread has the same explanation, with its links', async () => {
  const format = { api: 'legacy' } as const;
  const explained = await createTraceReader({ patterns: [] }).explain(bytesOf(document), {
    format,
    now: START,
    links,
  });
  const [trace] = readTraces(document, format);
  expect(explained?.view).toEqual(traceView(trace!, { now: START, links }));
  expect(explained?.view.url).toBe(`http://jaeger/${ID}/0`);
  expect(explained?.view.links).toEqual([{ label: 'Kiali', url: 'http://kiali/shop' }]);
  expect(explained?.trace.spans).toEqual(trace?.spans.slice(0, 500));
});

it('what is not JSON, or has another shape, is refused as in this thread', async () => {
  const reader = createTraceReader({ patterns: [] });
  await expect(reader.read(Buffer.from('{"data":['), { api: 'legacy' })).rejects.toThrow(SyntaxError);
  await expect(reader.read(bytesOf({ data: [{ traceID: 1 }] }), { api: 'legacy' })).rejects.toThrow(
    /traceID/,
  );
});

it('secrets are removed in the thread, before the explanation', async () => {
  const [trace] = document.data;
  const secret = {
    data: [{ ...trace, spans: trace?.spans.map((span) => ({ ...span, operationName: 'cust-7' })) }],
  };
  const reader = createTraceReader({ patterns: ['cust-\\d'] });
  const read = await reader.read(bytesOf(secret), { api: 'legacy' });
  const explained = await reader.explain(bytesOf(secret), { format: { api: 'legacy' }, now: START, links });
  expect(JSON.stringify([read, explained])).not.toContain('cust-7');
  expect(read[0]?.spans[0]?.spanName).toBe('[redacted]');
});
