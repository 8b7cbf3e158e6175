import { describe, expect, it } from 'vitest';
import { createTraceCache } from '../../../src/jaeger/jaeger-trace-source.ts';
import { epochMs, us } from '../../../src/lib/units.ts';
import { aTrace } from '../../support/fake-trace-source.ts';
import { START } from '../../support/virtual-clock.ts';

/** Ends at START + 10 ms. */
const trace = aTrace('a');
const MINUTE = 60_000;

function open({ at, maxBytes = 1e6 }: { at: number; maxBytes?: number }) {
  const clock = { now: START + at };
  const memory = createTraceCache({ now: () => epochMs(clock.now), maxBytes });
  return { memory, clock };
}

describe('traces that were read', () => {
  it('are kept for ten minutes, once their spans have arrived', () => {
    const { memory, clock } = open({ at: MINUTE + 10 });
    memory.keep(trace);
    clock.now += 10 * MINUTE;
    expect(memory.get(trace.traceId)).toBe(trace);
    clock.now += 1;
    expect(memory.get(trace.traceId)).toBeUndefined();
  });

  it('are not kept while spans may still be arriving', () => {
    const { memory } = open({ at: MINUTE });
    memory.keep(trace);
    expect(memory.get(trace.traceId)).toBeUndefined();
    const long = aTrace('b', [{ duration: us(2 * MINUTE * 1_000) }]);
    const later = open({ at: 2 * MINUTE });
    later.memory.keep(long);
    expect(later.memory.get(long.traceId)).toBeUndefined();
  });

  it('are evicted by size, the least recently used first', () => {
    const { memory } = open({ at: 5 * MINUTE, maxBytes: 4_000 });
    const attributes = { text: 'x'.repeat(1_000) };
    const [a, b, c] = ['a', 'b', 'c'].map((id) => aTrace(id, [{ attributes }]));
    for (const one of [a, b]) memory.keep(one!);
    expect(memory.get(a!.traceId)).toBe(a);
    memory.keep(c!);
    expect(['a', 'b', 'c'].map((id) => memory.get(id.padStart(32, '0')) !== undefined)).toEqual([
      true,
      false,
      true,
    ]);
  });

  it('are not kept when one is larger than all the room', () => {
    const { memory } = open({ at: 5 * MINUTE, maxBytes: 4_000 });
    const large = aTrace(
      'b',
      Array.from({ length: 50 }, () => ({})),
    );
    memory.keep(large);
    expect(memory.get(large.traceId)).toBeUndefined();
  });
});
