import type { StorageKind } from '../../demo/jaeger/storage.ts';
import type { Random } from '../../demo/mesh/random.ts';
import type { HttpAnswer, HttpClient, HttpRequest } from '../../src/http/http-client.ts';
import { UpstreamError } from '../../src/lib/errors.ts';

/** A trace in numbers. All of its spans begin at `start`; instants and durations are in whole microseconds. */
export interface SimulatedTrace {
  readonly start: number;
  /** The server span of `checkout`: what it is ranked by. */
  readonly own: number;
  /** A client span of `checkout`; 0 when there is none. */
  readonly client: number;
  /** A span of another service. */
  readonly other: number;
}

/** A Jaeger of the older API version over many traces, which are only written out when they are sent. */
export interface SimulatedJaeger {
  readonly http: HttpClient;
  /** How many traces went over the wire. */
  moved(): number;
}

interface Query {
  readonly from: number;
  readonly to: number;
  readonly min: number;
  readonly limit: number;
}

/** Which traces a storage gives, by their places in the population. */
type Find = (query: Query) => readonly number[];

const HOUR = 3_600_000_000;
const SECOND = 1_000_000;
const ROWS_PER_TRACE = 3;

/** Creates a Jaeger that searches as one kind of storage does, in time that grows with the answer where it can. */
export function createSimulatedJaeger(
  population: readonly SimulatedTrace[],
  { behaviour, random }: { readonly behaviour: StorageKind; readonly random: Random },
): SimulatedJaeger {
  const find = finderOf(population, behaviour, random);
  let moved = 0;
  const json = async ({ path, query = {} }: HttpRequest): Promise<HttpAnswer<unknown>> => {
    const answer = (body: unknown): HttpAnswer<unknown> => ({ status: 200, contentType: '', body });
    if (path === '/api/services') return answer({ data: ['checkout'] });
    if (path !== '/api/traces') {
      throw new UpstreamError({
        system: 'jaeger',
        code: 'bad-answer',
        message: 'Not here.',
        advice: 'None.',
      });
    }
    const found = find({
      from: Number(query['start']),
      to: Number(query['end']),
      min: minimumOf(String(query['minDuration'] ?? '0ms')),
      limit: Number(query['limit']),
    });
    moved += found.length;
    return answer({ data: found.map((place) => written(place, population[place]!)) });
  };
  const complaint =
    behaviour === 'victoria-traces'
      ? 'incorrect trace query params: service name is required'
      : '{"errors":[{"code":400,"msg":"parameter \'service\' is required"}]}';
  const text = async (): Promise<HttpAnswer<string>> => ({ status: 400, contentType: '', body: complaint });
  return { http: { json, text, close: () => {} }, moved: () => moved };
}

const UNITS: Readonly<Record<string, number>> = { ms: 1_000, us: 1, ns: 0.001 };

function minimumOf(text: string): number {
  const [, value = '0', unit = 'ms'] = /^(\d+)(\w+)$/.exec(text) ?? [];
  return Number(value) * (UNITS[unit] ?? 1);
}

function written(place: number, { start, own, client, other }: SimulatedTrace): unknown {
  const traceID = `a${place.toString(16).padStart(31, '0')}`;
  const span = (n: number, kind: string, duration: number) => ({
    traceID,
    spanID: n.toString(16).padStart(16, '0'),
    operationName: kind,
    references: n === 1 ? [] : [{ refType: 'CHILD_OF', traceID, spanID: '1'.padStart(16, '0') }],
    startTime: start,
    duration,
    tags: [{ key: 'span.kind', type: 'string', value: kind }],
    logs: [],
    processID: n === 3 ? 'p2' : 'p1',
  });
  return {
    traceID,
    spans: [
      span(1, 'server', own),
      ...(client === 0 ? [] : [span(2, 'client', client)]),
      span(3, 'server', other),
    ],
    processes: { p1: { serviceName: 'checkout', tags: [] }, p2: { serviceName: 'payments', tags: [] } },
  };
}

const longestOfService = ({ own, client }: SimulatedTrace): number => Math.max(own, client);
const longestOfAll = ({ own, client, other }: SimulatedTrace): number => Math.max(own, client, other);

function finderOf(population: readonly SimulatedTrace[], behaviour: StorageKind, random: Random): Find {
  const startOf = (place: number): number => population[place]!.start;
  const begunInside =
    ({ from, to }: Query) =>
    (place: number) =>
      startOf(place) >= from && startOf(place) <= to;
  switch (behaviour) {
    case 'memory':
    case 'clickhouse': {
      const index = indexBy(population, longestOfService);
      return (query) => arbitrary(index.atLeast(query.min), begunInside(query), query.limit, random);
    }
    case 'elasticsearch': {
      const index = indexBy(population, longestOfService);
      return (query) => newest(index.atLeast(query.min), begunInside(query), query.limit, startOf);
    }
    case 'badger': {
      const index = indexBy(population, longestOfAll);
      return (query) => newest(index.atLeast(query.min), begunInside(query), query.limit, startOf);
    }
    case 'tempo': {
      const index = indexBy(population, longestOfAll);
      return ({ from, to, min, limit }) => {
        const [start, end] = [from, to].map((instant) => Math.floor(instant / SECOND) * SECOND);
        const overlaps = (place: number): boolean =>
          startOf(place) <= end! && startOf(place) + longestOfAll(population[place]!) >= start!;
        return [...index.atLeast(min)].filter(overlaps).slice(0, limit);
      };
    }
    case 'victoria-traces': {
      const index = indexBy(population, longestOfService);
      // Its longest span: what ends last in the window may be another, which only makes the answer larger.
      const endOf = (place: number): number => startOf(place) + longestOfService(population[place]!);
      return (query) =>
        newest(
          index.above(query.min),
          (place) => endOf(place) >= query.from && endOf(place) <= query.to,
          query.limit,
          endOf,
        );
    }
    case 'cassandra':
      return cassandra(population, random);
  }
}

interface Index {
  /** Places with at least this key, the largest key first. */
  atLeast(min: number): readonly number[];
  above(min: number): readonly number[];
}

function indexBy(population: readonly SimulatedTrace[], key: (trace: SimulatedTrace) => number): Index {
  const keys = Float64Array.from(population, key);
  const places = Uint32Array.from(population.keys()).sort((a, b) => keys[b]! - keys[a]! || a - b);
  /** How many come before the first one that is too small. */
  const count = (isEnough: (key: number) => boolean): number => {
    let [low, high] = [0, places.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isEnough(keys[places[middle]!]!)) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const first = (n: number): readonly number[] => places.subarray(0, n) as unknown as readonly number[];
  return {
    atLeast: (min) => first(count((key) => key >= min)),
    above: (min) => first(count((key) => key > min)),
  };
}

/** Strides through the places from somewhere: another part of them each time. */
function arbitrary(
  places: readonly number[],
  isMatch: (place: number) => boolean,
  limit: number,
  random: Random,
): readonly number[] {
  const found: number[] = [];
  const offset = Math.floor(random.next() * places.length);
  // A prime that no population of these sizes is a multiple of: every place is visited once.
  const stride = 1_000_003;
  for (let i = 0; i < places.length && found.length < limit; i++) {
    const place = places[(offset + i * stride) % places.length]!;
    if (isMatch(place)) found.push(place);
  }
  return found;
}

function newest(
  places: readonly number[],
  isMatch: (place: number) => boolean,
  limit: number,
  at: (place: number) => number,
): readonly number[] {
  const best: number[] = [];
  for (let i = 0; i < places.length; i++) {
    const place = places[i]!;
    if (!isMatch(place) || (best.length === limit && at(place) <= at(best[limit - 1]!))) continue;
    let evalTime = best.length;
    while (evalTime > 0 && at(best[evalTime - 1]!) < at(place)) evalTime -= 1;
    best.splice(evalTime, 0, place);
    if (best.length > limit) best.pop();
  }
  return best;
}

/** Rows of the index, one per span of the service: by duration in buckets of an hour, or the latest ones. */
function cassandra(population: readonly SimulatedTrace[], random: Random): Find {
  interface Row {
    readonly place: number;
    readonly duration: number;
  }
  const buckets = new Map<number, Row[]>();
  for (const [place, { start, own, client }] of population.entries()) {
    const hour = Math.round(start / HOUR);
    const rows = buckets.get(hour) ?? [];
    buckets.set(hour, rows);
    rows.push({ place, duration: own });
    if (client > 0) rows.push({ place, duration: client });
  }
  for (const rows of buckets.values()) rows.sort((a, b) => b.duration - a.duration);
  const latest = [...population.keys()].sort((a, b) => population[b]!.start - population[a]!.start);

  const byDuration = ({ from, to, min, limit }: Query): Set<number> => {
    const found = new Set<number>();
    for (let hour = Math.round(to / HOUR); hour >= Math.round(from / HOUR); hour--) {
      const rows = (buckets.get(hour) ?? []).slice(0, limit * ROWS_PER_TRACE);
      for (const { place, duration } of rows) if (duration >= min && found.size < limit) found.add(place);
    }
    return found;
  };
  const byTime = ({ from, to, limit }: Query): Set<number> => {
    const found = new Set<number>();
    let rows = 0;
    for (const place of latest) {
      const { start, client } = population[place]!;
      if (start > to) continue;
      if (start < from || rows >= limit * ROWS_PER_TRACE || found.size >= limit) break;
      rows += client > 0 ? 2 : 1;
      found.add(place);
    }
    return found;
  };
  return (query) => {
    const found = [...(query.min > 0 ? byDuration(query) : byTime(query))];
    // Go walks its maps in random order.
    return found.sort(() => random.next() - 0.5);
  };
}
