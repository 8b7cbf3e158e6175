import { type EpochUs, epochUs, type Microseconds, us } from '../lib/units.ts';
import { serversOf } from './calls.ts';
import type { Span } from './trace.ts';
import type { SpanNode, SpanTree } from './tree.ts';

/** Where a section lies in its span: before, between or after the children on the path; `whole` when none is on it. */
export type SectionPlace = 'whole' | 'before' | 'between' | 'after';

/** A period in which the root waited for one span. On the root's clock; never empty. */
export interface CriticalPathSection {
  readonly node: SpanNode;
  readonly start: EpochUs;
  readonly end: EpochUs;
  readonly place: SectionPlace;
  /**
   * Upper bound on how much sooner the root could have ended without the span: parallel work would still have been waited
   * for. As in CRISP (USENIX ATC 2022).
   */
  readonly potentialSaving: Microseconds;
}

/** The chain of spans that determined the duration of a root span. */
export interface CriticalPath {
  readonly root: SpanNode;
  /** In order of time, without gaps: their lengths sum to the root's duration. */
  readonly sections: readonly CriticalPathSection[];
  /** Number of server spans outside their callers because of clock skew, which were moved under them. */
  readonly movedCount: number;
  /** Of those, the number that clocks differing by 1 ms or more explain; the others are rounding. */
  readonly skewedCount: number;
  /** Number of children that their parents did not wait for, and whose time would otherwise be on the path. */
  readonly unawaitedCount: number;
}

/** A span on the root's clock: `start` to `end` clipped to its parent, `ownStart` to `ownEnd` unclipped. */
interface TimedNode {
  readonly node: SpanNode;
  readonly start: number;
  readonly end: number;
  readonly ownStart: number;
  readonly ownEnd: number;
}

type Interval = Pick<TimedNode, 'start' | 'end'>;

interface Frame {
  readonly timed: TimedNode;
  /** Children that were waited for, the latest end first. */
  readonly waited: readonly TimedNode[];
  /** Children that were not waited for, clipped to the span. */
  readonly unawaited: readonly Interval[];
  /** The span's own sections, the latest first; collected only when a child was not waited for. */
  readonly ownSections: Interval[];
  readonly potentialSaving: number;
  next: number;
  /** Everything from here to the end is already on the path. */
  cursor: number;
  hasChild: boolean;
}

interface Counts {
  moved: number;
  skewed: number;
  unawaited: number;
}

/** Two spans that overlap by up to this may have run one after the other: 2 ms, for how spans are closed. */
const CLOSING_US = 2_000;
/** Clocks that differ by less agree: some libraries round the start of a span to whole milliseconds. */
const ROUNDING_US = 1_000;
/** A child that starts this late, or in the last 1% of its parent, and outlives it was not waited for. */
const LAST_MOMENTS_US = 1_000;
const LAST_MOMENTS_SHARE = 0.01;

/**
 * The critical path of a tree: from the root's end backwards, into the child that ended last, and on from its start.
 *
 *     root      |==============================|
 *     a           |=======|
 *     b           |==========|                      ends later than a: a did not delay the root
 *     c                      |==========|           starts as b ends: both are on the path
 *     d                          |~~~~~~~~~~~~~~~~~~~~~|   mostly after the root: not waited for
 *     path      ##|b         |c         |######
 *
 * Of children with the same end the earliest start counts. A child that ends after its parent is clipped to the parent's
 * end. Both as in CRISP and Jaeger's UI. See `isAwaited` for the children that were not waited for. A server span outside
 * its client is moved to the middle of it, as Jaeger's own clock skew adjustment does.
 * Iterative, O(n log n): any depth, any number of children.
 */
export function criticalPathOf(root: SpanNode): CriticalPath {
  const { start, duration } = root.span;
  const end = start + duration;
  const counts: Counts = { moved: 0, skewed: 0, unawaited: 0 };
  const sections: CriticalPathSection[] = [];
  const stack: Frame[] = [];
  const enter = (timed: TimedNode, potentialSaving: number): void => {
    const { start, end, node } = timed;
    // A leaf is a single section and needs no frame.
    if (node.children.length === 0) {
      if (end > start) sections.push(section({ timed, potentialSaving }, { start, end, place: 'whole' }));
      return;
    }
    stack.push({
      timed,
      ...childrenOf(timed, counts),
      ownSections: [],
      potentialSaving,
      next: 0,
      cursor: end,
      hasChild: false,
    });
  };
  enter({ node: root, start, end, ownStart: start, ownEnd: end }, duration);
  for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
    const child = nextChild(frame);
    const own = ownSection(frame, child);
    if (own !== undefined) sections.push(own);
    if (own !== undefined && frame.unawaited.length > 0) frame.ownSections.push(own);
    if (child === undefined) {
      stack.pop();
      counts.unawaited += frame.unawaited.filter((child) => overlapsAny(child, frame.ownSections)).length;
      continue;
    }
    frame.cursor = child.start;
    frame.hasChild = true;
    enter(child, Math.min(frame.potentialSaving, savingBeside(child, frame.waited[frame.next])));
  }
  return {
    root,
    sections: sections.reverse(),
    movedCount: counts.moved,
    skewedCount: counts.skewed,
    unawaitedCount: counts.unawaited,
  };
}

/**
 * The child that ended last before the cursor; children that end after it ran in parallel to the path. One that ends up to
 * 2 ms after it, by less than a third of its duration, is clipped: the next sibling waited for it.
 */
function nextChild(frame: Frame): TimedNode | undefined {
  const { waited, cursor } = frame;
  for (;;) {
    const child = waited[frame.next];
    if (child === undefined) return undefined;
    frame.next += 1;
    const overlap = child.end - cursor;
    if (overlap <= 0) return child;
    if (overlap <= CLOSING_US && overlap * 3 < child.end - child.start) return { ...child, end: cursor };
  }
}

/** Whether a period overlaps one of the sections, which are sorted, the latest first. */
function overlapsAny({ start, end }: Interval, sections: readonly Interval[]): boolean {
  let [low, high] = [0, sections.length];
  // The first section that starts before the period's end.
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sections[middle]?.start ?? 0) < end) high = middle;
    else low = middle + 1;
  }
  const section = sections[low];
  return section !== undefined && section.end > start;
}

/** The time between the cursor and the child is the span's own; without a child, everything before the cursor. */
function ownSection(frame: Frame, child: TimedNode | undefined): CriticalPathSection | undefined {
  const { timed, cursor, hasChild } = frame;
  const start = child === undefined ? timed.start : child.end;
  if (cursor <= start) return undefined;
  const isFirst = child === undefined;
  const place = hasChild ? (isFirst ? 'before' : 'between') : isFirst ? 'whole' : 'after';
  return section(frame, { start, end: cursor, place });
}

const section = (
  { timed, potentialSaving }: Pick<Frame, 'timed' | 'potentialSaving'>,
  { start, end, place }: { readonly start: number; readonly end: number; readonly place: SectionPlace },
): CriticalPathSection => ({
  node: timed.node,
  start: epochUs(start),
  end: epochUs(end),
  place,
  potentialSaving: us(potentialSaving),
});

/** Without the child, the parent would still have waited for the next one to end. */
const savingBeside = (child: TimedNode, next: TimedNode | undefined): number =>
  Math.max(0, child.end - Math.max(child.start, next === undefined ? child.start : next.end));

/** The children of a span on the root's clock, clipped to it; those without time in it are left out. */
function childrenOf(parent: TimedNode, counts: Counts): Pick<Frame, 'waited' | 'unawaited'> {
  const waited: TimedNode[] = [];
  const unawaited: Interval[] = [];
  const isAnswered = hasAnswer(parent.node);
  for (const node of parent.node.children) {
    const placed = placeUnder(parent.node, node.span, parent.ownStart);
    if (placed.isMoved && node.span.followsFrom !== true) {
      counts.moved += 1;
      if (isSkewed(parent.node.span, node.span)) counts.skewed += 1;
    }
    const [ownStart, ownEnd] = [placed.start, placed.start + node.span.duration];
    const [start, end] = [Math.max(ownStart, parent.start), Math.min(ownEnd, parent.end)];
    if (end <= start) continue;
    const timed = { node, start, end, ownStart, ownEnd };
    const isOutlived = isAnswered && node.span.kind === 'server' && ownEnd > parent.ownEnd + CLOSING_US;
    if (!isOutlived && isAwaited(timed, parent, placed.isMoved)) waited.push(timed);
    else unawaited.push(timed);
  }
  return { waited: waited.length < 2 ? waited : waited.sort(byEnd), unawaited };
}

/** Whether one of several servers under a client ended by its end: then those that outlive the client did not answer. */
function hasAnswer(client: SpanNode): boolean {
  if (client.span.kind !== 'client' || client.children.length < 2) return false;
  const servers = serversOf(client);
  const end = client.span.start + client.span.duration + CLOSING_US;
  return servers.length > 1 && servers.some(({ span }) => span.start + span.duration <= end);
}

/** The span id breaks ties, so that the result does not depend on the order of the spans. */
const byEnd = (a: TimedNode, b: TimedNode): number =>
  b.end - a.end || a.start - b.start || (a.node.span.spanId < b.node.span.spanId ? -1 : 1);

/**
 * Whether a parent waited for a child. Not for one that follows from it. Of those that outlive it, not for messages, for
 * one that started in its last moments, and for one that ran for half of its duration or more after its end; a client always waited for its server:
 * it timed out.
 */
function isAwaited(
  { node: { span }, ownStart, ownEnd }: TimedNode,
  parent: TimedNode,
  isMoved: boolean,
): boolean {
  if (span.followsFrom === true) return false;
  const outlived = ownEnd - parent.ownEnd;
  if (isMoved || outlived <= 0) return true;
  if (span.kind === 'server' && parent.node.span.kind === 'client') return true;
  const inside = parent.ownEnd - ownStart;
  const lastMoments = Math.min(LAST_MOMENTS_US, (parent.ownEnd - parent.ownStart) * LAST_MOMENTS_SHARE);
  const isMessage = span.kind === 'producer' || span.kind === 'consumer';
  return !isMessage && inside > lastMoments && outlived < inside;
}

/**
 * The start of a child on the root's clock, given the start of its parent there: a moved parent moves its children, and a
 * server span outside its caller is moved to the middle of it.
 */
export function placeUnder(
  { span: parent }: SpanNode,
  child: Span,
  parentStart: number,
): { readonly start: number; readonly isMoved: boolean } {
  if (!isMisplaced(parent, child))
    return { start: child.start + (parentStart - parent.start), isMoved: false };
  const middle = parentStart + Math.floor(Math.max(0, parent.duration - child.duration) / 2);
  return { start: middle, isMoved: true };
}

/**
 * Whether a server span lies outside its caller: before its parent, or after the client that called it. Less than 1 ms
 * before it is rounding, unless that is half of the server span or more.
 */
export function isMisplaced(parent: Span, child: Span): boolean {
  if (child.kind !== 'server') return false;
  const early = parent.start - child.start;
  if (early >= ROUNDING_US || (early > 0 && early * 2 >= child.duration)) return true;
  return parent.kind === 'client' && child.start >= parent.start + parent.duration && parent.duration > 0;
}

/** Whether a misplaced server span shows that the clocks differ: by 1 ms or more. */
const isSkewed = (parent: Span, child: Span): boolean =>
  parent.start - child.start >= ROUNDING_US || child.start - (parent.start + parent.duration) >= ROUNDING_US;

/** The start of a span on the root's clock, in microseconds. Memoizes the starts of all ancestors. */
export function createStartTimes(): (node: SpanNode) => number {
  const starts = new Map<SpanNode, number>();
  return (node) => {
    const unknown: SpanNode[] = [];
    let at: SpanNode | undefined = node;
    for (; at !== undefined && !starts.has(at); at = at.parent) unknown.push(at);
    for (let i = unknown.length - 1; i >= 0; i--) {
      const next = unknown[i] as SpanNode;
      const { parent, span } = next;
      const start = parent && placeUnder(parent, span, starts.get(parent) ?? parent.span.start).start;
      starts.set(next, start ?? span.start);
    }
    return starts.get(node) ?? node.span.start;
  };
}

/**
 * From the first span's start to the last span's end, each tree on the clock of its root: a server clock that is a minute
 * ahead does not make the trace a minute longer.
 */
export function correctedExtent({ nodes }: SpanTree): {
  readonly start: EpochUs;
  readonly duration: Microseconds;
} {
  const isMoved = nodes.some(({ span, parent }) => parent !== undefined && isMisplaced(parent.span, span));
  // Start times are the most expensive step of a large trace: they are computed only when clocks disagree.
  const startOf = isMoved ? createStartTimes() : ({ span }: SpanNode): number => span.start;
  let [start, end] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const node of nodes) {
    const from = startOf(node);
    start = Math.min(start, from);
    end = Math.max(end, from + node.span.duration);
  }
  return nodes.length === 0
    ? { start: epochUs(0), duration: us(0) }
    : { start: epochUs(start), duration: us(end - start) };
}

/** Time on the path per span, in microseconds. */
export function pathTimes({ sections }: CriticalPath): Map<SpanNode, number> {
  const times = new Map<SpanNode, number>();
  for (const { node, start, end } of sections) times.set(node, (times.get(node) ?? 0) + end - start);
  return times;
}
