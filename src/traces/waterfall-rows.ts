import { type CriticalPath, pathTimes } from './critical-path.ts';
import { hopOf } from './hops.ts';
import type { SpanNode, SpanTree } from './tree.ts';

/** The content of one row: a span, or a client span together with the server span that answered it. */
export interface RowSpans {
  readonly node: SpanNode;
  readonly server?: SpanNode;
}

/** A row of the picture. */
export interface ChosenRow {
  readonly spans: RowSpans;
  /** Number of its ancestors that have a row. */
  readonly depth: number;
  /** The top of its tree. */
  readonly top: SpanNode;
}

interface Candidate extends RowSpans {
  /** How long the root waited for it. */
  readonly pathTime: number;
}

/** A shorter time on the critical path would be a thin line: a long span off the path says more. */
const MIN_PATH_SHARE = 0.005;

/** Failed spans off the path that are shown before longer successful spans. */
const MAX_FAILED = 3;

/**
 * Chooses the rows of a picture: the main root, the critical path, a few failed spans, then the longest of the rest. The
 * rows are in the order of the tree. Linear but for the sorting of rows.
 */
export function chooseRows({
  tree,
  path,
  most,
}: {
  readonly tree: SpanTree;
  readonly path: CriticalPath;
  readonly most: number;
}): { readonly rows: readonly ChosenRow[]; readonly shownSpans: number } {
  const candidates = candidatesOf(tree, path);
  const minTime = path.root.span.duration * MIN_PATH_SHARE;
  const isOnPath = ({ pathTime }: Candidate): boolean => pathTime > 0 && pathTime >= minTime;
  const isRoot = ({ node }: Candidate): boolean => node === path.root;
  const others = candidates.filter((each) => !isRoot(each));
  const onPath = largest(others.filter(isOnPath), most, ({ pathTime }) => pathTime);
  const offPath = others.filter((each) => !isOnPath(each));
  const failed = largest(offPath.filter(isFailed), MAX_FAILED, durationOf);
  const rest = largest(
    offPath.filter((each) => !failed.includes(each)),
    most,
    durationOf,
  );
  const picked = [...candidates.filter(isRoot), ...onPath, ...failed, ...rest].slice(0, most);
  const shownSpans = picked.reduce((sum, { server }) => sum + (server === undefined ? 1 : 2), 0);
  return { rows: inTreeOrder(tree, picked), shownSpans };
}

const durationOf = ({ node }: Candidate): number => node.span.duration;
const isFailed = ({ node, server }: Candidate): boolean => node.span.isError || server?.span.isError === true;

function candidatesOf({ nodes }: SpanTree, path: CriticalPath): readonly Candidate[] {
  const times = pathTimes(path);
  const timeOf = (node: SpanNode): number => times.get(node) ?? 0;
  const merged = new Set<SpanNode>();
  const candidates: Candidate[] = [];
  // Parents come before their children: a client's row claims its server span first.
  for (const node of nodes) {
    if (merged.has(node)) continue;
    const server = hopOf(node)?.server;
    if (server === undefined) {
      candidates.push({ node, pathTime: timeOf(node) });
      continue;
    }
    merged.add(server);
    candidates.push({ node, server, pathTime: timeOf(node) + timeOf(server) });
  }
  return candidates;
}

/** The `most` largest, the largest first; the first of equals. One pass: `most` is small. */
function largest(
  candidates: readonly Candidate[],
  most: number,
  sizeOf: (candidate: Candidate) => number,
): readonly Candidate[] {
  const kept: Candidate[] = [];
  for (const candidate of candidates) {
    const size = sizeOf(candidate);
    const last = kept.at(-1);
    if (kept.length === most && last !== undefined && sizeOf(last) >= size) continue;
    const place = kept.findIndex((each) => sizeOf(each) < size);
    kept.splice(place === -1 ? kept.length : place, 0, candidate);
    if (kept.length > most) kept.pop();
  }
  return kept;
}

function inTreeOrder({ roots }: SpanTree, picked: readonly RowSpans[]): readonly ChosenRow[] {
  const rows = new Map(picked.map((spans) => [spans.node, spans]));
  const leading = withAncestors(picked);
  const chosen: ChosenRow[] = [];
  const stack = roots
    .filter((node) => leading.has(node))
    .map((node) => ({ node, depth: 0, top: node }))
    .reverse();
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { node, depth, top } = next;
    const spans = rows.get(node);
    if (spans !== undefined) chosen.push({ spans, depth, top });
    const below = spans === undefined ? depth : depth + 1;
    for (let i = node.children.length - 1; i >= 0; i--) {
      const child = node.children[i] as SpanNode;
      if (leading.has(child)) stack.push({ node: child, depth: below, top });
    }
  }
  return chosen;
}

/** The nodes of the rows and their ancestors: the rest of the tree has no row. */
function withAncestors(picked: readonly RowSpans[]): ReadonlySet<SpanNode> {
  const leading = new Set<SpanNode>();
  for (const { node } of picked) {
    for (let at: SpanNode | undefined = node; at !== undefined && !leading.has(at); at = at.parent)
      leading.add(at);
  }
  return leading;
}
