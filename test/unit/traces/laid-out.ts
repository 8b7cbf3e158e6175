import { epochUs, us } from '../../../src/lib/units.ts';
import type { Span, Trace } from '../../../src/traces/trace.ts';
import { summarize } from '../../../src/traces/trace-summary.ts';
import { type Waterfall, waterfallOf } from '../../../src/traces/waterfall.ts';
import { aTrace } from '../../support/fake-trace-source.ts';

/** The waterfall of a trace that has spans. */
export function laidOut(trace: Trace): Waterfall {
  const summary = summarize(trace);
  if (summary === undefined) throw new Error('the trace has spans');
  return waterfallOf(summary);
}

/** A root of a second, and as many children as there are durations, in milliseconds: `sequential` ones end to end. */
export function family(durations: readonly number[], { sequential = false } = {}): Trace {
  let next = 0;
  const children = durations.map((duration, i): Partial<Span> => {
    const start = sequential ? next : 1_000;
    next += duration * 1_000;
    return {
      spanId: `c${i}`,
      parentSpanId: 'root',
      serviceName: `child-${i}`,
      kind: 'internal',
      start: epochUs(start),
      duration: us(duration * 1_000),
    };
  });
  const root: Partial<Span> = {
    spanId: 'root',
    serviceName: 'root',
    start: epochUs(0),
    duration: us(1_000_000),
  };
  return aTrace('1', [root, ...children]);
}
