import type { Steps } from '../lib/concurrency.ts';
import { type Microseconds, ms, type TimeWindow, toEpochUs, us } from '../lib/units.ts';
import { operationOf } from '../traces/operations.ts';
import { rankingSpan } from '../traces/slowest.ts';
import type { Span, Trace } from '../traces/trace.ts';
import { buildTree, type SpanNode } from '../traces/tree.ts';
import { isMoreThanByChance } from './attributes.ts';

/** The requests of a service that are compared with each other: of one span name, or of one request line. */
export interface Endpoint {
  readonly operation?: string;
  /** `POST /checkout`, where a mesh names all spans after their host. */
  readonly requestLine?: string;
}

/** A trace with the span that measures the request as the service saw it. */
export interface EntryTrace {
  readonly trace: Trace;
  readonly entry: Span;
}

/** What one search of a slice returned. */
export interface Slice {
  readonly window: TimeWindow;
  readonly traces: readonly Trace[];
  /** The slice has no other trace. */
  readonly isComplete: boolean;
}

/** Fewer traces on a side are not compared. */
export const FEWEST = 5;
/** The share of normal traces that are not called slow where no objective says what is slow. */
const NORMAL_QUANTILE = 0.95;
/** A larger share of slow traces counts when it is less probable than 1% by chance, for the up to four tests of one command. */
const SIGNIFICANT = 0.01 / 4;

/** The duration that `quantile` of the traces do not exceed; undefined without traces. */
function quantileOf(entries: readonly EntryTrace[], quantile: number): Microseconds | undefined {
  const durations = entries.map(({ entry }) => entry.duration).sort((a, b) => a - b);
  return durations[Math.min(durations.length - 1, Math.floor(durations.length * quantile))];
}

export const slowerThan = (entries: readonly EntryTrace[], threshold: Microseconds): readonly EntryTrace[] =>
  entries.filter(({ entry }) => entry.duration > threshold);

/** The span name alone, and with the request line where a mesh names all spans alike. */
const byOperation = ({ spanName }: Span): Endpoint => ({ operation: spanName });
const byRequest = (span: Span): Endpoint => {
  const requestLine = operationOf(span);
  return requestLine === span.spanName ? byOperation(span) : { operation: span.spanName, requestLine };
};

const keyOf = ({ operation = '', requestLine = '' }: Endpoint): string => `${operation}\u0000${requestLine}`;

function groups(
  entries: readonly EntryTrace[],
  endpointOf: (span: Span) => Endpoint,
): ReadonlyMap<string, readonly EntryTrace[]> {
  const found = new Map<string, EntryTrace[]>();
  for (const each of entries) {
    const key = keyOf(endpointOf(each.entry));
    found.set(key, [...(found.get(key) ?? []), each]);
  }
  return found;
}

/**
 * The most common endpoint among the slow traces: those over the threshold, or where they are too few, those slower than nearly
 * all normal traces of their endpoint. Paths that differ in each request are taken together. Without slow traces, the most
 * common endpoint of all.
 */
export function pickEndpoint(
  now: readonly EntryTrace[],
  normal: readonly EntryTrace[],
  threshold: Microseconds | undefined,
): Endpoint {
  for (const endpointOf of [byRequest, byOperation]) {
    const before = groups(normal, endpointOf);
    const over = threshold === undefined ? [] : slowerThan(now, threshold);
    const unusual = [...groups(now, endpointOf)].flatMap(([key, entries]) => {
      const usual = quantileOf(before.get(key) ?? [], NORMAL_QUANTILE);
      return usual === undefined ? [] : slowerThan(entries, usual);
    });
    for (const slow of [over, unusual]) {
      const top = mostCommon(slow, endpointOf);
      if (top !== undefined && top.length >= FEWEST) return endpointOf(top[0]?.entry as Span);
    }
  }
  const [first] = mostCommon([...now, ...normal], byRequest) ?? [];
  return first === undefined ? {} : byRequest(first.entry);
}

const mostCommon = (
  entries: readonly EntryTrace[],
  endpointOf: (span: Span) => Endpoint,
): readonly EntryTrace[] | undefined =>
  [...groups(entries, endpointOf).values()].sort((a, b) => b.length - a.length)[0];

/** How many traces of two sets are slower than a threshold. */
export interface Excess {
  readonly threshold: Microseconds;
  readonly slow: number;
  readonly ofSlow: number;
  readonly normal: number;
  readonly ofNormal: number;
  /** The share in the slow window is larger, and not by chance. */
  readonly isLarger: boolean;
}

type Counts = Omit<Excess, 'isLarger'>;

export function excessOf(counts: Counts): Excess {
  const { slow, ofSlow, normal, ofNormal } = counts;
  const [now, before] = [
    { count: slow, of: ofSlow },
    { count: normal, of: ofNormal },
  ];
  return { ...counts, isLarger: isMoreThanByChance(now, before, SIGNIFICANT) };
}

/** The share of traces over a threshold against that of normal ones. */
export const excessOver = (
  now: readonly EntryTrace[],
  normal: readonly EntryTrace[],
  threshold: Microseconds,
): Excess =>
  excessOf({
    threshold,
    slow: slowerThan(now, threshold).length,
    ofSlow: now.length,
    normal: slowerThan(normal, threshold).length,
    ofNormal: normal.length,
  });

/**
 * The share of slow traces against that of normal ones: at the objective's threshold; where that share is not larger, at the p95 of
 * the normal traces, since a service can become slow below its objective.
 */
export function excessAt(
  now: readonly EntryTrace[],
  normal: readonly EntryTrace[],
  objective: Microseconds | undefined,
): Excess | undefined {
  const thresholds = [objective, quantileOf(normal, NORMAL_QUANTILE)].filter((each) => each !== undefined);
  const all = thresholds.map((threshold) => excessOver(now, normal, threshold));
  return all.find(({ isLarger }) => isLarger) ?? all[0];
}

/**
 * From which duration on all traces of both windows are counted, where a sample shows no difference: the longest of the normal
 * sample, or the objective's threshold where that is lower.
 */
export function tailThreshold(
  normal: readonly EntryTrace[],
  objective: Microseconds | undefined,
): Microseconds | undefined {
  const longest = quantileOf(normal, 1);
  if (longest === undefined || objective === undefined) return longest ?? objective;
  return us(Math.min(longest, objective));
}

/** A slice with the traces of the endpoint in it. */
export interface ReadSlice {
  readonly entries: readonly EntryTrace[];
  /** The earliest start of any request of the service, where the slice has more than it returned. */
  readonly oldest: number | undefined;
}

/** Reads a slice. Each step is about one trace: its size is the number of spans. */
export function* readSlice(
  { traces, window, isComplete }: Slice,
  match: Endpoint & { readonly service: string },
): Steps<ReadSlice> {
  const entries: EntryTrace[] = [];
  let oldest: number | undefined;
  for (const trace of traces) {
    yield trace.spans.length;
    const entry = rankingSpan(trace, { ...match, window });
    if (entry !== undefined) entries.push({ trace, entry });
    const any = isComplete ? undefined : rankingSpan(trace, { service: match.service, window });
    if (any !== undefined) oldest = Math.min(oldest ?? any.start, any.start);
  }
  return { entries, oldest };
}

/** Each trace once. */
export const distinct = (entries: readonly EntryTrace[]): readonly EntryTrace[] => [
  ...new Map(entries.map((each) => [each.trace.traceId, each])).values(),
];

/**
 * How many traces of the endpoint the slices hold altogether. A truncated slice is extrapolated from the time that its traces cover:
 * backends return the newest first.
 */
export function estimateTotal(
  slices: readonly { readonly window: TimeWindow; readonly read: ReadSlice }[],
): number {
  return Math.round(
    slices.reduce((sum, { window, read: { entries, oldest } }) => {
      const found = distinct(entries).length;
      if (oldest === undefined || found === 0) return sum + found;
      const [start, end] = [toEpochUs(window.start), toEpochUs(window.end)];
      return sum + (found * (end - start)) / Math.max(1_000, end - oldest);
    }, 0),
  );
}

/**
 * The part of a trace below the call to the service, with the client span of its caller as its root: how long the request was on
 * its way tells a process that keeps requests waiting from slow code, and the network of the service from that of what it
 * calls. Without a client span the service's own span is the root. A trace that starts there stays whole.
 */
export function cutAtEntry({ trace, entry }: EntryTrace): Trace {
  const own = buildTree(trace).nodes.find(({ span }) => span === entry);
  const caller = own?.parent;
  const top = caller?.span.kind === 'client' ? caller : own;
  if (top?.parent === undefined) return trace;
  const spans: Span[] = [{ ...top.span, parentSpanId: undefined }];
  const open: SpanNode[] = [...top.children];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    spans.push(node.span);
    open.push(...node.children);
  }
  return { traceId: trace.traceId, spans };
}

/** The trace whose duration is the median: an example. */
export const medianOf = (entries: readonly EntryTrace[]): EntryTrace | undefined =>
  [...entries].sort((a, b) => a.entry.duration - b.entry.duration)[Math.floor(entries.length / 2)];

/** The window of the same length that ends where this one starts, or `earlier` before that. */
export const windowBefore = ({ start, end }: TimeWindow): TimeWindow =>
  ({ start: start - (end - start), end: start }) as TimeWindow;

export const shifted = ({ start, end }: TimeWindow, by: number): TimeWindow =>
  ({ start: start - ms(by), end: end - ms(by) }) as TimeWindow;

export const justOver = (threshold: Microseconds): Microseconds => us(threshold + 1);
