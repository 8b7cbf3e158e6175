import { describe, expect, it } from 'vitest';
import { epochUs, us } from '../../../src/lib/units.ts';
import { findOtherTraces } from '../../../src/traces/inspect-trace.ts';
import type { Span, Trace } from '../../../src/traces/trace.ts';
import type { TraceSearch } from '../../../src/traces/trace-source.ts';
import {
  aTrace,
  aTraceSourceError,
  createFakeTraceSource,
  type FakeTraceSource,
} from '../../support/fake-trace-source.ts';
import { createVirtualClock, START } from '../../support/virtual-clock.ts';

const id = 'e4e8c177-3962-9359-8b6f-1c3a4d5e6f70';
const at = (offsetMs: number) => epochUs((START + offsetMs) * 1_000);
const span = (serviceName: string, start: number, over: Partial<Span> = {}): Partial<Span> => ({
  serviceName,
  start: at(start),
  duration: us(10_000),
  attributes: { 'guid:x-request-id': id },
  ...over,
});
const under = (parent: number): Partial<Span> => ({ parentSpanId: String(parent).padStart(16, '0') });

/** gateway, checkout; checkout lost the headers when it called payments, and payments when it called fraud. */
const entry = aTrace('1', [
  span('gateway', 0, { duration: us(400_000) }),
  span('checkout', 10, { duration: us(380_000), ...under(1) }),
]);
const payment = aTrace('2', [
  span('checkout', 20, { kind: 'client', duration: us(300_000) }),
  span('payments', 21, { duration: us(298_000), ...under(1) }),
]);
const fraud = aTrace('3', [
  span('payments', 30, { kind: 'client', duration: us(200_000) }),
  span('fraud', 31, { duration: us(198_000), ...under(1) }),
]);
const others = aTrace('4', [span('gateway', 5, { attributes: { 'guid:x-request-id': `${id}1` } })]);
const all = [entry, payment, fraud, others];

const HOW = 'An application forwards x-request-id but not the trace headers (traceparent or b3):';

/** A backend that refuses a search without a service, as older ones do. */
const needingService = (traces: FakeTraceSource): FakeTraceSource => ({
  ...traces,
  search: async (search: TraceSearch, signal) => {
    if (search.service === undefined) throw aTraceSourceError('unsupported');
    return traces.search(search, signal);
  },
});

const ask = (traces: FakeTraceSource, trace: Trace, signal?: AbortSignal) =>
  findOtherTraces({ traces, clock: createVirtualClock() }, trace, signal);

describe('a trace that shares its request id with others', () => {
  it.each([
    ['first', entry],
    ['second', payment],
    ['last', fraud],
  ])('finds all others with one search: the %s', async (_, trace) => {
    const traces = createFakeTraceSource(all);
    expect(await ask(traces, trace)).toEqual({
      id,
      text: `3 traces carry the request id of this one, ${id}. ${HOW} checkout when calling payments; payments when calling fraud.`,
    });
    expect(traces.searches).toHaveLength(1);
    expect(traces.searches[0]).not.toMatchObject({ service: expect.anything() });
  });

  it('finds a request sent twice with one id, without claiming that headers were lost', async () => {
    const again = aTrace('5', [span('gateway', 5_000)]);
    const only = aTrace('6', [span('gateway', 0)]);
    expect((await ask(createFakeTraceSource([only, again]), only))?.text).toMatch(
      /^2 traces carry the request id of this one, \S+, and all start at gateway: a client sent/,
    );
  });

  it.each([
    ['the trace after it, through the service without calls', entry, 'checkout', 2],
    ['the trace before it, through the caller', payment, 'checkout', 2],
    ['the trace before it, through a caller that is no gateway', fraud, 'payments', 2],
  ])('finds %s, when the backend needs a service', async (_, trace, service, count) => {
    const traces = createFakeTraceSource(all);
    expect(await ask(needingService(traces), trace)).toMatchObject({
      text: expect.stringMatching(new RegExp(`^${count} traces carry`)),
    });
    expect(traces.searches.map((search) => search.service)).toEqual([service]);
  });

  it('searches one service when an empty answer for all proves nothing', async () => {
    const traces = createFakeTraceSource(all);
    const silent: FakeTraceSource = {
      ...traces,
      search: async (search, signal) =>
        search.service === undefined ? { traces: [], isComplete: true } : traces.search(search, signal),
    };
    expect(await ask(silent, payment)).toMatchObject({ id, text: expect.stringMatching(/^2 traces carry/) });
  });
});

describe('there is no note', () => {
  const alone: Readonly<Record<string, readonly [readonly Trace[], Trace]>> = {
    'for a request with one trace': [[entry, others], entry],
    'for a trace that started hours later': [[entry, aTrace('5', [span('mail', 4 * 3_600_000)])], entry],
  };
  it.each(Object.entries(alone))('%s', async (_, [traces, trace]) => {
    expect(await ask(createFakeTraceSource(traces), trace)).toBeUndefined();
  });

  it('and no search, for a trace without a request id', async () => {
    const traces = createFakeTraceSource(all);
    expect(await ask(traces, aTrace('9', [{ serviceName: 'gateway' }]))).toBeUndefined();
    expect(traces.searches).toEqual([]);
  });

  it('when the backend fails', async () => {
    const traces = createFakeTraceSource(all);
    traces.before('search', () => {
      throw aTraceSourceError('unavailable');
    });
    expect(await ask(traces, entry)).toBeUndefined();
  });

  it('when a search is refused as wrong', async () => {
    const traces = createFakeTraceSource(all);
    traces.before('search', () => {
      throw aTraceSourceError('bad-request');
    });
    expect(await ask(traces, entry)).toBeUndefined();
  });

  it('when the backend takes too long, whatever it does with its signal', async () => {
    const traces = createFakeTraceSource(all);
    traces.before('search', () => new Promise(() => {}));
    const clock = createVirtualClock();
    const notified = findOtherTraces({ traces, clock }, entry);
    await clock.whenAsleep();
    await clock.advance(2_500);
    expect(await notified).toBeUndefined();
  });

  it('when the caller has cancelled', async () => {
    const traces = createFakeTraceSource(all);
    expect(await ask(traces, entry, AbortSignal.abort())).toBeUndefined();
    expect(traces.searches).toEqual([]);
  });

  it('but a bug is not hidden', async () => {
    const traces = createFakeTraceSource(all);
    traces.before('search', () => {
      throw new TypeError('not a function');
    });
    await expect(ask(traces, entry)).rejects.toThrow(TypeError);
  });
});
