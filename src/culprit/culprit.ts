import { allSteps, type Steps } from '../lib/concurrency.ts';
import type { Trace } from '../traces/trace.ts';
import { createClockComparer } from './align-clocks.ts';
import { overRepresented } from './attributes.ts';
import { candidateOf } from './kind.ts';
import { createPieceKeys } from './piece.ts';
import { profilesOf, type TraceProfile } from './profile.ts';
import { countHolding, RESAMPLES } from './resample.ts';
import type { Candidate, CulpritResult, NotCompared, Sets } from './result.ts';
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
import { causeOfRest, isStable, parallelCause } from './second-cause.ts';

/** Fewer traces on a side give no comparison. */
const FEWEST_TRACES = 5;
/** More traces on a side are not read. */
const MOST_TRACES = 200;
/** Services that are ranked: a message shows fewer. */
const MOST_RANKED = 10;
/** Slower by less than this, in share and microseconds, is not slower. */
const LEAST_SHARE = 0.1;

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
  const [s, n] = yield* profilesOfBoth(bounded);
  const counts = { slow: s.length, normal: n.length };
  if (s.length < FEWEST_TRACES || n.length < FEWEST_TRACES) return { kind: 'too-few', ...counts };
  const comparer = createComparer(s, n);
  const comparison = comparer.compare();
  if (comparison.slowdown < leastSlowdown(n)) return { kind: 'not-slower', ...counts };
  const attributes = yield* overRepresented(bounded.slow, bounded.normal);
  return yield* resultOf({ comparer, slow: s, normal: n, comparison, attributes });
}

/** The same at once. */
export const findCulprit = (slow: readonly Trace[], normal: readonly Trace[]): CulpritResult | NotCompared =>
  allSteps(culpritSteps(slow, normal));

/** Slower by less than this is not slower. Microseconds. */
const leastSlowdown = (normal: Profiles): number =>
  Math.max(
    LEAST_SLOWDOWN,
    (normal.reduce((sum, { duration }) => sum + duration, 0) / normal.length) * LEAST_SHARE,
  );

type Profiles = readonly TraceProfile[];

/** The comparable profiles of both sets, on clocks that agree. */
function* profilesOfBoth(
  sets: Readonly<Record<'slow' | 'normal', readonly Trace[]>>,
): Steps<readonly [Profiles, Profiles]> {
  const keys = createPieceKeys();
  const clocks = createClockComparer();
  const slow = yield* profilesOf(sets.slow, { keys, see: (tree) => clocks.see(tree, 'slow') });
  const normal = yield* profilesOf(sets.normal, { keys, see: (tree) => clocks.see(tree, 'normal') });
  const offsets = clocks.offsets();
  if (offsets.size === 0) return comparable(slow, normal);
  return comparable(
    yield* profilesOf(sets.slow, { keys, offsets }),
    yield* profilesOf(sets.normal, { keys, offsets }),
  );
}

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
  const [first] = scores;
  const rest = first && causeOfRest(sets, first);
  const countCalls = isByMoreCalls(comparison);
  const [agreeing = 0, holding = 0, slower = 0] = yield* countHolding(sets, [
    ({ deltas }) => rank(deltas, countCalls)[0]?.service === first?.service,
    ({ deltas }) => rest?.isIn(deltas) ?? false,
    ({ slowdown }) => slowdown >= leastSlowdown(normal),
  ]);
  const second =
    rest !== undefined && isStable(holding) ? rest.candidate : first && (yield* parallelCause(sets, first));
  const confidence = confidenceOf({
    sets,
    candidates,
    stability: agreeing / RESAMPLES,
    slower: slower / RESAMPLES,
    second,
  });
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
  /** The share of resamples that are slower than normal. */
  readonly slower: number;
  readonly second: Candidate | undefined;
}

/** The confidence of a result, and why it is not `high`. */
function confidenceOf(grounds: Grounds): Pick<CulpritResult, 'confidence' | 'caveats'> {
  const caveats = caveatsOf(grounds);
  const share = grounds.candidates[0]?.share ?? 0;
  const isUnsure =
    grounds.stability < MEDIUM_STABILITY ||
    grounds.slower < MEDIUM_STABILITY ||
    share < HIGH.share ||
    mayBeNetwork(grounds);
  if (isUnsure) return { confidence: 'unclear', caveats };
  return { confidence: caveats.length === 0 ? 'high' : 'medium', caveats };
}

function caveatsOf(grounds: Grounds): string[] {
  const { sets, candidates, stability, slower, second } = grounds;
  const { slow, normal, comparison } = sets;
  const share = candidates[0]?.share ?? 0;
  const isSmall = slow.length < HIGH.slow || normal.length < HIGH.normal;
  const hasLost = comparison.unattributed > comparison.slowdown * MOST_UNATTRIBUTED;
  const rows: readonly (readonly [boolean, string])[] = [
    [stability < HIGH.stability, `Only ${Math.round(stability * 100)}% of the resamples agree.`],
    [slower < MEDIUM_STABILITY, `Only ${Math.round(slower * 100)}% of the resamples are slower than normal.`],
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
