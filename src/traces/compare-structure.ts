import { type Microseconds, us } from '../lib/units.ts';
import { attemptsOf, peerOf, serversOf } from './calls.ts';
import { requestLineOf } from './operations.ts';
import { attributeText, type SpanKind } from './trace.ts';
import { type SpanNode, subtreeOf } from './tree.ts';

/** Spans at the same position of both trees: operations that both requests performed. */
export interface PairedSpans {
  readonly service: string;
  readonly operation: string;
  readonly kind: SpanKind;
  /** `GET /cart/{id}`; empty when the spans do not say, or differ. */
  readonly requestLine: string;
  /** Number of listed pairs among its ancestors: the indentation. */
  readonly depth: number;
  /** Several when a call is repeated. */
  readonly pairs: number;
  /** Set for a single pair whose spans come from different versions of the service. */
  readonly versions?: { readonly a: string; readonly b: string };
  /** Total duration of the spans in the first and in the second request. */
  readonly a: Microseconds;
  readonly b: Microseconds;
}

/** Spans of one request without a counterpart in the other, with everything below them. */
export interface UnpairedSpans {
  readonly service: string;
  readonly operation: string;
  /** What a client span called; empty for other spans and when unknown. */
  readonly peer: string;
  /** Empty when the spans do not say, or differ. */
  readonly requestLine: string;
  /** The service of the parent span; empty at the top. */
  readonly under: string;
  /** Set on extra attempts at a call that both requests made, when the last attempt is paired. */
  readonly isEarlierAttempt?: boolean;
  readonly times: number;
  /** Including everything below them. */
  readonly spans: number;
  /** Total duration of the topmost spans. */
  readonly time: Microseconds;
}

/** What two requests have in common, and what only one of them did. */
export interface StructureDifference {
  /**
   * `same`: both requests start with the same operation. `inner`: one of them starts with an operation further inside the
   * other. `different`: they have no start in common, and no span is paired.
   */
  readonly roots: 'same' | 'inner' | 'different';
  readonly pairCount: number;
  /** In the order of the tree. A call is listed as its server span, unless there is none. */
  readonly paired: readonly PairedSpans[];
  /** The longest first. */
  readonly onlyInA: readonly UnpairedSpans[];
  readonly onlyInB: readonly UnpairedSpans[];
}

/** All pairs of one sort below one parent. */
interface PairGroup {
  /** The first pair. */
  readonly node: SpanNode;
  readonly partner: SpanNode;
  /** Undefined before the first pair. */
  requestLine: string | undefined;
  pairs: number;
  a: number;
  b: number;
  readonly inside: Map<string, PairGroup>;
}

interface Pair {
  readonly a: SpanNode;
  readonly b: SpanNode;
  readonly group: PairGroup;
}

/**
 * Pairs the spans of two requests from the top down. Two spans are a pair when their parents are, when service, operation
 * and kind are equal, and when they have the same position among their siblings of that sort, by start. The attempts at
 * one call are counted from the last one, whose response the caller got.
 *
 *     A  frontend ─┬─ auth            B  frontend ─┬─ auth          paired
 *                  ├─ cart                         ├─ cart          paired
 *                  │                               ├─ cart          only in B: the second of its sort
 *                  └─ currency                     └─ payments      one only in A, one only in B
 *
 * Iterative and in O(n log n): any depth, any number of children.
 */
export function compareStructure(a: SpanNode, b: SpanNode): StructureDifference {
  const start = commonStart(a, b);
  if (start === undefined) {
    return {
      roots: 'different',
      pairCount: 0,
      paired: [],
      onlyInA: summed([{ node: a, isEarlierAttempt: false }]),
      onlyInB: summed([{ node: b, isEarlierAttempt: false }]),
    };
  }
  const top = newGroup(start.a, start.b);
  const { pairCount, unpaired } = pairAll({ ...start, group: top });
  return {
    roots: start.a === a && start.b === b ? 'same' : 'inner',
    pairCount,
    paired: listed(top),
    onlyInA: summed(unpaired.a),
    onlyInB: summed(unpaired.b),
  };
}

/** The first operation that both requests performed. */
function commonStart(a: SpanNode, b: SpanNode): Omit<Pair, 'group'> | undefined {
  if (sortOf(a) === sortOf(b)) return { a, b };
  const inB = topmost(b, sortOf(a));
  if (inB !== undefined) return { a, b: inB };
  const inA = topmost(a, sortOf(b));
  return inA === undefined ? undefined : { a: inA, b };
}

const topmost = (root: SpanNode, sort: string): SpanNode | undefined =>
  subtreeOf(root).find((node) => sortOf(node) === sort);

const sortOf = ({ span }: SpanNode): string => `${span.serviceName}\0${span.spanName}\0${span.kind}`;

const common = (one: string, other: string): string => (one === other ? one : '');

/** The request line of all pairs of a group so far and of one more; empty when they differ. */
function commonRequestLine(before: string | undefined, a: SpanNode, b: SpanNode): string {
  const line = common(requestLineOf(a.span), requestLineOf(b.span));
  return before === undefined ? line : common(before, line);
}

const newGroup = (node: SpanNode, partner: SpanNode): PairGroup => ({
  node,
  partner,
  requestLine: undefined,
  pairs: 0,
  a: 0,
  b: 0,
  inside: new Map(),
});

/** A span without a counterpart. */
interface Unpaired {
  readonly node: SpanNode;
  readonly isEarlierAttempt: boolean;
}

function pairAll(top: Pair): {
  readonly pairCount: number;
  readonly unpaired: { readonly a: readonly Unpaired[]; readonly b: readonly Unpaired[] };
} {
  const unpaired: { a: Unpaired[]; b: Unpaired[] } = { a: [], b: [] };
  const queue = [top];
  for (const pair of queue) {
    const { a, b, group } = pair;
    group.pairs += 1;
    if (group.requestLine !== '') group.requestLine = commonRequestLine(group.requestLine, a, b);
    group.a += a.span.duration;
    group.b += b.span.duration;
    const counterparts = counterpartsOf(a, b);
    for (const child of a.children) {
      const partner = counterparts.get(child);
      if (partner === undefined) continue;
      const sort = sortOf(child);
      const inside = group.inside.get(sort) ?? newGroup(child, partner);
      group.inside.set(sort, inside);
      queue.push({ a: child, b: partner, group: inside });
    }
    for (const one of unpairedOf(a, new Set(counterparts.keys()))) unpaired.a.push(one);
    for (const one of unpairedOf(b, new Set(counterparts.values()))) unpaired.b.push(one);
  }
  return { pairCount: queue.length, unpaired };
}

/** The children of one that have a counterpart among the children of the other. */
function counterpartsOf(a: SpanNode, b: SpanNode): ReadonlyMap<SpanNode, SpanNode> {
  const counterparts = new Map<SpanNode, SpanNode>();
  if (a.children.length === 0 || b.children.length === 0) return counterparts;
  const sortsOfB = bySort(b.children);
  const attempts = new Set([...answersOf(a), ...answersOf(b)]);
  for (const [sort, inA] of bySort(a.children)) {
    const inB = sortsOfB.get(sort) ?? [];
    const areAttempts = [...inA, ...inB].every((child) => attempts.has(child));
    const [skippedA, skippedB] = areAttempts
      ? [Math.max(0, inA.length - inB.length), Math.max(0, inB.length - inA.length)]
      : [0, 0];
    for (const [index, child] of inA.slice(skippedA).entries()) {
      const partner = inB[skippedB + index];
      if (partner !== undefined) counterparts.set(child, partner);
    }
  }
  return counterparts;
}

/** The attempts at the call of a client span: its only server, or several when it was retried. */
function answersOf(client: SpanNode): readonly SpanNode[] {
  if (client.span.kind !== 'client') return [];
  const servers = serversOf(client);
  return servers.length === 1 ? servers : attemptsOf(client);
}

function unpairedOf(parent: SpanNode, paired: ReadonlySet<SpanNode>): readonly Unpaired[] {
  const { children } = parent;
  if (children.length === paired.size) return [];
  const attempts = answersOf(parent);
  const last = attempts.at(-1);
  const earlier = new Set(last !== undefined && paired.has(last) ? attempts : []);
  return children
    .filter((node) => !paired.has(node))
    .map((node) => ({ node, isEarlierAttempt: earlier.has(node) }));
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

/** The groups in the order of the tree. Client and server span of a call are one row: the server's. */
function listed(top: PairGroup): readonly PairedSpans[] {
  const rows: PairedSpans[] = [];
  const stack = [{ group: top, depth: 0 }];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { group, depth } = next;
    const { span } = group.node;
    const isCall = span.kind === 'client' && serversOf(group.node).length > 0 && group.inside.size > 0;
    if (!isCall) {
      rows.push({
        service: span.serviceName,
        operation: span.spanName,
        kind: span.kind,
        requestLine: group.requestLine ?? '',
        depth,
        pairs: group.pairs,
        versions: group.pairs === 1 ? versionsOf(group) : undefined,
        a: us(group.a),
        b: us(group.b),
      });
    }
    const inside = [...group.inside.values()].reverse();
    for (const child of inside) stack.push({ group: child, depth: isCall ? depth : depth + 1 });
  }
  return rows;
}

const VERSIONS = ['istio.canonical_revision', 'service.version'] as const;

const versionOf = ({ span }: SpanNode): string =>
  attributeText(span, VERSIONS) || attributeText({ attributes: span.resource }, VERSIONS);

function versionsOf({ node, partner }: PairGroup): PairedSpans['versions'] {
  const [a, b] = [versionOf(node), versionOf(partner)];
  return a === b || a === '' || b === '' ? undefined : { a, b };
}

/** Unpaired spans of one sort below one service in one row, the longest first. */
function summed(spans: readonly Unpaired[]): readonly UnpairedSpans[] {
  const sums = new Map<string, UnpairedSpans>();
  for (const { node, isEarlierAttempt } of spans) {
    const { span, parent } = node;
    const under = parent?.span.serviceName ?? '';
    const peer = span.kind === 'client' ? peerOf(node) : '';
    const key = `${under}\0${sortOf(node)}\0${peer}\0${isEarlierAttempt}`;
    const line = requestLineOf(span);
    const before = sums.get(key) ?? { requestLine: line, times: 0, spans: 0, time: 0 };
    sums.set(key, {
      service: span.serviceName,
      operation: span.spanName,
      peer,
      requestLine: common(before.requestLine, line),
      under,
      isEarlierAttempt: isEarlierAttempt || undefined,
      times: before.times + 1,
      spans: before.spans + subtreeOf(node).length,
      time: us(before.time + span.duration),
    });
  }
  return [...sums.values()].sort((x, y) => y.time - x.time || (nameOf(x) < nameOf(y) ? -1 : 1));
}

const nameOf = ({ under, service, operation, peer }: UnpairedSpans): string =>
  `${under} ${service} ${operation} ${peer}`;
