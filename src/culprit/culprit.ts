import { allSteps, type Steps } from '../lib/concurrency.ts';
import type { Trace } from '../traces/trace.ts';
import { alignClocks } from './align-clocks.ts';
import { overRepresented } from './attributes.ts';
import { kindOf } from './kind.ts';
import { createKeyTexts, type KeyTexts, type PieceKind } from './piece.ts';
import { profileOf, type TraceProfile } from './profile.ts';
import type { Candidate, CulpritKind, CulpritResult, NotCompared, Sets } from './result.ts';
import {
  ALIKE,
  createComparer,
  isByMoreCalls,
  LEAST_SLOWDOWN,
  largest,
  type PieceDelta,
  type ServiceScore,
  scoreServices,
} from './score.ts';

/** Fewer traces on a side give no comparison. */
const FEWEST_TRACES = 5;
/** More traces on a side are not read. */
const MOST_TRACES = 200;
const RESAMPLES = 50;
/** Cells of the table of a resample that take as long as a span. */
const CELLS_A_SPAN = 100;
/** Services that are ranked: a message shows fewer. */
const MOST_RANKED = 10;
/** Slower by less than this, in share and microseconds, is not slower. */
const LEAST_SHARE = 0.1;

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
 * endpoint. Deterministic for the same traces in the same order. Cost grows with the number of spans, and each step is about
 * one trace: its size is the number of spans.
 */
export function* culpritSteps(
  slow: readonly Trace[],
  normal: readonly Trace[],
): Steps<CulpritResult | NotCompared> {
  const bounded = { slow: slow.slice(0, MOST_TRACES), normal: normal.slice(0, MOST_TRACES) };
  const sets = yield* alignClocks(bounded);
  const textOf = createKeyTexts();
  const [s, n] = comparable(yield* profilesOf(sets.slow, textOf), yield* profilesOf(sets.normal, textOf));
  const counts = { slow: s.length, normal: n.length };
  if (s.length < FEWEST_TRACES || n.length < FEWEST_TRACES) return { kind: 'too-few', ...counts };
  const comparer = createComparer(s, n);
  const comparison = comparer.compare();
  const baseline = mean(n.map(({ duration }) => duration));
  if (comparison.slowdown < Math.max(LEAST_SLOWDOWN, baseline * LEAST_SHARE))
    return { kind: 'not-slower', ...counts };
  const attributes = yield* overRepresented(bounded.slow, bounded.normal);
  return yield* resultOf({ comparer, slow: s, normal: n, comparison, attributes });
}

/** The same at once. */
export const findCulprit = (slow: readonly Trace[], normal: readonly Trace[]): CulpritResult | NotCompared =>
  allSteps(culpritSteps(slow, normal));

const mean = (values: readonly number[]): number =>
  values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;

/** Reading the path of a span takes this many times as long as its attributes. */
const PROFILE_STEP = 3;

function* profilesOf(traces: readonly Trace[], textOf: KeyTexts): Steps<readonly TraceProfile[]> {
  const profiles: TraceProfile[] = [];
  for (const trace of traces) {
    yield trace.spans.length * PROFILE_STEP;
    const profile = profileOf(trace, textOf);
    if (profile !== undefined) profiles.push(profile);
  }
  return profiles;
}

type Profiles = readonly TraceProfile[];

/** With so many whole traces, those with lost spans are not read. */
const ENOUGH_WHOLE = 20;

/** Traces with their first span, where both sides have enough of them, and of those the whole ones. */
function comparable(slow: Profiles, normal: Profiles): readonly [Profiles, Profiles] {
  const rooted = (profiles: Profiles): Profiles => profiles.filter(({ hasRoot }) => hasRoot);
  const isEnough = [slow, normal].every((profiles) => rooted(profiles).length >= FEWEST_TRACES);
  const preferred = (profiles: Profiles): Profiles => {
    const of = isEnough ? rooted(profiles) : profiles;
    const whole = of.filter(({ isWhole }) => isWhole);
    return whole.length >= ENOUGH_WHOLE ? whole : of;
  };
  return [preferred(slow), preferred(normal)];
}

function* resultOf(sets: Sets): Steps<CulpritResult> {
  const { slow, normal, comparison, attributes } = sets;
  const scores = rank(comparison.deltas, isByMoreCalls(comparison));
  const candidates = scores.slice(0, MOST_RANKED).map((score) => candidateOf(score, sets));
  const agreeing = yield* countAgreeing(sets, scores[0]?.service);
  const second = secondCause(sets, scores[0]);
  const confidence = confidenceOf({ sets, candidates, stability: agreeing / RESAMPLES, second });
  return {
    kind: 'compared',
    candidates,
    second,
    ...confidence,
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
function rank(deltas: readonly PieceDelta[], countCalls: boolean): readonly ServiceScore[] {
  const scores = scoreServices(deltas, countCalls);
  const [first, second, ...others] = scores;
  if (first === undefined || second === undefined || !hidesCall(deltas, first, second)) return scores;
  return [second, first, ...others];
}

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

/** How often each of `size` traces is drawn in `size` draws. */
function drawWeights(size: number, random: () => number): Uint16Array {
  const weights = new Uint16Array(size);
  for (let i = 0; i < size; i++) {
    const drawn = Math.floor(random() * size);
    weights[drawn] = (weights[drawn] ?? 0) + 1;
  }
  return weights;
}

function* countAgreeing(
  { comparer, slow, normal, comparison }: Sets,
  first: string | undefined,
): Steps<number> {
  const random = randomOf(slow.length * 1_000 + normal.length);
  const countCalls = isByMoreCalls(comparison);
  let agreeing = 0;
  for (let i = 0; i < RESAMPLES; i++) {
    yield (comparison.deltas.length * (slow.length + normal.length)) / CELLS_A_SPAN;
    const weights = { slow: drawWeights(slow.length, random), normal: drawWeights(normal.length, random) };
    if (rank(comparer.compare(weights).deltas, countCalls)[0]?.service === first) agreeing += 1;
  }
  return agreeing;
}

/** What is left without the first cause is a second one from this share of the slowdown on. */
const SECOND_SHARE = 0.25;
/** A smaller share is enough where the service takes at least twice as long as before. */
const SMALL_SECOND_SHARE = 0.05;
const SLOWER_SECOND = 2;

function secondCause(sets: Sets, first: ServiceScore | undefined): Candidate | undefined {
  if (first === undefined) return undefined;
  const { deltas, slowdown } = sets.comparison;
  const rest = deltas.filter(({ key }) => key.service !== first.service && key.callee !== first.service);
  const isSecond = ({ service, score }: ServiceScore): boolean =>
    score >= slowdown * SECOND_SHARE ||
    (score >= slowdown * SMALL_SECOND_SHARE && growthOf(service, rest) >= SLOWER_SECOND);
  const next = scoreServices(rest).find(isSecond);
  return next === undefined ? undefined : candidateOf(next, sets);
}

/** How many times as long a service takes per trace, its own work and the calls to it. */
function growthOf(service: string, deltas: readonly PieceDelta[]): number {
  const of = deltas.filter(
    ({ key }) => (key.callee === '' || key.kind === 'database' ? key.service : key.callee) === service,
  );
  const total = (value: (delta: PieceDelta) => number): number =>
    of.reduce((sum, delta) => sum + value(delta), 0);
  const normal = total(({ normalPerCall, normalCalls }) => normalPerCall * normalCalls);
  return normal <= 0 ? 0 : total(({ slowPerCall, slowCalls }) => slowPerCall * slowCalls) / normal;
}

function candidateOf(score: ServiceScore, sets: Sets): Candidate {
  const { deltas, slowdown } = sets.comparison;
  const of = deltas.filter(({ key }) => key.service === score.service || key.callee === score.service);
  const share = Math.min(1, Math.max(0, score.score / slowdown));
  const { kind, detail } = kindOf(score, of, sets);
  return {
    service: score.service,
    operation: operationOf(score.service, kind, of),
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

function operationOf(service: string, kind: CulpritKind, deltas: readonly PieceDelta[]): string {
  const kinds = SHOWS[kind] ?? ['own'];
  const isCall = kinds.some((each) => each === 'request' || each === 'external' || each === 'retry');
  const mine = deltas.filter(
    ({ key }) => kinds.includes(key.kind) && (isCall ? key.callee : key.service) === service,
  );
  const [top] = mine.sort((a, b) => b.price + b.volume - a.price - a.volume);
  return top?.key.operation ?? '';
}

/** Traces and stability that a confident result needs (culprit benchmark: at 0.9 and more 99% were right). */
const HIGH = { stability: 0.95, share: 0.6, slow: 10, normal: 20 };
const MEDIUM_STABILITY = 0.8;
const MOST_UNATTRIBUTED = 0.3;

/** What the confidence of a result depends on. */
interface Grounds {
  readonly sets: Sets;
  readonly candidates: readonly Candidate[];
  /** The share of resamples that agree. */
  readonly stability: number;
  readonly second: Candidate | undefined;
}

/** The confidence of a result, and why it is not `high`. */
function confidenceOf(grounds: Grounds): Pick<CulpritResult, 'confidence' | 'caveats'> {
  const caveats = caveatsOf(grounds);
  const share = grounds.candidates[0]?.share ?? 0;
  const isUnsure = grounds.stability < MEDIUM_STABILITY || share < HIGH.share || mayBeNetwork(grounds);
  if (isUnsure) return { confidence: 'unclear', caveats };
  return { confidence: caveats.length === 0 ? 'high' : 'medium', caveats };
}

function caveatsOf({ sets: { slow, normal, comparison }, candidates, stability, second }: Grounds): string[] {
  const share = candidates[0]?.share ?? 0;
  const isSmall = slow.length < HIGH.slow || normal.length < HIGH.normal;
  const hasLost = comparison.unattributed > comparison.slowdown * MOST_UNATTRIBUTED;
  const rows: readonly (readonly [boolean, string])[] = [
    [stability < HIGH.stability, `Only ${Math.round(stability * 100)}% of the resamples agree.`],
    [share < HIGH.share, `${Math.round(share * 100)}% of the slowdown is explained.`],
    [isSmall, `Only ${slow.length} slow and ${normal.length} normal traces.`],
    [hasLost, 'Spans of called services are missing.'],
    [
      hasNoClientSpans(normal),
      'The traces have no client spans: network and own code of a caller look the same.',
    ],
    [second !== undefined, `${second?.service ?? ''} is slower too.`],
  ];
  return rows.filter(([holds]) => holds).map(([, text]) => text);
}

const hasNoClientSpans = (profiles: readonly TraceProfile[]): boolean =>
  profiles.every(({ answered }) => answered.size === 0);

/** From this share of the first candidate's slowdown on, the second one may as well be to blame where network and own code look the same. */
const CLOSE_SECOND = 0.6;

/**
 * Without client spans, the own code of a caller and the network to what it calls look the same: the first candidate calls others
 * itself, or the second one explains nearly as much.
 */
function mayBeNetwork({ sets: { normal }, candidates: [first, second] }: Grounds): boolean {
  if (first === undefined) return true;
  if (!hasNoClientSpans(normal)) return false;
  const bare = normal.filter(({ bareCallers }) => bareCallers.has(first.service));
  return (
    bare.length > normal.length / 2 ||
    (second !== undefined && second.slowdown > first.slowdown * CLOSE_SECOND)
  );
}
