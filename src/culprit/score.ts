import { keyText, type PieceKey, type PieceKind } from './piece.ts';
import { type TraceProfile } from './profile.ts';

/** How one piece of the critical path differs between slow and normal traces. All times in microseconds. */
export interface PieceDelta {
  readonly key: PieceKey;
  /** Mean time on the critical path per call. */
  readonly normalPerCall: number;
  readonly slowPerCall: number;
  /** Mean calls per trace. */
  readonly normalCalls: number;
  readonly slowCalls: number;
  /** Slowdown per trace because each call takes longer: what the ranking uses. */
  readonly price: number;
  /** Slowdown per trace because there are more calls. */
  readonly volume: number;
}

/** A service, database or host with its share of the slowdown. Microseconds per trace. */
export interface ServiceScore {
  readonly service: string;
  readonly score: number;
  readonly own: number;
  readonly database: number;
  /** Attempts at it before the last one. */
  readonly retries: number;
  /** What it waited for because it made more calls per request; 0 unless the ranking counts that. */
  readonly calls: number;
  /** The larger of what is attributed to it as a caller and as a called service. */
  readonly network: number;
  /** The called or calling service of its slowest edge, where `network` is above 0. */
  readonly peer: string;
}

/** What the traces of a set spent and called under one key: an entry per trace that has any. */
interface Row {
  readonly traces: number[];
  readonly times: number[];
  readonly calls: number[];
}

/** Two sets of traces, ready to be compared again and again with other weights. */
export interface Comparer {
  /** Compares the sets as if each trace were there as often as its weight says; without weights, once. */
  compare(weights?: Weights): CohortComparison;
}

/** How often each trace of a set counts. */
export interface Weights {
  readonly slow: Uint16Array;
  readonly normal: Uint16Array;
}

/** The pieces of two sets of traces. Microseconds. */
export interface CohortComparison {
  readonly deltas: readonly PieceDelta[];
  /** Mean duration of the slow traces minus that of the normal ones. */
  readonly slowdown: number;
  /** What the slow traces spent on calls whose server span was lost, per trace. */
  readonly unattributed: number;
}

const ratio = (value: number, by: number): number => (by === 0 ? 0 : value / by);

const emptyRow = (): Row => ({ traces: [], times: [], calls: [] });

/** A row for each key. Most keys are in few traces: paths with ids in them are in one each. */
function rowsOf(profiles: readonly TraceProfile[], keys: readonly PieceKey[]): readonly Row[] {
  const rows = new Map(keys.map((key) => [key, emptyRow()]));
  profiles.forEach(({ pieces }, trace) => {
    for (const [key, { time, calls }] of pieces) {
      const row = rows.get(key);
      row?.traces.push(trace);
      row?.times.push(time);
      row?.calls.push(calls);
    }
  });
  return [...rows.values()];
}

/** The sums of a row. */
interface Sum {
  readonly time: number;
  readonly calls: number;
  readonly traces: number;
}

/** The sums of the first `count` traces, each as often as its weight says. */
function sumOf(row: Row, count: number, weights: Uint16Array | undefined): Sum {
  let [time, calls] = [0, 0];
  for (let i = 0; i < row.traces.length; i++) {
    const weight = weights === undefined ? 1 : (weights[row.traces[i] as number] as number);
    time += (row.times[i] as number) * weight;
    calls += (row.calls[i] as number) * weight;
  }
  return { time, calls, traces: count };
}

const meanDuration = (profiles: readonly TraceProfile[], weights: Uint16Array | undefined): number =>
  ratio(
    profiles.reduce((sum, { duration }, i) => sum + duration * (weights?.[i] ?? 1), 0),
    profiles.length,
  );

/** Calls of which the server usually leaves a span: one without it lost that span, and its time says nothing. */
function lostKeys(keys: readonly PieceKey[], normal: readonly TraceProfile[]): ReadonlySet<PieceKey> {
  const totals = new Map<string, Map<string, number>>();
  for (const { answered } of normal)
    for (const [{ service, operation }, { yes, no }] of answered) {
      const ofService = totals.get(service) ?? new Map<string, number>();
      totals.set(service, ofService.set(operation, (ofService.get(operation) ?? 0) + yes - no));
    }
  const isLost = ({ kind, service, operation }: PieceKey): boolean =>
    kind === 'external' && (totals.get(service)?.get(operation) ?? 0) > 0;
  return new Set(keys.filter(isLost));
}

/** The keys with time on any critical path, in an order that does not depend on that of the traces. */
function keysOf(profiles: readonly TraceProfile[]): readonly PieceKey[] {
  const keys = new Set<PieceKey>();
  for (const { pieces } of profiles) for (const [key, { visits }] of pieces) if (visits > 0) keys.add(key);
  const texts = [...keys].map((key) => ({ key, text: keyText(key) }));
  return texts.sort((a, b) => (a.text < b.text ? -1 : 1)).map(({ key }) => key);
}

/** Prepares the comparison of slow traces with normal ones, piece by piece. Their profiles share `PieceKeys`. */
export function createComparer(slow: readonly TraceProfile[], normal: readonly TraceProfile[]): Comparer {
  const keys = keysOf([...slow, ...normal]);
  const [slowRows, normalRows] = [rowsOf(slow, keys), rowsOf(normal, keys)];
  const lost = lostKeys(keys, normal);
  return {
    compare: (weights) => {
      const all = keys.map((key, row) =>
        deltaOf(key, {
          slow: sumOf(slowRows[row] ?? emptyRow(), slow.length, weights?.slow),
          normal: sumOf(normalRows[row] ?? emptyRow(), normal.length, weights?.normal),
        }),
      );
      return {
        deltas: lost.size === 0 ? all : all.filter(({ key }) => !lost.has(key)),
        slowdown: meanDuration(slow, weights?.slow) - meanDuration(normal, weights?.normal),
        unattributed: all.reduce(
          (sum, { key, price, volume }) => (lost.has(key) ? sum + price + volume : sum),
          0,
        ),
      };
    },
  };
}

function deltaOf(key: PieceKey, sums: { readonly slow: Sum; readonly normal: Sum }): PieceDelta {
  const of = ({ time, calls, traces }: Sum) => ({ perCall: ratio(time, calls), calls: ratio(calls, traces) });
  const [slow, normal] = [of(sums.slow), of(sums.normal)];
  // What has no counterpart cannot have become slower: it is more calls.
  const isNew = normal.calls === 0;
  return {
    key,
    normalPerCall: normal.perCall,
    slowPerCall: slow.perCall,
    normalCalls: normal.calls,
    slowCalls: slow.calls,
    price: isNew ? 0 : (slow.perCall - normal.perCall) * slow.calls,
    volume: isNew ? slow.perCall * slow.calls : (slow.calls - normal.calls) * normal.perCall,
  };
}

/** A caller and a called service, with the slowdown of both legs per trace. */
interface Edge {
  readonly caller: string;
  readonly callee: string;
  request: number;
  response: number;
  /** Of a call without a span of the other side: both legs and the work in one. */
  whole: number;
  calls: number;
}

function edgesOf(deltas: readonly PieceDelta[]): readonly Edge[] {
  const edges: Edge[] = [];
  const byCaller = new Map<string, Map<string, Edge>>();
  for (const { key, price, slowCalls } of deltas) {
    const field = LEGS[key.kind];
    if (field === undefined) continue;
    const { service: caller, callee } = key;
    const byCallee = byCaller.get(caller) ?? new Map<string, Edge>();
    byCaller.set(caller, byCallee);
    let edge = byCallee.get(callee);
    if (edge === undefined) {
      edge = { caller, callee, request: 0, response: 0, whole: 0, calls: 0 };
      byCallee.set(callee, edge);
      edges.push(edge);
    }
    edge[field] += price;
    if (key.kind === 'request' || key.kind === 'external') edge.calls += slowCalls;
  }
  return edges;
}

const LEGS: Partial<Readonly<Record<PieceKind, 'request' | 'response' | 'whole'>>> = {
  request: 'request',
  response: 'response',
  connection: 'request',
  external: 'whole',
};

const positive = (value: number): number => Math.max(0, value);

/** Slowdown of an edge per call. */
const gapOf = ({ request, response, whole, calls }: Edge): number =>
  ratio(positive(request) + positive(response) + positive(whole), calls);

/** How the legs of an edge count for one of its two services. */
interface Part {
  /** The weight of the leg that the service did not send. */
  readonly weight: number;
  readonly sum: (edge: Edge, weight: number) => number;
  /** The service at the other end. */
  readonly other: (edge: Edge) => string;
}

/** A caller sends requests; half of a slow reply may be its own. */
const AS_CALLER: Part = {
  weight: 0.5,
  sum: ({ request, response, whole }, weight) => request + whole / 2 + weight * response,
  other: ({ callee }) => callee,
};
/** A called service sends replies; most of a slow request may be its own. */
const AS_CALLED: Part = {
  weight: 0.8,
  sum: ({ request, response, whole }, weight) => response + whole + weight * request,
  other: ({ caller }) => caller,
};

/** From this mean on, several slow edges of one service are its own slowness. */
const CONSISTENT = 0.5;

interface Side {
  readonly value: number;
  readonly peer: string;
}

/**
 * How much of its edges' slowdown is a service's own. A delayed sender delays the requests it sends and the replies it gives; one
 * slow peer among many fine ones is that peer's fault; when all are slow, it is the service's.
 */
function sideOf(edges: readonly Edge[], worst: number, { weight, sum, other }: Part): Side {
  if (edges.length === 0) return { value: 0, peer: '' };
  const consistency = edges.reduce((total, edge) => total + ratio(gapOf(edge), worst), 0) / edges.length;
  const isShared = edges.length >= 2 && consistency >= CONSISTENT;
  const value = positive(edges.reduce((total, edge) => total + sum(edge, isShared ? 1 : weight), 0));
  const slowest = edges.reduce((best, edge) => (gapOf(edge) > gapOf(best) ? edge : best));
  return { value: consistency * value, peer: slowest.caller === slowest.callee ? '' : other(slowest) };
}

/** Whether a service is slow with one of several services that it calls, and with the others as fast as before. */
export function hasOneSlowPeer(deltas: readonly PieceDelta[], service: string): boolean {
  const gaps = edgesOf(deltas.filter(({ key }) => key.service === service)).map(gapOf);
  const worst = Math.max(0, ...gaps);
  return gaps.length >= 2 && gaps.reduce((sum, gap) => sum + gap, 0) < worst * CONSISTENT * gaps.length;
}

function edgesBy(edges: readonly Edge[], end: 'caller' | 'callee'): ReadonlyMap<string, readonly Edge[]> {
  const groups = new Map<string, Edge[]>();
  for (const edge of edges) {
    const group = groups.get(edge[end]);
    if (group === undefined) groups.set(edge[end], [edge]);
    else group.push(edge);
  }
  return groups;
}

/** A service that makes this many times as many calls per request of its own makes more calls. */
const MORE_CALLS = 1.5;

/** Time that a service waited for because it made more calls, and the service or database that it called. */
interface MoreCalls {
  readonly time: number;
  readonly callee: string;
}

const NO_CALLS: MoreCalls = { time: 0, callee: '' };

/** How many calls a service takes, or makes to another one, per trace. */
const callsOf = (deltas: readonly PieceDelta[], isOf: (key: PieceKey) => boolean) =>
  deltas.reduce(
    (sum, { key, slowCalls, normalCalls }) =>
      isOf(key) ? { slow: sum.slow + slowCalls, normal: sum.normal + normalCalls } : sum,
    { slow: 0, normal: 0 },
  );

const CALLS: ReadonlySet<PieceKind> = new Set(['request', 'database', 'external']);

/**
 * Calls that a service makes more often per request it serves: N+1 queries. A service that is itself called more often, and for
 * that makes more calls, does not count: its caller does. The time of a call is that on its way and below it.
 */
function moreCallsOf(service: string, deltas: readonly PieceDelta[]): MoreCalls {
  const served = callsOf(deltas, (key) => key.kind === 'own' && key.service === service);
  const expected = Math.max(1, ratio(served.slow, served.normal)) * MORE_CALLS;
  const callees = new Set(deltas.flatMap(({ key }) => (key.service === service ? [key.callee] : [])));
  callees.delete('');
  let most: MoreCalls = { time: 0, callee: '' };
  let time = 0;
  for (const callee of callees) {
    const isTo = (key: PieceKey): boolean => key.service === service && key.callee === callee;
    const { slow, normal } = callsOf(deltas, (key) => isTo(key) && CALLS.has(key.kind));
    if (slow < normal * expected || slow - normal < MORE_CALLS - 1) continue;
    const onTheWay = deltas.reduce(
      (sum, { key, volume }) => (isTo(key) && key.kind !== 'retry' ? sum + volume : sum),
      0,
    );
    const all = onTheWay + volumeBelow(callee, deltas, new Set([service]));
    time += positive(all);
    if (all > most.time) most = { time: all, callee };
  }
  return { time, callee: most.callee };
}

/** The time of more calls of a service and of those it calls. */
function volumeBelow(service: string, deltas: readonly PieceDelta[], seen: ReadonlySet<string>): number {
  if (seen.has(service)) return 0;
  const mine = deltas.filter(({ key }) => key.service === service);
  const next = new Set([...seen, service]);
  return [...new Set(mine.map(({ key }) => key.callee))].reduce(
    (sum, callee) => sum + (callee === '' ? 0 : volumeBelow(callee, deltas, next)),
    mine.reduce((sum, { volume }) => sum + volume, 0),
  );
}

/** What the price of pieces does not explain at least this share of may be more calls. */
const EXPLAINED = 0.5;

/** Calls did not become slower by as much as the requests: there are more of them. */
export const isByMoreCalls = ({ deltas, slowdown }: CohortComparison): boolean =>
  deltas.reduce((sum, { price }) => sum + price, 0) < slowdown * EXPLAINED;

/**
 * Scores every service by its share of the slowdown, the largest first. What each call costs is compared, which a change in the mix
 * of requests does not move; `countCalls` adds the time of more calls.
 */
export function scoreServices(deltas: readonly PieceDelta[], countCalls = false): readonly ServiceScore[] {
  const edges = edgesOf(deltas);
  const worst = Math.max(0, ...edges.map(gapOf));
  const work = new Map<string, { own: number; database: number }>();
  const retries = new Map<string, number>();
  for (const { key, price, volume } of deltas) {
    const sums = work.get(key.service) ?? { own: 0, database: 0 };
    if (key.kind === 'own' || key.kind === 'database') sums[key.kind] += price;
    work.set(key.service, sums);
    if (key.kind === 'retry') retries.set(key.callee, (retries.get(key.callee) ?? 0) + price + volume);
  }
  const outgoing = edgesBy(edges, 'caller');
  const incoming = edgesBy(edges, 'callee');
  const services = new Set([...work.keys(), ...incoming.keys()]);
  services.delete('');
  const scores = [...services].map((service): ServiceScore => {
    const sums = work.get(service);
    const own = positive(sums?.own ?? 0);
    const database = positive(sums?.database ?? 0);
    const out = sideOf(outgoing.get(service) ?? [], worst, AS_CALLER);
    const into = sideOf(incoming.get(service) ?? [], worst, AS_CALLED);
    const side = out.value > into.value ? out : into;
    const attempts = positive(retries.get(service) ?? 0);
    const more = countCalls ? moreCallsOf(service, deltas) : NO_CALLS;
    const score = own + database + side.value + attempts + more.time;
    const peer = more.time > side.value ? more.callee : side.peer;
    return { service, own, database, retries: attempts, calls: more.time, network: side.value, peer, score };
  });
  return scores.sort((a, b) => b.score - a.score || (a.service < b.service ? -1 : 1));
}

/** Slowdowns per call within this factor of each other have one cause. */
export const ALIKE = 3;

export const LEAST_SLOWDOWN = 1_000;

export const largest = (deltas: readonly PieceDelta[]): PieceDelta | undefined =>
  deltas.reduce<PieceDelta | undefined>(
    (best, delta) => (best === undefined || delta.price > best.price ? delta : best),
    undefined,
  );
