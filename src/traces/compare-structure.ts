import { type Microseconds, us } from '../lib/units.ts';
import { attributeText, peerOf, serversOf } from './peer.ts';
import { requestLine } from './request-line.ts';
import type { SpanKind } from './trace.ts';
import type { SpanNode } from './tree.ts';

/** Spans that stand in the same place of both trees: the same thing, done by both requests. */
export interface PairedSpans {
  readonly service: string;
  readonly operation: string;
  readonly kind: SpanKind;
  /** What all of them were asked for: `GET /cart/{id}`; empty when they do not say, or not the same. */
  readonly asked: string;
  /** Pairs among its ancestors that are listed: how far to indent it. */
  readonly depth: number;
  /** How many pairs stand in this place: several when a call is made again and again. */
  readonly pairs: number;
  /** Set when one pair stands here, and other versions of the service server spans the two. */
  readonly versions?: { readonly a: string; readonly b: string };
  /** Of the spans together, in the first request and in the second. */
  readonly a: Microseconds;
  readonly b: Microseconds;
}

/** Spans of one request without a counterpart in the other, each with all that is below it. */
export interface UnpairedSpans {
  readonly service: string;
  readonly operation: string;
  /** Whom a client span called; empty for other spans and where nothing tells. */
  readonly peer: string;
  /** What they were asked for; empty when they do not say, or not the same. */
  readonly asked: string;
  /** The service that did it in the request; empty at the top. */
  readonly under: string;
  /** Set on attempts at a call that both made, when the last attempt at it is in both. */
  readonly isEarlierAttempt?: true;
  readonly times: number;
  /** With everything below them. */
  readonly spans: number;
  /** Of the topmost spans together. */
  readonly time: Microseconds;
}

/** What two requests did alike, and what only one of them did. */
export interface StructureDifference {
  /**
   * `same`: both requests begin with the same thing. `inner`: one of them begins further in, at something the other does
   * too. `different`: they have no beginning in common, so that nothing is paired.
   */
  readonly roots: 'same' | 'inner' | 'different';
  /** How many spans have a counterpart. */
  readonly pairCount: number;
  /** In the order of the tree. A call is listed as what it called, unless that sent no span. */
  readonly paired: readonly PairedSpans[];
  /** The longest first. */
  readonly onlyInA: readonly UnpairedSpans[];
  readonly onlyInB: readonly UnpairedSpans[];
}

interface Place {
  /** Of the first pair. */
  readonly node: SpanNode;
  readonly partner: SpanNode;
  /** Undefined before the first pair. */
  asked: string | undefined;
  pairs: number;
  a: number;
  b: number;
  readonly inside: Map<string, Place>;
}

interface Pair {
  readonly a: SpanNode;
  readonly b: SpanNode;
  readonly place: Place;
}

/**
 * Pairs the spans of two requests from the top down. Two spans are a pair when their parents are, when service, operation
 * and kind agree, and when they are in the same position among their siblings of that sort, by start. The attempts at one
 * call are counted from the last one, whose answer the caller got.
 *
 *     A  frontend ─┬─ auth            B  frontend ─┬─ auth          paired
 *                  ├─ cart                         ├─ cart          paired
 *                  │                               ├─ cart          only in B: the second of its sort
 *                  └─ currency                     └─ payments      one only in A, one only in B
 *
 * Iterative and in O(n log n): any depth, any number of children.
 */
export function compareStructure(a: SpanNode, b: SpanNode): StructureDifference {
  const start = beginning(a, b);
  if (start === undefined) {
    return {
      roots: 'different',
      pairCount: 0,
      paired: [],
      onlyInA: unpaired([{ node: a, isEarlierAttempt: false }]),
      onlyInB: unpaired([{ node: b, isEarlierAttempt: false }]),
    };
  }
  const top = newPlace(start.a, start.b);
  const { pairCount, lone } = pairAll({ ...start, place: top });
  return {
    roots: start.a === a && start.b === b ? 'same' : 'inner',
    pairCount,
    paired: listed(top),
    onlyInA: unpaired(lone.a),
    onlyInB: unpaired(lone.b),
  };
}

/** Where both requests do the same thing for the first time. */
function beginning(a: SpanNode, b: SpanNode): Omit<Pair, 'place'> | undefined {
  if (sortOf(a) === sortOf(b)) return { a, b };
  const inB = topmost(b, sortOf(a));
  if (inB !== undefined) return { a, b: inB };
  const inA = topmost(a, sortOf(b));
  return inA === undefined ? undefined : { a: inA, b };
}

function topmost(root: SpanNode, sort: string): SpanNode | undefined {
  const queue = [root];
  // The list grows while it is read: a queue without shifting.
  for (const node of queue) {
    if (sortOf(node) === sort) return node;
    for (const child of node.children) queue.push(child);
  }
  return undefined;
}

const sortOf = ({ span }: SpanNode): string => `${span.serviceName}\0${span.spanName}\0${span.kind}`;

const common = (one: string, other: string): string => (one === other ? one : '');

/** What both spans of a pair, and those before them in their place, were asked for; empty when it differs. */
function askedByAll(before: string | undefined, a: SpanNode, b: SpanNode): string {
  const asked = common(requestLine(a.span), requestLine(b.span));
  return before === undefined ? asked : common(before, asked);
}

const newPlace = (node: SpanNode, partner: SpanNode): Place => ({
  node,
  partner,
  asked: undefined,
  pairs: 0,
  a: 0,
  b: 0,
  inside: new Map(),
});

/** A span without a counterpart. */
interface Lone {
  readonly node: SpanNode;
  readonly isEarlierAttempt: boolean;
}

function pairAll(top: Pair): {
  readonly pairCount: number;
  readonly lone: { readonly a: readonly Lone[]; readonly b: readonly Lone[] };
} {
  const lone: { a: Lone[]; b: Lone[] } = { a: [], b: [] };
  const queue = [top];
  for (const pair of queue) {
    const { a, b, place } = pair;
    place.pairs += 1;
    if (place.asked !== '') place.asked = askedByAll(place.asked, a, b);
    place.a += a.span.duration;
    place.b += b.span.duration;
    const counterparts = counterpartsOf(a, b);
    for (const child of a.children) {
      const partner = counterparts.get(child);
      if (partner === undefined) continue;
      const sort = sortOf(child);
      const inside = place.inside.get(sort) ?? newPlace(child, partner);
      place.inside.set(sort, inside);
      queue.push({ a: child, b: partner, place: inside });
    }
    for (const one of loneOf(a, new Set(counterparts.keys()))) lone.a.push(one);
    for (const one of loneOf(b, new Set(counterparts.values()))) lone.b.push(one);
  }
  return { pairCount: queue.length, lone };
}

/** The children of one that have a counterpart among the children of the other. */
function counterpartsOf(a: SpanNode, b: SpanNode): ReadonlyMap<SpanNode, SpanNode> {
  const counterparts = new Map<SpanNode, SpanNode>();
  if (a.children.length === 0 || b.children.length === 0) return counterparts;
  const sortsOfB = bySort(b.children);
  for (const [sort, inA] of bySort(a.children)) {
    const inB = sortsOfB.get(sort) ?? [];
    const isTried = [...inA, ...inB].every(isAttempt);
    const [skippedA, skippedB] = isTried
      ? [Math.max(0, inA.length - inB.length), Math.max(0, inB.length - inA.length)]
      : [0, 0];
    for (const [index, child] of inA.slice(skippedA).entries()) {
      const partner = inB[skippedB + index];
      if (partner !== undefined) counterparts.set(child, partner);
    }
  }
  return counterparts;
}

/** An attempt at a call: one of the servers that answered a client span. */
const isAttempt = ({ span, parent }: SpanNode): boolean =>
  span.kind === 'server' && span.followsFrom !== true && parent?.span.kind === 'client';

function loneOf({ children }: SpanNode, paired: ReadonlySet<SpanNode>): readonly Lone[] {
  if (children.length === paired.size) return [];
  const last = children.findLast(isAttempt);
  const isAnswerPaired = last !== undefined && paired.has(last);
  return children
    .filter((node) => !paired.has(node))
    .map((node) => ({ node, isEarlierAttempt: isAnswerPaired && isAttempt(node) }));
}

/** The children of each sort, in their order. */
function bySort(children: readonly SpanNode[]): ReadonlyMap<string, readonly SpanNode[]> {
  const sorts = new Map<string, SpanNode[]>();
  for (const child of children) {
    const sort = sortOf(child);
    const sameSort = sorts.get(sort);
    if (sameSort === undefined) sorts.set(sort, [child]);
    else sameSort.push(child);
  }
  return sorts;
}

/** The places in the order of the tree. The two halves of a call are one thing to read: its server's. */
function listed(top: Place): readonly PairedSpans[] {
  const rows: PairedSpans[] = [];
  const stack = [{ place: top, depth: 0 }];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { place, depth } = next;
    const { span } = place.node;
    const isCall = span.kind === 'client' && serversOf(place.node).length > 0 && place.inside.size > 0;
    if (!isCall) {
      const { serviceName: service, spanName: operation, kind } = span;
      const { asked = '', pairs } = place;
      const versions = pairs === 1 ? versionsOf(place) : {};
      const times = { a: us(place.a), b: us(place.b) };
      rows.push({ service, operation, kind, asked, depth, pairs, ...versions, ...times });
    }
    const inside = [...place.inside.values()].reverse();
    for (const child of inside) stack.push({ place: child, depth: isCall ? depth : depth + 1 });
  }
  return rows;
}

const VERSIONS = ['istio.canonical_revision', 'service.version'] as const;

const versionOf = ({ span }: SpanNode): string =>
  attributeText(span, VERSIONS) || attributeText({ attributes: span.resource }, VERSIONS);

function versionsOf({ node, partner }: Place): Pick<PairedSpans, 'versions'> {
  const [a, b] = [versionOf(node), versionOf(partner)];
  return a === b || a === '' || b === '' ? {} : { versions: { a, b } };
}

function unpaired(tops: readonly Lone[]): readonly UnpairedSpans[] {
  const sums = new Map<string, UnpairedSpans>();
  for (const top of tops) {
    const one = alone(top);
    const key = `${one.under}\0${sortOf(top.node)}\0${one.peer}\0${one.isEarlierAttempt ?? ''}`;
    const sum = sums.get(key);
    sums.set(key, sum === undefined ? one : together(sum, one));
  }
  return [...sums.values()].sort((x, y) => y.time - x.time || (nameOf(x) < nameOf(y) ? -1 : 1));
}

function alone({ node: top, isEarlierAttempt }: Lone): UnpairedSpans {
  const { span, parent } = top;
  return {
    service: span.serviceName,
    operation: span.spanName,
    peer: span.kind === 'client' ? peerOf(top) : '',
    asked: requestLine(span),
    under: parent?.span.serviceName ?? '',
    isEarlierAttempt: isEarlierAttempt ? isEarlierAttempt : undefined,
    times: 1,
    spans: sizeOf(top),
    time: span.duration,
  };
}

const together = (sum: UnpairedSpans, one: UnpairedSpans): UnpairedSpans => ({
  ...sum,
  asked: common(sum.asked, one.asked),
  times: sum.times + 1,
  spans: sum.spans + one.spans,
  time: us(sum.time + one.time),
});

const nameOf = ({ under, service, operation, peer }: UnpairedSpans): string =>
  `${under} ${service} ${operation} ${peer}`;

function sizeOf(top: SpanNode): number {
  const queue = [top];
  for (const { children } of queue) for (const child of children) queue.push(child);
  return queue.length;
}
