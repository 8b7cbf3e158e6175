import { describe, expect, it } from 'vitest';
import { after, before, type EpochMs, epochUs, MINUTE, ms, SECOND, us } from '../../../src/lib/units.ts';
import { findTypical } from '../../../src/traces/compare-traces.ts';
import type { Trace } from '../../../src/traces/trace.ts';
import type { TraceSearch } from '../../../src/traces/trace-source.ts';
import { aTrace } from '../../support/fake-trace-source.ts';
import { START } from '../../support/virtual-clock.ts';

const requestAt = (at: number, duration: number): Trace =>
  aTrace(Math.round(at).toString(16), [{ start: epochUs(at * 1_000), duration: us(duration * 1_000) }]);

/** A backend that returns the newest traces first, as Jaeger's memory storage does. */
function newestFirst(traces: readonly Trace[]) {
  const searches: TraceSearch[] = [];
  return {
    searches,
    search: async (query: TraceSearch) => {
      searches.push(query);
      const { start, end } = query.window;
      const found = traces
        .filter(
          ({ spans: [span] }) =>
            span !== undefined && span.start / 1_000 >= start && span.start / 1_000 <= end,
        )
        .sort((a, b) => (b.spans[0]?.start ?? 0) - (a.spans[0]?.start ?? 0));
      return { traces: found.slice(0, query.limit), isComplete: found.length <= query.limit };
    },
  };
}

/** Twenty requests a second of 43 ms from `from` on, and of 793 ms from `breach` on. */
const incident = (from: EpochMs, breach: EpochMs, to: EpochMs): readonly Trace[] =>
  Array.from({ length: Math.floor((to - from) / 50) }, (_, i) => {
    const at = from + i * 50;
    return requestAt(at, at < breach ? 43 : 793);
  });

const typicalDuration = async (
  traces: readonly Trace[],
  query: Omit<Parameters<typeof findTypical>[1], 'trace'>,
): Promise<readonly [duration: number | undefined, isBeforeBreach: boolean | undefined]> => {
  const [slow] = traces.slice(-1);
  if (slow === undefined) throw new Error('there are requests');
  const found = await findTypical(newestFirst(traces), { ...query, trace: slow });
  return [(found?.trace.spans[0]?.duration ?? 0) / 1_000, found?.isBeforeBreach];
};

describe('a typical request', () => {
  it('is one of before the fault, twelve seconds into it and after 75 s of health', async () => {
    const breach = before(START, ms(12 * SECOND));
    const traces = incident(before(breach, ms(75 * SECOND)), breach, START);
    expect(await typicalDuration(traces, { now: START })).toEqual([43, undefined]);
  });

  it('is one of before the breach, half an hour into it', async () => {
    const breach = before(START, ms(30 * MINUTE));
    const traces = incident(before(breach, ms(5 * MINUTE)), breach, START);
    expect(await typicalDuration(traces, { now: START })).toEqual([793, undefined]);
    expect(await typicalDuration(traces, { now: START, breachStart: breach })).toEqual([43, true]);
  });

  it('is one around the request when there is none from before the breach', async () => {
    const breach = before(START, ms(2 * MINUTE));
    const traces = incident(breach, breach, START);
    expect(await typicalDuration(traces, { now: START, breachStart: breach })).toEqual([793, undefined]);
  });

  it('is found with at most twelve searches of ten, spread over the window', async () => {
    const source = newestFirst(incident(before(START, ms(12 * MINUTE)), START, START));
    const found = await findTypical(source, { trace: requestAt(START, 900), now: after(START, MINUTE) });
    expect(found?.medianOf).toBeGreaterThanOrEqual(60);
    expect(source.searches.length).toBeLessThanOrEqual(12);
    expect(source.searches.every(({ limit }) => limit === 10)).toBe(true);
  });
});
