import { type Microseconds, us } from '../units.ts';
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
  /** Set when one pair stands here, and other versions of the service served the two. */
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
  readonly times: number;
  /** With everything below them. */
  readonly spans: number;
  /** Of the topmost spans together. */
  readonly time: Microseconds;
}

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
 * and kind agree, and when they are in the same position among their siblings of that sort, by start.
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
      onlyInA: unpaired([a]),
      onlyInB: unpaired([b]),
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

function pairAll(top: Pair): {
  readonly pairCount: number;
  readonly lone: { readonly a: readonly SpanNode[]; readonly b: readonly SpanNode[] };
} {
  const lone: { a: SpanNode[]; b: SpanNode[] } = { a: [], b: [] };
  const queue = [top];
  for (const { a, b, place } of queue) {
    place.pairs += 1;
    if (place.asked !== '') place.asked = askedByAll(place.asked, a, b);
    place.a += a.span.duration;
    place.b += b.span.duration;
    const waiting = bySort(b.children);
    for (const child of a.children) {
      const sort = sortOf(child);
      const partner = waiting.get(sort)?.next().value;
      if (partner === undefined) {
        lone.a.push(child);
        continue;
      }
      const inside = place.inside.get(sort) ?? newPlace(child, partner);
      place.inside.set(sort, inside);
      queue.push({ a: child, b: partner, place: inside });
    }
    for (const rest of waiting.values()) for (const child of rest) lone.b.push(child);
  }
  return { pairCount: queue.length, lone };
}

/** The children of each sort, to be taken in their order. */
function bySort(children: readonly SpanNode[]): ReadonlyMap<string, IterableIterator<SpanNode>> {
  const sorts = new Map<string, SpanNode[]>();
  for (const child of children) {
    const sort = sortOf(child);
    const sameSort = sorts.get(sort);
    if (sameSort === undefined) sorts.set(sort, [child]);
    else sameSort.push(child);
  }
  return new Map([...sorts].map(([sort, nodes]) => [sort, nodes.values()]));
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

function unpaired(tops: readonly SpanNode[]): readonly UnpairedSpans[] {
  const sums = new Map<string, UnpairedSpans>();
  for (const top of tops) {
    const one = alone(top);
    const key = `${one.under}\0${sortOf(top)}\0${one.peer}`;
    const sum = sums.get(key);
    sums.set(key, sum === undefined ? one : together(sum, one));
  }
  return [...sums.values()].sort((x, y) => y.time - x.time || (nameOf(x) < nameOf(y) ? -1 : 1));
}

function alone(top: SpanNode): UnpairedSpans {
  const { span, parent } = top;
  return {
    service: span.serviceName,
    operation: span.spanName,
    peer: span.kind === 'client' ? peerOf(top) : '',
    asked: requestLine(span),
    under: parent?.span.serviceName ?? '',
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
