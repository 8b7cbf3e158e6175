import type { Steps } from '../lib/concurrency.ts';
import { candidateOf } from './kind.ts';
import { createPieceKeys } from './piece.ts';
import { profilesOf, type TraceProfile, timeOn } from './profile.ts';
import { countHolding, RESAMPLES } from './resample.ts';
import type { Candidate, Sets } from './result.ts';
import {
  createComparer,
  hasOneSlowPeer,
  type PieceDelta,
  type ServiceScore,
  scoreServices,
} from './score.ts';

/** What is left without the first cause is a second one from this share of the slowdown on. */
const SECOND_SHARE = 0.25;
/** A smaller share is enough where the service takes at least twice as long as before. */
const SMALL_SECOND_SHARE = 0.05;
const SLOWER_SECOND = 2;
/** One that takes less than this many times as long is waited for more often, but is no slower. */
const SLOWER = 1.05;
/** The share of resamples that has to show the second cause too: a single slow trace is none. */
const STABLE = 0.8;

/** A second cause, and whether a resample shows it. */
interface Found {
  readonly candidate: Candidate;
  readonly isIn: (deltas: readonly PieceDelta[]) => boolean;
}

/** Whether so many resamples show the second cause. */
export const isStable = (resamples: number): boolean => resamples >= RESAMPLES * STABLE;

/** A second service that became slow at the same time: what is left of the slowdown without the first one. */
export function causeOfRest(sets: Sets, first: ServiceScore): Found | undefined {
  const { deltas, slowdown } = sets.comparison;
  const rest = withoutCause(deltas, first);
  const leastOf = (service: string): number => {
    const growth = growthOf(service, rest, sets) ?? SLOWER;
    if (growth < SLOWER) return Number.POSITIVE_INFINITY;
    return slowdown * (growth >= SLOWER_SECOND ? SMALL_SECOND_SHARE : SECOND_SHARE);
  };
  const others = scoreServices(rest).filter(
    ({ service, score }) => service !== first.service && score >= slowdown * SMALL_SECOND_SHARE,
  );
  const next = others.find(({ service, score }) => score >= leastOf(service));
  if (next === undefined) return undefined;
  const least = leastOf(next.service);
  return {
    candidate: candidateOf(next, sets),
    isIn: (resampled) => scoreOf(next.service, withoutCause(resampled, first)) >= least,
  };
}

const scoreOf = (service: string, deltas: readonly PieceDelta[]): number =>
  scoreServices(deltas).find((each) => each.service === service)?.score ?? 0;

/**
 * The pieces that the first cause does not explain. Calls that it makes are its own slowness when all are slow; one slow call
 * among others is that of the called service.
 */
function withoutCause(deltas: readonly PieceDelta[], { service }: ServiceScore): readonly PieceDelta[] {
  const keepsCalls = hasOneSlowPeer(deltas, service);
  return deltas.filter(({ key }) => {
    if (key.callee === service) return false;
    return key.service !== service || (keepsCalls && key.callee !== '' && key.kind !== 'database');
  });
}

/**
 * How many times as long a service takes each time that the critical path leads through its own work and the calls to it; undefined
 * where it never did in normal traces.
 */
function growthOf(
  service: string,
  deltas: readonly PieceDelta[],
  { slow, normal }: Sets,
): number | undefined {
  let [seen, expected] = [0, 0];
  for (const { key } of deltas) {
    const owner = key.callee === '' || key.kind === 'database' ? key.service : key.callee;
    const before = timeOn(normal, key);
    if (owner !== service || before.visits === 0) continue;
    const { time, visits } = timeOn(slow, key);
    seen += time;
    expected += (visits * before.time) / before.visits;
  }
  return expected <= 0 ? undefined : seen / expected;
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);

/**
 * A second service that became slow at the same time, in parallel to the first one: it takes its place on the critical path once
 * that is fixed. Found on the critical paths without the first one.
 */
export function* parallelCause(sets: Sets, first: ServiceScore): Steps<Candidate | undefined> {
  const { slow, normal, comparison } = sets;
  const least = comparison.slowdown * SECOND_SHARE;
  const hidden = (profiles: readonly TraceProfile[]): number => mean(profiles.map((each) => each.hidden));
  if (hidden(slow) - hidden(normal) < least) return undefined;
  const options = { keys: createPieceKeys(), without: first.service };
  const tracesOf = (profiles: readonly TraceProfile[]) => profiles.map(({ trace }) => trace);
  const beside = {
    slow: yield* profilesOf(tracesOf(slow), options),
    normal: yield* profilesOf(tracesOf(normal), options),
  };
  const comparer = createComparer(beside.slow, beside.normal);
  const others = { ...sets, ...beside, comparer, comparison: { ...comparison, ...comparer.compare() } };
  const next = scoreServices(others.comparison.deltas).find(
    ({ service, score }) => service !== first.service && score >= least,
  );
  if (next === undefined) return undefined;
  const [holding = 0] = yield* countHolding(others, [({ deltas }) => scoreOf(next.service, deltas) >= least]);
  return isStable(holding) ? { ...candidateOf(next, others), parallelTo: first.service } : undefined;
}
