import type { Clock } from '../lib/clock.ts';
import { UpstreamError } from '../lib/errors.ts';
import { durationRoundedUp, durationText, windowText } from '../lib/format.ts';
import {
  between,
  type EpochUs,
  epochMs,
  type Microseconds,
  type Milliseconds,
  ms,
  SECOND,
  type TimeWindow,
  us,
} from '../lib/units.ts';
import { extentOf, rankingSpan } from './ranking.ts';
import { operationOf } from './shown-operation.ts';
import { absorb, isProven, nextSearch, type SlowestState, slowestOf, startSlowest } from './slowest.ts';
import type { Trace } from './trace.ts';
import type { TraceSource } from './trace-source.ts';

type Query = Parameters<FindSlowest>[0];

/** What a search for the slowest needs, and how much it may take. */
export interface FindSlowestOptions {
  readonly traces: Pick<TraceSource, 'search'>;
  readonly clock: Clock;
  /** Traces per search. Envoy's spans are 1.5 to 2 kB each: 40 traces of 30 spans are some 2 MB. */
  readonly limit?: number;
  readonly maxSearches?: number;
  readonly maxTime?: Milliseconds;
}

type Settings = Required<Omit<FindSlowestOptions, 'traces' | 'clock'>>;

const DEFAULTS: Settings = { limit: 40, maxSearches: 16, maxTime: ms(20_000) };

/** How long spans take to arrive: sidecars, collectors and indices buffer for 30 to 60 s together. */
const INGEST_LAG: Milliseconds = ms(45_000);

/** Why a search ended before its proof. */
type Stop = 'searches' | 'time' | 'no-answer';

/**
 * The k slowest traces of a service, with proof, within a budget of searches and time. Throws the `UpstreamError` of the
 * first search; a later failure ends the search and says so, since what was found is still worth showing.
 */
export function createFindSlowest({ traces, clock, ...options }: FindSlowestOptions): FindSlowest {
  const settings = { ...DEFAULTS, ...options };
  return async (query, signal) => {
    const startedAt = clock.now();
    const budget = createBudget(clock, settings.maxTime, signal);
    let state = startSlowest<TraceRow>({
      count: query.count,
      window: query.window,
      floor: query.minDuration ?? us(0),
    });
    let stop: Stop | undefined;
    try {
      for (let ask = nextSearch(state); ask !== undefined; ask = nextSearch(state)) {
        stop = stopOf(state, settings, between(startedAt, clock.now()));
        if (stop !== undefined) break;
        const { minDuration, window, widening } = ask;
        const found = await traces.search(
          {
            service: query.service,
            operation: query.operation,
            window,
            minDuration: minDuration > 0 ? minDuration : undefined,
            limit: Math.max(settings.limit, query.count) * widening,
          },
          budget.signal,
        );
        state = absorb(state, {
          ranked: rowsOf(found.traces, query),
          received: found.traces.length,
          isComplete: found.isComplete,
        });
      }
    } catch (error) {
      if (!(error instanceof UpstreamError) || state.searches === 0) throw error;
      stop = budget.isSpent() ? 'time' : 'no-answer';
    } finally {
      budget.end();
    }
    return resultOf(state, { settings, stop, now: clock.now() });
  };
}

interface Budget {
  readonly signal: AbortSignal;
  isSpent(): boolean;
  end(): void;
}

/** Aborts what is under way when the time is over or the caller gives up. */
function createBudget(clock: Clock, time: Milliseconds, caller: AbortSignal | undefined): Budget {
  const work = new AbortController();
  const timer = new AbortController();
  let isSpent = false;
  const onAbort = (): void => {
    isSpent = true;
    work.abort();
  };
  if (caller?.aborted === true) onAbort();
  caller?.addEventListener('abort', onAbort, { once: true });
  void clock.sleep(time, timer.signal).then(() => {
    if (!timer.signal.aborted) onAbort();
  });
  return {
    signal: work.signal,
    isSpent: () => isSpent,
    end: () => {
      timer.abort();
      caller?.removeEventListener('abort', onAbort);
    },
  };
}

function stopOf(
  { searches }: SlowestState<TraceRow>,
  { maxSearches, maxTime }: Settings,
  elapsed: Milliseconds,
): Stop | undefined {
  if (searches >= maxSearches) return 'searches';
  return searches > 0 && elapsed >= maxTime ? 'time' : undefined;
}

function rowsOf(traces: readonly Trace[], query: Query): readonly TraceRow[] {
  return traces.flatMap((trace) => {
    const span = rankingSpan(trace, query);
    return span === undefined
      ? []
      : [
          {
            traceId: trace.traceId,
            duration: span.duration,
            traceDuration: extentOf(trace).duration,
            start: span.start,
            operation: operationOf(span),
            isError: span.isError,
          },
        ];
  });
}

interface Ending {
  readonly settings: Settings;
  readonly stop: Stop | undefined;
  readonly now: Parameters<typeof between>[0];
}

function resultOf(state: SlowestState<TraceRow>, ending: Ending): SlowestResult {
  const isExact = isProven(state);
  const { now } = ending;
  return {
    rows: slowestOf(state),
    isExact,
    completeness: isExact ? proofText(state, ending) : warningText(state, ending),
    searches: state.searches,
    arriving: isArriving(state.goal.window, now) ? INGEST_LAG : undefined,
  };
}

function proofText(state: SlowestState<TraceRow>, { now }: Ending): string {
  const { goal, seen, provenFrom } = state;
  const scope = `${goal.floor > 0 ? ` >= ${durationText(goal.floor)}` : ''} in ${windowText(goal.window)}`;
  const arriving = arrivingText(goal.window, now);
  if (seen.length === 0) return `exact: no trace${scope}${arriving}`;
  if (provenFrom === goal.floor) {
    return `exact: ${seen.length === 1 ? 'the only trace' : `all ${seen.length} traces`}${scope}${arriving}`;
  }
  const kth = seen[goal.count - 1]?.duration ?? us(0);
  return `exact: no other trace over ${durationRoundedUp(kth)} in ${windowText(goal.window)}${arriving}`;
}

/** Whether spans of the window's end may still be under way to the backend. */
const isArriving = ({ end }: TimeWindow, now: Ending['now']): boolean => between(end, now) < INGEST_LAG;

function arrivingText(window: TimeWindow, now: Ending['now']): string {
  return isArriving(window, now) ? `; the last ${INGEST_LAG / SECOND} s may still be arriving` : '';
}

/** Where something slower may be: the whole window, or the part of it that is still open. */
function openText({ goal, open, given }: SlowestState<TraceRow>): string {
  const left = [...open, ...given];
  const start = epochMs(Math.min(...left.map((window) => window.start)));
  const end = epochMs(Math.max(...left.map((window) => window.end)));
  const isWhole = start === goal.window.start && end === goal.window.end;
  return isWhole ? 'not proven' : `not proven in ${windowText({ start, end })}`;
}

function warningText(state: SlowestState<TraceRow>, { settings, stop }: Ending): string {
  const { searches, given } = state;
  const used = `${searches} of ${settings.maxSearches} searches used`;
  switch (stop) {
    case 'searches':
      return `at least these: ${used}, ${openText(state)}`;
    case 'time':
      return `at least these: time was over after ${searches} ${searches === 1 ? 'search' : 'searches'}, ${openText(state)}`;
    case 'no-answer':
      return `at least these: search ${searches + 1} was not answered, ${openText(state)}`;
    case undefined:
      return `at least these: more traces match at one moment than a search gives (${given.length} times); ${used}`;
  }
}

/** One slow trace in a list. */
export interface TraceRow {
  readonly traceId: string;
  /** Duration of the service's own longest matching span: what the mesh histogram measures. */
  readonly duration: Microseconds;
  /** From the first span's start to the last span's end. */
  readonly traceDuration: Microseconds;
  readonly start: EpochUs;
  readonly operation: string;
  readonly isError: boolean;
  readonly url?: string;
}

/** The exact search for the k slowest, with its proof. */
export type FindSlowest = (
  query: {
    /** A name the tracing backend knows. */
    readonly service: string;
    readonly operation?: string;
    /** What the spans were asked for, `POST /checkout`: looked at here, since no backend can. */
    readonly asked?: string;
    readonly window: TimeWindow;
    readonly minDuration?: Microseconds;
    /** How many are wanted. */
    readonly count: number;
  },
  signal?: AbortSignal,
) => Promise<SlowestResult>;

/** The slowest traces, and what is proven of them. */
export interface SlowestResult {
  /** Longest first; without `url`. */
  readonly rows: readonly TraceRow[];
  readonly isExact: boolean;
  /** `exact: 41 traces >= 812 ms in 14:00-14:10 UTC` or `at least these: 12 of 12 searches used`. */
  readonly completeness: string;
  readonly searches: number;
  /** Set when the end of the window may still be arriving: how much of it. */
  readonly arriving?: Milliseconds;
}
