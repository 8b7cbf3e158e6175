import { createRandom } from '../../demo/mesh/random.ts';
import { type EpochUs, epochUs, HOUR, toEpochUs, us } from '../../src/lib/units.ts';
import { createFindSlowest } from '../../src/traces/find-slowest.ts';
import type { Span, Trace } from '../../src/traces/trace.ts';
import type { TraceSource } from '../../src/traces/trace-source.ts';
import { aTrace } from '../support/fake-trace-source.ts';
import { createVirtualClock, START } from '../support/virtual-clock.ts';
import { benchShapes } from './trace-shapes.ts';

/** A backend of `count` one-span traces, log-normal, that gives an arbitrary subset when there are more than asked. */
function population(count: number): { traces: Pick<TraceSource, 'search'>; moved: () => number } {
  const random = createRandom(count);
  const window = HOUR * 1_000;
  const all = Array.from({ length: count }, (_, n) => ({
    n,
    start: epochUs(toEpochUs(START) - Math.floor(random.next() * window)),
    duration: us(Math.round(random.logNormal(10_000, 0.8))),
  }));
  let moved = 0;
  const toTrace = ({
    n,
    start,
    duration,
  }: {
    n: number;
    start: EpochUs;
    duration: Span['duration'];
  }): Trace => aTrace(n.toString(16), [{ start, duration }]);
  return {
    moved: () => moved,
    traces: {
      search: async ({ window: { start, end }, minDuration = us(0), limit }) => {
        const matching = all.filter(
          (one) => one.duration >= minDuration && one.start >= start * 1_000 && one.start <= end * 1_000,
        );
        const given = matching.slice(0, limit).map(toTrace);
        moved += given.length;
        return { traces: given, isComplete: matching.length <= limit };
      },
    },
  };
}

/** Reading a trace, and the exact search for the slowest. */
export async function benchTraces(): Promise<void> {
  await benchShapes();

  const clock = createVirtualClock(START);
  const window = { start: (START - HOUR) as typeof START, end: START };
  const rows = [];
  for (const count of [2_000, 50_000, 500_000]) {
    const { traces, moved } = population(count);
    const find = createFindSlowest({ traces, clock, limit: 20 });
    const { searches, isComplete } = await find({ service: 'checkout', window, count: 5 });
    rows.push({ traces: count, searches, 'traces moved': moved(), exact: isComplete });
  }
  console.log('\nthe five slowest, 20 traces a search');
  console.table(rows);
}
