import { epochMs, type Microseconds, type TimeWindow, toEpochUs, us } from '../lib/units.ts';
import { matchesRequestLine } from './operations.ts';
import type { Span, SpanKind, Trace } from './trace.ts';

/** Which spans of a trace match a search. */
export interface SpanMatch {
  readonly service: string;
  readonly operation?: string;
  /** `POST /checkout`, where span names do not distinguish requests. No backend filters by it. */
  readonly requestLine?: string;
  /** The span starts inside it, both ends included. Absent: at any time. */
  readonly window?: TimeWindow;
  /** Only spans that failed. */
  readonly isFailed?: true;
}

/**
 * How well a span represents the request as the service saw it. A server (or consumer) span is what the mesh histogram
 * measures. A client span has the caller's service name too, but measures another service.
 */
const TIER: Readonly<Record<SpanKind, number>> = {
  server: 0,
  consumer: 0,
  internal: 1,
  unspecified: 1,
  client: 2,
  producer: 2,
};

function matches(span: Span, match: SpanMatch): boolean {
  const { service, operation, requestLine, window, isFailed = false } = match;
  return (
    span.serviceName === service &&
    (!isFailed || span.isError) &&
    (operation === undefined || span.spanName === operation) &&
    (window === undefined ||
      (span.start >= toEpochUs(window.start) && span.start <= toEpochUs(window.end))) &&
    (requestLine === undefined || matchesRequestLine(span, requestLine))
  );
}

function isBetter(span: Span, than: Span): boolean {
  const tiers = TIER[span.kind] - TIER[than.kind];
  if (tiers !== 0) return tiers < 0;
  return span.duration > than.duration || (span.duration === than.duration && span.start < than.start);
}

/**
 * The span a trace is ranked by: the longest matching server span of the service; without one, the longest internal span,
 * then the longest client span. Undefined when no span matches.
 *
 *     gateway   |=================== client ==================|
 *     checkout    |============== server =============|             <- ranked by this
 *     checkout        |===== client (payments) =====|               not by this, although its service is checkout
 *     payments          |======= server ======|
 *
 * The result is one of the matching spans, so the rank of a trace is never above its longest matching span: a complete
 * search for spans of `minDuration >= m` returns every trace of rank `>= m`, on which the completeness below is based.
 */
export function rankingSpan(trace: Trace, match: SpanMatch): Span | undefined {
  let best: Span | undefined;
  for (const span of trace.spans) {
    if (matches(span, match) && (best === undefined || isBetter(span, best))) best = span;
  }
  return best;
}

/** What a search for the slowest traces is to find. */
export interface SlowestGoal {
  readonly count: number;
  readonly window: TimeWindow;
  /** Traces below it are not wanted; 0 for all. */
  readonly floor: Microseconds;
}

/** A trace with the duration it is ranked by. */
export interface RankedTrace {
  readonly traceId: string;
  readonly duration: Microseconds;
}

/**
 * The k slowest traces of a backend that cannot sort: a search with a rising threshold. A search returns an arbitrary
 * subset when more traces match than its limit, which proves nothing. But when a search for spans of at least the kth
 * best duration so far, plus one microsecond, is complete, there is no better trace.
 *
 *     threshold   0 ────── truncated: 40 arbitrary traces; the 5th best took 310 ms
 *        310.001 ms ────── truncated: 40 traces, all slower; the 5th best now took 640 ms
 *        640.001 ms ────── complete, 12 traces: the 5th best took 812 ms, and every trace above it is known
 *
 * While answers are truncated, the next search starts above the threshold, half way up the best traces seen. When fewer
 * than `count` turn out to be above that, the threshold itself is searched: one search lost, where each hit saves one.
 *
 * When the threshold does not rise, the window is halved instead:
 *
 *     |-------------- truncated, same kth ---------------|
 *     |------- complete -------||-- truncated, rises -----|
 *                               |------- complete --------|
 *
 * Both halves include the middle instant, because windows are in milliseconds and spans start in microseconds.
 *
 * Some backends fill their answers with traces that do not match: Cassandra searches whole hours, Badger filters by the
 * duration of any service's spans, and the higher the threshold, the more of them there are:
 *
 *     from 479 ms    34 of 40 match, the kth best rises to 990 ms
 *         990 ms    14 of 40 match, to 1,270 ms
 *       1,270 ms     9 of 40 match, to 1,450 ms, and so on in small steps
 *
 * A shorter window does not help there, so the limit is raised. Pure: each function returns the next state.
 */
export interface SlowestState<T extends RankedTrace> {
  readonly goal: SlowestGoal;
  /** Every trace seen at or above the floor, longest first, each once. */
  readonly seen: readonly T[];
  /** Traces below it are not searched any more. */
  readonly threshold: Microseconds;
  /** Searched instead of the threshold while answers are truncated: a guess that costs one search when too high. */
  readonly jump: Microseconds | undefined;
  /** Every trace of the complete windows at or above this is in `seen`: the highest threshold of a complete search. */
  readonly completeFrom: Microseconds;
  /** Windows not yet complete at their threshold; the next one first. */
  readonly open: readonly TimeWindow[];
  /** Windows of one millisecond with more traces than a search can return. */
  readonly abandoned: readonly TimeWindow[];
  /** Parts of the window that no search can read: a trace in them is too large. */
  readonly unreadable: readonly TimeWindow[];
  /** Factor on the limit of a search. */
  readonly widening: number;
  readonly searches: number;
  /** The largest number of traces returned by one search. */
  readonly mostReceived: number;
  /** A smaller limit than the requested one, which the backend applies without saying so. */
  readonly clamp: number;
  /** Set while the answer of a search from `from` on is checked by a search above the slowest traces. */
  readonly check: (CompleteSearch & { readonly received: number }) | undefined;
}

/** The search that completes a window. */
interface CompleteSearch {
  readonly from: Microseconds;
  readonly unreadable?: readonly TimeWindow[];
}

/** A rise of the threshold by a smaller share is not worth another search of the same window. */
const MIN_RISE = 0.02;
/**
 * From this share of traces that do not match on, a higher limit is better than a shorter window. On Badger, 500,000
 * traces then need 7 searches instead of 9 to 11, with as many traces in all; from a smaller share on, it costs traces
 * and saves nothing (`npm run bench -- exactness`).
 */
const MUCH_NOISE = 0.3;
const MAX_WIDENING = 8;

/** The state before the first search. */
export function startSlowest<T extends RankedTrace>(goal: SlowestGoal): SlowestState<T> {
  return {
    goal,
    seen: [],
    threshold: goal.floor,
    jump: undefined,
    completeFrom: goal.floor,
    open: [goal.window],
    abandoned: [],
    unreadable: [],
    widening: 1,
    searches: 0,
    mostReceived: 0,
    clamp: Number.POSITIVE_INFINITY,
    check: undefined,
  };
}

/** A search to make, with the limit times `widening`. */
export interface SlowestSearch {
  readonly window: TimeWindow;
  readonly minDuration: Microseconds;
  readonly widening: number;
}

/** The next search; undefined when there is nothing left to find. */
export function nextSearch<T extends RankedTrace>(state: SlowestState<T>): SlowestSearch | undefined {
  const [window] = state.open;
  return window && { window, minDuration: searchedFrom(state), widening: state.widening };
}

const searchedFrom = <T extends RankedTrace>({ jump, threshold }: SlowestState<T>): Microseconds =>
  jump ?? threshold;

/** The result of a search. */
export interface SearchOutcome<T extends RankedTrace> {
  /** The traces that match. */
  readonly ranked: readonly T[];
  /** Number of traces returned, matching or not. */
  readonly received: number;
  readonly isComplete: boolean;
  /** Parts of the window that could not be read. */
  readonly unreadable?: readonly TimeWindow[];
}

/** Whether no trace of the window can be slower than the slowest `count` seen. */
export function isComplete<T extends RankedTrace>(state: SlowestState<T>): boolean {
  return [state.open, state.abandoned, state.unreadable].every(({ length }) => length === 0);
}

/** The slowest seen so far, longest first. */
export function slowestOf<T extends RankedTrace>({ seen, goal }: SlowestState<T>): readonly T[] {
  return seen.slice(0, goal.count);
}

/** The state after the result of `nextSearch`. */
export function absorb<T extends RankedTrace>(
  state: SlowestState<T>,
  outcome: SearchOutcome<T>,
): SlowestState<T> {
  if (state.open.length === 0) return state;
  const seen = merge(state, outcome.ranked);
  const threshold = thresholdOf(state, seen);
  const next: SlowestState<T> = {
    ...state,
    seen,
    threshold,
    jump: undefined,
    check: undefined,
    mostReceived: Math.max(state.mostReceived, outcome.received),
    searches: state.searches + 1,
  };
  if (state.check !== undefined) return checked(state, { next, outcome });
  if (outcome.isComplete && outcome.received < state.clamp) {
    const done = completed(next, { from: searchedFrom(state), unreadable: outcome.unreadable });
    return done === next || !isInDoubt(state, outcome) ? done : withCheck(state, { next, outcome });
  }
  return truncated(state, { next, outcome });
}

interface Step<T extends RankedTrace> {
  readonly next: SlowestState<T>;
  readonly outcome: SearchOutcome<T>;
}

/** A truncated answer raises the threshold, widens the limit, or halves the window. */
function truncated<T extends RankedTrace>(
  state: SlowestState<T>,
  { next, outcome }: Step<T>,
): SlowestState<T> {
  const { threshold } = next;
  const hasRisen = threshold > state.threshold && threshold >= state.threshold * (1 + MIN_RISE);
  const widening = wideningAfter(state, outcome);
  if (hasRisen) return { ...next, jump: jumpOf(state, next), widening };
  return widening > state.widening ? { ...next, widening } : split(next, state.threshold);
}

/**
 * Whether the backend may have returned fewer traces than it has because its own limit is smaller than the requested one,
 * as that of Tempo's older versions (20) and of VictoriaTraces (1,000). An earlier answer with more traces shows that its
 * limit is higher.
 *
 *     limit 40, the backend returns 20     all 20 there are, or 20 of 300?
 *     above the slowest of these           nothing: all; or more: 20 of 300
 */
function isInDoubt<T extends RankedTrace>(
  { mostReceived }: SlowestState<T>,
  { received }: SearchOutcome<T>,
): boolean {
  return received > 0 && received >= mostReceived;
}

/** Continues with a search above the slowest traces, which finds nothing unless the answer was truncated. */
function withCheck<T extends RankedTrace>(
  state: SlowestState<T>,
  { next, outcome }: Step<T>,
): SlowestState<T> {
  const { received, unreadable } = outcome;
  const check = { from: searchedFrom(state), received, unreadable };
  const slowest = next.seen[Math.min(next.goal.count, next.seen.length) - 1];
  return slowest === undefined ? completed(next, check) : { ...next, jump: us(slowest.duration + 1), check };
}

function checked<T extends RankedTrace>(state: SlowestState<T>, { next, outcome }: Step<T>): SlowestState<T> {
  const { check } = state;
  if (check === undefined) return next;
  const known = new Set(state.seen.map(({ traceId }) => traceId));
  const from = searchedFrom(state);
  const hasMore = outcome.ranked.some(({ traceId, duration }) => duration >= from && !known.has(traceId));
  if (!hasMore) {
    // What the first search could not read does not matter when it holds nothing above the slowest.
    const isEnough = check.unreadable !== undefined && next.threshold >= from;
    return completed(next, isEnough ? { from, unreadable: outcome.unreadable } : check);
  }
  return truncated(state, { next: { ...next, clamp: check.received }, outcome });
}

/** A complete answer closes its window, unless it was searched too high and returned fewer than are wanted. */
function completed<T extends RankedTrace>(
  next: SlowestState<T>,
  { from, unreadable = [] }: CompleteSearch,
): SlowestState<T> {
  if (next.threshold < from) return next;
  return {
    ...next,
    open: next.open.slice(1),
    unreadable: [...next.unreadable, ...unreadable],
    completeFrom: us(Math.max(next.completeFrom, from)),
  };
}

/**
 * Where to search next while the threshold rises: half way up the best seen. A truncated answer then leaves a tenth of
 * the traces to search instead of a quarter (with five wanted and twenty returned). Not after a window was split: then
 * the number of slow traces is not the obstacle.
 */
function jumpOf<T extends RankedTrace>(
  { goal, open }: SlowestState<T>,
  { seen, threshold }: SlowestState<T>,
): Microseconds | undefined {
  const best = open.length === 1 ? seen[Math.ceil(goal.count / 2) - 1] : undefined;
  return best !== undefined && best.duration > threshold ? best.duration : undefined;
}

/** Doubles the limit after a truncated answer with many traces that do not match. */
function wideningAfter<T extends RankedTrace>(
  state: SlowestState<T>,
  { ranked, received }: SearchOutcome<T>,
): number {
  const from = searchedFrom(state);
  const matching = ranked.filter(({ duration }) => duration >= from).length;
  const isNoisy = received - matching > received * MUCH_NOISE;
  return isNoisy ? Math.min(MAX_WIDENING, state.widening * 2) : state.widening;
}

/** Halves the searched window. A window that cannot be halved is searched while the threshold rises, else abandoned. */
function split<T extends RankedTrace>(next: SlowestState<T>, searchedAt: Microseconds): SlowestState<T> {
  const [window, ...rest] = next.open;
  if (window === undefined) return next;
  const halves = halve(window);
  if (halves !== undefined) return { ...next, open: [...halves, ...rest] };
  if (next.threshold > searchedAt) return next;
  return { ...next, open: rest, abandoned: [...next.abandoned, window] };
}

/** One microsecond above the kth best: a trace of equal duration would not change the result. */
function thresholdOf<T extends RankedTrace>(
  { goal, threshold }: SlowestState<T>,
  seen: readonly T[],
): Microseconds {
  const kth = seen[goal.count - 1];
  return kth === undefined ? threshold : us(Math.max(threshold, kth.duration + 1));
}

function merge<T extends RankedTrace>({ seen, goal }: SlowestState<T>, found: readonly T[]): readonly T[] {
  const byId = new Map(seen.map((ranked) => [ranked.traceId, ranked]));
  for (const ranked of found) {
    const known = byId.get(ranked.traceId);
    if (ranked.duration >= goal.floor && (known === undefined || ranked.duration > known.duration)) {
      byId.set(ranked.traceId, ranked);
    }
  }
  // The trace id breaks ties: the result does not depend on the order of the answers.
  return [...byId.values()].sort(
    (a, b) => b.duration - a.duration || (a.traceId < b.traceId ? -1 : a.traceId > b.traceId ? 1 : 0),
  );
}

function halve({ start, end }: TimeWindow): readonly [TimeWindow, TimeWindow] | undefined {
  const middle = epochMs(Math.floor((start + end) / 2));
  if (middle <= start || middle >= end) return undefined;
  // The later half first: it is more likely to be in the backend's memory.
  return [
    { start: middle, end },
    { start, end: middle },
  ];
}
