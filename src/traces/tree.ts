import type { Span, SpanKind, Trace } from './trace.ts';

/**
 * Why a span has no parent in the tree: it has none (`root`), its parent is not in the trace (`orphan`), or its ancestors
 * form a cycle that was cut (`ring`).
 */
export type RootKind = 'root' | 'orphan' | 'ring';

/** A span in the tree of its trace. */
export interface SpanNode {
  readonly span: Span;
  readonly parent: SpanNode | undefined;
  /** Sorted by start, then by end. */
  readonly children: readonly SpanNode[];
  /** Distance from the top of its tree: 0 at the top. */
  readonly depth: number;
  /** Set on the top of a tree. */
  readonly rootKind: RootKind | undefined;
}

/** All spans of a trace, whatever its shape; only exact copies are dropped. */
export interface SpanTree {
  /** Tops of trees: real roots first, then orphans, then cut rings, each by start. */
  readonly roots: readonly SpanNode[];
  /** Every node, parents before their children. */
  readonly nodes: readonly SpanNode[];
}

interface Draft extends SpanNode {
  parent: Draft | undefined;
  /** `NO_CHILDREN`, or an array of its own. */
  children: Draft[];
  depth: number;
  rootKind: RootKind | undefined;
}

/** Shared by all leaves, and never written: most spans have no children or one, and an array that grows takes 17 places. */
const NO_CHILDREN: Draft[] = [];

function addChild(parent: Draft, child: Draft): void {
  child.parent = parent;
  if (parent.children === NO_CHILDREN) parent.children = [child];
  else parent.children.push(child);
}

/** Ties stay in the order of the spans. */
const byStart = (a: SpanNode, b: SpanNode): number =>
  a.span.start - b.span.start || a.span.duration - b.span.duration;

const RANK: Readonly<Record<RootKind, number>> = { root: 0, orphan: 1, ring: 2 };

/** Builds the trees of a trace. Iterative, for chains of 100,000 spans; O(n log n). */
export function buildTree({ spans }: Trace): SpanTree {
  const drafts: Draft[] = [];
  const ids: Ids = { first: new Map(), shared: new Map() };
  for (const span of spans) {
    const draft: Draft = { span, parent: undefined, children: NO_CHILDREN, depth: 0, rootKind: undefined };
    if (isNew(draft, ids)) drafts.push(draft);
  }
  const roots: Draft[] = [];
  const clients: Draft[] = [];
  for (const draft of drafts) {
    const parent = link(draft, ids);
    if (parent === undefined) roots.push(draft);
    else if (parent.span.kind === 'client' && parent.children.length === 2) clients.push(parent);
  }
  for (const client of clients) moveToServer(client);
  const nodes = walk(roots);
  if (nodes.length < drafts.length) cutRings(drafts, { nodes, roots });
  return {
    roots: roots.sort((a, b) => RANK[a.rootKind ?? 'root'] - RANK[b.rootKind ?? 'root'] || byStart(a, b)),
    nodes,
  };
}

/** Spans by id. Ids of several spans are rare: for all others only the span is kept. */
interface Ids {
  readonly first: Map<string, Draft>;
  readonly shared: Map<string, Twins>;
}

/** The spans of one id: the first of each kind, and keys that identify copies. */
interface Twins {
  readonly byKind: Map<SpanKind, Draft>;
  readonly keys: Set<string>;
}

const copyKey = ({ span: { kind, start, serviceName } }: Draft): string => `${kind} ${start} ${serviceName}`;

/** Adds a span unless it is a copy: some backends store a span twice when its sender retried. */
function isNew(draft: Draft, { first, shared }: Ids): boolean {
  const { spanId, kind } = draft.span;
  const known = first.get(spanId);
  if (known === undefined) {
    first.set(spanId, draft);
    return true;
  }
  const twins = shared.get(spanId) ?? {
    byKind: new Map([[known.span.kind, known]]),
    keys: new Set([copyKey(known)]),
  };
  shared.set(spanId, twins);
  const key = copyKey(draft);
  if (twins.keys.has(key)) return false;
  twins.keys.add(key);
  if (!twins.byKind.has(kind)) twins.byKind.set(kind, draft);
  return true;
}

/** Links a span to its parent, or names why it has none. */
function link(draft: Draft, ids: Ids): Draft | undefined {
  const parent = parentOf(draft, ids);
  if (parent === undefined) draft.rootKind = draft.span.parentSpanId === undefined ? 'root' : 'orphan';
  else addChild(parent, draft);
  return parent;
}

/**
 * Zipkin's client and server spans may share one id: then the server span is the child of the client span, and spans with
 * that id as their parent are children of the server span.
 */
function parentOf({ span }: Draft, ids: Ids): Draft | undefined {
  const { first, shared } = ids;
  if (span.kind === 'server' && shared.size > 0) {
    const client = shared.get(span.spanId)?.byKind.get('client');
    if (client !== undefined) return client;
  }
  const { parentSpanId } = span;
  if (parentSpanId === undefined || parentSpanId === span.spanId) return undefined;
  const server = shared.size > 0 ? shared.get(parentSpanId)?.byKind.get('server') : undefined;
  return server ?? first.get(parentSpanId);
}

/**
 * Moves the server's own children from a client span, which has several, to the server span. They are found there when client
 * and server shared an id, as Zipkin's do, and a collector gave the server span a new id but did not update its children.
 *
 *     checkout  client   |====================|
 *     payments  server      |==============|
 *     payments  client        |====|               child of the server, whatever its parent id says
 */
function moveToServer(client: Draft): void {
  const { span, children } = client;
  const [server, ...others] = children.filter((child) => child.span.kind === 'server');
  if (server === undefined || others.length > 0 || server.span.serviceName === span.serviceName) return;
  const isServers = (child: Draft): boolean => child !== server && ranInside(child.span, server.span);
  const moved = children.filter(isServers);
  if (moved.length === 0) return;
  client.children = children.filter((child) => !isServers(child));
  for (const child of moved) addChild(server, child);
}

/** Only spans of one service share a clock. */
const ranInside = (span: Span, server: Span): boolean =>
  span.serviceName === server.serviceName &&
  span.start >= server.start &&
  span.start < server.start + server.duration;

/** Lists the nodes, parents before children, sorts the children of each and sets their depth. */
function walk(tops: readonly Draft[]): Draft[] {
  const nodes: Draft[] = [...tops];
  // The list grows while it is read: a queue without shifting.
  for (const node of nodes) {
    if (node.children.length > 1) node.children.sort(byStart);
    for (const child of node.children) {
      child.depth = node.depth + 1;
      nodes.push(child);
    }
  }
  return nodes;
}

/** Spans that no root reaches are on or below a ring: removes the parent of the earliest one until all are reached. */
function cutRings(
  drafts: readonly Draft[],
  tree: { readonly nodes: Draft[]; readonly roots: Draft[] },
): void {
  const reached = new Set(tree.nodes);
  for (const draft of [...drafts].sort(byStart)) {
    if (reached.has(draft)) continue;
    const { parent } = draft;
    if (parent !== undefined) parent.children = parent.children.filter((child) => child !== draft);
    draft.parent = undefined;
    draft.rootKind = 'ring';
    tree.roots.push(draft);
    for (const node of walk([draft])) {
      reached.add(node);
      tree.nodes.push(node);
    }
  }
}

/** A node and everything below it, parents first. */
export function subtreeOf(top: SpanNode): readonly SpanNode[] {
  const nodes = [top];
  // The list grows while it is read: a queue without shifting.
  for (const { children } of nodes) for (const child of children) nodes.push(child);
  return nodes;
}
