import { describe, expect, it } from 'vitest';
import { epochMs, epochUs, us } from '../../../src/lib/units.ts';
import { createLinks } from '../../../src/links/link.ts';
import { createFindRequest } from '../../../src/traces/find-request.ts';
import type { Span, Trace } from '../../../src/traces/trace.ts';
import {
  aTrace,
  aTraceSourceError,
  createFakeTraceSource,
  type FakeTraceSource,
} from '../../support/fake-trace-source.ts';
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

/** An older Jaeger, which refuses to search without a service. */
const withoutEverywhere = (traces: FakeTraceSource): FakeTraceSource => ({
  ...traces,
  search: async (query, signal) => {
    if (query.service === undefined) throw aTraceSourceError('unsupported');
    return traces.search(query, signal);
  },
});

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

  it('is found when its id is given in capitals', async () => {
    const traces = createFakeTraceSource([whole('7')]);
    const found = await createFindRequest({ traces, links })({ requestId: id.toUpperCase(), now });
    expect(found.kind).toBe('found');
  });

  it('is found though the client sent its id in capitals', async () => {
    const traces = createFakeTraceSource([whole('7', carrying(id.toUpperCase()))]);
    const found = await createFindRequest({ traces, links })({ requestId: id.toUpperCase(), now });
    expect(found.kind).toBe('found');
  });

  const digits = id.replaceAll('-', '');
  it.each([
    ['in capitals', id, id.toUpperCase()],
    ['without hyphens', id, digits],
    ['without hyphens in capitals', id.toUpperCase(), digits.toUpperCase()],
    ['with hyphens', digits, id],
    ['with hyphens in capitals', digits, id.toUpperCase()],
  ])('is found though its id is recorded %s', async (_, requestId, recorded) => {
    const traces = createFakeTraceSource([...noise, whole('7', carrying(recorded))]);
    for (const source of [traces, withoutEverywhere(traces)]) {
      const found = await createFindRequest({ traces: source, links })({ requestId, now });
      expect(found).toMatchObject({
        kind: 'found',
        view: {
          traces: [{ traceId: '7'.padStart(32, '0') }],
          notices: expect.arrayContaining([`The spans record the request id as ${recorded}.`]),
        },
      });
    }
  });

  it('costs few more searches when its id is recorded in no other form either', async () => {
    const traces = createFakeTraceSource(noise);
    await createFindRequest({ traces, links })({ requestId: id, now });
    const others = traces.searches.filter(({ attributes }) => {
      const value = Object.values(attributes ?? {})[0];
      return value !== undefined && value !== id;
    });
    // Three other spellings, everywhere and in the first service.
    expect(others).toHaveLength(6);
  });

  it('is found in one search where a service need not be named, wherever it begins', async () => {
    const traces = createFakeTraceSource([
      ...noise,
      aTrace('7', [{ serviceName: 'z.shop', start: at(0), ...carrying(id) }]),
    ]);
    const found = await createFindRequest({ traces, links })({ requestId: id, now });
    expect(found.kind).toBe('found');
    // At the first service, everywhere, and everywhere around it for the rest of the request.
    expect(traces.searches.map(({ service }) => service)).toEqual(['a.shop', undefined, undefined]);
  });

  it('is found though the silence of a search without a service proves nothing', async () => {
    const traces = createFakeTraceSource([...noise, whole('7')]);
    const silent: FakeTraceSource = {
      ...traces,
      search: async (query, signal) =>
        query.service === undefined ? { traces: [], isComplete: true } : traces.search(query, signal),
    };
    const found = await createFindRequest({ traces: silent, links })({ requestId: id, now });
    expect(found.kind).toBe('found');
  });

  it('is found by the attribute that the spans do carry', async () => {
    const other = { attributes: { 'http.request.header.x-request-id': id } };
    const traces = createFakeTraceSource([aTrace('7', [{ serviceName: 'a.shop', start: at(0), ...other }])]);
    const found = await createFindRequest({ traces, links })({ requestId: id, now });
    expect(found).toMatchObject({ kind: 'found', view: { traces: [{ traceId: '7'.padStart(32, '0') }] } });
  });

  it('is found as a trace when its id is a trace id with hyphens', async () => {
    const trace = aTrace(id.replaceAll('-', ''), [{ serviceName: 'a.shop', start: at(0) }]);
    const traces = createFakeTraceSource([trace]);
    const found = await createFindRequest({ traces, links })({ requestId: id, now });
    expect(found).toMatchObject({ kind: 'found', view: { notices: [expect.stringMatching(/hyphens/)] } });
  });

  it('is found when it is older than an hour', async () => {
    const traces = createFakeTraceSource([whole('7')]);
    const later = epochMs(START + 3 * 24 * 60 * MINUTE);
    const found = await createFindRequest({ traces, links })({ requestId: id, now: later });
    expect(found.kind).toBe('found');
  });

  it('names the trace in which a service took longest', async () => {
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
          traceId: '7'.padStart(32, '0'),
        },
      },
    });
    expect(traces.searches[0]?.service).toBe('checkout.shop');
  });

  it('in several traces names the service that lost the headers', async () => {
    const lost = aTrace('8', [{ serviceName: 'payments.shop', start: at(120), ...carrying(id) }]);
    const traces = createFakeTraceSource([...noise, whole('7'), lost]);
    const found = await createFindRequest({ traces, links })({ requestId: id, now });
    expect(found).toMatchObject({
      view: { traces: [{ rootOperation: 'GET /' }, { rootService: 'payments.shop' }] },
    });
    if (found.kind !== 'found') return;
    expect(found.view.notices[0]).toBe(
      '2 traces carry this request id. An application forwards x-request-id but not the trace headers (traceparent or b3): checkout.shop when calling payments.shop.',
    );
  });

  it('in several traces with one start does not claim that headers were lost', async () => {
    const again = aTrace('8', [{ serviceName: 'gateway.mesh', start: at(5_000), ...carrying(id) }]);
    const once = aTrace('9', [{ serviceName: 'gateway.mesh', start: at(10), ...carrying(id) }]);
    const found = await createFindRequest({ traces: createFakeTraceSource([once, again]), links })({
      requestId: id,
      now,
    });
    expect(found).toMatchObject({
      view: {
        notices: [
          '2 traces carry this request id, and all start at gateway.mesh: a client sent the request more than once with the same id, or an application forwards x-request-id but not the trace headers (traceparent or b3).',
        ],
      },
    });
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

  it('is shown with a notice when other services cannot be searched', async () => {
    const traces = createFakeTraceSource([...noise, whole('7')]);
    const older = withoutEverywhere(traces);
    traces.before('search', (_, call) => {
      if (call === 3) throw aTraceSourceError('timeout');
    });
    const found = await createFindRequest({ traces: older, links })({ requestId: id, now });
    expect(found.kind).toBe('found');
    if (found.kind === 'found') expect(found.view.notices.join()).toMatch(/may be more traces/);
  });
});
