import type { Trace } from '../traces/trace.ts';
import { type AttributeFinding, overRepresented } from './attributes.ts';
import { instanceKey, profileOf, type TraceProfile } from './profile.ts';
import {
  type Comparer,
  type Comparison,
  createComparer,
  type PieceDelta,
  type ServiceScore,
  scoreServices,
} from './score.ts';

/** What made a service slow. */
export type CulpritKind =
  | 'own-code'
  | 'database'
  | 'queueing'
  | 'network'
  | 'retries'
  | 'bad-replica'
  | 'more-calls'
  | 'new-version'
  | 'external';

/** How sure the result is: the share of resamples that agree, capped by what the traces can show. */
export type Confidence = 'high' | 'medium' | 'unclear';

/** A service with its part of the slowdown. Times in microseconds per trace. */
export interface Candidate {
  readonly service: string;
  /** The operation with the largest slowdown; empty when none stands out. */
  readonly operation: string;
  readonly kind: CulpritKind;
  readonly slowdown: number;
  /** Of the whole slowdown, 0 to 1. */
  readonly share: number;
  /** Of `network`: the other side. Of `bad-replica`: the pod. Of `new-version`: the version. Of `database`: the database. */
  readonly detail: string;
}

/** Why there is no comparison. */
export type NotCompared =
  | { readonly kind: 'too-few'; readonly slow: number; readonly normal: number }
  | { readonly kind: 'not-slower'; readonly slow: number; readonly normal: number };

/** What slow traces of one endpoint have that normal ones have not. */
export interface CulpritResult {
  readonly kind: 'compared';
  /** The first is the culprit, unless the confidence is `unclear`; at most three. */
  readonly candidates: readonly Candidate[];
  /** A second, simultaneous cause: at least a quarter of the slowdown once the first is taken out. */
  readonly second?: Candidate;
  readonly confidence: Confidence;
  /** Why the confidence is not `high`: full sentences. */
  readonly caveats: readonly string[];
  /** Resamples in which the first candidate came first, of how many. */
  readonly agreeing: number;
  readonly resamples: number;
  readonly slow: number;
  readonly normal: number;
  /** Mean duration of the slow traces minus that of the normal ones, and what no service explains. Microseconds. */
  readonly slowdown: number;
  readonly unattributed: number;
  /** All pieces, the largest slowdown first. */
  readonly pieces: readonly PieceDelta[];
  readonly attributes: readonly AttributeFinding[];
}

/** Fewer traces on a side give no comparison. */
const FEWEST_TRACES = 5;
/** More traces on a side are not read. */
const MOST_TRACES = 200;
const RESAMPLES = 50;
/** Slower by less than this, in share and microseconds, is not slower. */
const LEAST_SHARE = 0.1;
const LEAST_SLOWDOWN = 1_000;

/** A seeded generator of numbers from 0 to 1 (mulberry32, Tommy Ettinger, public domain). */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Finds the service that made slow traces slow, by comparing their critical paths with those of normal traces of the same
 * endpoint. Deterministic for the same traces in the same order. Cost grows with the number of spans.
 */
export function findCulprit(slow: readonly Trace[], normal: readonly Trace[]): CulpritResult | NotCompared {
  const [s, n] = [profilesOf(slow), profilesOf(normal)];
  const counts = { slow: s.length, normal: n.length };
  if (s.length < FEWEST_TRACES || n.length < FEWEST_TRACES) return { kind: 'too-few', ...counts };
  const comparer = createComparer(s, n);
  const comparison = comparer.compare();
  const baseline = mean(n.map(({ duration }) => duration));
  if (comparison.slowdown < Math.max(LEAST_SLOWDOWN, baseline * LEAST_SHARE))
    return { kind: 'not-slower', ...counts };
  return resultOf({
    comparer,
    slow: s,
    normal: n,
    comparison,
    attributes: overRepresented(slow.slice(0, MOST_TRACES), normal.slice(0, MOST_TRACES)),
  });
}

const mean = (values: readonly number[]): number =>
  values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;

const profilesOf = (traces: readonly Trace[]): readonly TraceProfile[] =>
  traces.slice(0, MOST_TRACES).flatMap((trace) => profileOf(trace) ?? []);

interface Sets {
  readonly comparer: Comparer;
  readonly slow: readonly TraceProfile[];
  readonly normal: readonly TraceProfile[];
  readonly comparison: Comparison;
  readonly attributes: readonly AttributeFinding[];
}

function resultOf(sets: Sets): CulpritResult {
  const { slow, normal, comparison, attributes } = sets;
  const scores = rank(comparison.deltas);
  const candidates = scores.slice(0, 3).map((score) => candidateOf(score, sets));
  const agreeing = countAgreeing(sets, scores[0]?.service);
  const second = secondCause(sets, scores[0]);
  const judged = confidenceOf({ sets, candidates, stability: agreeing / RESAMPLES, second });
  return {
    kind: 'compared',
    candidates,
    second,
    ...judged,
    agreeing,
    resamples: RESAMPLES,
    slow: slow.length,
    normal: normal.length,
    slowdown: comparison.slowdown,
    unattributed: comparison.unattributed,
    pieces: [...comparison.deltas].sort((a, b) => b.price + b.volume - a.price - a.volume),
    attributes,
  };
}

/** Services by their part of the slowdown, with a call that left no span put where it belongs. */
function rank(deltas: readonly PieceDelta[]): readonly ServiceScore[] {
  const scores = scoreServices(deltas);
  const [first, second, ...others] = scores;
  if (first === undefined || second === undefined || !hidesCall(deltas, first, second)) return scores;
  return [second, first, ...others];
}

/** Slowdowns per call within this factor of each other have one cause. */
const ALIKE = 3;
/** The least part of the slowdown that shows that a called service is slow for another caller too. */
const SEEN_ELSEWHERE = 0.1;

/**
 * Whether the first service only waited for the second by a call that left no client span: its slowdown lies in an internal
 * span, and another caller sees the second slower by about as much per call. Two simultaneous causes of one size
 * in unrelated places are less likely than one.
 */
function hidesCall(deltas: readonly PieceDelta[], first: ServiceScore, second: ServiceScore): boolean {
  if (second.network < second.score / 2 || second.score < first.score * SEEN_ELSEWHERE) return false;
  const entries = new Set(
    deltas.filter(({ key }) => key.kind === 'request').map(({ key }) => `${key.callee} ${key.operation}`),
  );
  const own = largest(deltas.filter(({ key }) => key.kind === 'own' && key.service === first.service));
  if (
    own === undefined ||
    own.price < first.score / 2 ||
    entries.has(`${first.service} ${own.key.operation}`)
  )
    return false;
  const toSecond = deltas.filter(
    ({ key }) => key.callee === second.service && key.service !== first.service && key.kind !== 'retry',
  );
  const gap = toSecond.reduce(
    (sum, { slowPerCall, normalPerCall }) => sum + Math.max(0, slowPerCall - normalPerCall),
    0,
  );
  const ownGap = own.slowPerCall - own.normalPerCall;
  return gap > ownGap / ALIKE && gap < ownGap * ALIKE;
}

const largest = (deltas: readonly PieceDelta[]): PieceDelta | undefined =>
  deltas.reduce<PieceDelta | undefined>(
    (best, delta) => (best === undefined || delta.price > best.price ? delta : best),
    undefined,
  );

/** How often each of `size` traces is drawn in `size` draws. */
function drawWeights(size: number, random: () => number): Uint16Array {
  const weights = new Uint16Array(size);
  for (let i = 0; i < size; i++) {
    const drawn = Math.floor(random() * size);
    weights[drawn] = (weights[drawn] ?? 0) + 1;
  }
  return weights;
}

function countAgreeing({ comparer, slow, normal }: Sets, first: string | undefined): number {
  const random = randomOf(slow.length * 1_000 + normal.length);
  let agreeing = 0;
  for (let i = 0; i < RESAMPLES; i++) {
    const weights = { slow: drawWeights(slow.length, random), normal: drawWeights(normal.length, random) };
    if (rank(comparer.compare(weights).deltas)[0]?.service === first) agreeing += 1;
  }
  return agreeing;
}

/** From this share of the slowdown on, what is left without the first cause is a second one. */
const SECOND_SHARE = 0.25;

function secondCause(sets: Sets, first: ServiceScore | undefined): Candidate | undefined {
  if (first === undefined) return undefined;
  const { deltas, slowdown } = sets.comparison;
  const rest = deltas.filter(({ key }) => key.service !== first.service && key.callee !== first.service);
  const [next] = scoreServices(rest);
  if (next === undefined || next.score < slowdown * SECOND_SHARE) return undefined;
  return candidateOf(next, sets);
}

/** A volume of calls that explains this share of the slowdown is the finding. */
const VOLUME_SHARE = 0.5;
/** Own work slower by this factor, with a wait in front of it: requests queue. */
const OVERLOADED = 2;

function candidateOf(score: ServiceScore, sets: Sets): Candidate {
  const { deltas, slowdown } = sets.comparison;
  const of = deltas.filter(({ key }) => key.service === score.service || key.callee === score.service);
  const share = Math.min(1, Math.max(0, score.score / slowdown));
  const { kind, detail } = kindOf(score, of, sets);
  return {
    service: score.service,
    operation: operationOf(score, of),
    kind,
    detail,
    slowdown: score.score,
    share,
  };
}

function operationOf(
  { service, own, database, network }: ServiceScore,
  deltas: readonly PieceDelta[],
): string {
  const mine = deltas.filter(({ key }) =>
    network > own + database
      ? key.callee === service
      : key.service === service && (key.kind === 'own' || key.kind === 'database'),
  );
  const top = largest(mine.length === 0 ? deltas : mine);
  return top !== undefined && top.price > 0 ? top.key.operation : '';
}

interface KindFound {
  readonly kind: CulpritKind;
  readonly detail: string;
}

function kindOf(score: ServiceScore, deltas: readonly PieceDelta[], sets: Sets): KindFound {
  const { service, own, database, network } = score;
  const volume = deltas.filter(
    ({ key }) => key.callee === service || (key.kind === 'database' && key.service === service),
  );
  const [retries, calls] = [sumVolume(volume, true), sumVolume(volume, false)];
  const total = Math.max(1, sets.comparison.slowdown);
  if (retries > total * VOLUME_SHARE && retries > score.score) return { kind: 'retries', detail: '' };
  if (calls > total * VOLUME_SHARE && calls > score.score) return { kind: 'more-calls', detail: '' };
  const pod = badReplica(service, sets);
  if (pod !== undefined) return { kind: 'bad-replica', detail: pod };
  const version = newVersion(service, sets);
  if (version !== undefined) return { kind: 'new-version', detail: version };
  if (database > own && database > network)
    return {
      kind: 'database',
      detail: largest(deltas.filter(({ key }) => key.kind === 'database'))?.key.callee ?? '',
    };
  if (own >= network) return { kind: 'own-code', detail: '' };
  if (
    deltas.some(({ key, price }) => key.kind === 'external' && key.callee === service && price > network / 2)
  )
    return { kind: 'external', detail: '' };
  return isOverloaded(service, deltas)
    ? { kind: 'queueing', detail: '' }
    : { kind: 'network', detail: peerOf(score) };
}

const peerOf = ({ service, peer }: ServiceScore): string =>
  peer.split('\u0000').find((each) => each !== service) ?? '';

const sumVolume = (deltas: readonly PieceDelta[], ofRetries: boolean): number =>
  deltas.reduce(
    (sum, { key, volume, price }) =>
      (key.kind === 'retry') === ofRetries ? sum + volume + (ofRetries ? price : 0) : sum,
    0,
  );

function isOverloaded(service: string, deltas: readonly PieceDelta[]): boolean {
  const own = deltas.filter(({ key }) => key.kind === 'own' && key.service === service);
  const [slow, normal] = [
    own.reduce((sum, d) => sum + d.slowPerCall, 0),
    own.reduce((sum, d) => sum + d.normalPerCall, 0),
  ];
  return normal > 0 && slow / normal >= OVERLOADED;
}

/** One pod has this share of the slowdown of its service, while the others are as fast as before. */
const REPLICA_SHARE = 0.8;

function badReplica(service: string, { slow, normal }: Sets): string | undefined {
  const baseline = perCall(normal, (key) => key.startsWith(instanceKey(service, '')));
  const pods = new Map<string, { time: number; calls: number }>();
  for (const { instances } of slow)
    for (const [key, { time, calls }] of instances) {
      if (!key.startsWith(instanceKey(service, ''))) continue;
      const seen = pods.get(key) ?? { time: 0, calls: 0 };
      pods.set(key, { time: seen.time + time, calls: seen.calls + calls });
    }
  const before = new Set(
    normal.flatMap(({ instances }) =>
      [...instances.keys()].filter((key) => key.startsWith(instanceKey(service, ''))),
    ),
  );
  // One replica alone, or one that is new, says nothing about replicas.
  if (before.size < 2) return undefined;
  const excess = [...pods].map(([key, { time, calls }]) => ({
    key,
    excess: Math.max(0, time - calls * baseline),
  }));
  const total = excess.reduce((sum, pod) => sum + pod.excess, 0);
  const [worst] = excess.sort((a, b) => b.excess - a.excess);
  if (worst === undefined || worst.excess < total * REPLICA_SHARE || !before.has(worst.key)) return undefined;
  return worst.key.slice(instanceKey(service, '').length);
}

function perCall(profiles: readonly TraceProfile[], isOf: (key: string) => boolean): number {
  let [time, calls] = [0, 0];
  for (const { instances } of profiles)
    for (const [key, seen] of instances)
      if (isOf(key)) {
        time += seen.time;
        calls += seen.calls;
      }
  return calls === 0 ? 0 : time / calls;
}

/** Nearly all slow traces ran one version of the service that few normal ones ran. */
function newVersion(service: string, { attributes }: Sets): string | undefined {
  const found = attributes.find(
    (finding) =>
      finding.service === service &&
      finding.attribute === 'version' &&
      finding.slow >= finding.ofSlow * REPLICA_SHARE &&
      finding.normal <= finding.ofNormal / 2,
  );
  return found?.value;
}

/** Traces and stability that a confident result needs (culprit benchmark: at 0.9 and more 99% were right). */
const HIGH = { stability: 0.95, share: 0.6, slow: 10, normal: 20 };
const MEDIUM_STABILITY = 0.8;
const MOST_UNATTRIBUTED = 0.3;

function confidenceOf({
  sets: { slow, normal, comparison },
  candidates: [first],
  stability,
  second,
}: {
  readonly sets: Sets;
  readonly candidates: readonly Candidate[];
  readonly stability: number;
  readonly second: Candidate | undefined;
}): Pick<CulpritResult, 'confidence' | 'caveats'> {
  const share = first?.share ?? 0;
  const caveats = [
    stability < HIGH.stability ? `Only ${Math.round(stability * 100)}% of the resamples agree.` : '',
    share < HIGH.share ? `${Math.round(share * 100)}% of the slowdown is explained.` : '',
    slow.length < HIGH.slow || normal.length < HIGH.normal
      ? `Only ${slow.length} slow and ${normal.length} normal traces.`
      : '',
    comparison.unattributed > comparison.slowdown * MOST_UNATTRIBUTED
      ? 'Spans of called services are missing.'
      : '',
    hasNoClientSpans(normal)
      ? 'The traces have no client spans: network and own code of a caller look the same.'
      : '',
    second === undefined ? '' : `${second.service} is slower too.`,
  ].filter((caveat) => caveat !== '');
  if (first === undefined || stability < MEDIUM_STABILITY) return { confidence: 'unclear', caveats };
  return { confidence: caveats.length === 0 ? 'high' : 'medium', caveats };
}

const hasNoClientSpans = (profiles: readonly TraceProfile[]): boolean =>
  profiles.every(({ answered }) => answered.size === 0);
