import { describe, expect, it } from 'vitest';
import { parseCommand } from '../../../src/commands/commands.ts';
import { after, epochUs, ms } from '../../../src/lib/units.ts';
import { answerMessage } from '../../../src/slack/blocks/answer.ts';
import type { Trace } from '../../../src/traces/trace.ts';
import { timed } from '../../support/timed-trace.ts';
import { START } from '../../support/virtual-clock.ts';
import { MINUTE, open, textOf } from './bench.ts';

/** Requests to checkout in the last minutes, which do not reach payments. */
const stopped = (language: string): readonly Trace[] =>
  Array.from({ length: 30 }, (_, i) => {
    const traceId = String(i + 1).padStart(32, '0');
    const start = epochUs(after(START, ms(20 * MINUTE + i * 5_000)) * 1_000);
    const { spans } = timed('gateway.shop server 0-100\n  checkout.shop server 2-98');
    return {
      traceId,
      spans: spans.map((span) => ({
        ...span,
        traceId,
        start,
        resource: { 'telemetry.sdk.language': language },
      })),
    };
  });

const EDGES = [
  ['gateway', 'checkout', 10],
  ['checkout', 'payments', 10],
] as const;

async function answered(traces: readonly Trace[], edges: typeof EDGES | readonly [] = EDGES) {
  const bench = open(traces);
  bench.metrics.answer(
    'sum by (source_canonical_service, source_workload_namespace, destination_canonical_service, destination_service_namespace) (rate(istio_requests_total{reporter="destination"}[15m]))',
    edges.map(([caller, callee, value]) => ({
      labels: {
        source_canonical_service: caller,
        source_workload_namespace: 'shop',
        destination_canonical_service: callee,
        destination_service_namespace: 'shop',
      },
      value,
    })),
  );
  return await bench.answer('/trace', 'propagation checkout');
}

const messageOf = (reply: Awaited<ReturnType<typeof answered>>): string =>
  JSON.stringify(answerMessage(reply.answer).blocks);

describe('/trace propagation', () => {
  it('names the service that drops the headers, the headers, and the setting of its framework', async () => {
    const reply = await answered(stopped('java'));
    expect(reply.answer).toMatchObject({
      kind: 'propagation',
      view: {
        service: 'checkout.shop',
        edges: [{ caller: 'checkout.shop', callee: 'payments.shop', result: 'dropped', stopShare: 1 }],
        droppers: [{ service: 'checkout.shop', language: 'java' }],
      },
    });
    const message = messageOf(reply);
    expect(message).toContain('checkout.shop does not forward the trace headers.');
    for (const header of ['x-request-id', 'traceparent', 'tracestate', '`b3`', 'x-b3-traceid'])
      expect(message).toContain(header);
    expect(message).toContain('management.tracing.propagation.type=w3c,b3');
    expect(message).toContain(
      '100% of traces stop: headers dropped (1 call per request, 0 in the traces of 30 requests)',
    );
  });

  it('says what to do where no tracer is in the application', async () => {
    expect(messageOf(await answered(stopped('cobol')))).toContain(
      'copy the headers from the incoming request',
    );
  });

  it('needs the calls that the mesh counts', async () => {
    expect(textOf((await answered(stopped('go'), [])).answer)).toMatch(
      /^Prometheus has no istio_requests_total/,
    );
  });

  it('repeats its window, and refuses what it does not know', async () => {
    const reply = await answered(stopped('go'));
    expect(reply.reproducible).toMatch(/^\/trace propagation checkout\.shop at .*Z\/.*Z$/);
    expect(parseCommand('/trace', reply.reproducible?.slice('/trace '.length) ?? '').ok).toBe(true);
    expect(parseCommand('/trace', 'propagation')).toMatchObject({ ok: false });
    expect(parseCommand('/trace', 'propagation checkout top 3')).toMatchObject({ ok: false });
  });
});
