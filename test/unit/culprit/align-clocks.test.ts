import { expect, it } from 'vitest';
import { alignClocks as alignTrace, createClockComparer } from '../../../src/culprit/align-clocks.ts';
import { epochUs, us } from '../../../src/lib/units.ts';
import type { Trace } from '../../../src/traces/trace.ts';
import { buildTree } from '../../../src/traces/tree.ts';
import { aTrace } from '../../support/fake-trace-source.ts';

type Sets = Readonly<Record<'slow' | 'normal', readonly Trace[]>>;

/** Both sets on clocks that agree; the same ones where they do. */
function alignClocks(sets: Sets): Sets {
  const clocks = createClockComparer();
  for (const trace of sets.slow) clocks.see(buildTree(trace), 'slow');
  for (const trace of sets.normal) clocks.see(buildTree(trace), 'normal');
  const offsets = clocks.offsets();
  if (offsets.size === 0) return sets;
  const [slow, normal] = [sets.slow, sets.normal].map((traces) =>
    traces.map((trace) => alignTrace(trace, offsets)),
  );
  return { slow: slow ?? [], normal: normal ?? [] };
}

/** checkout calls payments for 100 ms; the request takes 10 ms, the response `response`; payments calls a database. */
const call = (ahead: number, response = 10_000): Trace =>
  aTrace('1', [
    {
      spanId: 'a',
      serviceName: 'checkout',
      kind: 'client',
      start: epochUs(5_000_000),
      duration: us(90_000 + response),
    },
    {
      spanId: 'b',
      parentSpanId: 'a',
      serviceName: 'payments',
      kind: 'server',
      start: epochUs(5_010_000 + ahead),
      duration: us(80_000),
    },
    {
      spanId: 'c',
      parentSpanId: 'b',
      serviceName: 'payments',
      kind: 'client',
      start: epochUs(5_020_000 + ahead),
      duration: us(60_000),
    },
  ]);
const startsOf = ({ spans }: Trace): readonly number[] => spans.map(({ start }) => start - 5_000_000);
const several = (trace: Trace): readonly Trace[] => [trace, trace, trace];

it.each([2_000_000, -2_000_000, 40_000])(
  'a clock that is %s µs ahead is put back, with what runs by it',
  (ahead) => {
    const { slow, normal } = alignClocks({
      slow: several(call(ahead, 510_000)),
      normal: several(call(ahead)),
    });
    expect(normal.map(startsOf)[0]).toEqual([0, 10_000, 20_000]);
    // The slow response stays on its leg: only normal traces say how the clocks differ.
    expect(slow.map(startsOf)[0]).toEqual([0, 10_000, 20_000]);
  },
);

it('traces stay as they are while their servers can have run when they say', () => {
  const sets = { slow: several(call(0, 510_000)), normal: several(call(3_000)) };
  expect(alignClocks(sets)).toBe(sets);
});

it('one odd call is no clock, and neither are two', () => {
  const odd = { slow: several(call(0)), normal: [call(0), call(0), call(2_000_000)] };
  expect(alignClocks(odd)).toBe(odd);
  const few = { slow: [call(2_000_000)], normal: [call(2_000_000), call(2_000_000)] };
  expect(alignClocks(few)).toBe(few);
});
