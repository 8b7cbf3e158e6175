import type { Steps } from '../lib/concurrency.ts';
import { type Call, callOf, isConnectionSetup, isDatabaseCall, peerOf } from '../traces/calls.ts';
import type { Span, Trace } from '../traces/trace.ts';
import { buildTree, type SpanNode } from '../traces/tree.ts';
import { attributeOf } from './attributes.ts';
import {
  type AwaitedChild,
  type AwaitedSpans,
  createAwaitedSpans,
  isBareCall,
  type Visit,
} from './awaited-spans.ts';
import {
  callKey,
  clientKey,
  connectionKey,
  createKeyTexts,
  instanceKey,
  type KeyTexts,
  keyText,
  ownKey,
  type PieceKey,
} from './piece.ts';

/** What one trace contributes: microseconds on the critical path and the number of calls, both by `keyText`. */
export interface TraceProfile {
  readonly duration: number;
  /** Every span of the trace is below its root. */
  readonly isWhole: boolean;
  /** The trace has its first span; one without it may begin anywhere. */
  readonly hasRoot: boolean;
  /** Services that called others without a client span: their own time holds the network too. */
  readonly bareCallers: ReadonlySet<string>;
  readonly times: ReadonlyMap<string, number>;
  readonly calls: ReadonlyMap<string, number>;
  /** How often the critical path led through each key. */
  readonly visits: ReadonlyMap<string, number>;
  /** Time of awaited spans beside the critical path: others ran in parallel, and ended later. */
  readonly hidden: number;
  readonly trace: Trace;
  /** Time of a service's own work and of the requests on their way to it, and its calls, by `instanceKey`. */
  readonly instances: ReadonlyMap<string, { readonly time: number; readonly calls: number }>;
  /** Client spans by caller and span name: how many had a server span below them, and how many not. */
  readonly answered: ReadonlyMap<string, { readonly yes: number; readonly no: number }>;
}

/** Sums by the text of a key. */
interface Sums {
  readonly values: Map<string, number>;
  readonly textOf: KeyTexts;
}

interface Draft {
  readonly times: Sums;
  readonly calls: Sums;
  readonly visits: Sums;
  hidden: number;
  readonly answered: Map<string, { yes: number; no: number }>;
  readonly instances: Map<string, { time: number; calls: number }>;
  readonly bareCallers: Set<string>;
  /** What answered each span that was looked at. */
  readonly answers: Map<SpanNode, Call | undefined>;
  readonly awaited: AwaitedSpans;
}

const endOf = ({ start, duration }: Span): number => start + duration;

const add = ({ values, textOf }: Sums, key: PieceKey, value: number): void => {
  const text = textOf(key);
  values.set(text, (values.get(text) ?? 0) + value);
};

export interface ProfileOptions {
  /** Shared by traces that are compared. */
  readonly textOf?: KeyTexts;
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
  { textOf = createKeyTexts(), without }: ProfileOptions = {},
): TraceProfile | undefined {
  const tree = buildTree(trace);
  const { roots, nodes } = tree;
  const root = topmost(roots);
  if (root === undefined) return undefined;
  const draft: Draft = {
    times: { values: new Map(), textOf },
    calls: { values: new Map(), textOf },
    visits: { values: new Map(), textOf },
    hidden: 0,
    answered: new Map(),
    instances: new Map(),
    bareCallers: new Set(),
    answers: new Map(),
    awaited: createAwaitedSpans(tree, without),
  };
  for (const node of nodes) countCall(node, draft);
  const stack: Visit[] = [{ node: root, start: root.span.start, end: endOf(root.span) }];
  for (let visit = stack.pop(); visit !== undefined; visit = stack.pop()) stack.push(...walk(visit, draft));
  const { times, calls, visits, hidden, answered, instances, bareCallers } = draft;
  return {
    trace,
    duration: root.span.duration,
    isWhole: roots.length === 1,
    hasRoot: root.rootKind === 'root',
    times: times.values,
    calls: calls.values,
    visits: visits.values,
    hidden,
    answered,
    instances,
    bareCallers,
  };
}

/** Reading the path of a span takes this many times as long as its attributes. */
const PROFILE_STEP = 3;

/** The profiles of traces. Each step is about one trace: its size is the number of spans. */
export function* profilesOf(
  traces: readonly Trace[],
  options: ProfileOptions,
): Steps<readonly TraceProfile[]> {
  const profiles: TraceProfile[] = [];
  for (const trace of traces) {
    yield trace.spans.length * PROFILE_STEP;
    const profile = profileOf(trace, options);
    if (profile !== undefined) profiles.push(profile);
  }
  return profiles;
}

/** How long the critical path was on a key in all traces together, and how often it led through it. Microseconds. */
export function timeOn(
  profiles: readonly TraceProfile[],
  key: PieceKey,
): { readonly time: number; readonly visits: number } {
  const text = keyText(key);
  let [time, visits] = [0, 0];
  for (const profile of profiles) {
    time += profile.times.get(text) ?? 0;
    visits += profile.visits.get(text) ?? 0;
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

const unansweredKey = (node: SpanNode): PieceKey => ({
  kind: isDatabaseCall(node.span) ? 'database' : 'external',
  service: node.span.serviceName,
  operation: node.span.spanName,
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
  if (isConnectionSetup(span)) {
    // Others count with the call that they are for.
    if (connectedTo(node) === '') add(draft.calls, connectionKey(span, ''), 1);
  } else if (span.kind !== 'client') {
    add(draft.calls, ownKey(span), 1);
    if (span.kind === 'server') addInstance(node, draft, { time: 0, calls: 1 });
    countBareCall(node, draft);
  } else if (!isOfOuterCall(node, draft)) countClient(node, draft);
}

function countBareCall({ parent, span }: SpanNode, { calls }: Draft): void {
  if (parent === undefined || !isBareCall(parent.span, span)) return;
  add(calls, callKey('request', parent.span, span), 1);
  add(calls, callKey('response', parent.span, span), 1);
}

/** The client span of a proxy or library below another one is the same call; one of several is a call of its own. */
function isOfOuterCall(node: SpanNode, draft: Draft): boolean {
  const outer = node.parent && callAt(node.parent, draft);
  return outer !== undefined && outer.servers.length > 0 && outer.answers[0] === node;
}

function countClient(node: SpanNode, draft: Draft): void {
  const { span } = node;
  const { calls, answered } = draft;
  const call = callAt(node, draft);
  const key = clientKey(span.serviceName, span.spanName);
  const seen = answered.get(key) ?? { yes: 0, no: 0 };
  answered.set(key, seen);
  if (call === undefined) {
    seen.no += 1;
    add(calls, unansweredKey(node), 1);
    add(calls, connectionKey(span, calleeOf(node)), 1);
    return;
  }
  seen.yes += 1;
  if (call.before === 'own' || call.after === 'own') add(calls, ownKey(span), 1);
  countServers(node, call, draft);
}

function countServers({ span }: SpanNode, { servers, isRetried }: Call, { calls }: Draft): void {
  const last = servers.at(-1);
  if (last === undefined) return;
  for (const { span: server } of isRetried ? [last] : servers) {
    add(calls, callKey('request', span, server), 1);
    add(calls, callKey('response', span, server), 1);
  }
  add(calls, connectionKey(span, last.span.serviceName), 1);
  if (isRetried) add(calls, callKey('retry', span, last.span), servers.length - 1);
}

function addInstance(
  { span }: SpanNode,
  { instances }: Draft,
  of: { readonly time: number; readonly calls: number },
): void {
  const instance = attributeOf(span, 'pod');
  if (instance === undefined) return;
  const key = instanceKey(span.serviceName, instance);
  const seen = instances.get(key);
  if (seen === undefined) instances.set(key, { ...of });
  else {
    seen.time += of.time;
    seen.calls += of.calls;
  }
}

function book(draft: Draft, key: PieceKey, time: number): void {
  add(draft.times, key, time);
  add(draft.visits, key, 1);
}

/** Books what a visit spent by itself, and returns what it waited for. */
function walk(visit: Visit, draft: Draft): readonly Visit[] {
  const { node, start, end } = visit;
  if (isConnectionSetup(node.span)) {
    book(draft, connectionKey(node.span, connectedTo(node)), end - start);
    return [];
  }
  const call = callAt(node, draft);
  if (call !== undefined) return walkCall(visit, call, draft);
  if (draft.awaited.hasChildren(node) || node.span.kind !== 'client')
    return walkChildren(visit, node.span.kind === 'client' ? unansweredKey(node) : ownKey(node.span), draft);
  book(draft, unansweredKey(node), end - start);
  return [];
}

/** What the client called that a connection was set up for. */
function connectedTo({ parent }: SpanNode): string {
  if (parent === undefined) return '';
  return (
    callOf(parent)?.servers.at(-1)?.span.serviceName ??
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
function walkCall(visit: Visit, call: Call, draft: Draft): readonly Visit[] {
  const { node, start, end } = visit;
  const { span } = node;
  const [first, last] = [call.servers[0], call.servers.at(-1)];
  if (first === undefined || last === undefined) return walkChildren(visit, ownKey(span), draft);
  const inside = (at: number): number => Math.max(start, Math.min(span.start + at, end));
  const before = { node, start, end: inside(call.firstStart) };
  const after = { node, start: inside(call.answerEnd), end };
  const toServer = { key: callKey('request', span, first.span), time: first.span.start - start };
  const back = { key: callKey('response', span, last.span), time: end - endOf(last.span) };
  return [
    ...(call.before === 'own' ? walkChildren(before, ownKey(span), draft) : walkLeg(before, toServer, draft)),
    ...walkServers({ node, start: before.end, end: after.start }, call, draft),
    ...(call.after === 'own' ? walkChildren(after, ownKey(span), draft) : walkLeg(after, back, draft)),
  ];
}

/** One leg of a call: its time is measured between the two clocks, that of setting up the connection is taken out of it. */
function walkLeg(
  visit: Visit,
  { key, time }: { readonly key: PieceKey; readonly time: number },
  draft: Draft,
): readonly Visit[] {
  const hasSetup = visit.node.children.some(({ span }) => isConnectionSetup(span));
  const length = visit.end - visit.start;
  const isMeasured = hasSetup && length > 0;
  book(draft, key, isMeasured ? time - length : time);
  return isMeasured ? walkChildren(visit, key, draft) : [];
}

function walkServers(visit: Visit, { servers, isRetried }: Call, draft: Draft): readonly Visit[] {
  const { span } = visit.node;
  const [first, last] = [servers[0], servers.at(-1)];
  if (first === undefined || last === undefined) return [];
  if (!isRetried && first !== last) return walkChildren(visit, callKey('request', span, last.span), draft);
  if (first !== last) book(draft, callKey('retry', span, last.span), last.span.start - first.span.start);
  addInstance(last, draft, { time: span.duration - last.span.duration, calls: 0 });
  return [{ node: last, start: last.span.start, end: endOf(last.span) }];
}

/** Books the time in which a span waited for no other as that of `key`, and returns what it waited for. */
function walkChildren(visit: Visit, key: PieceKey, draft: Draft): readonly Visit[] {
  const { node, start, end } = visit;
  const { children, hidden, hasBareCall, isPartial } = draft.awaited.within(visit);
  draft.hidden += hidden;
  if (hasBareCall) draft.bareCallers.add(node.span.serviceName);
  const visits: Visit[] = [];
  let cursor = end;
  let own = 0;
  let later: AwaitedChild | undefined;
  const bookGap = (time: number, earlier: AwaitedChild | undefined): void => {
    if (isPartial) return;
    const legs = bareLegs(node.span, earlier, later);
    if (legs.length === 0) own += time;
    for (const leg of legs) book(draft, leg, time / legs.length);
  };
  for (const child of children) {
    bookGap(cursor - child.end, child);
    later = child;
    visits.push({ node: child.node, start: child.start + child.ahead, end: child.end + child.ahead });
    cursor = child.start;
  }
  bookGap(cursor - start, undefined);
  if (own > 0) {
    book(draft, key, own);
    if (node.span.kind !== 'client') addInstance(node, draft, { time: own, calls: 0 });
  }
  return visits;
}

/**
 * The legs of calls without client spans that the time between two children holds: the reply of the earlier one, the request
 * of the later one. The caller's own work in it looks the same as they do; where it is slow, the legs of all its calls are.
 */
function bareLegs(
  parent: Span,
  earlier: AwaitedChild | undefined,
  later: AwaitedChild | undefined,
): readonly PieceKey[] {
  const legs: PieceKey[] = [];
  if (earlier !== undefined && isBareCall(parent, earlier.node.span))
    legs.push(callKey('response', parent, earlier.node.span));
  if (later !== undefined && isBareCall(parent, later.node.span))
    legs.push(callKey('request', parent, later.node.span));
  return legs;
}
