import type { Clock } from '../lib/clock.ts';
import { createTurns, forEachLimited, type Steps, stepsInTurns } from '../lib/concurrency.ts';
import { withDeadline } from '../lib/deadline.ts';
import { UpstreamError } from '../lib/errors.ts';
import type { Phrase } from '../lib/format.ts';
import { DAY, type Microseconds, ms, SECOND, slicesOf, type TimeWindow } from '../lib/units.ts';
import { createFindSlowest } from '../traces/find-slowest.ts';
import type { Trace } from '../traces/trace.ts';
import type { TraceSearch, TraceSource } from '../traces/trace-source.ts';
import {
  cutAtEntry,
  distinct,
  type Endpoint,
  type EntryTrace,
  type Excess,
  estimateTotal,
  excessAt,
  excessOf,
  excessOver,
  FEWEST,
  justOver,
  medianOf,
  pickEndpoint,
  type ReadSlice,
  readSlice,
  type Slice,
  shifted,
  slowerThan,
  tailThreshold,
  windowBefore,
} from './cohorts.ts';
import type { MeasuredObjective, TraceCoverage } from './coverage.ts';
import { culpritSteps } from './culprit.ts';
import type { CulpritResult, NotCompared } from './result.ts';

/** Which requests to explain. */
export interface WhyQuery extends Endpoint {
  /** As the tracing backend names it. */
  readonly service: string;
  readonly window: TimeWindow;
  /** The threshold of the service's objective, where it has one. */
  readonly threshold?: Microseconds;
  /** Metrics show that requests are over the threshold: the traces need not prove it again. */
  readonly isBreach?: boolean;
  /** The objective whose metric counts these requests, where there is one. */
  readonly objective?: MeasuredObjective;
}

/** One trace as an example. `duration` is that of the service's own span. */
export interface ExampleTrace {
  readonly traceId: string;
  readonly duration: Microseconds;
}

/** One side of the comparison. */
export interface ComparedTraces {
  readonly window: TimeWindow;
  readonly example?: ExampleTrace;
  /** Whole, the example first; absent where none were found. */
  readonly traces?: readonly Trace[];
}

/** Why requests of a service are slow, and what was searched for it. */
export interface WhySlow {
  readonly endpoint: Endpoint;
  /** Above what the slow traces are slow, and how many are; absent without normal traces. */
  readonly excess?: Excess;
  readonly result: CulpritResult | NotCompared;
  readonly slow: ComparedTraces;
  readonly normal: ComparedTraces;
  readonly searches: number;
  /** Some searches failed or were not made in time. */
  readonly isIncomplete: boolean;
  /**
   * The sample of the window with all requests of the service; absent where only some were searched, or not all searches were
   * answered.
   */
  readonly sample?: readonly Slice[];
  /** How many requests are in traces; absent where metrics were not queried, or do not count the same requests. */
  readonly coverage?: TraceCoverage;
  /** How metrics and traces contradict each other. */
  readonly warnings?: readonly Phrase[];
  /** What metrics say in support of the culprit, each with the query behind it; absent where they were not queried. */
  readonly signals?: readonly Phrase[];
}

/** Collects slow and normal traces of an endpoint and compares them. Throws the `UpstreamError` of the first search. */
export type ExplainSlowness = (query: WhyQuery, signal?: AbortSignal) => Promise<WhySlow>;

/** Searches in all. */
const MOST_SEARCHES = 16;
const DEADLINE = ms(10 * SECOND);
/** A backend returns the newest traces first: slices spread them over the window. */
const SLOW_SLICES = { count: 4, limit: 25 } as const;
const NORMAL_SLICES = { count: 6, limit: 20 } as const;
const CONCURRENCY = 3;
/** Spans that are compared before other work runs: about 10 ms. */
const SPANS_IN_A_TURN = 8_000;
/** With fewer slow traces in the sample, those over the threshold are searched; with fewer normal ones, a day earlier is. */
const ENOUGH = 20;
/** Traces over the threshold of a breach that are enough to compare them alone. */
const ENOUGH_IN_BREACH = 10;
const TAIL = { limit: 40, searches: 2 } as const;

interface Baseline {
  readonly window: TimeWindow;
  readonly slices: Slice[];
  /** All traces of the window over the tail's threshold. */
  tail?: Slice;
}

/** What was found so far. */
interface State {
  readonly query: WhyQuery;
  endpoint: Endpoint;
  readonly now: Slice[];
  readonly baselines: Baseline[];
  /** Traces over a threshold, from a search for them alone. */
  tail?: { readonly threshold: Microseconds; readonly slice: Slice };
  /** The slices that were read for the endpoint. */
  readonly read: Map<Slice, ReadSlice>;
  searches: number;
  answered: number;
}

const matchOf = ({ query: { service }, endpoint }: State) => ({ service, ...endpoint });

/** Reads the slices that were not read yet for the endpoint. */
function* readSlices(state: State): Steps<void> {
  const { now, baselines, tail, read } = state;
  const all = [...now, tail?.slice, ...baselines.flatMap((baseline) => [...baseline.slices, baseline.tail])];
  for (const slice of all)
    if (slice !== undefined && !read.has(slice)) read.set(slice, yield* readSlice(slice, matchOf(state)));
}

const UNREAD: ReadSlice = { entries: [], oldest: undefined };

const entriesOf = ({ read }: State, slices: readonly (Slice | undefined)[]): readonly EntryTrace[] =>
  distinct(slices.flatMap((slice) => (slice && read.get(slice)?.entries) ?? []));

const totalOf = ({ read }: State, slices: readonly Slice[]): number =>
  estimateTotal(slices.map((slice) => ({ window: slice.window, read: read.get(slice) ?? UNREAD })));

const nowOf = (state: State): readonly EntryTrace[] => entriesOf(state, state.now);
const normalOf = (state: State, { slices }: Baseline): readonly EntryTrace[] => entriesOf(state, slices);
const tailOf = (state: State): readonly EntryTrace[] => entriesOf(state, [state.tail?.slice]);

/** How the share of slow traces compares with that of a baseline: in the samples, then in all traces over the tail's threshold. */
function excessIn(state: State, baseline: Baseline): Excess | undefined {
  const [now, normal] = [nowOf(state), normalOf(state, baseline)];
  const { tail, query } = state;
  const { isBreach, threshold } = query;
  // Metrics show too many requests over the threshold: these are the slow ones, however few were traced.
  if (isBreach === true && threshold !== undefined && slowOf(state, { threshold }).length >= ENOUGH_IN_BREACH)
    return excessOver(now, normal, threshold);
  const sampled = excessAt(now, normal, threshold);
  if (sampled?.isLarger === true || tail === undefined || baseline.tail === undefined) return sampled;
  const normalTail = entriesOf(state, [baseline.tail]);
  const totals = { ofSlow: totalOf(state, state.now), ofNormal: totalOf(state, baseline.slices) };
  const thresholds = [query.threshold, tail.threshold].filter((each) => each !== undefined);
  const counted = thresholds.map((threshold) =>
    excessOf({
      threshold,
      slow: slowerThan(tailOf(state), threshold).length,
      normal: slowerThan(normalTail, threshold).length,
      ...totals,
    }),
  );
  return counted.find(({ isLarger }) => isLarger) ?? sampled ?? counted[0];
}

/** The first baseline with enough traces that the slow window differs from; otherwise the one with the most traces. */
function bestOf(state: State): { readonly baseline: Baseline; readonly excess: Excess | undefined } {
  const all = state.baselines.map((baseline) => ({
    baseline,
    excess: excessIn(state, baseline),
    size: normalOf(state, baseline).length,
  }));
  const differs = all.find(({ excess, size }) => size >= ENOUGH && excess?.isLarger === true);
  const [first] = [...all].sort((a, b) => b.size - a.size);
  return (
    differs ??
    first ?? { baseline: { window: windowBefore(state.query.window), slices: [] }, excess: undefined }
  );
}

/** The slow traces, from the sample and from the search for them. */
function slowOf(state: State, excess: Pick<Excess, 'threshold'> | undefined): readonly EntryTrace[] {
  if (excess === undefined) return [];
  return slowerThan(distinct([...nowOf(state), ...tailOf(state)]), excess.threshold);
}

/** Whether there is something to explain: a larger share of slow traces, or in a breach enough traces over its threshold. */
function isSlower(state: State, excess: Excess | undefined): boolean {
  if (excess === undefined || excess.isLarger) return excess?.isLarger ?? false;
  const { isBreach, threshold } = state.query;
  return isBreach === true && excess.threshold === threshold && slowOf(state, excess).length >= FEWEST;
}

function* compare(state: State): Steps<Pick<WhySlow, 'result' | 'slow' | 'normal' | 'excess'>> {
  yield* readSlices(state);
  const { baseline, excess } = bestOf(state);
  const [slow, normal] = [slowOf(state, excess), normalOf(state, baseline)];
  const counts = { slow: slow.length, normal: normal.length };
  const isHealthy = !isSlower(state, excess) && nowOf(state).length >= FEWEST && normal.length >= FEWEST;
  const result: CulpritResult | NotCompared = isHealthy
    ? { kind: 'not-slower', ...counts }
    : yield* culpritSteps(yield* allCut(slow), yield* allCut(normal));
  return {
    result,
    excess,
    slow: { window: state.query.window, ...comparedOf(slow) },
    normal: { window: baseline.window, ...comparedOf(normal) },
  };
}

/** The parts of traces below the service's own span. */
function* allCut(entries: readonly EntryTrace[]): Steps<readonly Trace[]> {
  const all: Trace[] = [];
  for (const entry of entries) {
    yield entry.trace.spans.length;
    all.push(cutAtEntry(entry));
  }
  return all;
}

function comparedOf(entries: readonly EntryTrace[]): Pick<ComparedTraces, 'example' | 'traces'> {
  const median = medianOf(entries);
  if (median === undefined) return {};
  const { trace, entry } = median;
  const others = entries.flatMap((each) => (each.trace === trace ? [] : [each.trace]));
  return { example: { traceId: trace.traceId, duration: entry.duration }, traces: [trace, ...others] };
}

interface Search {
  readonly state: State;
  /** Takes steps of work between other work. */
  readonly inTurns: (steps: Steps<void>) => Promise<void>;
  readonly clock: Clock;
  readonly search: TraceSource['search'];
  readonly signal: AbortSignal;
}

/** Searches within the limit of searches, which it counts. */
function countingSearch(state: State, traces: Pick<TraceSource, 'search'>): TraceSource['search'] {
  return async (query, signal) => {
    state.searches += 1;
    const found = await traces.search(query, signal);
    state.answered += 1;
    return found;
  };
}

const searchOf = ({
  query: { service },
  endpoint: { operation },
}: State): Pick<TraceSearch, 'service' | 'operation'> => ({
  service,
  operation,
});

/**
 * Takes traces from all over a window, without a minimum duration: slice by slice, or in two searches where the first slice
 * shows that the service has few traces.
 */
async function sample(
  { state, search, signal }: Search,
  window: TimeWindow,
  { into, count, limit }: { readonly into: Slice[]; readonly count: number; readonly limit: number },
): Promise<void> {
  const searchIn = async (slice: TimeWindow): Promise<Slice> => {
    const { traces, isComplete } = await search({ ...searchOf(state), window: slice, limit }, signal);
    return { window: slice, traces, isComplete };
  };
  const [first, ...others] = slicesOf(window, Math.min(count, MOST_SEARCHES - state.searches));
  if (first === undefined) return;
  const found = await searchIn(first);
  into.push(found);
  const rest = { start: first.end, end: window.end };
  if (others.length > 1 && found.isComplete && found.traces.length * others.length <= limit / 2) {
    const all = await searchIn(rest);
    if (all.isComplete) {
      into.push(all);
      return;
    }
  }
  const left = slicesOf(rest, Math.min(others.length, MOST_SEARCHES - state.searches));
  await forEachLimited(left, CONCURRENCY, async (slice) => {
    into.push(await searchIn(slice));
  });
}

/** Searches the slow traces alone, and counts those of the normal window. */
async function searchTail(of: Search, threshold: Microseconds, baseline: Baseline): Promise<void> {
  const { state, clock, search, signal } = of;
  const traces = new Map<string, Trace>();
  const keeping: TraceSource['search'] = async (query, either) => {
    // The traces are compared: all of their spans are needed whole.
    const found = await search({ ...query, isRanking: undefined }, either);
    for (const trace of found.traces) traces.set(trace.traceId, trace);
    return found;
  };
  const find = createFindSlowest({
    traces: { search: keeping },
    clock,
    limit: TAIL.limit,
    maxSearches: TAIL.searches,
  });
  const { query } = state;
  const minDuration = justOver(threshold);
  try {
    await find({ ...matchOf(state), window: query.window, minDuration, count: TAIL.limit }, signal);
  } finally {
    // What was found before a search failed is compared too.
    const slice = { window: query.window, traces: [...traces.values()], isComplete: true };
    state.tail = { threshold, slice };
  }
  const before = await search(
    { ...searchOf(state), window: baseline.window, minDuration, limit: TAIL.limit },
    signal,
  );
  if (before.isComplete) baseline.tail = { ...before, window: baseline.window };
}

async function collect(of: Search): Promise<void> {
  const { state, inTurns } = of;
  const { query } = state;
  const [baseline] = state.baselines;
  if (baseline === undefined) return;
  await sample(of, query.window, { into: state.now, ...SLOW_SLICES });
  await sample(of, baseline.window, { into: baseline.slices, ...NORMAL_SLICES });
  await inTurns(readSlices(state));
  if (query.operation === undefined && query.requestLine === undefined) {
    state.endpoint = pickEndpoint(nowOf(state), normalOf(state, baseline), query.threshold);
    state.read.clear();
    await inTurns(readSlices(state));
  }
  const { excess } = bestOf(state);
  const isWhole = state.now.every(({ isComplete }) => isComplete);
  if (!isWhole && slowOf(state, excess).length < ENOUGH) {
    const threshold =
      excess?.isLarger === true
        ? excess.threshold
        : tailThreshold(normalOf(state, baseline), query.threshold);
    if (threshold !== undefined) await searchTail(of, threshold, baseline);
    await inTurns(readSlices(state));
  }
  if (normalOf(state, baseline).length >= ENOUGH && isSlower(state, bestOf(state).excess)) return;
  const earlier: Baseline = { window: shifted(query.window, DAY), slices: [] };
  state.baselines.push(earlier);
  await sample(of, earlier.window, { into: earlier.slices, ...NORMAL_SLICES });
}

/**
 * Explains why requests of a service are slow, in at most 16 searches and 10 s: a sample of the window, a sample of the window
 * before it, a search for the slow traces where the sample has few, and a sample of the same time a day earlier where the
 * window before has few traces or is just as slow.
 */
export function createExplainSlowness({
  traces,
  clock,
}: {
  readonly traces: Pick<TraceSource, 'search'>;
  readonly clock: Clock;
}): ExplainSlowness {
  const turns = createTurns(SPANS_IN_A_TURN);
  return async (query, signal) => {
    const { operation, requestLine, window } = query;
    const state: State = {
      query,
      endpoint: { operation, requestLine },
      now: [],
      baselines: [{ window: windowBefore(window), slices: [] }],
      read: new Map(),
      searches: 0,
      answered: 0,
    };
    const inTurns = <T>(steps: Steps<T>): Promise<T> => stepsInTurns(steps, turns.begin());
    const search = countingSearch(state, traces);
    let isIncomplete = false;
    try {
      await withDeadline({ clock, duration: DEADLINE, system: 'jaeger', signal }, (either) =>
        collect({ state, inTurns, clock, search, signal: either }),
      );
    } catch (error) {
      if (!(error instanceof UpstreamError) || state.answered === 0 || signal?.aborted === true) throw error;
      isIncomplete = true;
    }
    const { endpoint, searches } = state;
    const isOfAll = operation === undefined && requestLine === undefined;
    const sample = isOfAll && !isIncomplete ? state.now : undefined;
    const compared = await inTurns(compare(state));
    return { endpoint, ...compared, sample, searches, isIncomplete };
  };
}
