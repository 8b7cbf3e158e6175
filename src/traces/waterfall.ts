import { type EpochUs, type Microseconds, us } from '../lib/units.ts';
import { attemptsOf, callOf } from './calls.ts';
import { createStartTimes } from './clock-skew.ts';
import { type CriticalPath, pathTimes } from './critical-path.ts';
import { hopOf } from './hops.ts';
import { cutName, requestLineOf, serviceName, shownOperation } from './operations.ts';
import { statusOf } from './span-errors.ts';
import { attributeText, type Span } from './trace.ts';
import type { TraceSummary } from './trace-summary.ts';
import type { SpanNode, SpanTree } from './tree.ts';

/** The content of one row: a span, or a client span together with the server span that answered it. */
export interface RowSpans {
  readonly node: SpanNode;
  readonly server?: SpanNode;
}

/** A row of the picture. */
export interface ChosenRow {
  readonly spans: RowSpans;
  /** Number of its ancestors that have a row. */
  readonly depth: number;
  /** The top of its tree. */
  readonly top: SpanNode;
}

interface Candidate extends RowSpans {
  /** How long the root waited for it. */
  readonly pathTime: number;
}

/** A shorter time on the critical path would be a thin line: a long span off the path says more. */
const MIN_PATH_SHARE = 0.005;

/** Failed spans off the path that are shown before longer successful spans. */
const MAX_FAILED = 3;

/**
 * Chooses the rows of a picture: the main root, the critical path, a few failed spans, then the longest of the rest. The
 * rows are in the order of the tree. Linear but for the sorting of rows.
 */
function chooseRows({
  tree,
  path,
  most,
}: {
  readonly tree: SpanTree;
  readonly path: CriticalPath;
  readonly most: number;
}): { readonly rows: readonly ChosenRow[]; readonly shownSpans: number } {
  const candidates = candidatesOf(tree, path);
  const minTime = path.root.span.duration * MIN_PATH_SHARE;
  const isOnPath = ({ pathTime }: Candidate): boolean => pathTime > 0 && pathTime >= minTime;
  const isRoot = ({ node }: Candidate): boolean => node === path.root;
  const others = candidates.filter((each) => !isRoot(each));
  const onPath = largest(others.filter(isOnPath), most, ({ pathTime }) => pathTime);
  const offPath = others.filter((each) => !isOnPath(each));
  const failed = largest(offPath.filter(isFailed), MAX_FAILED, durationOf);
  const rest = largest(
    offPath.filter((each) => !failed.includes(each)),
    most,
    durationOf,
  );
  const picked = [...candidates.filter(isRoot), ...onPath, ...failed, ...rest].slice(0, most);
  const shownSpans = picked.reduce((sum, { server }) => sum + (server === undefined ? 1 : 2), 0);
  return { rows: inTreeOrder(tree, picked), shownSpans };
}

const durationOf = ({ node }: Candidate): number => node.span.duration;
const isFailed = ({ node, server }: Candidate): boolean => node.span.isError || server?.span.isError === true;

function candidatesOf({ nodes }: SpanTree, path: CriticalPath): readonly Candidate[] {
  const times = pathTimes(path);
  const timeOf = (node: SpanNode): number => times.get(node) ?? 0;
  const merged = new Set<SpanNode>();
  const candidates: Candidate[] = [];
  // Parents come before their children: a client's row claims its server span first.
  for (const node of nodes) {
    if (merged.has(node)) continue;
    const server = hopOf(node)?.server;
    if (server === undefined) {
      candidates.push({ node, pathTime: timeOf(node) });
      continue;
    }
    merged.add(server);
    candidates.push({ node, server, pathTime: timeOf(node) + timeOf(server) });
  }
  return candidates;
}

/** The `most` largest, the largest first; the first of equals. One pass: `most` is small. */
function largest(
  candidates: readonly Candidate[],
  most: number,
  sizeOf: (candidate: Candidate) => number,
): readonly Candidate[] {
  const kept: Candidate[] = [];
  for (const candidate of candidates) {
    const size = sizeOf(candidate);
    const last = kept.at(-1);
    if (kept.length === most && last !== undefined && sizeOf(last) >= size) continue;
    const place = kept.findIndex((each) => sizeOf(each) < size);
    kept.splice(place === -1 ? kept.length : place, 0, candidate);
    if (kept.length > most) kept.pop();
  }
  return kept;
}

function inTreeOrder({ roots }: SpanTree, picked: readonly RowSpans[]): readonly ChosenRow[] {
  const rows = new Map(picked.map((spans) => [spans.node, spans]));
  const leading = withAncestors(picked);
  const chosen: ChosenRow[] = [];
  const stack = roots
    .filter((node) => leading.has(node))
    .map((node) => ({ node, depth: 0, top: node }))
    .reverse();
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { node, depth, top } = next;
    const spans = rows.get(node);
    if (spans !== undefined) chosen.push({ spans, depth, top });
    const below = spans === undefined ? depth : depth + 1;
    for (let i = node.children.length - 1; i >= 0; i--) {
      const child = node.children[i] as SpanNode;
      if (leading.has(child)) stack.push({ node: child, depth: below, top });
    }
  }
  return chosen;
}

/** The nodes of the rows and their ancestors: the rest of the tree has no row. */
function withAncestors(picked: readonly RowSpans[]): ReadonlySet<SpanNode> {
  const leading = new Set<SpanNode>();
  for (const { node } of picked) {
    for (let at: SpanNode | undefined = node; at !== undefined && !leading.has(at); at = at.parent)
      leading.add(at);
  }
  return leading;
}

/** A period, relative to the start of the waterfall's root. */
export interface WaterfallInterval {
  readonly start: Microseconds;
  readonly end: Microseconds;
}

/** What a span is called where its names cannot be drawn, because no font of the picture has their characters. */
export interface AlternativeNames {
  /** Pod or host; empty when unknown. */
  readonly service: string;
  /** Method and path; empty when unknown. */
  readonly operation: string;
  readonly spanId: string;
}

/** One bar of a waterfall: a span, or both spans of a call. */
export interface WaterfallRow {
  readonly service: string;
  readonly operation: string;
  readonly alternative: AlternativeNames;
  /** Number of its ancestors that have a row. */
  readonly depth: number;
  /** Relative to the root's start; negative when it began earlier. */
  readonly start: Microseconds;
  readonly duration: Microseconds;
  /** Where the caller waited without a server span: network and proxies, or the pause between attempts. */
  readonly gaps: readonly WaterfallInterval[];
  /** Where the root waited for this row. */
  readonly onPath: readonly WaterfallInterval[];
  readonly isError: boolean;
  /** Set when the call was retried: which attempt this is. */
  readonly attempt?: { readonly number: number; readonly of: number };
  /** Its parent did not wait for it. */
  readonly isUnawaited: boolean;
  /** Its parent is not in the trace. */
  readonly isOrphan: boolean;
}

/** The layout of a trace as a picture: which bars are drawn, where, and how much is left out. */
export interface Waterfall {
  readonly traceId: string;
  readonly service: string;
  readonly operation: string;
  readonly alternative: AlternativeNames;
  /** How the root ended; empty when unknown. */
  readonly status: string;
  readonly isError: boolean;
  /** Of the root span. */
  readonly duration: Microseconds;
  readonly start: EpochUs;
  readonly spanCount: number;
  readonly serviceCount: number;
  readonly errorCount: number;
  /** In the order of the tree, at most `MAX_ROWS`. */
  readonly rows: readonly WaterfallRow[];
  /** Number of spans without a row. */
  readonly hiddenSpans: number;
  /** The extent of the axis; a row may reach beyond it. */
  readonly window: WaterfallInterval;
  /** Labels of the axis, at round times. */
  readonly ticks: readonly Microseconds[];
}

/** More rows are not readable on a phone (measured at 360 pixels). */
const MAX_ROWS = 10;

/**
 * Lays a trace out. A client span with a single server span is one row, whose gaps are the overhead of the call:
 *
 *     client   |=========================|
 *     server        |==============|
 *     row      |////|==============|/////|
 *
 * Linear but for sorting, for 100,000 spans.
 */
export function waterfallOf(summary: TraceSummary): Waterfall {
  const { path, tree, root } = summary;
  const { rows: chosen, shownSpans } = chooseRows({ tree, path, most: MAX_ROWS });
  const layout: Layout = {
    startOf: createStartTimes(),
    onPath: pathIntervals(path, new Set(chosen.flatMap(({ spans }) => nodesOf(spans)))),
    origin: path.root.span.start,
  };
  const rows = chosen.map((each) => rowOf(each, layout));
  const bars = rows.map(({ start, duration }) => ({ start, end: us(start + duration) }));
  const ofRoot = bars.filter((_, index) => chosen[index]?.top === path.root);
  const window = windowOf({ ofRoot, all: bars }, root.duration);
  return {
    traceId: summary.traceId,
    service: cutName(serviceName(root.serviceName)),
    operation: shownOperation(root),
    alternative: alternativeOf(root),
    status: cutName(statusOf(root)),
    isError: root.isError,
    duration: root.duration,
    start: root.start,
    spanCount: summary.spanCount,
    serviceCount: summary.services.length,
    errorCount: summary.errorCount,
    rows,
    hiddenSpans: summary.spanCount - shownSpans,
    window,
    ticks: ticksOf(window),
  };
}

const HOST_KEYS = ['k8s.pod.name', 'host.name', 'service.instance.id', 'hostname'] as const;

const alternativeOf = (span: Span): AlternativeNames => ({
  service: cutName(attributeText({ attributes: span.resource }, HOST_KEYS)),
  operation: cutName(requestLineOf(span)),
  spanId: span.spanId,
});

interface Layout {
  readonly startOf: (node: SpanNode) => number;
  readonly onPath: ReadonlyMap<SpanNode, readonly WaterfallInterval[]>;
  readonly origin: number;
}

/** The critical path of the spans that are shown, with adjacent sections joined. */
function pathIntervals(
  { root, sections }: CriticalPath,
  shown: ReadonlySet<SpanNode>,
): ReadonlyMap<SpanNode, readonly WaterfallInterval[]> {
  const origin = root.span.start;
  const intervals = new Map<SpanNode, WaterfallInterval[]>();
  for (const { node, start, end } of sections) {
    if (!shown.has(node)) continue;
    const own = intervals.get(node) ?? [];
    intervals.set(node, own);
    const last = own.at(-1);
    const next = { start: us(start - origin), end: us(end - origin) };
    if (last !== undefined && last.end === next.start) own[own.length - 1] = { ...last, end: next.end };
    else own.push(next);
  }
  return intervals;
}

function rowOf({ spans, depth }: ChosenRow, { startOf, onPath, origin }: Layout): WaterfallRow {
  const { node, server } = spans;
  const shown = server ?? node;
  const start = us(startOf(node) - origin);
  const bar = { start, end: us(start + node.span.duration) };
  return {
    service: cutName(serviceName(shown.span.serviceName)),
    operation: shownOperation(shown.span),
    alternative: alternativeOf(shown.span),
    depth,
    start,
    duration: node.span.duration,
    gaps: gapsOf(node, bar, (answer) => startOf(answer) - origin),
    onPath: nodesOf(spans).flatMap((each) => onPath.get(each) ?? []),
    isError: nodesOf(spans).some(({ span }) => span.isError),
    attempt: attemptOf(node),
    isUnawaited: node.span.followsFrom === true,
    isOrphan: node.rootKind === 'orphan' || node.rootKind === 'ring',
  };
}

const nodesOf = ({ node, server }: RowSpans): readonly SpanNode[] =>
  server === undefined ? [node] : [node, server];

/** The parts of a client's bar that no answer covers: network and pauses, without the caller's own work beside them. */
function gapsOf(
  node: SpanNode,
  bar: WaterfallInterval,
  startOf: (answer: SpanNode) => number,
): readonly WaterfallInterval[] {
  const call = callOf(node);
  if (call === undefined || call.between === 'own') return [];
  const from = call.before === 'own' ? bar.start + call.firstStart : bar.start;
  const to = call.after === 'own' ? bar.start + call.answerEnd : bar.end;
  const gaps: WaterfallInterval[] = [];
  let reached: number = from;
  for (const answer of call.answers) {
    const start = startOf(answer);
    if (start > reached) gaps.push({ start: us(reached), end: us(Math.min(start, to)) });
    reached = Math.max(reached, start + answer.span.duration);
  }
  if (reached < to) gaps.push({ start: us(reached), end: us(to) });
  return gaps.filter(({ start, end }) => end > start);
}

function attemptOf(node: SpanNode): WaterfallRow['attempt'] {
  const { parent, span } = node;
  if (span.kind !== 'server' || parent === undefined) return undefined;
  const attempts = attemptsOf(parent);
  const number = attempts.indexOf(node) + 1;
  return number === 0 ? undefined : { number, of: attempts.length };
}

/** Time before and after the root is shown up to these shares of its duration. */
const SHOWN_BEFORE = 0.25;
const SHOWN_AFTER = 0.5;
/** A root shorter than this share of its tree only triggered it (a poll, a timer): then the whole tree is shown. */
const MIN_ROOT_SHARE = 0.1;

/** The extent of the axis: all rows, or as many of them as leave the root large enough. */
function windowOf(
  bars: { readonly ofRoot: readonly WaterfallInterval[]; readonly all: readonly WaterfallInterval[] },
  duration: number,
): WaterfallInterval {
  // Spans outside the root's tree may be a day away, because of clock skew.
  const tree = extentOf(bars.ofRoot, duration);
  if (duration < (tree.end - tree.start) * MIN_ROOT_SHARE) return tree;
  const all = extentOf(bars.all, duration);
  return {
    start: us(Math.max(all.start, -duration * SHOWN_BEFORE)),
    end: us(Math.max(1, Math.min(all.end, duration * (1 + SHOWN_AFTER)))),
  };
}

const extentOf = (bars: readonly WaterfallInterval[], duration: number): WaterfallInterval => ({
  start: us(Math.min(0, ...bars.map(({ start }) => start))),
  end: us(Math.max(duration, ...bars.map(({ end }) => end))),
});

const MAX_TICKS = 5;
const MICROS_PER_SECOND = 1e6;
/** Steps above five seconds: parts of minutes and hours. */
const LONG_STEPS = [10, 20, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600].map((s) => s * MICROS_PER_SECOND);

/** Round times, including 0, in steps of 1, 2 or 5 times a power of ten, or of parts of minutes and hours. */
function ticksOf({ start, end }: WaterfallInterval): readonly Microseconds[] {
  const step = stepOf((end - start) / MAX_TICKS);
  const ticks: Microseconds[] = [];
  for (let tick = Math.ceil(start / step); tick * step <= end; tick++) ticks.push(us(tick * step));
  return ticks;
}

function stepOf(least: number): number {
  if (least > 5 * MICROS_PER_SECOND) {
    const hour = 3_600 * MICROS_PER_SECOND;
    return LONG_STEPS.find((step) => step >= least) ?? Math.ceil(least / hour) * hour;
  }
  const power = 10 ** Math.floor(Math.log10(Math.max(least, 1)));
  return ([1, 2, 5, 10].find((factor) => factor * power >= least) ?? 10) * power;
}
