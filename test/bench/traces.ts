import { loadavg } from 'node:os';
import { createRandom } from '../../demo/mesh/random.ts';
import { type EpochUs, epochUs, HOUR, toEpochUs, us } from '../../src/lib/units.ts';
import { createFindSlowest } from '../../src/traces/find-slowest.ts';
import type { Span, Trace } from '../../src/traces/trace.ts';
import type { TraceSource } from '../../src/traces/trace-source.ts';
import { aTrace } from '../support/fake-trace-source.ts';
import { isJaegerHere } from '../support/real-jaeger.ts';
import { createVirtualClock, START } from '../support/virtual-clock.ts';
import { compiled } from './compiled.ts';
import type { LargeTrace, LargeTraceSize } from './large-trace.ts';
import { spread } from './measure.ts';
import type { SlowestOnJaeger, SlowestSize } from './slowest-on-jaeger.ts';
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

/** A trace that Jaeger's UI does not show any more, read and explained by its id, over HTTP. */
async function benchLargeTrace(): Promise<void> {
  const measure = await compiled<LargeTrace>('large-trace');
  const rows = [];
  for (const attributes of [0, 3]) {
    const size: LargeTraceSize = { spans: 100_000, attributes, rounds: 8 };
    const { megabytes, walls, stalls } = await measure(size);
    rows.push({
      spans: size.spans,
      MB: Math.round(megabytes),
      'answer ms': spread(walls),
      'goal ms': 5_000,
      'longest stall ms': spread(stalls),
      'stall goal ms': 50,
    });
  }
  console.log('\na large trace by its id');
  console.table(rows);
}

/** The slowest of 20,000 traces in a real Jaeger, beside the same requests without what is done with their answers. */
async function benchOnJaeger(): Promise<void> {
  if (!isJaegerHere()) {
    console.log(
      '\nskipped: the slowest traces in a real Jaeger; none is here (export $(.ci/servers jaeger))',
    );
    return;
  }
  const measure = await compiled<SlowestOnJaeger>('slowest-on-jaeger');
  const rows = [];
  for (const count of [5, 20]) {
    const size: SlowestSize = { traces: 20_000, count, rounds: 12 };
    const { searches, ours, alone } = await measure(size);
    rows.push({
      'the slowest': count,
      searches,
      ms: spread(ours),
      'Jaeger alone, ms': spread(alone),
      'overhead %': spread(ours.map((took, round) => (100 * took) / (alone[round] ?? 1) - 100)),
      'goal %': 20,
    });
  }
  console.log(`\nthe slowest of 20,000 traces in a real Jaeger (load ${loadavg()[0]?.toFixed(1)})`);
  console.table(rows);
}

/** Reading a trace, and the exact search for the slowest. */
export async function benchTraces(): Promise<void> {
  await benchShapes();
  await benchLargeTrace();
  await benchOnJaeger();

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
