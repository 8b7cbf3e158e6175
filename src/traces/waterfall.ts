import { type EpochUs, type Microseconds, us } from '../lib/units.ts';
import type { CriticalPath } from './critical-path.ts';
import { attemptsOf } from './hops.ts';
import { answeredCall, serversOf } from './peer.ts';
import { createPlaces } from './places.ts';
import { shownOperation } from './shown-operation.ts';
import { statusOf } from './span-errors.ts';
import type { TraceSummary } from './summary.ts';
import type { SpanNode } from './tree.ts';
import { type Chosen, choose, type Unit } from './waterfall-rows.ts';

/** A stretch of time, counted from the start of the waterfall's root. */
export interface Stretch {
  readonly start: Microseconds;
  readonly end: Microseconds;
}

/** One bar of a waterfall: a span, or a call seen from both ends. */
export interface WaterfallRow {
  readonly service: string;
  readonly operation: string;
  /** Steps below the nearest row that is shown. */
  readonly depth: number;
  /** From the root's start; below zero for what began earlier. */
  readonly start: Microseconds;
  readonly duration: Microseconds;
  /** Where the caller waited and no server span was at work: network and proxies, or the pause between attempts. */
  readonly gaps: readonly Stretch[];
  /** Where this row is what the root waited for. */
  readonly onPath: readonly Stretch[];
  readonly isError: boolean;
  /** Set when the call was tried several times: which try this is. */
  readonly attempt?: { readonly number: number; readonly of: number };
  /** Its parent did not wait for it. */
  readonly isUnawaited: boolean;
  /** Its parent is not in the trace. */
  readonly isOrphan: boolean;
}

/** A trace laid out for a picture: which bars are drawn, where, and what is left out. */
export interface Waterfall {
  readonly traceId: string;
  readonly service: string;
  readonly operation: string;
  /** How the root ended; empty when it does not say. */
  readonly status: string;
  readonly isError: boolean;
  /** Of the root span. */
  readonly duration: Microseconds;
  readonly start: EpochUs;
  readonly spanCount: number;
  readonly serviceCount: number;
  readonly errorCount: number;
  /** In the order of the tree, at most `MOST_ROWS`. */
  readonly rows: readonly WaterfallRow[];
  /** Spans that no row shows. */
  readonly hiddenSpans: number;
  /** What the axis shows; a row may reach beyond it. */
  readonly window: Stretch;
  /** Round instants of the axis. */
  readonly ticks: readonly Microseconds[];
}

/** More rows cannot be read on a telephone (measured at 360 pixels). */
const MOST_ROWS = 14;
/** Names are cut by width when they are drawn; nobody reads a longer one. */
const LONGEST_NAME = 200;

/**
 * Lays a trace out. A client span with its one server is a single row, whose gaps are the overhead of the call:
 *
 *     client   |=========================|
 *     server        |==============|
 *     row      |////|==============|/////|
 *
 * The critical path comes first, then the longest of the rest; the rows stand in the order of the tree. Linear but for
 * sorting: 100,000 spans are fine.
 */
export function waterfallOf(summary: TraceSummary): Waterfall {
  const { path, tree, root } = summary;
  const origin = path.root.span.start;
  const placeOf = createPlaces();
  const { chosen, shownSpans } = choose({ tree, path, most: MOST_ROWS });
  const stretches = stretchesOf(path, new Set(chosen.flatMap(({ unit }) => partsOf(unit))));
  const rows = chosen.map((each) => rowOf(each, { placeOf, stretches, origin }));
  const bars = rows.map(({ start, duration }) => ({ start, end: us(start + duration) }));
  const ofRoot = bars.filter((_, index) => chosen[index]?.top === path.root);
  const window = windowOf({ ofRoot, all: bars }, root.duration);
  return {
    traceId: summary.traceId,
    service: named(root.serviceName),
    operation: shownOperation(root),
    status: cut(statusOf(root)),
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

const cut = (name: string): string => name.slice(0, LONGEST_NAME);
const named = (service: string): string => (service === '' ? '(no service name)' : cut(service));

type Stretches = ReadonlyMap<SpanNode, readonly Stretch[]>;

interface Scene {
  readonly placeOf: (node: SpanNode) => number;
  readonly stretches: Stretches;
  readonly origin: number;
}

/** The critical path of the spans that are shown, its touching sections joined. */
function stretchesOf({ root, sections }: CriticalPath, shown: ReadonlySet<SpanNode>): Stretches {
  const origin = root.span.start;
  const stretches = new Map<SpanNode, Stretch[]>();
  for (const { node, start, end } of sections) {
    if (!shown.has(node)) continue;
    const own = stretches.get(node) ?? [];
    stretches.set(node, own);
    const last = own.at(-1);
    const next = { start: us(start - origin), end: us(end - origin) };
    if (last !== undefined && last.end === next.start) own[own.length - 1] = { ...last, end: next.end };
    else own.push(next);
  }
  return stretches;
}

function rowOf({ unit, depth }: Chosen, { placeOf, stretches, origin }: Scene): WaterfallRow {
  const { node, server } = unit;
  const shown = server ?? node;
  const start = us(placeOf(node) - origin);
  const bar = { start, end: us(start + node.span.duration) };
  const serverSpans = (server === undefined ? answersTo(node) : [server]).map((each): Stretch => {
    const from = placeOf(each) - origin;
    return { start: us(from), end: us(from + each.span.duration) };
  });
  return {
    service: named(shown.span.serviceName),
    operation: shownOperation(shown.span),
    depth,
    start,
    duration: node.span.duration,
    gaps: serverSpans.length === 0 ? [] : gapsBetween(bar, serverSpans),
    onPath: partsOf(unit).flatMap((part) => stretches.get(part) ?? []),
    isError: partsOf(unit).some(({ span }) => span.isError),
    ...attemptOf(node),
    isUnawaited: node.span.followsFrom === true,
    isOrphan: node.rootKind === 'orphan' || node.rootKind === 'ring',
  };
}

/** What was at work while a client waited: the attempts at its call, or the call that a proxy beside it made of it. */
function answersTo(node: SpanNode): readonly SpanNode[] {
  const answered = node.span.kind === 'client' ? answeredCall(node) : undefined;
  if (answered === undefined) return [];
  return answered === node ? serversOf(node) : [answered];
}

const partsOf = ({ node, server }: Unit): readonly SpanNode[] =>
  server === undefined ? [node] : [node, server];

/** What of a bar its servers leave free. */
function gapsBetween(bar: Stretch, serverSpans: readonly Stretch[]): readonly Stretch[] {
  const gaps: Stretch[] = [];
  let reached: number = bar.start;
  for (const { start, end } of [...serverSpans].sort((a, b) => a.start - b.start)) {
    if (start > reached) gaps.push({ start: us(reached), end: us(Math.min(start, bar.end)) });
    reached = Math.max(reached, end);
  }
  if (reached < bar.end) gaps.push({ start: us(reached), end: bar.end });
  return gaps.filter(({ start, end }) => end > start);
}

function attemptOf(node: SpanNode): Pick<WaterfallRow, 'attempt'> {
  const { parent, span } = node;
  if (span.kind !== 'server' || parent === undefined) return {};
  const attempts = attemptsOf(parent);
  const number = attempts.indexOf(node) + 1;
  return number === 0 ? {} : { attempt: { number, of: attempts.length } };
}

/** Work before and after the root is shown as far as it leaves the root itself large enough to be read. */
const SHOWN_BEFORE = 0.25;
const SHOWN_AFTER = 0.5;
/** A root that is a smaller part of its own tree only set it off (a poll, a timer): then the tree is what there is to see. */
const LEAST_ROOT = 0.1;

/** What the axis shows: all of the rows, or as much of them as leaves the root large. */
function windowOf(
  bars: { readonly ofRoot: readonly Stretch[]; readonly all: readonly Stretch[] },
  duration: number,
): Stretch {
  // Whatever does not hang on the root may be a day away, by a clock of its own.
  const tree = extentOf(bars.ofRoot, duration);
  if (duration < (tree.end - tree.start) * LEAST_ROOT) return tree;
  const all = extentOf(bars.all, duration);
  return {
    start: us(Math.max(all.start, -duration * SHOWN_BEFORE)),
    end: us(Math.max(1, Math.min(all.end, duration * (1 + SHOWN_AFTER)))),
  };
}

const extentOf = (bars: readonly Stretch[], duration: number): Stretch => ({
  start: us(Math.min(0, ...bars.map(({ start }) => start))),
  end: us(Math.max(duration, ...bars.map(({ end }) => end))),
});

const MOST_TICKS = 5;
const MICROS_PER_SECOND = 1e6;
/** Above ten seconds people count in parts of minutes and hours. */
const LONG_STEPS = [10, 20, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600].map((s) => s * MICROS_PER_SECOND);

/** Round instants, zero among them: steps of 1, 2 or 5 times a power of ten, from ten seconds on of whole parts of an hour. */
function ticksOf({ start, end }: Stretch): readonly Microseconds[] {
  const step = stepOf((end - start) / MOST_TICKS);
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
