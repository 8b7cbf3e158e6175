import { describe, expect, it } from 'vitest';
import { createFindRequest } from '../../../src/app/find-request.ts';
import { createLinks } from '../../../src/domain/link.ts';
import type { Span, Trace } from '../../../src/domain/trace/trace.ts';
import { epochMs, epochUs, us } from '../../../src/domain/units.ts';
import { aTrace, aTraceSourceError, createFakeTraceSource } from '../../support/fake-trace-source.ts';
import { START } from '../../support/virtual-clock.ts';

const MINUTE = 60_000;
const id = 'e4e8c177-3962-9359-8b6f-1c3a4d5e6f70';
const now = epochMs(START + 10 * MINUTE);
const links = createLinks({ jaeger: 'http://jaeger' });
const at = (offsetMs: number) => epochUs((START + offsetMs) * 1_000);
const carrying = (requestId: string) => ({ attributes: { 'guid:x-request-id': requestId } });

/** A request through the gateway to checkout. */
const whole = (traceId: string, over: Partial<Span> = {}): Trace =>
  aTrace(traceId, [
    {
      serviceName: 'istio-ingressgateway.istio-system',
      spanName: 'GET /',
      start: at(0),
      duration: us(400_000),
      ...carrying(id),
      ...over,
    },
    {
      serviceName: 'checkout.shop',
      spanName: 'cart',
      parentSpanId: '1'.padStart(16, '0'),
      start: at(50),
      duration: us(300_000),
      ...carrying(id),
      ...over,
    },
    {
      serviceName: 'checkout.shop',
      spanName: 'payments',
      kind: 'client',
      parentSpanId: '2'.padStart(16, '0'),
      start: at(60),
      duration: us(310_000),
    },
  ]);

const noise = ['a', 'b', 'c', 'd', 'e', 'f'].map((name, i) =>
  aTrace(`9${i}`, [{ serviceName: `${name}.shop`, start: at(i), ...carrying('another') }]),
);

describe('a request that has a trace', () => {
  it('is found at the gateway first, with the attribute as JSON and never without a service', async () => {
    const traces = createFakeTraceSource([...noise, whole('7')]);
    const found = await createFindRequest({ traces, links })({ requestId: id, now });
    expect(found.kind).toBe('found');
    if (found.kind !== 'found') return;
    expect(found.view.traces.map(({ traceId }) => traceId)).toEqual(['7'.padStart(32, '0')]);
    expect(found.view.traces[0]?.url).toBe(`http://jaeger/trace/${'7'.padStart(32, '0')}`);
    expect(found.view.notices).toEqual([]);
    expect(traces.searches[0]).toMatchObject({
      service: 'istio-ingressgateway.istio-system',
      attributes: { 'guid:x-request-id': id },
      window: { start: now - 60 * MINUTE, end: now },
    });
  });

  it('is found though it was asked for in capitals', async () => {
    const traces = createFakeTraceSource([whole('7')]);
    const found = await createFindRequest({ traces, links })({ requestId: id.toUpperCase(), now });
    expect(found.kind).toBe('found');
  });

  it('is found though the client sent its id in capitals', async () => {
    const traces = createFakeTraceSource([whole('7', carrying(id.toUpperCase()))]);
    const found = await createFindRequest({ traces, links })({ requestId: id.toUpperCase(), now });
    expect(found.kind).toBe('found');
  });

  it('is found when it is older than an hour', async () => {
    const traces = createFakeTraceSource([whole('7')]);
    const later = epochMs(START + 3 * 24 * 60 * MINUTE);
    const found = await createFindRequest({ traces, links })({ requestId: id, now: later });
    expect(found.kind).toBe('found');
  });

  it('shows the part of a service by its server span, and its share of the whole', async () => {
    const traces = createFakeTraceSource([whole('7')]);
    const found = await createFindRequest({ traces, links })({
      requestId: id,
      now,
      service: 'checkout.shop',
    });
    expect(found).toMatchObject({
      view: {
        inService: {
          service: 'checkout.shop',
          operation: 'cart',
          duration: 300_000,
          traceDuration: 400_000,
          share: 0.75,
          isError: false,
        },
      },
    });
    expect(traces.searches[0]?.service).toBe('checkout.shop');
  });

  it('in several traces says that the headers were lost, and where', async () => {
    const lost = aTrace('8', [{ serviceName: 'payments.shop', start: at(120), ...carrying(id) }]);
    const traces = createFakeTraceSource([...noise, whole('7'), lost]);
    const found = await createFindRequest({ traces, links })({ requestId: id, now });
    expect(found).toMatchObject({
      view: { traces: [{ rootOperation: 'GET /' }, { rootService: 'payments.shop' }] },
    });
    if (found.kind !== 'found') return;
    expect(found.view.notices[0]).toMatch(
      /^2 traces carry this request id: .*traceparent.*payments\.shop\.$/,
    );
  });

  it('is not mixed up with what a backend gives that does not filter', async () => {
    const traces = createFakeTraceSource([whole('7')]);
    const careless = {
      ...traces,
      search: async () => ({ traces: [...noise, whole('7')], isComplete: true }),
    };
    const found = await createFindRequest({ traces: careless, links })({ requestId: id, now });
    expect(found).toMatchObject({ view: { traces: [{ traceId: '7'.padStart(32, '0') }] } });
    if (found.kind === 'found') expect(found.view.traces).toHaveLength(1);
  });

  it('is shown though other services cannot be searched, and that is said', async () => {
    const traces = createFakeTraceSource([...noise, whole('7')]);
    traces.before('search', (_, call) => {
      if (call === 3) throw aTraceSourceError('timeout');
    });
    const found = await createFindRequest({ traces, links })({ requestId: id, now });
    expect(found.kind).toBe('found');
    if (found.kind === 'found') expect(found.view.notices.join()).toMatch(/may be more traces/);
  });
});

describe('a request without a trace', () => {
  it('was looked for everywhere, at most four at a time', async () => {
    const traces = createFakeTraceSource(noise);
    let running = 0;
    let most = 0;
    traces.before('search', async () => {
      running += 1;
      most = Math.max(most, running);
      await Promise.resolve();
      running -= 1;
    });
    const found = await createFindRequest({ traces, links })({ requestId: id, now });
    expect(found).toEqual({ kind: 'absent', searched: 7 * 24 * 60 * MINUTE, services: 6, isWhole: true });
    expect(most).toBe(4);
    expect(traces.searches).toHaveLength(12);
  });

  it('is not called absent from what was not searched', async () => {
    const traces = createFakeTraceSource(noise);
    const caller = new AbortController();
    traces.before('search', (_, call) => {
      if (call === 2) caller.abort();
    });
    const found = await createFindRequest({ traces, links })({ requestId: id, now }, caller.signal);
    expect(found).toMatchObject({ kind: 'absent', isWhole: false });
    expect(traces.searches.length).toBeLessThan(6);
  });

  it('is an error when nothing could be searched', async () => {
    const traces = createFakeTraceSource(noise);
    traces.before('search', () => {
      throw aTraceSourceError('timeout');
    });
    await expect(createFindRequest({ traces, links })({ requestId: id, now })).rejects.toMatchObject({
      code: 'timeout',
    });
  });

  it('is an error at once when the backend cannot search by attributes', async () => {
    const traces = createFakeTraceSource(noise);
    traces.before('search', () => {
      throw aTraceSourceError('bad-request');
    });
    await expect(createFindRequest({ traces, links })({ requestId: id, now })).rejects.toMatchObject({
      code: 'bad-request',
    });
    expect(traces.searches.length).toBeLessThanOrEqual(4);
  });
});
