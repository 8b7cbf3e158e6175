import { type EpochMs, epochMs, type Microseconds, type TimeWindow, us } from '../lib/units.ts';

/**
 * The k slowest traces of a backend that cannot sort: the "rising threshold" search. A search gives an arbitrary subset
 * when more traces match than its limit, so it proves nothing by itself; but a search for spans of at least the kth best
 * duration so far, plus one microsecond, that comes back complete proves that no better trace is left.
 *
 *     th  0 ────────────── truncated: 40 arbitrary traces; the 5th best took 310 ms
 *         310.001 ms ───── truncated: 40 that are all slower; the 5th best now took 640 ms
 *         640.001 ms ───── complete, 12 traces: the 5th best took 812 ms, and nothing above it is unknown
 *
 * While answers are cut, the next search begins above the threshold, half way up the best seen. When fewer than are
 * wanted turn out to be above that, the threshold itself is searched from: one search lost, where each won saves one.
 *
 * A threshold that does not rise halves the window instead:
 *
 *     |-------------- truncated, same kth ---------------|
 *     |------- complete -------||-- truncated, th rises --|
 *                               |------- complete --------|
 *
 * Both halves hold the middle instant, since windows are in milliseconds and spans start in microseconds.
 *
 * Some backends fill their answers with traces that do not count: Cassandra searches whole hours, Badger filters by the
 * duration of any service's spans, and the slower, the more of them there are:
 *
 *     from 479 ms    34 of 40 count, the kth best rises to 990 ms
 *         990 ms    14 of 40 count, to 1,270 ms
 *       1,270 ms     9 of 40 count, to 1,450 ms, and so on in small steps
 *
 * Less time does not help there, so the limit is widened, as soon as it shows.
 * Pure: each function returns the next state.
 */
export interface SlowestGoal {
  /** How many are wanted. */
  readonly count: number;
  readonly window: TimeWindow;
  /** Only traces at least this slow are asked about; 0 for all. */
  readonly floor: Microseconds;
}

/** A trace with the duration it is ranked by. */
export interface Ranked {
  readonly traceId: string;
  readonly duration: Microseconds;
}

/** How far a search for the slowest has come. */
export interface SlowestState<T extends Ranked> {
  readonly goal: SlowestGoal;
  /** Every trace seen at or above the floor, longest first, each once. */
  readonly seen: readonly T[];
  /** Nothing below it is searched for any more. */
  readonly threshold: Microseconds;
  /** Searched from instead of the threshold, as long as answers are cut: a guess that costs little when it is too high. */
  readonly leap: Microseconds | undefined;
  /** Every trace of the complete windows at or above this is in `seen`: the highest threshold a proof was had at. */
  readonly provenFrom: Microseconds;
  /** Windows not yet complete at their threshold; the next one first. */
  readonly open: readonly TimeWindow[];
  /** Windows of one millisecond that hold more traces than a search can give. */
  readonly given: readonly TimeWindow[];
  /** How many times the usual limit is asked for. */
  readonly widening: number;
  readonly searches: number;
}

/** A threshold that rises by less than this share is not worth another search of the same window. */
const WORTHWHILE_RISE = 0.02;
/**
 * From this share of traces that do not count on, a wider limit gets further than the same one or a shorter window. On
 * Badger, 500,000 traces then need 7 searches instead of 9 to 11, for as many traces in all; from a smaller share on, it
 * costs traces and saves nothing (`npm run bench -- exactness`).
 */
const MUCH_NOISE = 0.3;
const MAX_WIDENING = 8;

/** The search before its first question. */
export function startSlowest<T extends Ranked>(goal: SlowestGoal): SlowestState<T> {
  return {
    goal,
    seen: [],
    threshold: goal.floor,
    leap: undefined,
    provenFrom: goal.floor,
    open: [goal.window],
    given: [],
    widening: 1,
    searches: 0,
  };
}

/** What to search for next; undefined when there is nothing left to find. */
export function nextSearch<T extends Ranked>(state: SlowestState<T>): Ask | undefined {
  const [window] = state.open;
  const { widening } = state;
  return window === undefined ? undefined : { window, minDuration: askedFrom(state), widening };
}

const askedFrom = <T extends Ranked>({ leap, threshold }: SlowestState<T>): Microseconds => leap ?? threshold;

/** A search to make, for as many traces as the limit times `widening`. */
export interface Ask {
  readonly window: TimeWindow;
  readonly minDuration: Microseconds;
  readonly widening: number;
}

/** What came of it. */
export interface Found<T extends Ranked> {
  /** Those that count. */
  readonly ranked: readonly T[];
  /** How many traces came, counting or not. */
  readonly received: number;
  readonly isComplete: boolean;
}

/** Whether no trace of the window can be slower than the slowest `count` seen. */
export function isProven<T extends Ranked>({ open, given }: SlowestState<T>): boolean {
  return open.length === 0 && given.length === 0;
}

/** The slowest seen so far, longest first. */
export function slowestOf<T extends Ranked>({ seen, goal }: SlowestState<T>): readonly T[] {
  return seen.slice(0, goal.count);
}

/** The state after the answer to `nextSearch`. */
export function absorb<T extends Ranked>(state: SlowestState<T>, found: Found<T>): SlowestState<T> {
  const [window] = state.open;
  if (window === undefined) return state;
  const seen = merge(state, found.ranked);
  const threshold = thresholdOf(state, seen);
  const next = { ...state, seen, threshold, leap: undefined, searches: state.searches + 1 };
  if (found.isComplete) return completed(next, askedFrom(state));
  const hasRisen = threshold > state.threshold && threshold >= state.threshold * (1 + WORTHWHILE_RISE);
  const widening = wideningAfter(state, found);
  if (hasRisen) return { ...next, leap: leapOf(state, next), widening };
  return widening > state.widening ? { ...next, widening } : split(next, state.threshold);
}

/** A complete answer closes its window, unless it was asked for too high and holds fewer than are wanted. */
function completed<T extends Ranked>(next: SlowestState<T>, from: Microseconds): SlowestState<T> {
  if (next.threshold < from) return next;
  return { ...next, open: next.open.slice(1), provenFrom: us(Math.max(next.provenFrom, from)) };
}

/**
 * Where to search from next while the threshold rises: half way up the best seen. A cut answer leaves a tenth of the
 * traces to search through instead of a quarter (of five wanted and twenty given). Not after a window was split: then
 * something else than the number of slow traces stands in the way.
 */
function leapOf<T extends Ranked>(
  { goal, open }: SlowestState<T>,
  { seen, threshold }: SlowestState<T>,
): Microseconds | undefined {
  const best = open.length === 1 ? seen[Math.ceil(goal.count / 2) - 1] : undefined;
  return best !== undefined && best.duration > threshold ? best.duration : undefined;
}

/** Twice as wide after a cut answer of which much does not count. */
function wideningAfter<T extends Ranked>(state: SlowestState<T>, { ranked, received }: Found<T>): number {
  const from = askedFrom(state);
  const counting = ranked.filter(({ duration }) => duration >= from).length;
  const isNoisy = received - counting > received * MUCH_NOISE;
  return isNoisy ? Math.min(MAX_WIDENING, state.widening * 2) : state.widening;
}

/** Halves the window that was searched. What cannot be halved is asked on while the threshold moves, else given up. */
function split<T extends Ranked>(next: SlowestState<T>, askedAt: Microseconds): SlowestState<T> {
  const [window, ...rest] = next.open;
  if (window === undefined) return next;
  const halves = halve(window);
  if (halves !== undefined) return { ...next, open: [...halves, ...rest] };
  return next.threshold > askedAt ? next : { ...next, open: rest, given: [...next.given, window] };
}

/** One microsecond above the kth best: a trace that only equals it would not change the answer. */
function thresholdOf<T extends Ranked>(
  { goal, threshold }: SlowestState<T>,
  seen: readonly T[],
): Microseconds {
  const kth = seen[goal.count - 1];
  return kth === undefined ? threshold : us(Math.max(threshold, kth.duration + 1));
}

function merge<T extends Ranked>({ seen, goal }: SlowestState<T>, found: readonly T[]): readonly T[] {
  const byId = new Map(seen.map((ranked) => [ranked.traceId, ranked]));
  for (const ranked of found) {
    const known = byId.get(ranked.traceId);
    if (ranked.duration >= goal.floor && (known === undefined || ranked.duration > known.duration)) {
      byId.set(ranked.traceId, ranked);
    }
  }
  // By id among equals: the same answers give the same list, in whatever order they come.
  return [...byId.values()].sort(
    (a, b) => b.duration - a.duration || (a.traceId < b.traceId ? -1 : a.traceId > b.traceId ? 1 : 0),
  );
}

function halve({ start, end }: TimeWindow): readonly [TimeWindow, TimeWindow] | undefined {
  const middle: EpochMs = epochMs(Math.floor((start + end) / 2));
  if (middle <= start || middle >= end) return undefined;
  // The later half first: it is more likely to be in the backend's memory.
  return [
    { start: middle, end },
    { start, end: middle },
  ];
}
