import type { Clock } from '../../lib/clock.ts';
import { errorMessage, isQueryWrong, UpstreamError } from '../../lib/errors.ts';
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
import type { CallGraph } from '../../policy/inhibition.ts';
import { CALL_GRAPH_QUERY, type CallGraphAt, callGraphOf } from '../call-graph-query.ts';

/** A metrics source that answers instant queries from range queries: one request for many evaluation times. */
export interface RecordedMetrics {
  readonly metrics: MetricsSource;
  /** The first failure of the source. Evaluations since then do not count. */
  readonly failure: () => Error | undefined;
}

/**
 * Points of one range query. Prometheus rejects more than 11,000 per series (web/api/v1, queryRange); fewer keep the
 * response for thousands of services within memory.
 */
const MAX_POINTS = 1_000;

/** Pauses before a failed request is sent again. After the last one the replay fails. */
const RETRY_AFTER: readonly Milliseconds[] = [ms(SECOND), ms(5 * SECOND)];

/** The result of an expression from `start` to `end`: samples by instant, or the rejection for all of them. */
interface RecordedRange {
  readonly start: EpochMs;
  readonly end: EpochMs;
  readonly samples: ReadonlyMap<EpochMs, readonly Sample[]>;
  readonly rejection?: UpstreamError;
}

/** What recorded metrics depend on. */
export interface RecordedOptions {
  readonly source: MetricsSource;
  /** A real clock, for pauses between retries. */
  readonly clock: Pick<Clock, 'sleep'>;
  readonly step: Milliseconds;
  /** The last instant that will be queried. */
  readonly end: EpochMs;
  /** Points of one range query; absent: as many as possible. */
  readonly points?: number;
  readonly signal?: AbortSignal;
}

const isRejection = (error: unknown): error is UpstreamError =>
  error instanceof UpstreamError && error.code === 'bad-request';

/** Whether a shorter range may succeed. */
const isTooLarge = (error: unknown): boolean =>
  error instanceof UpstreamError && (error.code === 'too-large' || error.code === 'timeout');

function samplesByInstant(series: readonly Series[]): ReadonlyMap<EpochMs, readonly Sample[]> {
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

async function withRetries<T>({ clock, signal }: RecordedOptions, request: () => Promise<T>): Promise<T> {
  for (const pause of RETRY_AFTER) {
    try {
      return await request();
    } catch (error) {
      const isFinal = !(error instanceof UpstreamError) || !error.retryable || isTooLarge(error);
      if (isFinal || signal?.aborted === true) throw error;
      await clock.sleep(pause, signal);
    }
  }
  return await request();
}

/** Sends an instant query as a live evaluation does: where a range is rejected, single instants may succeed. */
async function readInstant(options: RecordedOptions, expr: string, at: EpochMs): Promise<RecordedRange> {
  try {
    const samples = await withRetries(options, () => options.source.instant({ expr, at }, options.signal));
    return { start: at, end: at, samples: new Map([[at, samples]]) };
  } catch (error) {
    if (!isQueryWrong(error)) throw error;
    return { start: at, end: at, samples: new Map(), rejection: error };
  }
}

/**
 * In a range this short, an expression that is rejected at both ends counts as rejected throughout. Without this limit
 * a rule that is always rejected would need one request per evaluation.
 */
const MAX_REJECTED_POINTS = 64;

async function rejectionOf(
  options: RecordedOptions,
  expr: string,
  { start, end }: { readonly start: EpochMs; readonly end: EpochMs },
): Promise<UpstreamError | undefined> {
  const first = await readInstant(options, expr, start);
  const last = await readInstant(options, expr, end);
  return last.rejection === undefined ? undefined : first.rejection;
}

/**
 * Reads at most `count` points of an expression from `start` on. When the response is too large, or the expression is
 * rejected for some of the points, it reads half as many, down to single instants.
 */
async function readRange(
  options: RecordedOptions,
  expr: string,
  { start, count }: { readonly start: EpochMs; readonly count: number },
): Promise<RecordedRange> {
  const { source, step, signal } = options;
  for (let points = count; points > 1; points = Math.ceil(points / 2)) {
    const window = { start, end: after(start, ms((points - 1) * step)) };
    try {
      const series = await withRetries(options, () => source.range({ expr, window, step }, signal));
      return { ...window, samples: samplesByInstant(series) };
    } catch (error) {
      if (!isRejection(error) && !isTooLarge(error)) throw error;
      const isShort = isQueryWrong(error) && points <= MAX_REJECTED_POINTS;
      const rejection = isShort ? await rejectionOf(options, expr, window) : undefined;
      if (rejection !== undefined) return { ...window, samples: new Map(), rejection };
      if (points === 2) break;
    }
  }
  return await readInstant(options, expr, start);
}

/**
 * Answers instant queries from ranges, so that the live evaluation runs unchanged on the past. An expression is read when
 * it is first needed, from that instant on: a recovery query is sent only when an alert may recover.
 *
 *     evaluation times    | | | | | | | | | | | |
 *     expression          [-- range ---][-- range --
 *     recovery query            [-range-]              needed at the fourth evaluation: a firing alert is missing
 *                                       ^ horizon: from here on everything is read again, and older data is dropped
 *
 * Instants must be in order, `step` apart. A rejected expression throws as it does live. Every other failure is kept in
 * `failure`: it is not an outage of the past.
 */
export function createRecordedMetrics(options: RecordedOptions): RecordedMetrics {
  const { step, source, end, points = MAX_POINTS } = options;
  const ranges = new Map<string, RecordedRange>();
  let horizon = epochMs(0);
  let failure: Error | undefined;

  async function rangeAt(expr: string, at: EpochMs): Promise<RecordedRange> {
    if (at > horizon) {
      horizon = epochMs(Math.min(end, after(at, ms((points - 1) * step))));
      ranges.clear();
    }
    const known = ranges.get(expr);
    if (known !== undefined && known.start <= at && at <= known.end) return known;
    const left = Math.floor(between(at, horizon) / step) + 1;
    const range = await readRange(options, expr, { start: at, count: Math.max(1, left) });
    ranges.set(expr, range);
    return range;
  }

  return {
    failure: () => failure,
    metrics: {
      ...source,
      instant: async ({ expr, at }) => {
        try {
          const { samples, rejection } = await rangeAt(expr, at);
          if (rejection !== undefined) throw rejection;
          return samples.get(at) ?? [];
        } catch (error) {
          if (!isQueryWrong(error)) failure ??= error instanceof Error ? error : new Error(String(error));
          throw error;
        }
      },
    },
  };
}

/** Call graphs of the past. */
export interface RecordedCallGraph {
  readonly callGraphAt: CallGraphAt;
  /** The first failure of the source. */
  readonly failure: () => Error | undefined;
  /** Why the source rejected the query, if it did: for those minutes the call graph is unknown. */
  readonly rejection: () => string | undefined;
}

/** A large mesh has tens of thousands of pairs, and the query is only needed while several alerts are active. */
const CALL_GRAPH_POINTS = 60;

/**
 * Reads one call graph for each whole minute: live the query is sent once a minute too, and a resumed replay gets the
 * same results. A past without the counters has empty call graphs, as live.
 */
export function createRecordedCallGraph(
  options: Omit<RecordedOptions, 'step' | 'points'>,
): RecordedCallGraph {
  const { metrics, failure } = createRecordedMetrics({
    ...options,
    step: MINUTE,
    points: CALL_GRAPH_POINTS,
  });
  let known: { readonly at: EpochMs; readonly graph: CallGraph | undefined } | undefined;
  let rejection: string | undefined;

  async function read(at: EpochMs): Promise<CallGraph | undefined> {
    try {
      return callGraphOf(await metrics.instant({ expr: CALL_GRAPH_QUERY, at }));
    } catch (error) {
      if (failure() === undefined) rejection ??= errorMessage(error);
      return undefined;
    }
  }

  return {
    failure,
    rejection: () => rejection,
    callGraphAt: async (instant) => {
      const at = epochMs(Math.floor(instant / MINUTE) * MINUTE);
      if (known?.at !== at) known = { at, graph: await read(at) };
      return known.graph;
    },
  };
}
