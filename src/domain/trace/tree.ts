import type { Span, Trace } from './trace.ts';

/**
 * How a span came to have no parent in the tree: it has none (`root`), its parent is not in the trace (`orphan`), or the
 * parents form a ring that had to be cut (`ring`).
 */
export type RootKind = 'root' | 'orphan' | 'ring';

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
  const drafts = distinct(spans).map(
    (span): Draft => ({ span, parent: undefined, children: [], depth: 0, rootKind: undefined }),
  );
  const byId = new Map<string, Draft[]>();
  for (const draft of drafts) {
    const twins = byId.get(draft.span.spanId);
    if (twins === undefined) byId.set(draft.span.spanId, [draft]);
    else twins.push(draft);
  }
  for (const draft of drafts) link(draft, byId);
  const roots = drafts.filter(({ rootKind }) => rootKind !== undefined);
  const nodes = walk(roots);
  if (nodes.length < drafts.length) cutRings(drafts, { nodes, roots });
  return {
    roots: roots.sort((a, b) => RANK[a.rootKind ?? 'root'] - RANK[b.rootKind ?? 'root'] || byStart(a, b)),
    nodes,
  };
}

/** Some backends store a span twice when its sender retried. */
function distinct(spans: readonly Span[]): readonly Span[] {
  const seen = new Set<string>();
  return spans.filter(({ spanId, kind, serviceName, start }) => {
    const key = `${spanId} ${kind} ${start} ${serviceName}`;
    return !seen.has(key) && seen.add(key);
  });
}

function link(draft: Draft, byId: ReadonlyMap<string, readonly Draft[]>): void {
  const parent = parentOf(draft, byId);
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
function parentOf({ span }: Draft, byId: ReadonlyMap<string, readonly Draft[]>): Draft | undefined {
  const twins = byId.get(span.spanId) ?? [];
  if (span.kind === 'server' && twins.length > 1) {
    const client = twins.find((twin) => twin.span.kind === 'client');
    if (client !== undefined) return client;
  }
  if (span.parentSpanId === undefined || span.parentSpanId === span.spanId) return undefined;
  const candidates = byId.get(span.parentSpanId) ?? [];
  return candidates.find((candidate) => candidate.span.kind === 'server') ?? candidates[0];
}

/** Parents before children; sorts the children of each on the way. */
function walk(tops: readonly Draft[]): Draft[] {
  const nodes: Draft[] = [...tops];
  // The list grows while it is read: a queue without shifting.
  for (const node of nodes) {
    node.children.sort(byStart);
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
