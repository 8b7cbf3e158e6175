import { describe, expect, it } from 'vitest';
import { epochMs, epochUs, MINUTE, ms, type TimeWindow, us } from '../../../src/lib/units.ts';
import { createFindSlowest } from '../../../src/traces/find-slowest.ts';
import type { Trace } from '../../../src/traces/trace.ts';
import type { TraceSource } from '../../../src/traces/trace-source.ts';
import { aTrace, aTraceSourceError, createFakeTraceSource } from '../../support/fake-trace-source.ts';
import { createVirtualClock, START } from '../../support/virtual-clock.ts';

const window: TimeWindow = { start: START, end: epochMs(START + 10 * MINUTE) };
const startOf = (offsetMs: number) => epochUs((START + offsetMs) * 1_000);
const later = () => createVirtualClock(epochMs(window.end + 2 * MINUTE));

/** Traces of 1, 2, 3 ... milliseconds, one per 100 ms of the window. */
const ladder = (count: number): readonly Trace[] =>
  Array.from({ length: count }, (_, i) =>
    aTrace(`${i + 1}`, [{ start: startOf(i * 100), duration: us((i + 1) * 1_000) }]),
  );

const asked = { service: 'checkout', window, count: 3 };

describe('a row', () => {
  it('is the server span of the service, not its client spans, and the whole trace beside it', async () => {
    const source = createFakeTraceSource([
      aTrace('c', [
        { serviceName: 'gateway', spanName: 'GET /', start: startOf(0), duration: us(90_000) },
        { spanName: 'GET /cart', start: startOf(5), duration: us(40_000), isError: true },
        { spanName: 'payments:8080/*', kind: 'client', start: startOf(6), duration: us(70_000) },
      ]),
      // A batch job: checkout only calls here.
      aTrace('d', [{ spanName: 'payments:8080/*', kind: 'client', start: startOf(9), duration: us(20_000) }]),
    ]);
    const found = await createFindSlowest({ traces: source, clock: later() })(asked);
    expect(found.rows).toEqual([
      {
        traceId: 'c'.padStart(32, '0'),
        duration: 40_000,
        traceDuration: 90_000,
        start: startOf(5),
        operation: 'GET /cart',
        isError: true,
      },
      {
        traceId: 'd'.padStart(32, '0'),
        duration: 20_000,
        traceDuration: 20_000,
        start: startOf(9),
        operation: 'payments:8080/*',
        isError: false,
      },
    ]);
  });
});

it('failed traces are searched by their attribute, and ranked by the span of the service that failed', async () => {
  const source = createFakeTraceSource([
    aTrace('a', [{ start: startOf(0), duration: us(90_000) }]),
    aTrace('b', [{ start: startOf(1), duration: us(20_000), isError: true, attributes: { error: true } }]),
    aTrace('c', [
      {
        serviceName: 'payments',
        start: startOf(2),
        duration: us(50_000),
        isError: true,
        attributes: { error: true },
      },
      { start: startOf(2), duration: us(60_000) },
    ]),
  ]);
  const found = await createFindSlowest({ traces: source, clock: later() })({ ...asked, isFailed: true });
  expect(found.rows.map(({ traceId, isError }) => [traceId.at(-1), isError])).toEqual([['b', true]]);
  expect(source.searches[0]?.attributes).toEqual({ error: true });
});

/** A backend with a limit of its own, which it applies without saying so. */
const clampedTo = (clamp: number, source: TraceSource): Pick<TraceSource, 'search'> => ({
  search: async (query) => {
    const { traces } = await source.search({ ...query, limit: Math.min(query.limit, clamp) });
    return { traces, isComplete: traces.length < query.limit };
  },
});

describe('the completeness', () => {
  it('counts all traces when one search had them all', async () => {
    const source = createFakeTraceSource(ladder(8));
    const found = await createFindSlowest({ traces: source, clock: later() })(asked);
    expect(found).toMatchObject({
      isComplete: true,
      completeness: 'Complete: all 8 traces from 14:00 to 14:10 UTC',
      // The second one shows that the backend did not return fewer than it has.
      searches: 2,
    });
  });

  it.each([20, 8])(
    'a backend that silently returns at most %i traces is not called complete',
    async (clamp) => {
      const source = clampedTo(clamp, createFakeTraceSource(ladder(60)));
      const found = await createFindSlowest({ traces: source, clock: later(), limit: 40 })(asked);
      const all = await createFindSlowest({ traces: createFakeTraceSource(ladder(60)), clock: later() })(
        asked,
      );
      expect(found.rows).toEqual(all.rows);
      expect(found.completeness).toContain('the slowest traces');
    },
  );

  it('is not given when the backend returns fewer traces than are wanted', async () => {
    const source = clampedTo(2, createFakeTraceSource(ladder(60)));
    const found = await createFindSlowest({ traces: source, clock: later(), limit: 40 })(asked);
    expect(found.isComplete).toBe(false);
  });

  it('names the part of the window in which a trace is too large', async () => {
    const source = createFakeTraceSource(ladder(8));
    const unreadable = [
      { start: epochMs(asked.window.start + 60_000), end: epochMs(asked.window.start + 61_000) },
    ];
    const search: TraceSource['search'] = async (query) => ({ ...(await source.search(query)), unreadable });
    const found = await createFindSlowest({ traces: { search }, clock: later() })(asked);
    expect(found).toMatchObject({
      isComplete: false,
      completeness:
        'Incomplete: a trace larger than the limit of a search was left out, slower traces may exist from 14:01 to 14:01:01 UTC',
    });
  });

  it('names the minimum duration of the query', async () => {
    const source = createFakeTraceSource(ladder(8));
    const find = createFindSlowest({ traces: source, clock: later() });
    expect((await find({ ...asked, minDuration: us(7_500) })).completeness).toBe(
      'Complete: the only trace of 7.5 ms or more from 14:00 to 14:10 UTC',
    );
    expect((await find({ ...asked, minDuration: us(9_000) })).completeness).toBe(
      'Complete: no trace of 9 ms or more from 14:00 to 14:10 UTC',
    );
  });

  it('says that the slowest are complete when there are more traces', async () => {
    const source = createFakeTraceSource(ladder(400));
    const found = await createFindSlowest({ traces: source, clock: later() })(asked);
    expect(found.rows.map(({ duration }) => duration)).toEqual([400_000, 399_000, 398_000]);
    expect(found.completeness).toBe('Complete: the slowest traces from 14:00 to 14:10 UTC');
  });

  it('says when the end of the window may still be arriving', async () => {
    const source = createFakeTraceSource(ladder(8));
    const clock = createVirtualClock(window.end);
    expect((await createFindSlowest({ traces: source, clock })(asked)).completeness).toBe(
      'Complete: all 8 traces from 14:00 to 14:10 UTC (the last 45 s may still be arriving)',
    );
  });

  it('is not claimed when the searches are used up', async () => {
    const source = createFakeTraceSource(ladder(4_000));
    const find = createFindSlowest({ traces: source, clock: later(), maxSearches: 2, limit: 10 });
    expect(await find(asked)).toMatchObject({
      isComplete: false,
      completeness: 'Incomplete: stopped after 2 searches, slower traces may exist',
      searches: 2,
    });
    expect(source.searches).toHaveLength(2);
  });
});

describe('the period that is not complete', () => {
  it('is named when the rest of the window is complete', async () => {
    // In the later half too many to be searched, all found by a client span that does not count.
    const crowd = Array.from({ length: 200 }, (_, i) =>
      aTrace(`${i + 1}`, [
        { start: startOf(400_000 + i), duration: us(1_000) },
        { start: startOf(400_000 + i), duration: us(9_000_000), kind: 'client' },
      ]),
    );
    const source = createFakeTraceSource([...crowd, ...ladder(9)]);
    const find = createFindSlowest({ traces: source, clock: later(), limit: 5, maxSearches: 12 });
    expect((await find(asked)).completeness).toMatch(
      /^Incomplete: stopped after 12 searches, slower traces may exist from 14:[\d:.]+ to 14:[\d:.]+ UTC$/,
    );
  });
});

describe('when the backend is slow or fails', () => {
  it('returns what it has when the time is over', async () => {
    const clock = later();
    const source = createFakeTraceSource(ladder(4_000));
    source.before('search', async (signal, call) => {
      if (call < 3) return;
      await clock.sleep(ms(3_600_000), signal);
      throw aTraceSourceError('timeout');
    });
    const find = createFindSlowest({ traces: source, clock, limit: 10, maxTime: ms(20_000) });
    const pending = find(asked);
    await clock.advance(20_000);
    const found = await pending;
    expect(found.rows).toHaveLength(3);
    expect(found).toMatchObject({
      isComplete: false,
      completeness: 'Incomplete: timed out after 2 searches, slower traces may exist',
    });
    expect(clock.sleepers()).toBe(0);
  });

  it('returns what it has when the caller cancels', async () => {
    const clock = later();
    const source = createFakeTraceSource(ladder(4_000));
    const caller = new AbortController();
    source.before('search', (signal, call) => {
      if (call < 2) return;
      caller.abort();
      expect(signal?.aborted).toBe(true);
      throw aTraceSourceError('timeout');
    });
    const found = await createFindSlowest({ traces: source, clock, limit: 10 })(asked, caller.signal);
    expect(found.completeness).toBe('Incomplete: timed out after 1 search, slower traces may exist');
  });

  it('returns what it has when a later search fails', async () => {
    const source = createFakeTraceSource(ladder(4_000));
    source.before('search', (_, call) => {
      if (call === 2) throw aTraceSourceError();
    });
    const found = await createFindSlowest({ traces: source, clock: later(), limit: 10 })(asked);
    expect(found.completeness).toBe('Incomplete: search 2 failed, slower traces may exist');
  });

  it('fails when the first search does', async () => {
    const source = createFakeTraceSource(ladder(4));
    source.before('search', () => {
      throw aTraceSourceError('not-authenticated');
    });
    await expect(createFindSlowest({ traces: source, clock: later() })(asked)).rejects.toMatchObject({
      code: 'not-authenticated',
    });
  });
});
