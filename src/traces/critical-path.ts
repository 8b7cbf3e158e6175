import { type EpochUs, epochUs, type Microseconds, us } from '../lib/units.ts';
import type { Span } from './trace.ts';
import type { SpanNode } from './tree.ts';

/**
 * Where a section lies in its span, seen from the children on the path: the whole span when none is on it, else before the
 * first of them, between two, or after the last.
 */
export type SectionPlace = 'whole' | 'before' | 'between' | 'after';

/** A stretch of time in which one span was what the root waited for. On the root's clock; never empty. */
export interface CriticalPathSection {
  readonly node: SpanNode;
  readonly start: EpochUs;
  readonly end: EpochUs;
  readonly place: SectionPlace;
  /**
   * How much sooner the root could have ended without the span, at most: what ran beside it would have had to be waited
   * for all the same. The potential saving of the critical path method, as CRISP (USENIX ATC 2022) uses it.
   */
  readonly potentialSaving: Microseconds;
}

/** What set the duration of a root span. */
export interface CriticalPath {
  readonly root: SpanNode;
  /** By time, without gaps: their lengths sum to the root's duration. */
  readonly sections: readonly CriticalPathSection[];
  /** Server spans that lay outside their callers, by clocks that differ, and were moved under them. */
  readonly movedCount: number;
  /** Children that were left out since their parents did not wait for them. */
  readonly unawaitedCount: number;
}

/** A span on the root's clock: `start` to `end` as far as the root may have waited, `ownStart` to `ownEnd` in full. */
interface Placed {
  readonly node: SpanNode;
  readonly start: number;
  readonly end: number;
  readonly ownStart: number;
  readonly ownEnd: number;
}

interface Frame {
  readonly placed: Placed;
  /** Children that were waited for, the last to end first. */
  readonly waited: readonly Placed[];
  readonly potentialSaving: number;
  next: number;
  /** All from here to the end is on the path already. */
  cursor: number;
  hasChild: boolean;
}

interface Counts {
  moved: number;
  unawaited: number;
}

/** A child may outlive its parent by this share of it and still have been waited for: how spans are closed. CRISP's tolerance. */
const CLOSING = 0.01;

/**
 * The critical path of a tree: from the root's end backwards, always along the child that ended last before what is known
 * to have been waited for, and into it.
 *
 *     root      |==============================|
 *     a           |=======|
 *     b           |==========|                      ends later than a: a did not hold the root up
 *     c                      |==========|           starts as b ends: both are on the path
 *     d                          |~~~~~~~~~~~~~~~~~~~~~|   outlives the root: not waited for
 *     path      ##|b         |c         |######
 *
 * Of children that end together the one that began first counts, as in Jaeger's UI. Children that follow from their
 * parent, start after its end or outlive it were not waited for; but a server is cut off where its client gave up. A server
 * that cannot lie where its clock says is put in the middle of its client, as Jaeger's own correction does.
 * Iterative, O(n log n): any depth, any number of children.
 */
export function criticalPathOf(root: SpanNode): CriticalPath {
  const { start, duration } = root.span;
  const end = start + duration;
  const counts: Counts = { moved: 0, unawaited: 0 };
  const sections: CriticalPathSection[] = [];
  const stack: Frame[] = [];
  const enter = (placed: Placed, potentialSaving: number): void => {
    const { start, end, node } = placed;
    // A leaf needs no frame: it is one section.
    if (node.children.length === 0) {
      if (end > start) sections.push(section({ placed, potentialSaving }, { start, end, place: 'whole' }));
      return;
    }
    const waited = waitedFor(placed, counts);
    stack.push({ placed, waited, potentialSaving, next: 0, cursor: end, hasChild: false });
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

/** The child that ended last before the cursor; those that end after it ran beside the path. */
function nextChild(frame: Frame): Placed | undefined {
  for (;;) {
    const child = frame.waited[frame.next];
    if (child === undefined) return undefined;
    frame.next += 1;
    if (child.end <= frame.cursor) return child;
  }
}

/** What lies between the cursor and the child is the span's own; without a child, all that is left of it. */
function ownSection(frame: Frame, child: Placed | undefined): CriticalPathSection | undefined {
  const { placed, cursor, hasChild } = frame;
  const start = child === undefined ? placed.start : child.end;
  if (cursor <= start) return undefined;
  const isFirst = child === undefined;
  const place = hasChild ? (isFirst ? 'before' : 'between') : isFirst ? 'whole' : 'after';
  return section(frame, { start, end: cursor, place });
}

const section = (
  { placed, potentialSaving }: Pick<Frame, 'placed' | 'potentialSaving'>,
  { start, end, place }: { readonly start: number; readonly end: number; readonly place: SectionPlace },
): CriticalPathSection => ({
  node: placed.node,
  start: epochUs(start),
  end: epochUs(end),
  place,
  potentialSaving: us(potentialSaving),
});

/** The parent would have waited for the next to end all the same. */
const savingBeside = (child: Placed, next: Placed | undefined): number =>
  child.end - Math.max(child.start, next === undefined ? child.start : next.end);

function waitedFor(parent: Placed, counts: Counts): readonly Placed[] {
  const waited: Placed[] = [];
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

/** Ids decide between spans of the same start and end, so that the order in which spans arrive does not. */
const byEnd = (a: Placed, b: Placed): number =>
  b.end - a.end || a.start - b.start || (a.node.span.spanId < b.node.span.spanId ? -1 : 1);

/** When a child ran, on the root's clock; undefined when its parent did not wait for it. */
function ownTime(
  { span }: SpanNode,
  parent: Placed,
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
 * When a child began on the clock of the trace's root, given when its parent did: a parent that was moved takes along what
 * is below it, and a server that cannot lie where its clock says is put in the middle of its caller.
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

/** Whether a child is a server that cannot lie where its clock says: before its parent, or after the client that called it. */
export function isMisplaced(parent: Span, child: Span): boolean {
  if (child.kind !== 'server') return false;
  if (child.start < parent.start) return true;
  return parent.kind === 'client' && child.start >= parent.start + parent.duration && parent.duration > 0;
}
