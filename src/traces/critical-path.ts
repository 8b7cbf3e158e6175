import { type EpochUs, epochUs, type Microseconds, us } from '../lib/units.ts';
import { isConnectionSetup, isDatabaseCall, serversOf } from './calls.ts';
import { CLOSING_US, isClosedLate, isSkewed, placeUnder } from './clock-skew.ts';
import type { SpanNode } from './tree.ts';

/** A period in which the root waited for one span. On the root's clock; never empty. */
export interface CriticalPathSection {
  readonly node: SpanNode;
  readonly start: EpochUs;
  readonly end: EpochUs;
  /** When the span began, on the root's clock: a moved server span moves what is below it. */
  readonly spanStart: EpochUs;
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
  readonly ownSections: Interval[] | undefined;
  readonly potentialSaving: number;
  next: number;
  /** Everything from here to the end is already on the path. */
  cursor: number;
}

interface Counts {
  moved: number;
  skewed: number;
  unawaited: number;
}

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
      if (end > start) sections.push(section({ timed, potentialSaving }, { start, end }));
      return;
    }
    const { waited, unawaited } = childrenOf(timed, counts);
    const ownSections = unawaited.length === 0 ? undefined : [];
    stack.push({ timed, waited, unawaited, ownSections, potentialSaving, next: 0, cursor: end });
  };
  enter({ node: root, start, end, ownStart: start, ownEnd: end }, duration);
  for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
    const child = nextChild(frame);
    const own = ownSection(frame, child);
    if (own !== undefined) sections.push(own);
    if (own !== undefined) frame.ownSections?.push(own);
    if (child === undefined) {
      stack.pop();
      const { unawaited, ownSections = [] } = frame;
      if (unawaited.length > 0)
        counts.unawaited += unawaited.filter((each) => overlapsAny(each, ownSections)).length;
      continue;
    }
    frame.cursor = child.start;
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
    if (child.end <= cursor) return callBeside(frame, child) ?? child;
    if (isClosedLate(child, cursor)) return { ...child, end: cursor };
  }
}

/** More siblings that end within 2 ms are no handler and its call. */
const MAX_BESIDE = 8;

/**
 * The sibling that ended up to 2 ms before an own span of the parent without children: gateways (Spring Cloud Gateway) record
 * the handler of a request beside the call that it makes, and close the two in either order.
 *
 *     gateway  server    |=======================|
 *     gateway  handler     |===================|      without children
 *     gateway  client       |==================|      the path
 */
function callBeside(frame: Frame, handler: TimedNode): TimedNode | undefined {
  if (frame.waited.length < 2 || !isOwnLeaf(handler)) return undefined;
  for (let next = frame.next; next < frame.next + MAX_BESIDE; next += 1) {
    const sibling = frame.waited[next];
    if (sibling === undefined || sibling.end < handler.end - CLOSING_US) return undefined;
    if (sibling.end <= handler.start || isOwnLeaf(sibling)) continue;
    frame.next = next + 1;
    return sibling;
  }
  return undefined;
}

const isOwnLeaf = ({ node: { span, parent, children } }: TimedNode): boolean =>
  children.length === 0 &&
  span.kind === 'internal' &&
  span.serviceName === parent?.span.serviceName &&
  !isDatabaseCall(span) &&
  !isConnectionSetup(span);

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
  const { timed, cursor } = frame;
  const start = child === undefined ? timed.start : child.end;
  return cursor <= start ? undefined : section(frame, { start, end: cursor });
}

const section = (
  { timed, potentialSaving }: Pick<Frame, 'timed' | 'potentialSaving'>,
  { start, end }: Interval,
): CriticalPathSection => ({
  node: timed.node,
  start: epochUs(start),
  end: epochUs(end),
  spanStart: epochUs(timed.ownStart),
  potentialSaving: us(potentialSaving),
});

/** Without the child, the parent would still have waited for the next one to end. */
const savingBeside = (child: TimedNode, next: TimedNode | undefined): number =>
  Math.max(0, child.end - Math.max(child.start, next === undefined ? child.start : next.end));

/** The children of a span on the root's clock, clipped to it; those without time in it are left out. */
function childrenOf(parent: TimedNode, counts: Counts): Pick<Frame, 'waited' | 'unawaited'> {
  let waited: TimedNode[] = [];
  let unawaited: Interval[] = [];
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
    if (!isOutlived && isAwaited(timed, parent, placed.isMoved)) waited = appended(waited, timed);
    else unawaited = appended(unawaited, timed);
  }
  return { waited: waited.length < 2 ? waited : waited.sort(byEnd), unawaited };
}

/** The list with another item. Most lists have one: an empty array that grows takes 17 places. */
function appended<T>(list: T[], item: T): T[] {
  if (list.length === 0) return [item];
  list.push(item);
  return list;
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

/** Time on the path per span, in microseconds. */
export function pathTimes({ sections }: CriticalPath): Map<SpanNode, number> {
  const times = new Map<SpanNode, number>();
  for (const { node, start, end } of sections) times.set(node, (times.get(node) ?? 0) + end - start);
  return times;
}
