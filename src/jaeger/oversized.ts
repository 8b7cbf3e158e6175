import { z } from 'zod';
import { forEachLimited } from '../lib/concurrency.ts';
import { UpstreamError } from '../lib/errors.ts';
import { epochMs, type TimeWindow } from '../lib/units.ts';
import type { Trace } from '../traces/trace.ts';
import type { TraceSearchResult } from '../traces/trace-source.ts';
import type { JaegerClient, Query } from './request.ts';
import type { TraceFormat } from './trace-format.ts';

/*
 * Searches of windows in which one trace is larger than an answer may be, as that of a batch job with 60,000 spans. The other
 * traces are found all the same, and what could not be read is reported.
 */

export const isTooLarge = (error: unknown): error is UpstreamError =>
  error instanceof UpstreamError && error.code === 'too-large';

/** Each trace once. Complete when all answers are; what some could not read is unreadable when the others are complete. */
export function merged(answers: readonly TraceSearchResult[]): TraceSearchResult {
  const byId = new Map(answers.flatMap(({ traces }) => traces).map((trace) => [trace.traceId, trace]));
  const unreadable = answers.flatMap((answer) => answer.unreadable ?? []);
  const isWhole = answers.every(({ isComplete, unreadable = [] }) => isComplete || unreadable.length > 0);
  return {
    traces: [...byId.values()],
    isComplete: isWhole && unreadable.length === 0,
    unreadable: isWhole && unreadable.length > 0 ? unreadable : undefined,
  };
}

/** How many spans are read by the ids of their traces: more would take long, and those with attributes much memory. */
const MAX_SPANS = { ranked: 100_000, whole: 20_000 } as const;
const CONCURRENCY = 4;

const summariesSchema = z.object({
  summaries: z
    .array(
      z.object({
        traceId: z.string(),
        spanCount: z.number().default(0),
        minStartTimeUnixNano: z.string().default('0'),
        maxEndTimeUnixNano: z.string().default('0'),
      }),
    )
    .nullish(),
});

interface SummarySearch {
  readonly client: JaegerClient;
  readonly query: Query;
  readonly format: TraceFormat;
  readonly limit: number;
  /** The largest answer with one trace. */
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

/**
 * Finds the traces by their summaries (Jaeger 2.19 and later) and reads each by its id, the smallest first: an answer with one
 * trace is small enough when one with all of them is not.
 */
export async function searchBySummaries(search: SummarySearch): Promise<TraceSearchResult> {
  const { client, query, format, limit, maxBytes, signal } = search;
  const maxSpans = format.rankedService === undefined ? MAX_SPANS.whole : MAX_SPANS.ranked;
  const summaries = await client.send(
    {
      path: '/api/v3/trace-summaries',
      query,
      operation: 'summaries',
      read: (body) => summariesSchema.parse(body).summaries ?? [],
      none: [],
    },
    signal,
  );
  const traces: Trace[] = [];
  const unreadable: TimeWindow[] = [];
  const bySize = [...summaries].sort((a, b) => a.spanCount - b.spanCount);
  let spans = 0;
  await forEachLimited(bySize, CONCURRENCY, async (summary) => {
    spans += summary.spanCount;
    const window = windowOf(summary);
    if (spans > maxSpans) return void unreadable.push(window);
    const path = `/api/v3/traces/${encodeURIComponent(summary.traceId)}`;
    try {
      traces.push(...(await client.traces({ path, operation: 'trace', format, maxBytes }, signal)));
    } catch (error) {
      if (!isTooLarge(error)) throw error;
      unreadable.push(window);
    }
  });
  const isComplete = summaries.length < limit;
  return merged([
    {
      traces,
      isComplete: isComplete && unreadable.length === 0,
      unreadable: isComplete ? unreadable : undefined,
    },
  ]);
}

const millisOf = (nanos: string): number => Math.floor(Number(nanos) / 1_000_000);

const windowOf = (summary: {
  readonly minStartTimeUnixNano: string;
  readonly maxEndTimeUnixNano: string;
}): TimeWindow => ({
  start: epochMs(millisOf(summary.minStartTimeUnixNano)),
  end: epochMs(millisOf(summary.maxEndTimeUnixNano)),
});

/** A search cannot be narrowed further: its window is in whole seconds. */
const SMALLEST_MS = 1_000;
/** Enough to narrow down one trace in a window of two hours to a second. */
const MAX_PARTS = 28;
const MAX_KNOWN = 16;

interface SplitSearch {
  readonly window: TimeWindow;
  /** Seconds in which a trace was too large, of earlier searches; new ones are added. */
  readonly known: TimeWindow[];
  readonly searchPart: (window: TimeWindow) => Promise<TraceSearchResult>;
}

/**
 * Narrows down where the large trace begins, by halves, and leaves out that second:
 *
 *     |----------------|----------------|     too large
 *     |------ok--------|-------|--------|     too large on the right
 *                      |---|---|---ok---|     and so on, down to a second
 *
 * Throws the error when no part can be read.
 */
export async function searchAround({ window, known, searchPart }: SplitSearch): Promise<TraceSearchResult> {
  const answers: TraceSearchResult[] = [];
  const unreadable: TimeWindow[] = [];
  let open = around(window, known);
  let failure: UpstreamError | undefined;
  for (let parts = 0; open.length > 0; parts += 1) {
    const [part = window, ...rest] = open;
    open = rest;
    try {
      if (parts < MAX_PARTS) answers.push(await searchPart(part));
      else unreadable.push(part);
    } catch (error) {
      if (!isTooLarge(error)) throw error;
      failure = error;
      const halves = halvesOf(part);
      if (halves === undefined) {
        unreadable.push(part);
        remember(known, part);
      } else open = [...halves, ...open];
    }
  }
  if (answers.length === 0 && failure !== undefined) throw failure;
  if (unreadable.length === 0 && answers.length === 1) return answers[0] ?? merged([]);
  return merged([
    ...answers,
    ...unreadable.map((part) => ({ traces: [], isComplete: false, unreadable: [part] })),
  ]);
}

function remember(known: TimeWindow[], part: TimeWindow): void {
  known.push(part);
  if (known.length > MAX_KNOWN) known.shift();
}

/** The window in parts that begin and end at the known seconds. */
function around(window: TimeWindow, known: readonly TimeWindow[]): readonly TimeWindow[] {
  const inside = known
    .flatMap(({ start, end }) => [start, end])
    .filter((bound) => bound > window.start && bound < window.end);
  const bounds = [...new Set([window.start, ...inside, window.end])].sort((a, b) => a - b);
  return bounds.length < 3
    ? [window]
    : bounds.slice(1).map((end, index) => ({ start: bounds[index] ?? window.start, end }));
}

/** In whole seconds; undefined for one that cannot be halved. */
function halvesOf({ start, end }: TimeWindow): readonly TimeWindow[] | undefined {
  const middle = epochMs(Math.floor((start + end) / 2 / SMALLEST_MS) * SMALLEST_MS);
  if (middle <= start || middle >= end) return undefined;
  return [
    { start, end: middle },
    { start: middle, end },
  ];
}
