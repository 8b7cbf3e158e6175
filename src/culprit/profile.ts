import type { Steps } from '../lib/concurrency.ts';
import {
  type Call,
  callOf,
  isConnectionSetup,
  isDatabaseCall,
  peerOf,
  retriedClients,
} from '../traces/calls.ts';
import type { Span, Trace } from '../traces/trace.ts';
import { buildTree, type SpanNode, type SpanTree } from '../traces/tree.ts';
import { alignClocks, type ClockOffsets } from './align-clocks.ts';
import { podOf } from './attributes.ts';
import {
  type AwaitedChild,
  type AwaitedSpans,
  createAwaitedSpans,
  isBareCall,
  type Visit,
} from './awaited-spans.ts';
import { createPieceKeys, type PieceKey, type PieceKeys } from './piece.ts';

/** What one trace spent under one key. */
export interface PieceCount {
  /** On the critical path. Microseconds. */
  readonly time: number;
  /** How often the critical path led through it. */
  readonly visits: number;
  /** On the critical path or beside it. */
  readonly calls: number;
}

/** What one trace contributes to a comparison. Microseconds. */
export interface TraceProfile {
  readonly trace: Trace;
  readonly duration: number;
  /** Every span of the trace is below its root. */
  readonly isWhole: boolean;
  /** The trace has its first span; one without it may begin anywhere. */
  readonly hasRoot: boolean;
  /** Services that called others without a client span: their own time holds the network too. */
  readonly bareCallers: ReadonlySet<string>;
  readonly pieces: ReadonlyMap<PieceKey, PieceCount>;
  /** Time of awaited spans beside the critical path: others ran in parallel, and ended later. */
  readonly hidden: number;
  /** Time of a service's own work and of the requests on their way to it, and its calls, by service and pod. */
  readonly instances: Instances;
  /** Client spans by their own keys: how many had a server span below them, and how many not. */
  readonly answered: ReadonlyMap<PieceKey, { readonly yes: number; readonly no: number }>;
}

type Writable<T> = { -readonly [Field in keyof T]: T[Field] };

/** Time and calls by service and pod. */
export type Instances = ReadonlyMap<
  string,
  ReadonlyMap<string, { readonly time: number; readonly calls: number }>
>;

interface Draft {
  readonly keys: PieceKeys;
  readonly pieces: Map<PieceKey, Writable<PieceCount>>;
  hidden: number;
  readonly answered: Map<PieceKey, { yes: number; no: number }>;
  readonly instances: Map<string, Map<string, { time: number; calls: number }>>;
  readonly bareCallers: Set<string>;
  /** What answered each span that was looked at. */
  readonly answers: Map<SpanNode, Call | undefined>;
  readonly awaited: AwaitedSpans;
  /** Client spans that are attempts before the last one of a call. */
  readonly earlier: ReadonlyMap<SpanNode, EarlierAttempt>;
  /** Visits of the critical path that are still to be booked. */
  readonly open: Visit[];
}

/** An attempt at a call that was made again by a client span of its own. */
interface EarlierAttempt {
  readonly last: SpanNode;
  readonly retry: PieceKey;
}

const NONE_EARLIER: ReadonlyMap<SpanNode, EarlierAttempt> = new Map();

/**
 * Whether calls below a span may have been made again. Reading the status of all spans for the rare ones costs more: client spans
 * of failed requests have the status "error".
 */
const mayRetry = ({ children }: SpanNode): boolean =>
  children.length > 1 && children.some(({ span }) => span.isError);

/** The attempts of calls whose last attempt was answered: whom the others were sent to is known from it. */
function earlierAttempts(nodes: readonly SpanNode[], keys: PieceKeys): ReadonlyMap<SpanNode, EarlierAttempt> {
  const retried = nodes.filter(mayRetry).flatMap(retriedClients);
  if (retried.length === 0) return NONE_EARLIER;
  return new Map(
    retried.flatMap((attempts) => {
      const last = attempts.at(-1);
      const server = last && callOf(last)?.servers.at(-1);
      if (last === undefined || server === undefined) return [];
      const { retry } = keys.call(last.span, server.span);
      return attempts.slice(0, -1).map((attempt) => [attempt, { last, retry }] as const);
    }),
  );
}

const endOf = ({ start, duration }: Span): number => start + duration;

function pieceAt({ pieces }: Draft, key: PieceKey): Writable<PieceCount> {
  let piece = pieces.get(key);
  if (piece === undefined) {
    piece = { time: 0, visits: 0, calls: 0 };
    pieces.set(key, piece);
  }
  return piece;
}

function addCalls(draft: Draft, key: PieceKey, calls = 1): void {
  pieceAt(draft, key).calls += calls;
}

export interface ProfileOptions {
  /** Shared by traces that are compared. */
  readonly keys?: PieceKeys;
  /** The tree of the trace, where it is built already. */
  readonly tree?: SpanTree;
  /** The path is that of the calls beside this service: as if nothing had waited for it. */
  readonly without?: string;
}

/**
 * Splits the critical path of a trace into pieces, and counts its calls. Undefined for a trace with several roots.
 * Every microsecond of the root is in one piece; the legs of a call are measured between the two clocks, so one of them may be
 * negative where they differ, while their sum is right. A span whose parent was lost counts as called by the shortest
 * span within which it ran.
 */
export function profileOf(
  trace: Trace,
  { keys = createPieceKeys(), tree = buildTree(trace), without }: ProfileOptions = {},
): TraceProfile | undefined {
  const { roots, nodes } = tree;
  const root = topmost(roots);
  if (root === undefined) return undefined;
  const draft: Draft = {
    keys,
    pieces: new Map(),
    hidden: 0,
    answered: new Map(),
    instances: new Map(),
    bareCallers: new Set(),
    answers: new Map(),
    awaited: createAwaitedSpans(tree, without),
    earlier: earlierAttempts(nodes, keys),
    open: [],
  };
  for (const node of nodes) countCall(node, draft);
  draft.open.push({ node: root, start: root.span.start, end: endOf(root.span) });
  for (let visit = draft.open.pop(); visit !== undefined; visit = draft.open.pop()) walk(visit, draft);
  const { pieces, hidden, answered, instances, bareCallers } = draft;
  return {
    trace,
    duration: root.span.duration,
    isWhole: roots.length === 1,
    hasRoot: root.rootKind === 'root',
    pieces,
    hidden,
    answered,
    instances,
    bareCallers,
  };
}

/** Reading the path of a span takes this many times as long as its attributes. */
const PROFILE_STEP = 3;

interface SetOptions extends Pick<ProfileOptions, 'keys' | 'without'> {
  /** Takes the tree of each trace. */
  readonly see?: (tree: SpanTree) => void;
  /** How clocks differ: the traces are put onto one. */
  readonly offsets?: ClockOffsets;
}

/** The profiles of traces. Each step is about one trace: its size is the number of spans. */
export function* profilesOf(
  traces: readonly Trace[],
  { see, offsets, ...options }: SetOptions,
): Steps<readonly TraceProfile[]> {
  const profiles: TraceProfile[] = [];
  for (const each of traces) {
    yield each.spans.length * PROFILE_STEP;
    const trace = offsets === undefined ? each : alignClocks(each, offsets);
    const tree = buildTree(trace);
    see?.(tree);
    const profile = profileOf(trace, { ...options, tree });
    if (profile !== undefined) profiles.push(profile);
  }
  return profiles;
}

/** How long the critical path was on a key in all traces together, and how often it led through it. Microseconds. */
export function timeOn(
  profiles: readonly TraceProfile[],
  key: PieceKey,
): Pick<PieceCount, 'time' | 'visits'> {
  let [time, visits] = [0, 0];
  for (const { pieces } of profiles) {
    const piece = pieces.get(key);
    time += piece?.time ?? 0;
    visits += piece?.visits ?? 0;
  }
  return { time, visits };
}

/**
 * The span that measures the request: the only root; where the export does not reach up to it, the only span without its parent,
 * or of several the longest, when it holds all others.
 */
function topmost(roots: readonly SpanNode[]): SpanNode | undefined {
  const real = roots.filter(({ rootKind }) => rootKind === 'root');
  const tops = real.length === 0 ? roots : real;
  const [first] = tops;
  if (first === undefined || real.length > 1) return undefined;
  const longest = tops.reduce((best, each) => (each.span.duration > best.span.duration ? each : best), first);
  const holdsAll = tops.every(
    ({ span }) => span.start >= longest.span.start && endOf(span) <= endOf(longest.span),
  );
  return holdsAll ? longest : undefined;
}

/** gRPC and Thrift name a call `package.Service/Method`: the service that was called. */
const serviceInName = (name: string): string =>
  /(?:^|\.)([A-Za-z][\w-]*)\/[A-Za-z]\w*$/.exec(name)?.[1]?.toLowerCase() ?? '';

function calleeOf(node: SpanNode): string {
  if (isDatabaseCall(node.span)) return peerOf(node) || 'database';
  return peerOf(node) || serviceInName(node.span.spanName);
}

const unansweredKey = (node: SpanNode, { keys }: Draft): PieceKey =>
  keys.unanswered(node.span, {
    kind: isDatabaseCall(node.span) ? 'database' : 'external',
    callee: calleeOf(node),
  });

/** What answered a span; a client with many spans is read once. */
function callAt(node: SpanNode, { answers }: Draft): Call | undefined {
  if (node.span.kind !== 'client') return undefined;
  if (!answers.has(node)) answers.set(node, callOf(node));
  return answers.get(node);
}

function countCall(node: SpanNode, draft: Draft): void {
  const { span } = node;
  const { keys } = draft;
  if (isConnectionSetup(span)) {
    // Others count with the call that they are for.
    if (connectedTo(node, draft) === '') addCalls(draft, keys.connection(span, ''));
  } else if (span.kind !== 'client') {
    addCalls(draft, keys.own(span));
    if (span.kind === 'server') addInstance(node, draft, { time: 0, calls: 1 });
    countBareCall(node, draft);
  } else if (!isOfOuterCall(node, draft)) countClient(node, draft);
}

function countBareCall({ parent, span }: SpanNode, draft: Draft): void {
  if (parent === undefined || !isBareCall(parent.span, span)) return;
  const { request, response } = draft.keys.call(parent.span, span);
  addCalls(draft, request);
  addCalls(draft, response);
}

/** The client span of a proxy or library below another one is the same call; one of several is a call of its own. */
function isOfOuterCall(node: SpanNode, draft: Draft): boolean {
  const outer = node.parent && callAt(node.parent, draft);
  return outer !== undefined && outer.servers.length > 0 && outer.answers[0] === node;
}

function countClient(node: SpanNode, draft: Draft): void {
  const { span } = node;
  const { keys, answered } = draft;
  const attempt = draft.earlier.get(node);
  if (attempt !== undefined) {
    addCalls(draft, attempt.retry);
    return;
  }
  const call = callAt(node, draft);
  const key = keys.own(span);
  const seen = answered.get(key) ?? { yes: 0, no: 0 };
  answered.set(key, seen);
  if (call === undefined) {
    seen.no += 1;
    const unanswered = unansweredKey(node, draft);
    addCalls(draft, unanswered);
    addCalls(draft, keys.connection(span, unanswered.callee));
    return;
  }
  seen.yes += 1;
  if (call.before === 'own' || call.after === 'own') addCalls(draft, key);
  countServers(node, call, draft);
}

function countServers({ span }: SpanNode, { servers, isRetried }: Call, draft: Draft): void {
  const { keys } = draft;
  const last = servers.at(-1);
  if (last === undefined) return;
  for (const { span: server } of isRetried ? [last] : servers) {
    const { request, response } = keys.call(span, server);
    addCalls(draft, request);
    addCalls(draft, response);
  }
  addCalls(draft, keys.connection(span, last.span.serviceName));
  if (isRetried) addCalls(draft, keys.call(span, last.span).retry, servers.length - 1);
}

function addInstance(
  { span }: SpanNode,
  { instances }: Draft,
  { time, calls }: { readonly time: number; readonly calls: number },
): void {
  const pod = podOf(span);
  if (pod === undefined) return;
  const pods = instances.get(span.serviceName) ?? new Map<string, { time: number; calls: number }>();
  instances.set(span.serviceName, pods);
  const seen = pods.get(pod);
  if (seen === undefined) pods.set(pod, { time, calls });
  else {
    seen.time += time;
    seen.calls += calls;
  }
}

function book(draft: Draft, key: PieceKey, time: number): void {
  const piece = pieceAt(draft, key);
  piece.time += time;
  piece.visits += 1;
}

/** Books what a visit spent by itself, and opens visits of what it waited for. */
function walk(visit: Visit, draft: Draft): void {
  const { node, start, end } = visit;
  if (isConnectionSetup(node.span)) {
    book(draft, draft.keys.connection(node.span, connectedTo(node, draft)), end - start);
    return;
  }
  const call = callAt(node, draft);
  if (call !== undefined) walkCall(visit, call, draft);
  else if (node.span.kind !== 'client') walkChildren(visit, draft.keys.own(node.span), draft);
  else if (draft.awaited.hasChildren(node)) walkChildren(visit, unansweredKey(node, draft), draft);
  else book(draft, unansweredKey(node, draft), end - start);
}

/** What the client called that a connection was set up for. */
function connectedTo({ parent }: SpanNode, draft: Draft): string {
  if (parent === undefined) return '';
  return (
    callAt(parent, draft)?.servers.at(-1)?.span.serviceName ??
    (parent.span.kind === 'client' ? calleeOf(parent) : '')
  );
}

/**
 * A call: the way there, earlier attempts, the answering server, the way back, and the caller's own work beside them.
 *
 *     client   |====================================|
 *     server 1    |====| failed
 *     server 2            |==============|
 *     own span                              |==|
 *              req retry.. (its own)     own code
 */
function walkCall(visit: Visit, call: Call, draft: Draft): void {
  const { node, start, end } = visit;
  const { span } = node;
  const [first, last] = [call.servers[0], call.servers.at(-1)];
  if (first === undefined || last === undefined) {
    walkChildren(visit, draft.keys.own(span), draft);
    return;
  }
  const inside = (at: number): number => Math.max(start, Math.min(span.start + at, end));
  const before = { node, start, end: inside(call.firstStart) };
  const after = { node, start: inside(call.answerEnd), end };
  const toServer = { key: draft.keys.call(span, first.span).request, time: first.span.start - start };
  const back = { key: draft.keys.call(span, last.span).response, time: end - endOf(last.span) };
  if (call.before === 'own') walkChildren(before, draft.keys.own(span), draft);
  else walkLeg(before, toServer, draft);
  walkServers({ node, start: before.end, end: after.start }, call, draft);
  if (call.after === 'own') walkChildren(after, draft.keys.own(span), draft);
  else walkLeg(after, back, draft);
}

/** One leg of a call: its time is measured between the two clocks, that of setting up the connection is taken out of it. */
function walkLeg(
  visit: Visit,
  { key, time }: { readonly key: PieceKey; readonly time: number },
  draft: Draft,
): void {
  const hasSetup = visit.node.children.some(({ span }) => isConnectionSetup(span));
  const length = visit.end - visit.start;
  const isMeasured = hasSetup && length > 0;
  book(draft, key, isMeasured ? time - length : time);
  if (isMeasured) walkChildren(visit, key, draft);
}

function walkServers(visit: Visit, { servers, isRetried }: Call, draft: Draft): void {
  const { span } = visit.node;
  const [first, last] = [servers[0], servers.at(-1)];
  if (first === undefined || last === undefined) return;
  const { request, retry } = draft.keys.call(span, last.span);
  if (!isRetried && first !== last) {
    walkChildren(visit, request, draft);
    return;
  }
  if (first !== last) book(draft, retry, last.span.start - first.span.start);
  addInstance(last, draft, { time: span.duration - last.span.duration, calls: 0 });
  draft.open.push({ node: last, start: last.span.start, end: endOf(last.span) });
}

/** The last attempt at the call of a client span. */
const lastOf = (node: SpanNode, { earlier }: Draft): SpanNode => earlier.get(node)?.last ?? node;

/** Books the time in which a span waited for no other as that of `key`, and visits what it waited for. */
function walkChildren(visit: Visit, key: PieceKey, draft: Draft): void {
  const { node, start, end } = visit;
  const { children, hidden, hasBareCall, isPartial } = draft.awaited.within(visit);
  draft.hidden += hidden;
  if (hasBareCall) draft.bareCallers.add(node.span.serviceName);
  let cursor = end;
  let own = 0;
  let later: AwaitedChild | undefined;
  const bookGap = (time: number, earlier: AwaitedChild | undefined): void => {
    if (isPartial) return;
    const attempt = earlier && draft.earlier.get(earlier.node);
    // The pause before the next attempt.
    if (attempt !== undefined && later !== undefined && lastOf(later.node, draft) === attempt.last) {
      book(draft, attempt.retry, time);
      return;
    }
    const legs = bareLegs(node, { earlier, later }, draft.keys);
    if (legs.length === 0) own += time;
    for (const leg of legs) book(draft, leg, time / legs.length);
  };
  for (const child of children) {
    bookGap(cursor - child.end, child);
    later = child;
    const attempt = draft.earlier.get(child.node);
    if (attempt !== undefined) book(draft, attempt.retry, child.end - child.start);
    else
      draft.open.push({ node: child.node, start: child.start + child.ahead, end: child.end + child.ahead });
    cursor = child.start;
  }
  bookGap(cursor - start, undefined);
  if (own > 0) {
    book(draft, key, own);
    if (node.span.kind !== 'client') addInstance(node, draft, { time: own, calls: 0 });
  }
}

/**
 * The legs of calls without client spans that the time between two children holds: the reply of the earlier one, the request
 * of the later one. The caller's own work in it looks the same as they do; where it is slow, the legs of all its calls are.
 */
function bareLegs(
  { span }: SpanNode,
  { earlier, later }: { readonly earlier?: AwaitedChild; readonly later?: AwaitedChild },
  keys: PieceKeys,
): readonly PieceKey[] {
  const legs: PieceKey[] = [];
  if (earlier !== undefined && isBareCall(span, earlier.node.span))
    legs.push(keys.call(span, earlier.node.span).response);
  if (later !== undefined && isBareCall(span, later.node.span))
    legs.push(keys.call(span, later.node.span).request);
  return legs;
}
