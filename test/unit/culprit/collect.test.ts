import { describe, expect, it } from 'vitest';
import { createExplainSlowness, type WhyQuery } from '../../../src/culprit/collect.ts';
import { after, before, DAY, type EpochMs, epochUs, MINUTE, ms, SECOND, us } from '../../../src/lib/units.ts';
import type { Trace } from '../../../src/traces/trace.ts';
import type { TraceSearch } from '../../../src/traces/trace-source.ts';
import { aTrace, aTraceSourceError, createFakeTraceSource } from '../../support/fake-trace-source.ts';
import { createVirtualClock, START } from '../../support/virtual-clock.ts';

const LAST = ms(10 * MINUTE);
const WINDOW = { start: START, end: after(START, LAST) };

interface Request {
  readonly at: EpochMs;
  readonly name?: string;
  /** How long payments takes. */
  readonly payments?: number;
  /** How long the request waits before checkout takes it, and how much longer checkout itself takes. */
  readonly wait?: number;
  readonly own?: number;
}

let made = 0;

/** A request through the gateway to checkout, which calls payments: 10 ms plus what payments takes. */
function request({ at, name = 'POST /checkout', payments = 20, wait = 0, own = 0 }: Request): Trace {
  made += 1;
  const start = (offset: number) => epochUs((at + offset) * 1_000);
  const took = (more: number) => us((payments + more) * 1_000);
  const parent = (n: number) => ({ parentSpanId: `${n}`.padStart(16, '0') });
  return aTrace(made.toString(16), [
    { serviceName: 'gateway', spanName: 'GET /', start: start(0), duration: took(3_000) },
    {
      serviceName: 'gateway',
      spanName: 'call',
      kind: 'client',
      start: start(1),
      duration: took(14 + wait + own),
      ...parent(1),
    },
    {
      serviceName: 'checkout',
      spanName: name,
      start: start(2 + wait),
      duration: took(10 + own),
      ...parent(2),
    },
    {
      serviceName: 'checkout',
      spanName: 'call',
      kind: 'client',
      start: start(5 + wait + own),
      duration: took(2),
      ...parent(3),
    },
    {
      serviceName: 'payments',
      spanName: 'POST /charge',
      start: start(6 + wait + own),
      duration: took(0),
      ...parent(4),
    },
  ]);
}

/** So many requests, evenly spread over ten minutes; every `nth` of them is slow. */
const spread = (count: number, from: EpochMs, over: Partial<Request> & { nth?: number } = {}): Trace[] =>
  Array.from({ length: count }, (_, i) => {
    const { nth = 1, payments, ...others } = over;
    const isSlow = payments !== undefined && i % nth === 0;
    return request({
      at: after(from, ms(Math.floor((i * LAST) / count))),
      payments: (isSlow ? payments : 20) + (i % 7),
      ...others,
    });
  });

const DIRECTLY_BEFORE = before(START, LAST);
const A_DAY_EARLIER = before(START, DAY);

function explain(traces: readonly Trace[], query: Partial<WhyQuery> = {}) {
  const clock = createVirtualClock(WINDOW.end);
  // A backend returns the newest first.
  const newestFirst = [...traces].sort((a, b) => (b.spans[0]?.start ?? 0) - (a.spans[0]?.start ?? 0));
  const source = createFakeTraceSource(newestFirst);
  const explainSlowness = createExplainSlowness({ traces: source, clock });
  return {
    clock,
    source,
    result: (signal?: AbortSignal) =>
      explainSlowness({ service: 'checkout', window: WINDOW, ...query }, signal),
  };
}

const PAYMENTS = { kind: 'compared', candidates: [{ service: 'payments', kind: 'own-code' }, {}, {}] };

describe('slow requests', () => {
  it('are compared with those of the window before', async () => {
    const { result } = explain([...spread(200, DIRECTLY_BEFORE), ...spread(200, START, { payments: 200 })]);
    expect(await result()).toMatchObject({
      endpoint: { operation: 'POST /checkout' },
      excess: { slow: 100, ofSlow: 100, ofNormal: 120, isLarger: true },
      result: {
        ...PAYMENTS,
        confidence: 'high',
        slow: 100,
        normal: 120,
        slowdown: expect.closeTo(180_000, -4),
      },
      slow: { window: WINDOW, example: { duration: 213_000 } },
      normal: { window: { start: DIRECTLY_BEFORE, end: START }, example: { duration: 33_000 } },
      searches: 10,
      isIncomplete: false,
    });
  });

  it('of a process that keeps requests waiting are not called slow code: its caller saw them wait', async () => {
    const kindWith = async (wait: number): Promise<unknown> => {
      const slow = spread(200, START, { wait, own: 200 });
      const { result } = await explain([...spread(200, DIRECTLY_BEFORE), ...slow]).result();
      return result.kind === 'compared' ? result.candidates[0] : result;
    };
    expect(await kindWith(150)).toMatchObject({ service: 'checkout', kind: 'queueing' });
    expect(await kindWith(0)).toMatchObject({ service: 'checkout', kind: 'own-code' });
  });

  it('are taken from all over both windows, without a minimum duration', async () => {
    const { result, source } = explain([
      ...spread(200, DIRECTLY_BEFORE),
      ...spread(200, START, { payments: 200 }),
    ]);
    await result();
    const lengthOf = ({ window: { start, end } }: TraceSearch) => (end - start) / SECOND;
    expect(source.searches.map(lengthOf).sort((a, b) => a - b)).toEqual([
      100, 100, 100, 100, 100, 100, 150, 150, 150, 150,
    ]);
    expect(source.searches.every(({ minDuration }) => minDuration === undefined)).toBe(true);
  });

  it('are compared with the same time a day earlier when there are few before', async () => {
    const { result } = explain([
      ...spread(8, DIRECTLY_BEFORE),
      ...spread(60, A_DAY_EARLIER),
      ...spread(60, START, { payments: 200 }),
    ]);
    expect(await result()).toMatchObject({
      result: { ...PAYMENTS, normal: 60 },
      normal: { window: { start: A_DAY_EARLIER, end: after(A_DAY_EARLIER, LAST) } },
      searches: 12,
    });
  });

  it('are all found in two searches of a window with few', async () => {
    const { result } = explain([...spread(12, DIRECTLY_BEFORE), ...spread(12, START, { payments: 200 })]);
    expect(await result()).toMatchObject({ result: { ...PAYMENTS, slow: 12, normal: 12 }, searches: 6 });
  });

  it('are taken from all over a window whose first part is the only one with few', async () => {
    const busyLater = spread(200, START, { payments: 200 }).slice(50);
    const { result } = explain([...spread(200, DIRECTLY_BEFORE), ...busyLater]);
    expect(await result()).toMatchObject({
      excess: { slow: 75, ofSlow: 75 },
      result: PAYMENTS,
      searches: 11,
    });
  });

  it('are compared with a day earlier when those before are just as slow', async () => {
    const { result } = explain([
      ...spread(60, DIRECTLY_BEFORE, { payments: 200 }),
      ...spread(60, A_DAY_EARLIER),
      ...spread(60, START, { payments: 200 }),
    ]);
    expect(await result()).toMatchObject({ result: PAYMENTS, normal: { window: { start: A_DAY_EARLIER } } });
  });

  it('are found when they are few of many: 2% over the threshold', async () => {
    const { result, source } = explain(
      [...spread(2_000, DIRECTLY_BEFORE), ...spread(2_000, START, { payments: 600, nth: 50 })],
      { threshold: us(500_000) },
    );
    expect(await result()).toMatchObject({
      excess: { threshold: 500_000, normal: 0, isLarger: true },
      result: { ...PAYMENTS, slow: 40 },
    });
    expect(source.searches.length).toBeLessThanOrEqual(16);
    expect(source.searches.some(({ minDuration }) => minDuration === 36_001)).toBe(true);
  });

  it('below the threshold of the objective are compared with normal ones all the same', async () => {
    const { result } = explain([...spread(60, DIRECTLY_BEFORE), ...spread(60, START, { payments: 200 })], {
      threshold: us(500_000),
    });
    expect(await result()).toMatchObject({ result: PAYMENTS, excess: { threshold: 36_000 } });
  });

  it('are those of the operation that became slow', async () => {
    const cart = { name: 'GET /cart' };
    const { result } = explain([
      ...spread(40, DIRECTLY_BEFORE),
      ...spread(60, DIRECTLY_BEFORE, cart),
      ...spread(40, START, { payments: 200 }),
      ...spread(60, START, cart),
    ]);
    expect(await result()).toMatchObject({ endpoint: { operation: 'POST /checkout' }, result: PAYMENTS });
  });

  it('are those of the given operation', async () => {
    const { result, source } = explain(
      [...spread(40, DIRECTLY_BEFORE), ...spread(40, START, { payments: 200 })],
      { operation: 'GET /cart' },
    );
    expect(await result()).toMatchObject({ result: { kind: 'too-few', slow: 0, normal: 0 } });
    expect(source.searches.every(({ operation }) => operation === 'GET /cart')).toBe(true);
  });
});

it('a service that is as fast as before is not slower than normal', async () => {
  const { result } = explain([...spread(200, DIRECTLY_BEFORE), ...spread(200, START)]);
  expect((await result()).result.kind).toBe('not-slower');
});

it('one slow request of many is chance', async () => {
  const { result } = explain(
    [...spread(100, DIRECTLY_BEFORE), ...spread(99, START), request({ at: START, payments: 900 })],
    { threshold: us(500_000) },
  );
  expect((await result()).result.kind).toBe('not-slower');
});

it('five slow requests of many are compared when metrics show a breach', async () => {
  const few = Array.from({ length: 5 }, (_, i) => request({ at: after(START, ms(i)), payments: 900 }));
  const traces = [...spread(60, DIRECTLY_BEFORE), ...spread(60, START), ...few];
  const threshold = us(500_000);
  expect((await explain(traces, { threshold }).result()).result.kind).toBe('not-slower');
  const { result } = explain(traces, { threshold, isBreach: true });
  expect((await result()).result).toMatchObject({ ...PAYMENTS, slow: 5, confidence: 'medium' });
});

it('in a breach those over its threshold are the slow ones, also where few of the others were traced', async () => {
  const slow = Array.from({ length: 12 }, (_, i) =>
    request({ at: after(START, ms(i * 40 * SECOND)), payments: 900 }),
  );
  // A little slower than before: over the p95 of the few normal ones.
  const traces = [...spread(24, DIRECTLY_BEFORE), ...spread(60, START, { payments: 40 }), ...slow];
  const { result } = explain(traces, { threshold: us(500_000), isBreach: true });
  expect(await result()).toMatchObject({ excess: { threshold: 500_000 }, result: { ...PAYMENTS, slow: 12 } });
});

it('with fewer than five on a side there is no comparison', async () => {
  const { result } = explain([...spread(4, DIRECTLY_BEFORE), ...spread(60, START, { payments: 200 })], {
    threshold: us(100_000),
  });
  expect((await result()).result).toEqual({ kind: 'too-few', slow: 60, normal: 4 });
});

describe('when Jaeger fails', () => {
  const traces = [...spread(60, DIRECTLY_BEFORE), ...spread(60, START, { payments: 200 })];

  it('at once, its error is the answer', async () => {
    const { result, source } = explain(traces);
    source.before('search', () => {
      throw aTraceSourceError();
    });
    await expect(result()).rejects.toThrow('Jaeger did not respond');
  });

  it('later, what was found is compared', async () => {
    const { result, source } = explain(traces);
    source.before('search', (_, call) => {
      if (call > 8) throw aTraceSourceError();
    });
    expect(await result()).toMatchObject({ result: PAYMENTS, isIncomplete: true });
  });

  it('for longer than ten seconds, what was found is compared', async () => {
    const { result, source, clock } = explain(traces);
    source.before('search', async (_, call) => {
      if (call > 8) await new Promise(() => undefined);
    });
    const pending = result();
    await clock.advance(11_000);
    expect(await pending).toMatchObject({ result: PAYMENTS, isIncomplete: true });
  });
});
