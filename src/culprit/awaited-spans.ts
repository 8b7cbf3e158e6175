import { isClosedLate, ROUNDING_US } from '../traces/clock-skew.ts';
import type { Span } from '../traces/trace.ts';
import type { SpanNode, SpanTree } from '../traces/tree.ts';

/** A span and the part of it, on its own clock, that the root waited for. Microseconds. */
export interface Visit {
  readonly node: SpanNode;
  readonly start: number;
  readonly end: number;
}

/** A child, where it lies on its parent's clock, and how far its own clock is ahead of that. */
export interface AwaitedChild extends Visit {
  readonly ahead: number;
}

/** What a span waited for. */
export interface Awaited {
  /** One after the other, from the last to the first: none overlaps the next one. */
  readonly children: readonly AwaitedChild[];
  /** Time of the other children: they ran in parallel to these. */
  readonly hidden: number;
  /** Some were called without a client span. */
  readonly hasBareCall: boolean;
  /** A call is left out: what the span did in the rest of the time is not known. */
  readonly isPartial: boolean;
}

/** What the spans of one trace waited for. */
export interface AwaitedSpans {
  within(visit: Visit): Awaited;
  /** Whether anything may have run within a span. */
  hasChildren(node: SpanNode): boolean;
}

const endOf = ({ start, duration }: Span): number => start + duration;

/** A span of another service directly below one that is no client: between them is a call that left no span of its own. */
export const isBareCall = (parent: Span, { kind, serviceName }: Span): boolean =>
  serviceName !== parent.serviceName &&
  parent.kind !== 'client' &&
  (kind === 'server' || kind === 'unspecified');

/**
 * Finds what the spans of a trace waited for. A span whose parent was lost counts as a child of the shortest span within which it
 * ran. `without`: as if nothing had waited for the calls to that service.
 */
export function createAwaitedSpans({ roots, nodes }: SpanTree, without?: string): AwaitedSpans {
  const shape: Shape = {
    adopted: roots.length === 1 ? NONE_ADOPTED : adoptOrphans(roots, nodes),
    leftOut: without === undefined ? NONE_LEFT_OUT : callsTo(without, nodes),
    sizeOf: createSizes(nodes),
  };
  return {
    within: (visit) => awaitedWithin(visit, shape),
    hasChildren: (node) => node.children.length > 0 || shape.adopted.has(node),
  };
}

interface Shape {
  /** Spans whose parent was lost, by the span within which they ran. */
  readonly adopted: ReadonlyMap<SpanNode, readonly SpanNode[]>;
  /** Calls that are left out, with the spans that contain nothing else. */
  readonly leftOut: ReadonlySet<SpanNode>;
  readonly sizeOf: (node: SpanNode) => number;
}

const NONE_ADOPTED: Shape['adopted'] = new Map();
const NONE_LEFT_OUT: Shape['leftOut'] = new Set();

/** Gives each span without its parent to the shortest span of the trace within which it ran. */
function adoptOrphans(roots: readonly SpanNode[], nodes: readonly SpanNode[]): Shape['adopted'] {
  const adopted = new Map<SpanNode, SpanNode[]>();
  const byLength = [...nodes].sort((a, b) => a.span.duration - b.span.duration);
  for (const orphan of roots) {
    if (orphan.rootKind !== 'orphan') continue;
    const { start } = orphan.span;
    const host = byLength.find(
      (node) =>
        node !== orphan &&
        node.span.duration > orphan.span.duration &&
        node.span.start <= start &&
        endOf(node.span) >= endOf(orphan.span) &&
        topOf(node) !== orphan,
    );
    if (host !== undefined) adopted.set(host, [...(adopted.get(host) ?? []), orphan]);
  }
  return adopted;
}

function topOf(node: SpanNode): SpanNode {
  let top = node;
  while (top.parent !== undefined) top = top.parent;
  return top;
}

/** The calls to a service: its topmost spans, and the spans of their callers that contain nothing else. */
function callsTo(service: string, nodes: readonly SpanNode[]): ReadonlySet<SpanNode> {
  const calls = new Set<SpanNode>();
  for (const node of nodes) {
    if (node.span.serviceName !== service || node.parent?.span.serviceName === service) continue;
    calls.add(node);
    const { parent } = node;
    for (let at = parent; at !== undefined && at.span.kind !== 'server'; at = at.parent) {
      const containsOthers = at.span.kind !== 'client' && at.children.length > 1;
      if (containsOthers || at.span.serviceName !== parent?.span.serviceName) break;
      calls.add(at);
    }
  }
  return calls;
}

/** Spans in the subtree of each node, itself included: counted when first needed. `nodes`: parents before their children. */
function createSizes(nodes: readonly SpanNode[]): Shape['sizeOf'] {
  let sizes: Map<SpanNode, number> | undefined;
  const count = (): Map<SpanNode, number> => {
    const counted = new Map<SpanNode, number>();
    for (let i = nodes.length - 1; i >= 0; i--) {
      const node = nodes[i] as SpanNode;
      const size = (counted.get(node) ?? 0) + 1;
      counted.set(node, size);
      if (node.parent !== undefined) counted.set(node.parent, (counted.get(node.parent) ?? 0) + size);
    }
    return counted;
  };
  return (node) => {
    sizes ??= count();
    return sizes.get(node) ?? 0;
  };
}

/** Backwards from the end, always into the child that ended last before what was waited for already. */
function awaitedWithin(visit: Visit, shape: Shape): Awaited {
  const { start, end } = visit;
  const { children, ...rest } = childrenWithin(visit, shape);
  const tolerance = Math.max(CLOSE_ENDS_US, (end - start) * CLOSE_ENDS_SHARE);
  const path: AwaitedChild[] = [];
  let hidden = children.reduce((sum, child) => sum + child.end - child.start, 0);
  let cursor = end;
  let next = 0;
  for (;;) {
    for (let child = children[next]; child !== undefined && !isBefore(child, cursor); child = children[next])
      next += 1;
    const child = largestOfClose(children, next, { tolerance, cursor, sizeOf: shape.sizeOf });
    if (child === undefined) return { children: path, hidden, ...rest };
    path.push({ ...child, end: Math.min(child.end, cursor) });
    hidden -= child.end - child.start;
    cursor = child.start;
    if (children[next] === child) next += 1;
  }
}

/** Whether a child ended before the cursor, as on the critical path of a trace. */
const isBefore = (child: AwaitedChild, cursor: number): boolean =>
  child.end <= cursor || isClosedLate(child, cursor);

/** Children that end so close together count as ending together: 1 ms, or 2% of their parent. */
const CLOSE_ENDS_US = 1_000;
const CLOSE_ENDS_SHARE = 0.02;

interface Ends extends Pick<Shape, 'sizeOf'> {
  readonly tolerance: number;
  readonly cursor: number;
}

/** Of the children that end together, the one with the largest subtree: a leaf filter span must not hide the real call. */
function largestOfClose(
  children: readonly AwaitedChild[],
  from: number,
  { tolerance, cursor, sizeOf }: Ends,
): AwaitedChild | undefined {
  let best = children[from];
  if (best === undefined) return undefined;
  const latest = best.end;
  for (let i = from + 1; i < children.length; i++) {
    const child = children[i];
    if (child === undefined || child.end < latest - tolerance) break;
    if (sizeOf(child.node) > sizeOf(best.node) && isBefore(child, cursor)) best = child;
  }
  return best;
}

const isAwaited = ({ followsFrom, kind }: Span): boolean =>
  followsFrom !== true && kind !== 'producer' && kind !== 'consumer';

const isOwnLeaf = ({ span, parent, children }: SpanNode): boolean =>
  children.length === 0 && span.kind !== 'client' && span.serviceName === parent?.span.serviceName;

/** The children that a span may have waited for, cut off at its start and end, the last to end first. */
function childrenWithin(
  { node: parent, start, end }: Visit,
  { adopted, leftOut }: Shape,
): Omit<Awaited, 'hidden'> {
  const children: AwaitedChild[] = [];
  let hasBareCall = false;
  const isPartial = leftOut.size > 0 && parent.children.some((child) => leftOut.has(child));
  const add = (node: SpanNode): void => {
    // A span without children beside the call that is left out may be the caller's own measure of it.
    if (!isAwaited(node.span) || leftOut.has(node) || (isPartial && isOwnLeaf(node))) return;
    if (isBareCall(parent.span, node.span)) hasBareCall = true;
    const ahead = aheadOf(node.span, parent.span);
    const [from, to] = [Math.max(node.span.start - ahead, start), Math.min(endOf(node.span) - ahead, end)];
    if (to > from) children.push({ node, start: from, end: to, ahead });
  };
  for (const node of parent.children) add(node);
  for (const node of adopted.get(parent) ?? []) add(node);
  if (children.length > 1) children.sort(byEnd);
  return { children, hasBareCall, isPartial };
}

/** The span id breaks ties, so that the result does not depend on the order of the spans. */
const byEnd = (a: AwaitedChild, b: AwaitedChild): number =>
  b.end - a.end || a.start - b.start || (a.node.span.spanId < b.node.span.spanId ? -1 : 1);

/** A span of another service below a server, which cannot lie there by its clock, ran in the middle of it. */
function aheadOf(child: Span, parent: Span): number {
  if (!isBareCall(parent, child)) return 0;
  if (child.start > parent.start - ROUNDING_US && endOf(child) < endOf(parent) + ROUNDING_US) return 0;
  const middle = parent.start + Math.max(0, parent.duration - child.duration) / 2;
  return child.start - Math.round(middle);
}
