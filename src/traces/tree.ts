import type { Span, SpanKind, Trace } from './trace.ts';

/**
 * How a span came to have no parent in the tree: it has none (`root`), its parent is not in the trace (`orphan`), or the
 * parents form a ring that had to be cut (`ring`).
 */
export type RootKind = 'root' | 'orphan' | 'ring';

/** A span at its place in the tree. */
export interface SpanNode {
  readonly span: Span;
  readonly parent: SpanNode | undefined;
  /** By start, then by end: the order in which they began. */
  readonly children: readonly SpanNode[];
  /** Steps from the top of its tree: 0 there. */
  readonly depth: number;
  /** Set on the top of a tree. */
  readonly rootKind: RootKind | undefined;
}

/** All spans of a trace, whatever its shape: none is dropped but exact copies. */
export interface SpanTree {
  /** Tops: real roots first, then orphans and cut rings, each by start. */
  readonly roots: readonly SpanNode[];
  /** Every node, parents before their children. */
  readonly nodes: readonly SpanNode[];
}

interface Draft extends SpanNode {
  parent: Draft | undefined;
  readonly children: Draft[];
  depth: number;
  rootKind: RootKind | undefined;
}

/** Ties stay in the order of the spans. */
const byStart = (a: SpanNode, b: SpanNode): number =>
  a.span.start - b.span.start || a.span.duration - b.span.duration;

const RANK: Readonly<Record<RootKind, number>> = { root: 0, orphan: 1, ring: 2 };

/** Builds the trees of a trace. Iterative: a chain of 100,000 spans is fine. O(n log n). */
export function buildTree({ spans }: Trace): SpanTree {
  const drafts: Draft[] = [];
  const ids: Ids = { first: new Map(), shared: new Map() };
  for (const span of spans) {
    const draft: Draft = { span, parent: undefined, children: [], depth: 0, rootKind: undefined };
    if (isNew(draft, ids)) drafts.push(draft);
  }
  for (const draft of drafts) link(draft, ids);
  for (const draft of drafts) giveToServer(draft);
  const roots = drafts.filter(({ rootKind }) => rootKind !== undefined);
  const nodes = walk(roots);
  if (nodes.length < drafts.length) cutRings(drafts, { nodes, roots });
  return {
    roots: roots.sort((a, b) => RANK[a.rootKind ?? 'root'] - RANK[b.rootKind ?? 'root'] || byStart(a, b)),
    nodes,
  };
}

/** Spans by id. Ids that several spans share are rare, so that nothing is kept for the others but the span. */
interface Ids {
  readonly first: Map<string, Draft>;
  readonly shared: Map<string, Twins>;
}

/** The spans of one id: the first of each kind, and what tells copies. */
interface Twins {
  readonly byKind: Map<SpanKind, Draft>;
  readonly keys: Set<string>;
}

const copyKey = ({ span: { kind, start, serviceName } }: Draft): string => `${kind} ${start} ${serviceName}`;

/** Enters a span under its id, unless it is there: some backends store a span twice when its sender retried. */
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

function link(draft: Draft, ids: Ids): void {
  const parent = parentOf(draft, ids);
  if (parent === undefined) {
    draft.rootKind = draft.span.parentSpanId === undefined ? 'root' : 'orphan';
    return;
  }
  draft.parent = parent;
  parent.children.push(draft);
}

/**
 * Zipkin's clients and servers may share one span id: the server's half is then the child of the client's half, and
 * what names that id as its parent was made by the server.
 */
function parentOf({ span }: Draft, ids: Ids): Draft | undefined {
  if (span.kind === 'server') {
    const client = ids.shared.get(span.spanId)?.byKind.get('client');
    if (client !== undefined) return client;
  }
  if (span.parentSpanId === undefined || span.parentSpanId === span.spanId) return undefined;
  return ids.shared.get(span.parentSpanId)?.byKind.get('server') ?? ids.first.get(span.parentSpanId);
}

/**
 * What a server did while it answered hangs on the client's span where the two shared an id, as Zipkin's do, and whoever
 * gave the server's half an id of its own left those of its children as they were. They are of the server's service.
 *
 *     checkout  client   |====================|
 *     payments  server      |==============|
 *     payments  client        |====|               below the server, whatever its parent's id says
 */
function giveToServer(client: Draft): void {
  const { span, children } = client;
  if (span.kind !== 'client' || children.length < 2) return;
  const [server, ...others] = children.filter((child) => child.span.kind === 'server');
  if (server === undefined || others.length > 0 || server.span.serviceName === span.serviceName) return;
  const isServers = (child: Draft): boolean => child !== server && ranInside(child.span, server.span);
  const given = children.filter(isServers);
  if (given.length === 0) return;
  const kept = children.filter((child) => !isServers(child));
  children.splice(0, children.length, ...kept);
  for (const child of given) {
    child.parent = server;
    server.children.push(child);
  }
}

/** Of the same service, so that one clock timed both. */
const ranInside = (span: Span, server: Span): boolean =>
  span.serviceName === server.serviceName &&
  span.start >= server.start &&
  span.start < server.start + server.duration;

/** Parents before children; sorts the children of each on the way. */
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

/** What no root reaches hangs on a ring: the earliest span of it loses its parent, until all is reached. */
function cutRings(
  drafts: readonly Draft[],
  tree: { readonly nodes: Draft[]; readonly roots: Draft[] },
): void {
  const reached = new Set(tree.nodes);
  for (const draft of [...drafts].sort(byStart)) {
    if (reached.has(draft)) continue;
    const { parent } = draft;
    if (parent !== undefined) parent.children.splice(parent.children.indexOf(draft), 1);
    draft.parent = undefined;
    draft.rootKind = 'ring';
    tree.roots.push(draft);
    for (const node of walk([draft])) {
      reached.add(node);
      tree.nodes.push(node);
    }
  }
}
