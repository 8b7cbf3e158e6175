import type { CriticalPath } from './critical-path.ts';
import { hopOf } from './hops.ts';
import type { SpanNode, SpanTree } from './tree.ts';

/** What one row shows: a span, or a client span together with the server span that answered it. */
export interface Unit {
  readonly node: SpanNode;
  readonly server?: SpanNode;
}

/** A unit that is shown, and how many of its ancestors are. */
export interface Chosen {
  readonly unit: Unit;
  readonly depth: number;
  /** The top of the tree that it is in. */
  readonly top: SpanNode;
}

interface Candidate extends Unit {
  /** How long the root waited for it. */
  readonly pathTime: number;
}

/** A shorter piece of the critical path is no wider than a line: a long span beside the path tells more. */
const SMALLEST_PIECE = 0.005;

/** Failures beside the path that are shown before longer spans that went well. */
const MOST_FAILURES = 3;

/**
 * The rows of a picture, in the order of the tree: the main root, then the critical path, then a few failures, then the longest
 * of the rest.
 */
export function choose(asked: {
  readonly tree: SpanTree;
  readonly path: CriticalPath;
  readonly most: number;
}): { readonly chosen: readonly Chosen[]; readonly shownSpans: number } {
  const { tree, path, most } = asked;
  const candidates = candidatesOf(tree, path);
  const piece = path.root.span.duration * SMALLEST_PIECE;
  const isOnPath = ({ pathTime }: Candidate): boolean => pathTime > 0 && pathTime >= piece;
  const isRoot = ({ node }: Candidate): boolean => node === path.root;
  const others = candidates.filter((each) => !isRoot(each));
  const onPath = largest(others.filter(isOnPath), most, ({ pathTime }) => pathTime);
  const beside = others.filter((each) => !isOnPath(each));
  const failed = largest(beside.filter(isFailed), MOST_FAILURES, durationOf);
  const rest = largest(
    beside.filter((each) => !failed.includes(each)),
    most,
    durationOf,
  );
  const picked = [...candidates.filter(isRoot), ...onPath, ...failed, ...rest].slice(0, most);
  const shownSpans = picked.reduce((sum, { server }) => sum + (server === undefined ? 1 : 2), 0);
  return { chosen: inTreeOrder(tree, picked), shownSpans };
}

const durationOf = ({ node }: Candidate): number => node.span.duration;
const isFailed = ({ node, server }: Candidate): boolean => node.span.isError || server?.span.isError === true;

function candidatesOf({ nodes }: SpanTree, { sections }: CriticalPath): readonly Candidate[] {
  const times = new Map<SpanNode, number>();
  for (const { node, start, end } of sections) times.set(node, (times.get(node) ?? 0) + end - start);
  const timeOf = (node: SpanNode): number => times.get(node) ?? 0;
  const merged = new Set<SpanNode>();
  const candidates: Candidate[] = [];
  // Parents come before their children, so that a server is known to be part of its client's row when it comes.
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

/** The `most` largest, the largest first; of equals the one that came first. One pass: `most` is small. */
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

function inTreeOrder({ roots }: SpanTree, picked: readonly Unit[]): readonly Chosen[] {
  const units = new Map(picked.map((unit) => [unit.node, unit]));
  const leading = withAncestors(picked);
  const chosen: Chosen[] = [];
  const stack = roots
    .filter((node) => leading.has(node))
    .map((node) => ({ node, depth: 0, top: node }))
    .reverse();
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { node, depth, top } = next;
    const unit = units.get(node);
    if (unit !== undefined) chosen.push({ unit, depth, top });
    const below = unit === undefined ? depth : depth + 1;
    for (let i = node.children.length - 1; i >= 0; i--) {
      const child = node.children[i] as SpanNode;
      if (leading.has(child)) stack.push({ node: child, depth: below, top });
    }
  }
  return chosen;
}

/** The nodes of the rows and all above them: the rest of the tree has no row. */
function withAncestors(picked: readonly Unit[]): ReadonlySet<SpanNode> {
  const leading = new Set<SpanNode>();
  for (const { node } of picked) {
    for (let at: SpanNode | undefined = node; at !== undefined && !leading.has(at); at = at.parent)
      leading.add(at);
  }
  return leading;
}
