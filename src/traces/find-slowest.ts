import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { UpstreamError } from '../lib/errors.ts';
import { count, durationText, windowText } from '../lib/format.ts';
import {
  between,
  type EpochMs,
  type EpochUs,
  epochMs,
  type Microseconds,
  type Milliseconds,
  ms,
  SECOND,
  type TimeWindow,
  us,
} from '../lib/units.ts';
import { operationOf } from './operations.ts';
import {
  absorb,
  isComplete,
  nextSearch,
  type RankedTrace,
  rankingSpan,
  type SlowestState,
  slowestOf,
  startSlowest,
} from './slowest.ts';
import { extentOf, type Trace } from './trace.ts';
import type { TraceSource } from './trace-source.ts';

/** Which traces to find. */
export interface SlowestQuery {
  /** As the tracing backend names it. */
  readonly service: string;
  readonly operation?: string;
  /** `POST /checkout`: filtered here, since no backend can. */
  readonly requestLine?: string;
  readonly window: TimeWindow;
  readonly minDuration?: Microseconds;
  /** Only traces in which a span of the service failed. */
  readonly isFailed?: true;
  readonly count: number;
}

/** One slow trace in a list. `duration` is that of the service's own span: what the mesh histogram measures. */
export interface TraceRow extends RankedTrace {
  /** From the first span's start to the last span's end. */
  readonly traceDuration: Microseconds;
  readonly start: EpochUs;
  readonly operation: string;
  readonly isError: boolean;
  readonly url?: string;
}

/** The slowest traces, and whether slower ones can be missing. */
export interface SlowestResult {
  /** Longest first; without `url`. */
  readonly rows: readonly TraceRow[];
  readonly isComplete: boolean;
  /** `Complete: all 41 traces from 14:00 to 14:10 UTC` or `Incomplete: stopped after 12 searches, ...`. */
  readonly completeness: string;
  readonly searches: number;
  /** The last part of the window whose spans may still be arriving; absent when there is none. */
  readonly arriving?: Milliseconds;
}

/** Finds the k slowest traces, with a completeness guarantee. */
export type FindSlowest = (query: SlowestQuery, signal?: AbortSignal) => Promise<SlowestResult>;

/** What a search for the slowest needs, and its limits. */
export interface FindSlowestOptions {
  readonly traces: Pick<TraceSource, 'search'>;
  readonly clock: Clock;
  /** Traces per search. Envoy's spans are 1.5 to 2 kB each: 40 traces of 30 spans are about 2 MB. */
  readonly limit?: number;
  readonly maxSearches?: number;
  readonly maxTime?: Milliseconds;
}

/** How long spans take to arrive: sidecars, collectors and indices together buffer for 30 to 60 s. */
const INGEST_LAG: Milliseconds = ms(45_000);

/** Jaeger's attribute of failed spans, whatever they came in as. */
const FAILED = { error: true } as const;

/** Why a search ended before it was complete. */
type Stop = 'searches' | 'time' | 'no-answer';

/**
 * The k slowest traces of a service, within a limit of searches and time. Throws the `UpstreamError` of the first search;
 * a later failure ends the search with an incomplete result.
 */
export function createFindSlowest(options: FindSlowestOptions): FindSlowest {
  const { traces, clock, limit = 40, maxSearches = 16, maxTime = ms(20_000) } = options;
  return async (query, signal) => {
    const { service, operation, window, minDuration: floor = us(0), isFailed } = query;
    const deadline = { clock, duration: maxTime, system: 'jaeger', signal } as const;
    let state = startSlowest<TraceRow>({ count: query.count, window, floor });
    let stop: Stop | undefined;
    const run = async (either: AbortSignal): Promise<void> => {
      for (let next = nextSearch(state); next !== undefined; next = nextSearch(state)) {
        if (state.searches >= maxSearches) stop = 'searches';
        if (stop !== undefined) return;
        const { minDuration, window, widening } = next;
        const found = await traces
          .search(
            {
              service,
              operation,
              window,
              minDuration: minDuration > 0 ? minDuration : undefined,
              attributes: isFailed === true ? FAILED : undefined,
              limit: Math.max(limit, query.count) * widening,
              isRanking: true,
            },
            either,
          )
          .catch((error: unknown) => {
            stop = either.aborted ? 'time' : 'no-answer';
            throw error;
          });
        const ranked = rowsOf(found.traces, query);
        const { traces: received, unreadable } = found;
        const isComplete = found.isComplete || unreadable !== undefined;
        state = absorb(state, { ranked, received: received.length, isComplete, unreadable });
      }
    };
    try {
      await withDeadline(deadline, run);
    } catch (error) {
      if (!(error instanceof UpstreamError) || state.searches === 0) throw error;
      stop ??= 'time';
    }
    return resultOf(state, stop, clock.now());
  };
}

function rowsOf(traces: readonly Trace[], query: SlowestQuery): readonly TraceRow[] {
  return traces.flatMap((trace) => {
    const span = rankingSpan(trace, query);
    if (span === undefined) return [];
    return [
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

function resultOf(state: SlowestState<TraceRow>, stop: Stop | undefined, now: EpochMs): SlowestResult {
  const arriving = between(state.goal.window.end, now) < INGEST_LAG ? INGEST_LAG : undefined;
  const lag = arriving === undefined ? '' : ` (the last ${arriving / SECOND} s may still be arriving)`;
  return {
    rows: slowestOf(state),
    isComplete: isComplete(state),
    completeness: isComplete(state) ? `Complete: ${completeText(state)}${lag}` : incompleteText(state, stop),
    searches: state.searches,
    arriving,
  };
}

function completeText({ goal, seen, completeFrom }: SlowestState<TraceRow>): string {
  const all =
    seen.length === 0 ? 'no trace' : seen.length === 1 ? 'the only trace' : `all ${seen.length} traces`;
  const found = completeFrom === goal.floor || seen.length === 0 ? all : 'the slowest traces';
  const floor = goal.floor > 0 && found === all ? ` of ${durationText(goal.floor)} or more` : '';
  return `${found}${floor} ${windowText(goal.window)}`;
}

function incompleteText(state: SlowestState<TraceRow>, stop: Stop | undefined): string {
  const { searches, goal, open, abandoned, unreadable } = state;
  const left = [...open, ...abandoned, ...unreadable];
  const start = epochMs(Math.min(...left.map((window) => window.start)));
  const end = epochMs(Math.max(...left.map((window) => window.end)));
  const isAll = start === goal.window.start && end === goal.window.end;
  const where = isAll ? '' : ` ${windowText({ start, end })}`;
  const reason =
    open.length + abandoned.length > 0
      ? stopText(stop, searches)
      : 'a trace larger than the limit of a search was left out';
  return `Incomplete: ${reason}, slower traces may exist${where}`;
}

function stopText(stop: Stop | undefined, searches: number): string {
  switch (stop) {
    case 'searches':
      return `stopped after ${count(searches, 'search', 'searches')}`;
    case 'time':
      return `timed out after ${count(searches, 'search', 'searches')}`;
    case 'no-answer':
      return `search ${searches + 1} failed`;
    case undefined:
      return 'more traces start in one millisecond than a search can return';
  }
}
