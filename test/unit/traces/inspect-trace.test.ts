import { describe, expect, it } from 'vitest';
import { epochMs, epochUs, us } from '../../../src/lib/units.ts';
import { createLinks } from '../../../src/links/link.ts';
import { createInspectTrace, traceView } from '../../../src/traces/inspect-trace.ts';
import type { Span } from '../../../src/traces/trace.ts';
import { drawn } from '../../support/drawn-trace.ts';
import { aTrace, createFakeTraceSource } from '../../support/fake-trace-source.ts';
import { createVirtualClock, START } from '../../support/virtual-clock.ts';

const links = createLinks({ jaeger: 'http://jaeger' });
const at = (offsetMs: number) => epochUs((START + offsetMs) * 1_000);
const id = (n: number) => `${n}`.padStart(16, '0');
const longAfter = epochMs(START + 3_600_000);

describe('a trace at a glance', () => {
  it('shows at most five errors with the count of all, and no self time that the critical path has shown', () => {
    const children = Array.from(
      { length: 8 },
      (_, i): Partial<Span> => ({
        parentSpanId: id(1),
        serviceName: `s${i}`,
        spanName: `work ${i}`,
        start: at(i * 10),
        duration: us((i + 1) * 1_000),
        isError: true,
      }),
    );
    const view = traceView(aTrace('5', [{ start: at(0), duration: us(100_000) }, ...children]), {
      now: longAfter,
      links,
    });
    expect(view?.offPath).toEqual([]);
    expect(view?.errors).toHaveLength(5);
    expect(view?.path.rows[0]).toMatchObject({ kind: 'own', service: 'checkout', time: 64_000, share: 0.64 });
    expect(view?.path.rows).toHaveLength(8);
    expect(view?.path.hidden).toEqual({ count: 1, time: 1_000 });
    expect(view?.path.url).toContain(`?uiFind=${id(1)}%20`);
    expect(view?.errorCount).toBe(8);
    expect(view).toMatchObject({
      spanCount: 9,
      notices: [],
      url: `http://jaeger/trace/${'5'.padStart(32, '0')}`,
    });
  });

  it('shows work that was not waited for, from a hundredth of the trace on', () => {
    const beside = [90, 80, 40, 30, 0.9].map(
      (length, i): Partial<Span> => ({
        parentSpanId: id(1),
        serviceName: `s${i}`,
        spanName: `work ${i}`,
        start: at(0),
        duration: us(length * 1_000),
      }),
    );
    const shownOf = (spans: readonly Partial<Span>[]) =>
      traceView(aTrace('5', [{ start: at(0), duration: us(100_000) }, ...spans]), { now: longAfter, links })
        ?.offPath;
    expect(shownOf(beside)).toEqual([
      { service: 's1', operation: 'work 1', selfTime: 80_000, share: 0.8 },
      { service: 's2', operation: 'work 2', selfTime: 40_000, share: 0.4 },
      { service: 's3', operation: 'work 3', selfTime: 30_000, share: 0.3 },
    ]);
    expect(shownOf(beside.filter((_, i) => i === 0 || i === 4))).toEqual([]);
  });

  it('shows the ways between services that took a hundredth of the trace, or else the longest', () => {
    const ways = (overhead: number): readonly string[] | undefined => {
      const trace = drawn(`
        shop:s         |==========|
        first:c<shop    |==|
        pay:s<first     |=|
        second:c<shop       |==|
        stock:s<second      |=|
      `);
      const spans = trace.spans.map((span) => {
        if (span.kind === 'server' && span.parentSpanId !== undefined)
          return { ...span, duration: us(3_000 - overhead * (span.spanId === 'pay' ? 1 : 2)) };
        return { ...span, serviceName: 'shop' };
      });
      return traceView({ ...trace, spans }, { now: longAfter, links })?.hops.map(({ callee }) => callee);
    };
    expect(ways(200)).toEqual(['stock', 'pay']);
    expect(ways(20)).toEqual(['stock']);
  });

  it('shows path entries from one percent on, at least three, and the sum of the others', () => {
    const children = [0.9, 0.8, 0.5, 0.4].map(
      (length, i): Partial<Span> => ({
        parentSpanId: id(1),
        serviceName: `s${i}`,
        start: at(i * 10),
        duration: us(length * 1_000),
      }),
    );
    const view = traceView(aTrace('5', [{ start: at(0), duration: us(100_000) }, ...children]), {
      now: longAfter,
      links,
    });
    expect(view?.path.rows.map(({ service }) => service)).toEqual(['checkout', 's0', 's1']);
    expect(view?.path.hidden).toEqual({ count: 2, time: 900 });
  });

  it('shows request lines where a mesh names spans after hosts', () => {
    const view = traceView(
      aTrace('5', [
        {
          serviceName: 'gateway.mesh',
          spanName: 'front.shop.svc.cluster.local:8080/*',
          attributes: { 'http.method': 'POST', 'http.url': 'http://shop.example/checkout?x=1' },
          kind: 'server',
          isError: true,
        },
      ]),
      { now: longAfter, links },
    );
    expect(view?.rootOperation).toBe('front.shop POST /checkout');
    expect(view?.path.rows[0]).toMatchObject({ kind: 'own', requestLine: 'front.shop POST /checkout' });
    expect(view?.errors[0]?.operation).toBe('front.shop POST /checkout');
  });

  it('shows request lines off the path, too', () => {
    const beside = ['/mail', '/log'].map(
      (path, i): Partial<Span> => ({
        parentSpanId: id(1),
        serviceName: 'front.shop',
        spanName: 'front.shop.svc.cluster.local:8080/*',
        attributes: { 'http.method': 'POST', 'http.url': `http://front${path}` },
        followsFrom: true,
        duration: us((i + 1) * 10_000),
      }),
    );
    const view = traceView(aTrace('5', [{ duration: us(100_000) }, ...beside]), { now: longAfter, links });
    expect(view?.offPath).toMatchObject([{ operation: 'POST /log, POST /mail', selfTime: 30_000 }]);
  });

  it('links the same trace in the other tools that know it', () => {
    const everywhere = createLinks({
      kiali: 'http://kiali',
      grafana: 'http://grafana',
      grafanaPlaces: { traces: { type: 'tempo', uid: 't1' } },
    });
    const spans = [{ serviceName: 'gateway.mesh' }, { serviceName: 'cart.shop' }, { serviceName: 'plain' }];
    const found = traceView(aTrace('5', spans), { now: longAfter, links: everywhere })?.links ?? [];
    expect(found.map(({ label }) => label)).toEqual(['Kiali', 'Grafana']);
    expect(found[0]?.url).toContain('/console/graph/namespaces?namespaces=mesh%2Cshop&');
    expect(found[0]?.url).toContain(`&traceId=${'5'.padStart(32, '0')}`);
    expect(decodeURIComponent(found[1]?.url ?? '')).toContain(`"query":"${'5'.padStart(32, '0')}"`);
    // Without namespaces there is no graph to draw it over.
    const unnamed = traceView(aTrace('5', [{ serviceName: 'plain' }]), { now: longAfter, links: everywhere });
    expect(unnamed?.links?.map(({ label }) => label)).toEqual(['Grafana']);
    expect(traceView(aTrace('5'), { now: longAfter, links })?.links).toEqual([]);
  });

  const outcomes: Readonly<Record<string, { span: Partial<Span>; status: string }>> = {
    'its status': { span: { attributes: { 'http.status_code': '200' } }, status: '200' },
    'nothing when unknown': { span: {}, status: '' },
    'how it failed': {
      span: { isError: true, attributes: { 'http.status_code': '503', response_flags: 'UH' } },
      status: '503, no healthy pod to call (UH)',
    },
  };
  it.each(Object.entries(outcomes))('shows how its root ended: %s', (_, { span, status }) => {
    const view = traceView(aTrace('5', [span]), { now: longAfter, links });
    expect(view).toMatchObject({ isError: span.isError ?? false, status });
  });

  it('names a span without a service so', () => {
    const view = traceView(aTrace('5', [{ serviceName: '' }]), { now: longAfter, links: createLinks({}) });
    expect(view).toMatchObject({
      rootService: '(no service name)',
      services: [{ name: '(no service name)', spans: 1 }],
    });
    expect(view).not.toMatchObject({ url: expect.anything() });
  });

  it('is undefined for a trace that the backend does not have', async () => {
    const inspect = createInspectTrace({
      traces: createFakeTraceSource(),
      links,
      clock: createVirtualClock(),
    });
    expect(await inspect('f'.repeat(32))).toBeUndefined();
  });
});
