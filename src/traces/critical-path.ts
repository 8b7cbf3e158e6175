import { type EpochUs, epochUs, type Microseconds, us } from '../lib/units.ts';
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
  /** Number of children left out because their parents did not wait for them. */
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

interface Frame {
  readonly timed: TimedNode;
  /** Children that were waited for, the latest end first. */
  readonly waited: readonly TimedNode[];
  readonly potentialSaving: number;
  next: number;
  /** Everything from here to the end is already on the path. */
  cursor: number;
  hasChild: boolean;
}

interface Counts {
  moved: number;
  unawaited: number;
}

/** A child may end after its parent by this share of the parent's duration and still count as waited for (CRISP's tolerance). */
const CLOSING = 0.01;

/**
 * The critical path of a tree: from the root's end backwards, into the child that ended last, and on from its start.
 *
 *     root      |==============================|
 *     a           |=======|
 *     b           |==========|                      ends later than a: a did not delay the root
 *     c                      |==========|           starts as b ends: both are on the path
 *     d                          |~~~~~~~~~~~~~~~~~~~~~|   ends after the root: not waited for
 *     path      ##|b         |c         |######
 *
 * Of children with the same end the earliest start counts, as in Jaeger's UI. Children that follow from their parent,
 * start after its end or end after it were not waited for; a server span that ends after its client is clipped to it. A
 * server span outside its client is moved to the middle of it, as Jaeger's own clock skew adjustment does.
 * Iterative, O(n log n): any depth, any number of children.
 */
export function criticalPathOf(root: SpanNode): CriticalPath {
  const { start, duration } = root.span;
  const end = start + duration;
  const counts: Counts = { moved: 0, unawaited: 0 };
  const sections: CriticalPathSection[] = [];
  const stack: Frame[] = [];
  const enter = (timed: TimedNode, potentialSaving: number): void => {
    const { start, end, node } = timed;
    // A leaf is a single section and needs no frame.
    if (node.children.length === 0) {
      if (end > start) sections.push(section({ timed, potentialSaving }, { start, end, place: 'whole' }));
      return;
    }
    const waited = waitedFor(timed, counts);
    stack.push({ timed, waited, potentialSaving, next: 0, cursor: end, hasChild: false });
  };
  enter({ node: root, start, end, ownStart: start, ownEnd: end }, duration);
  for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
    const child = nextChild(frame);
    const own = ownSection(frame, child);
    if (own !== undefined) sections.push(own);
    if (child === undefined) {
      stack.pop();
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
    unawaitedCount: counts.unawaited,
  };
}

/** The child that ended last before the cursor; children that end after it ran in parallel to the path. */
function nextChild(frame: Frame): TimedNode | undefined {
  for (;;) {
    const child = frame.waited[frame.next];
    if (child === undefined) return undefined;
    frame.next += 1;
    if (child.end <= frame.cursor) return child;
  }
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
  child.end - Math.max(child.start, next === undefined ? child.start : next.end);

function waitedFor(parent: TimedNode, counts: Counts): readonly TimedNode[] {
  const waited: TimedNode[] = [];
  for (const node of parent.node.children) {
    const own = ownTime(node, parent, counts);
    if (own === undefined) {
      counts.unawaited += 1;
      continue;
    }
    const start = Math.max(own.start, parent.start);
    const end = Math.min(own.end, parent.end);
    if (end > start) waited.push({ node, start, end, ownStart: own.start, ownEnd: own.end });
  }
  return waited.length < 2 ? waited : waited.sort(byEnd);
}

/** The span id breaks ties, so that the result does not depend on the order of the spans. */
const byEnd = (a: TimedNode, b: TimedNode): number =>
  b.end - a.end || a.start - b.start || (a.node.span.spanId < b.node.span.spanId ? -1 : 1);

/** Start and end of a child on the root's clock; undefined when its parent did not wait for it. */
function ownTime(
  { span }: SpanNode,
  parent: TimedNode,
  counts: Counts,
): { readonly start: number; readonly end: number } | undefined {
  if (span.followsFrom === true) return undefined;
  const { start, isMoved } = placeUnder(parent.node, span, parent.ownStart);
  const end = start + span.duration;
  if (isMoved) {
    counts.moved += 1;
    return { start, end };
  }
  const isCalled = span.kind === 'server' && parent.node.span.kind === 'client';
  const parentLength = parent.ownEnd - parent.ownStart;
  if (!isCalled && end > parent.ownEnd + parentLength * CLOSING) return undefined;
  return { start, end };
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

/** Whether clock skew puts a server span outside its caller: before its parent, or after the client that called it. */
export function isMisplaced(parent: Span, child: Span): boolean {
  if (child.kind !== 'server') return false;
  if (child.start < parent.start) return true;
  return parent.kind === 'client' && child.start >= parent.start + parent.duration && parent.duration > 0;
}

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
