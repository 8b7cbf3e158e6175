import { afterEach, describe, expect, it } from 'vitest';
import type { OtlpTraces } from '../../demo/jaeger/otlp.ts';
import type { ServerVersion } from '../../demo/jaeger/server-version.ts';
import type { StorageKind } from '../../demo/jaeger/storage.ts';
import { epochMs, ms, type TimeWindow, us } from '../../src/lib/units.ts';
import { createFindSlowest } from '../../src/traces/find-slowest.ts';
import { isFullRun } from '../support/runs.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';
import { GENERATIONS } from '../unit/jaeger/recordings.ts';
import { type Bench, openBench } from './trace-source.ts';

const benches: Bench[] = [];
afterEach(async () => {
  await Promise.all(benches.splice(0).map((bench) => bench.close()));
});

const window: TimeWindow = {
  start: epochMs(Date.UTC(2026, 10, 20, 11, 20)),
  end: epochMs(Date.UTC(2026, 10, 20, 11, 50)),
};
/** Past the ingest lag. */
const clock = createVirtualClock(epochMs(window.end + 300_000));

function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state + 0.5) / 4_294_967_296;
  };
}

interface Made {
  readonly population: OtlpTraces;
  /** Durations of checkout's server spans that start in the window, longest first. */
  readonly durations: readonly number[];
  /** All of checkout's server spans. */
  readonly spans: readonly { readonly start: number; readonly duration: number }[];
}

const nanos = (micros: number): string => `${Math.round(micros)}000`;

function span(
  traceId: string,
  {
    id,
    parent,
    kind,
    start,
    duration,
  }: { id: number; parent?: number; kind: number; start: number; duration: number },
) {
  const hex = (value: number): string => value.toString(16).padStart(16, '0');
  return {
    traceId,
    spanId: hex(id),
    ...(parent === undefined ? {} : { parentSpanId: hex(parent) }),
    name: kind === 3 ? 'payments.shop:8080/*' : 'checkout.shop:8080/*',
    kind,
    startTimeUnixNano: nanos(start),
    endTimeUnixNano: nanos(start + duration),
    attributes: [],
    status: {},
    events: [],
    links: [],
  };
}

/** Requests of log-normal duration over 50 minutes around the window, some clipped by a timeout; each calls payments twice. */
function makePopulation(count: number, seed: number, timeout = 2_000_000): Made {
  const random = randomOf(seed);
  const checkout: ReturnType<typeof span>[] = [];
  const payments: ReturnType<typeof span>[] = [];
  const durations: number[] = [];
  const spans: { start: number; duration: number }[] = [];
  for (let i = 0; i < count; i += 1) {
    const traceId = `a${(i + 1).toString(16).padStart(31, '0')}`;
    const start = window.start * 1_000 + Math.floor((random() * 50 - 10) * 60_000_000);
    const normal = Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random());
    const duration = Math.min(timeout, Math.round(90_000 * Math.exp(0.9 * normal)));
    spans.push({ start, duration });
    checkout.push(span(traceId, { id: 2, parent: 1, kind: 2, start, duration }));
    for (const call of [0, 1]) {
      const at = start + Math.floor(duration * (0.1 + 0.4 * call));
      checkout.push(
        span(traceId, { id: 3 + call, parent: 2, kind: 3, start: at, duration: Math.floor(duration * 0.3) }),
      );
      // Other services are slower in traces where checkout is fast: whoever filters by any span finds too much.
      const spread = random() < 0.1 ? 3_000_000 : duration * 0.2;
      payments.push(
        span(traceId, { id: 5 + call, parent: 3 + call, kind: 2, start: at, duration: Math.floor(spread) }),
      );
    }
    if (start >= window.start * 1_000 && start <= window.end * 1_000) durations.push(duration);
  }
  const group = (service: string, spans: readonly ReturnType<typeof span>[]) => ({
    resource: { attributes: [{ key: 'service.name', value: { stringValue: service } }] },
    scopeSpans: [{ scope: { name: 'made' }, spans }],
  });
  return {
    population: { resourceSpans: [group('checkout.shop', checkout), group('payments.shop', payments)] },
    durations: durations.sort((a, b) => b - a),
    spans,
  };
}

const made = makePopulation(1_500, 11);
/** A fifth of the requests end at the same microsecond. */
const clipped = makePopulation(1_500, 12, 190_000);

const startOfSlowest = ({ spans, durations }: Made): number | undefined =>
  spans.find(({ duration }) => duration === durations[0])?.start;

function durationsBetween({ spans }: Made, start: number, end: number): readonly number[] {
  return spans
    .filter((span) => span.start >= start * 1_000 && span.start <= end * 1_000)
    .map(({ duration }) => duration)
    .sort((a, b) => b - a);
}

async function slowest(bench: Bench, more: { minDuration?: number; count?: number } = {}) {
  benches.push(bench);
  const findSlowest = createFindSlowest({ traces: bench.source, clock, maxTime: ms(600_000) });
  return findSlowest({
    service: 'checkout.shop',
    window,
    count: more.count ?? 5,
    ...(more.minDuration === undefined ? {} : { minDuration: us(more.minDuration) }),
  });
}

describe('the slowest traces equal brute force whenever they are called exact', () => {
  const storages: readonly (readonly [StorageKind, ServerVersion])[] = [
    ['memory', 'after-2.20'],
    ['clickhouse', 'after-2.20'],
    ['elasticsearch', 'after-2.20'],
    ['elasticsearch', '2.13'],
    ['cassandra', 'after-2.20'],
    ['cassandra', '2.13'],
    ['badger', 'after-2.20'],
    ['tempo', '2.13'],
    ['tempo', 'after-2.20'],
    ['victoria-traces', '2.13'],
    ['victoria-traces', 'after-2.20'],
  ];
  it.each(storages)('on %s, with the API of version %s', async (behaviour, serverVersion) => {
    const bench = await openBench({ population: made.population, behaviour, serverVersion });
    const found = await slowest(bench);
    expect(found.rows).toHaveLength(5);
    expect(found.isComplete).toBe(true);
    expect(found.rows.map(({ duration }) => duration)).toEqual(made.durations.slice(0, 5));
    expect(found.completeness).toMatch(/^Complete: the slowest traces from 11:20 to 11:50 UTC$/);
    expect(found.searches).toBeLessThanOrEqual(16);
  });

  // The version changes how a trace is read, not what a search finds: one for each storage, all in a full run.
  const some = storages.filter(
    ([behaviour], index) => isFullRun || storages.findIndex(([other]) => other === behaviour) === index,
  );
  it.each(some)(
    'on %s as %s, where a timeout makes many of one duration',
    async (behaviour, serverVersion) => {
      const bench = await openBench({ population: clipped.population, behaviour, serverVersion });
      const found = await slowest(bench, { count: 10 });
      expect(found.isComplete).toBe(true);
      expect(found.rows.map(({ duration }) => duration)).toEqual(clipped.durations.slice(0, 10));
    },
  );

  it.each(some)(
    'on %s as %s, in a window that ends while a request runs',
    async (behaviour, serverVersion) => {
      const bench = await openBench({ population: made.population, behaviour, serverVersion });
      benches.push(bench);
      const start = epochMs(window.start + 60_400);
      // A millisecond after the slowest request has begun, somewhere inside a second.
      const end = epochMs(Math.ceil((startOfSlowest(made) ?? 0) / 1_000));
      expect(end % 1_000).not.toBe(0);
      const find = createFindSlowest({ traces: bench.source, clock, maxTime: ms(600_000) });
      const found = await find({ service: 'checkout.shop', window: { start, end }, count: 200 });
      expect(found.isComplete).toBe(true);
      const expected = durationsBetween(made, start, end).slice(0, 200);
      expect(found.rows.map(({ duration }) => duration)).toEqual(expected);
      expect(expected[0]).toBe(made.durations[0]);
    },
  );

  it.each(GENERATIONS)('on version %s', async (serverVersion) => {
    const bench = await openBench({ population: made.population, serverVersion, seed: 9 });
    const found = await slowest(bench, { count: 10 });
    expect(found.isComplete).toBe(true);
    expect(found.rows.map(({ duration }) => duration)).toEqual(made.durations.slice(0, 10));
    expect(found.rows.every(({ operation }) => operation === 'checkout.shop:8080/*')).toBe(true);
  });

  it.each(isFullRun ? [1, 2, 3, 4, 5, 6] : [1, 2])(
    'on Cassandra, which stops at rows rather than traces, in order %d',
    async (seed) => {
      const bench = await openBench({ population: made.population, behaviour: 'cassandra', seed });
      benches.push(bench);
      const find = createFindSlowest({ traces: bench.source, clock, limit: 10, maxSearches: 60 });
      const found = await find({ service: 'checkout.shop', window, count: 5 });
      expect(found.isComplete).toBe(true);
      expect(found.rows.map(({ duration }) => duration)).toEqual(made.durations.slice(0, 5));
    },
  );

  it('above a floor, all of them are counted', async () => {
    const floor = made.durations[11] ?? 0;
    const found = await slowest(await openBench({ population: made.population }), {
      minDuration: floor,
      count: 20,
    });
    const expected = made.durations.filter((duration) => duration >= floor);
    expect(found.rows.map(({ duration }) => duration)).toEqual(expected);
    expect(found.completeness).toMatch(
      new RegExp(`^Complete: all ${expected.length} traces of .* or more from 11:20 to 11:50 UTC$`),
    );
  });
});
