import type { Clock } from '../../lib/clock.ts';
import { UpstreamError } from '../../lib/errors.ts';
import type { MetricsSource, Sample, Series } from '../../lib/metrics-source.ts';
import {
  after,
  between,
  type EpochMs,
  epochMs,
  MINUTE,
  type Milliseconds,
  ms,
  SECOND,
} from '../../lib/units.ts';
import type { CallGraph } from '../../policy/call-graph.ts';
import { CALL_GRAPH_QUERY, type CallGraphAt, callGraphOf } from '../call-graph-query.ts';

/** A metrics source whose instants come out of range queries: one question for many evaluation times. */
export interface RecordedMetrics {
  readonly metrics: MetricsSource;
  /** Why the source could not be read, when it could not: what was evaluated since then does not count. */
  readonly failure: () => Error | undefined;
}

/**
 * Points asked for in one range query. Prometheus refuses more than 11,000 a series (web/api/v1, queryRange); far fewer
 * keep the answer for thousands of services within what may be held at once.
 */
const MAX_POINTS = 1_000;

/** How long to wait before a source that did not answer is asked again; then the replay gives up. */
const RETRY_AFTER: readonly Milliseconds[] = [ms(SECOND), ms(5 * SECOND)];

/** What an expression gave from `start` to `end`: samples by instant, or the refusal that holds for all of them. */
interface Piece {
  readonly start: EpochMs;
  readonly end: EpochMs;
  readonly samples: ReadonlyMap<EpochMs, readonly Sample[]>;
  readonly refusal?: UpstreamError;
}

/** What answering from the past needs: what is asked, on which grid, and up to when. */
export interface RecordedOptions {
  readonly source: MetricsSource;
  /** For waiting before another try: a real one. */
  readonly clock: Pick<Clock, 'sleep'>;
  readonly step: Milliseconds;
  /** The last instant that will be asked about. */
  readonly end: EpochMs;
  /** Points to read ahead; absent: as many as one range query gives. */
  readonly ahead?: number;
  readonly signal?: AbortSignal;
}

const isRefusal = (error: unknown): error is UpstreamError =>
  error instanceof UpstreamError && error.code === 'bad-request';

/** Whether fewer points at a time may be answered where these were not. */
const isTooMuch = (error: unknown): boolean =>
  error instanceof UpstreamError && (error.code === 'too-large' || error.code === 'timeout');

function samplesOf(series: readonly Series[]): ReadonlyMap<EpochMs, readonly Sample[]> {
  const byInstant = new Map<EpochMs, Sample[]>();
  for (const { labels, points } of series) {
    for (const { at, value } of points) {
      const samples = byInstant.get(at);
      if (samples === undefined) byInstant.set(at, [{ labels, value }]);
      else samples.push({ labels, value });
    }
  }
  return byInstant;
}

/** Asks until it is answered, refused, or the tries are used up. */
async function insist<T>({ clock, signal }: RecordedOptions, ask: () => Promise<T>): Promise<T> {
  for (const wait of RETRY_AFTER) {
    try {
      return await ask();
    } catch (error) {
      const isHopeless = !(error instanceof UpstreamError) || !error.retryable || isTooMuch(error);
      if (isHopeless || signal?.aborted === true) throw error;
      await clock.sleep(wait, signal);
    }
  }
  return await ask();
}

/** One instant, asked as a live evaluation asks it: where a range is refused, the instants in it may not be. */
async function askInstant(options: RecordedOptions, expr: string, at: EpochMs): Promise<Piece> {
  try {
    const samples = await insist(options, () => options.source.instant({ expr, at }, options.signal));
    return { start: at, end: at, samples: new Map([[at, samples]]) };
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return { start: at, end: at, samples: new Map(), refusal: error };
  }
}

/**
 * In a window this short, an expression that is refused at both ends is taken to be refused throughout: a rule that is
 * always refused would otherwise be asked as often as it was live.
 */
const MAX_REFUSED_POINTS = 64;

async function refusalOf(
  options: RecordedOptions,
  expr: string,
  { start, end }: { start: EpochMs; end: EpochMs },
): Promise<UpstreamError | undefined> {
  const [first, last] = [await askInstant(options, expr, start), await askInstant(options, expr, end)];
  return last.refusal === undefined ? undefined : first.refusal;
}

/**
 * Reads an expression from `start` on, `count` points at most. Fewer come back where the source cannot give so many at
 * once, or refuses the expression for only some of them: then half as many are tried, down to single instants.
 */
async function readPiece(
  options: RecordedOptions,
  expr: string,
  { start, count }: { start: EpochMs; count: number },
): Promise<Piece> {
  const { source, step, signal } = options;
  for (let points = count; points > 1; points = Math.ceil(points / 2)) {
    const window = { start, end: after(start, ms((points - 1) * step)) };
    try {
      const series = await insist(options, () => source.range({ expr, window, step }, signal));
      return { ...window, samples: samplesOf(series) };
    } catch (error) {
      if (!isRefusal(error) && !isTooMuch(error)) throw error;
      const isShort = isRefusal(error) && points <= MAX_REFUSED_POINTS;
      const refusal = isShort ? await refusalOf(options, expr, window) : undefined;
      if (refusal !== undefined) return { ...window, samples: new Map(), refusal };
      if (points === 2) break;
    }
  }
  return await askInstant(options, expr, start);
}

/**
 * Answers instants from ranges, so that the live evaluation runs unchanged on the past. An expression is read when it is
 * first asked for, from that instant on: the evidence of a recovery costs nothing while nothing recovers.
 *
 *     evaluation times      | | | | | | | | | | | |
 *     expr       [-- range ---][-- range --
 *     evidence         [-range-]              asked at the fourth evalTime: a firing alert is missing
 *                              ^ horizon: beyond it everything is read anew, and what was read is forgotten
 *
 * Instants must come in order, `step` apart. A refused expression throws as it does live; any other failure is kept in
 * `failure`, since live it would have been the outage of another day.
 */
export function createRecordedMetrics(options: RecordedOptions): RecordedMetrics {
  const { step, source, end, ahead = MAX_POINTS } = options;
  const pieces = new Map<string, Piece>();
  let horizon = epochMs(0);
  let failure: Error | undefined;

  async function pieceAt(expr: string, at: EpochMs): Promise<Piece> {
    if (at > horizon) {
      horizon = epochMs(Math.min(end, after(at, ms((ahead - 1) * step))));
      pieces.clear();
    }
    const known = pieces.get(expr);
    if (known !== undefined && known.start <= at && at <= known.end) return known;
    const left = Math.floor(between(at, horizon) / step) + 1;
    const read = await readPiece(options, expr, { start: at, count: Math.max(1, left) });
    pieces.set(expr, read);
    return read;
  }

  return {
    failure: () => failure,
    metrics: {
      ...source,
      instant: async ({ expr, at }) => {
        try {
          const { samples, refusal } = await pieceAt(expr, at);
          if (refusal !== undefined) throw refusal;
          return samples.get(at) ?? [];
        } catch (error) {
          if (!isRefusal(error)) failure ??= error instanceof Error ? error : new Error(String(error));
          throw error;
        }
      },
    },
  };
}

/** Who called whom in the past. */
export interface RecordedCalls {
  readonly callGraphAt: CallGraphAt;
  /** Why the source could not be read, when it could not. */
  readonly failure: () => Error | undefined;
  /** What the source said when it refused the question: for those minutes nothing is known. */
  readonly refusal: () => string | undefined;
}

/** A large mesh has tens of thousands of pairs, and is only asked about while several alerts stand: an hour at a time. */
const MINUTES_AHEAD = 60;

/**
 * Learns call graphs from ranges, one for each whole minute: live asks once a minute too, and an interrupted replay comes
 * to the same wherever it goes on. A past without the counters gives graphs without calls, as it does live.
 */
export function createRecordedCalls(options: Omit<RecordedOptions, 'step' | 'ahead'>): RecordedCalls {
  const { metrics, failure } = createRecordedMetrics({ ...options, step: MINUTE, ahead: MINUTES_AHEAD });
  let known: { readonly at: EpochMs; readonly graph: CallGraph | undefined } | undefined;
  let refusal: string | undefined;

  async function graphAt(at: EpochMs): Promise<CallGraph | undefined> {
    try {
      return callGraphOf(await metrics.instant({ expr: CALL_GRAPH_QUERY, at }));
    } catch (error) {
      if (failure() === undefined) refusal ??= error instanceof Error ? error.message : String(error);
      return undefined;
    }
  }

  return {
    failure,
    refusal: () => refusal,
    callGraphAt: async (instant) => {
      const at = epochMs(Math.floor(instant / MINUTE) * MINUTE);
      if (known?.at !== at) known = { at, graph: await graphAt(at) };
      return known.graph;
    },
  };
}
