import { operationOf } from '../traces/operations.ts';
import { versionOf } from './attributes.ts';
import type { PieceKey, PieceKind } from './piece.ts';
import { type TraceProfile, timeOn } from './profile.ts';
import type { Candidate, CulpritKind, Sets } from './result.ts';
import { ALIKE, LEAST_SLOWDOWN, largest, type PieceDelta, type ServiceScore } from './score.ts';

/** Own work slower by this factor, with a wait in front of it: requests queue. */
const OVERLOADED = 2;
/**
 * Own work slower by this factor and microseconds per call is overload even beside much slower connections: a starved process
 * also sends and receives late. Measured on 85 labelled faults: pods with a slow network are below one of the two (own work
 * up to 3.0 times as long, by up to 1.1 ms; or by up to 15 ms, 2.4 times), starved ones above both.
 */
const STARVED = { ratio: 3, growth: 3_000 };

/** What tells replicas and versions apart. */
type KindGrounds = Pick<Sets, 'slow' | 'normal' | 'attributes'>;

interface KindFound {
  readonly kind: CulpritKind;
  readonly detail: string;
}

/** What a service was slow with, and the name that goes with it: the pod, version, database or peer. */
export function kindOf(score: ServiceScore, deltas: readonly PieceDelta[], sets: KindGrounds): KindFound {
  const { service, own, database, network } = score;
  const calls = kindOfCalls(score);
  if (calls !== undefined) return calls;
  const pod = badReplica(score, sets);
  if (pod !== undefined) return { kind: 'bad-replica', detail: pod };
  const version = newVersion(service, sets);
  if (version !== undefined) return { kind: 'new-version', detail: version };
  if (isNetworkOf(service, deltas) && !isOverloaded(service, deltas, sets))
    return { kind: 'network', detail: '' };
  if (isQueueing(score, deltas, sets)) return { kind: 'queueing', detail: '' };
  if (database > own && database > network) return { kind: 'database', detail: databaseOf(deltas) };
  if (own >= network) return { kind: 'own-code', detail: '' };
  const isExternal = deltas.some(
    ({ key, price }) => key.kind === 'external' && key.callee === service && price > network / 2,
  );
  if (isExternal) return { kind: 'external', detail: '' };
  if (isOverloaded(service, deltas, sets)) return { kind: 'queueing', detail: '' };
  return { kind: 'network', detail: score.peer };
}

/** Calls that are made more often, by the service or again to it. */
function kindOfCalls({ calls, retries, score, peer }: ServiceScore): KindFound | undefined {
  if (calls > score / 2) return { kind: 'more-calls', detail: peer };
  return retries > score / 2 ? { kind: 'retries', detail: '' } : undefined;
}

const databaseOf = (deltas: readonly PieceDelta[]): string =>
  largest(deltas.filter(({ key }) => key.kind === 'database'))?.key.callee ?? '';

/** Slowdown per call of every called or calling service and database of a service. */
function gapsOf(service: string, deltas: readonly PieceDelta[]): ReadonlyMap<string, number> {
  const gaps = new Map<string, number>();
  for (const { key, slowPerCall, normalPerCall, normalCalls } of deltas) {
    if (key.kind === 'own' || key.kind === 'retry' || normalCalls === 0) continue;
    const name = key.callee === service ? `from ${key.service}` : `to ${key.callee}`;
    gaps.set(name, (gaps.get(name) ?? 0) + slowPerCall - normalPerCall);
  }
  return gaps;
}

/**
 * All connections of a service are slower by about as much per call, its database's among them: its network is. The service whose
 * requests are compared has no caller in what is compared: a called service, whose own span shows what the way there took, stands in.
 */
function isNetworkOf(service: string, deltas: readonly PieceDelta[]): boolean {
  const gaps = [...gapsOf(service, deltas)];
  const values = gaps.map(([, gap]) => gap);
  const worst = Math.max(...values);
  const callers = gaps.filter(([name]) => name.startsWith('from '));
  const isBetweenServices =
    callers.length === 0
      ? deltas.some(({ key }) => key.kind === 'response' && key.service === service)
      : callers.some(([, gap]) => gap > worst / ALIKE);
  return (
    gaps.length >= 2 &&
    worst > LEAST_SLOWDOWN &&
    isBetweenServices &&
    values.every((gap) => gap > worst / ALIKE)
  );
}

/** Requests wait in front of a service whose own work takes longer too: the least wait, as a share of its own slowdown. */
const WAIT_SHARE = 0.1;

function isQueueing(
  { service, own }: ServiceScore,
  deltas: readonly PieceDelta[],
  sets: KindGrounds,
): boolean {
  const wait = deltas.reduce(
    (sum, { key, price }) => (key.kind === 'request' && key.callee === service ? sum + price : sum),
    0,
  );
  return wait > own * WAIT_SHARE && wait > LEAST_SLOWDOWN && isOverloaded(service, deltas, sets);
}

/** Mean time each time that the critical path leads through a key: a service that is waited for more often is no slower. */
function timePerVisit(profiles: readonly TraceProfile[], key: PieceKey): number {
  const { time, visits } = timeOn(profiles, key);
  return visits === 0 ? 0 : time / visits;
}

/** Twice the time of next to nothing is no overload: the growth has to count beside the slowest connection, or by itself. */
function isOverloaded(service: string, deltas: readonly PieceDelta[], sets: KindGrounds): boolean {
  const own = deltas.filter(({ key }) => key.kind === 'own' && key.service === service);
  const total = (profiles: readonly TraceProfile[]): number =>
    own.reduce((sum, { key }) => sum + timePerVisit(profiles, key), 0);
  const [slow, normal] = [total(sets.slow), total(sets.normal)];
  const worstGap = Math.max(0, ...gapsOf(service, deltas).values());
  const [ratio, growth] = [normal > 0 ? slow / normal : 0, slow - normal];
  return (
    (ratio >= OVERLOADED && growth > worstGap * WAIT_SHARE) ||
    (ratio >= STARVED.ratio && growth >= STARVED.growth)
  );
}

/** One pod has this share of the slowdown of its service, while the others are as fast as before. */
const REPLICA_SHARE = 0.8;

/** Time and calls of each pod of a service, in all traces together. */
function podsOf(
  service: string,
  profiles: readonly TraceProfile[],
): ReadonlyMap<string, { readonly time: number; readonly calls: number }> {
  const pods = new Map<string, { time: number; calls: number }>();
  for (const { instances } of profiles)
    for (const [pod, { time, calls }] of instances.get(service) ?? []) {
      const seen = pods.get(pod) ?? { time: 0, calls: 0 };
      pods.set(pod, seen);
      seen.time += time;
      seen.calls += calls;
    }
  return pods;
}

function badReplica({ service, score }: ServiceScore, { slow, normal }: KindGrounds): string | undefined {
  const before = podsOf(service, normal);
  // One replica alone, or one that is new, says nothing about replicas.
  if (before.size < 2) return undefined;
  const of = (value: 'time' | 'calls'): number =>
    [...before.values()].reduce((sum, pod) => sum + pod[value], 0);
  const baseline = of('calls') === 0 ? 0 : of('time') / of('calls');
  const excess = [...podsOf(service, slow)].map(([pod, { time, calls }]) => ({
    pod,
    excess: Math.max(0, time - calls * baseline),
  }));
  const total = excess.reduce((sum, pod) => sum + pod.excess, 0);
  const [worst] = excess.sort((a, b) => b.excess - a.excess);
  const isOne =
    worst !== undefined &&
    worst.excess >= total * REPLICA_SHARE &&
    worst.excess >= (score * slow.length) / 2 &&
    before.has(worst.pod);
  return isOne ? worst.pod : undefined;
}

/** A version of the service that few normal traces ran has nearly all of the slowdown. */
function newVersion(service: string, { slow, normal, attributes }: KindGrounds): string | undefined {
  const baseline = normal.reduce((sum, { duration }) => sum + duration, 0) / Math.max(1, normal.length);
  const excessOf = (profiles: readonly TraceProfile[]): number =>
    profiles.reduce((sum, { duration }) => sum + Math.max(0, duration - baseline), 0);
  const ran = (version: string): readonly TraceProfile[] =>
    slow.filter(({ trace }) =>
      trace.spans.some((span) => span.serviceName === service && versionOf(span) === version),
    );
  const found = attributes.find(
    (finding) =>
      finding.service === service &&
      finding.attribute === 'version' &&
      finding.normal <= finding.ofNormal / 2 &&
      excessOf(ran(finding.value)) >= excessOf(slow) * REPLICA_SHARE,
  );
  return found?.value;
}

/** A service as a candidate: what it was slow with, and its share of the slowdown. */
export function candidateOf(score: ServiceScore, sets: Sets): Candidate {
  const { deltas, slowdown } = sets.comparison;
  const of = deltas.filter(({ key }) => key.service === score.service || key.callee === score.service);
  const share = Math.min(1, Math.max(0, score.score / slowdown));
  const { kind, detail } = kindOf(score, of, sets);
  return {
    service: score.service,
    operation: requestNameOf(score.service, spanNameOf(score.service, kind, of), sets.slow),
    kind,
    detail,
    slowdown: score.score,
    share,
  };
}

/** Pieces that show an operation of the service, by what the service was slow with. */
const SHOWS: Partial<Readonly<Record<CulpritKind, readonly PieceKind[]>>> = {
  database: ['database'],
  network: ['request', 'response'],
  external: ['external'],
  retries: ['retry'],
};

function spanNameOf(service: string, kind: CulpritKind, deltas: readonly PieceDelta[]): string {
  const kinds = SHOWS[kind] ?? ['own'];
  const isCall = kinds.some((each) => each === 'request' || each === 'external' || each === 'retry');
  const mine = deltas.filter(
    ({ key }) => kinds.includes(key.kind) && (isCall ? key.callee : key.service) === service,
  );
  const [top] = mine.sort((a, b) => b.price + b.volume - a.price - a.volume);
  return top?.key.operation ?? '';
}

/** From this share of its slow spans on, one request line stands for a span name. */
const MOSTLY = 0.8;
/** Slow traces in which request lines are counted: they are of one endpoint, and each of ten candidates is looked for in them. */
const MOST_READ = 25;

/** A mesh names the spans of all requests of a service alike, after its host: the request line of nearly all of them says more. */
function requestNameOf(service: string, spanName: string, slow: readonly TraceProfile[]): string {
  const counts = new Map<string, number>();
  let all = 0;
  for (const { trace } of slow.slice(0, MOST_READ))
    for (const span of trace.spans) {
      if (span.serviceName !== service || span.spanName !== spanName || span.kind !== 'server') continue;
      const name = operationOf(span);
      // Only the names that a mesh gives are replaced: one that stays as it is says enough.
      if (name === spanName) return spanName;
      counts.set(name, (counts.get(name) ?? 0) + 1);
      all += 1;
    }
  const [most] = [...counts].sort(([, a], [, b]) => b - a);
  return most !== undefined && most[1] >= all * MOSTLY ? most[0] : spanName;
}
