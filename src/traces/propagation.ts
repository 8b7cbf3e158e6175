import { peerOf } from './calls.ts';
import type { Trace } from './trace.ts';
import { buildTree, type SpanNode } from './tree.ts';

/** A service as metrics name it. */
export interface MeshService {
  readonly name: string;
  /** Empty when unknown. */
  readonly namespace: string;
}

/** How often one service calls another, by the metrics of the mesh. */
export interface CallRate {
  readonly caller: MeshService;
  readonly callee: MeshService;
  readonly requestsPerSecond: number;
}

/** Whether traces go on from one service to another that it calls. */
export interface EdgePropagation {
  /** As traces name it. */
  readonly caller: string;
  readonly callee: string;
  /** Calls for each request that the caller served: by metrics, and in the traces that contain the caller. */
  readonly callsByMetrics: number;
  readonly callsInTraces: number;
  /** Requests to the caller in those traces. */
  readonly requests: number;
  /** The share of calls after which the trace stops, 0 to 1. */
  readonly stopShare: number;
  /**
   * - `forwarded`: traces go on
   * - `dropped`: the caller's requests to it carry no trace headers: no span of the call is in the trace
   * - `not-continued`: the caller's span of the call is in the trace, the callee's is not
   * - `too-few`: too few requests to say
   */
  readonly result: 'forwarded' | 'dropped' | 'not-continued' | 'too-few';
}

/** Fewer expected calls say nothing. */
const FEWEST_CALLS = 10;
/** Traces may stop at this share of calls by chance, and because the two sources count different seconds. */
const MOST_STOPS = 0.2;
/** So many standard deviations of a count are no chance. */
const SIGNIFICANT = 3;

/** Istio names a service of traces `<app>.<namespace>`, metrics have both as labels. */
const isNamed = (service: string, { name, namespace }: MeshService): boolean =>
  service === name || (namespace !== '' && service === `${name}.${namespace}`);

/** A service of the metrics as traces name it, given that of another one. */
const asInTraces = ({ name, namespace }: MeshService, like: string): string =>
  like.includes('.') && namespace !== '' ? `${name}.${namespace}` : name;

/**
 * For each service that a service calls, the share of calls after which its traces stop: calls per request by metrics,
 * compared with calls per request in the traces that contain the service. Sampling does not change it, because it is decided
 * once for a whole trace. A callee's span whose parent was lost still shows that the trace went on. Pure.
 *
 *     metrics   checkout 100/s  ->  payments 100/s        1 call per request
 *     traces    checkout 40     ->  payments   2          0.05 calls per request: 95% stop
 */
export function propagationOf(
  traces: readonly Trace[],
  { service, rates }: { readonly service: string; readonly rates: readonly CallRate[] },
): readonly EdgePropagation[] {
  const outgoing = rates.filter(
    ({ caller, callee }) => isNamed(service, caller) && !isNamed(service, callee),
  );
  const served = servedBy(service, rates);
  const trees = traces.map((trace) => buildTree(trace).nodes);
  const requests = sum(trees.map((nodes) => nodes.filter((node) => isEntryOf(node, service)).length));
  return outgoing
    .map(({ callee, requestsPerSecond }): EdgePropagation => {
      const counts = trees.map((nodes) => callsIn(nodes, service, callee));
      const calls = sum(counts.map((count) => count.answered));
      const unanswered = sum(counts.map((count) => count.unanswered));
      const callsByMetrics = served === 0 ? 0 : requestsPerSecond / served;
      const expected = requests * callsByMetrics;
      const stopShare = expected === 0 ? 0 : Math.max(0, 1 - calls / expected);
      return {
        caller: service,
        callee: asInTraces(callee, service),
        callsByMetrics,
        callsInTraces: requests === 0 ? 0 : calls / requests,
        requests,
        stopShare,
        result: resultOf({ expected, calls, unanswered }),
      };
    })
    .sort((a, b) => b.stopShare - a.stopShare || (a.callee < b.callee ? -1 : 1));
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** Requests per second that a service serves; a gateway, which no service calls, serves as many as it sends. */
function servedBy(service: string, rates: readonly CallRate[]): number {
  const of = (end: 'caller' | 'callee'): number =>
    sum(rates.map((each) => (isNamed(service, each[end]) ? each.requestsPerSecond : 0)));
  return of('callee') || of('caller');
}

/** The server span of a request to the service, not one of its own below it: a proxy's contains the application's. */
const isEntryOf = ({ span, parent }: SpanNode, service: string): boolean =>
  span.kind === 'server' && span.serviceName === service && parent?.span.serviceName !== service;

/**
 * Calls of a service to another in one trace: with a span of the callee, and with one of the caller alone. Only those within
 * a request to the caller count: a call without trace headers starts another trace, which holds spans of both too.
 */
function callsIn(
  nodes: readonly SpanNode[],
  service: string,
  callee: MeshService,
): { readonly answered: number; readonly unanswered: number } {
  if (!nodes.some((node) => isEntryOf(node, service))) return { answered: 0, unanswered: 0 };
  const entries = nodes.filter(
    ({ span, parent }) =>
      span.kind === 'server' &&
      isNamed(span.serviceName, callee) &&
      parent?.span.serviceName !== span.serviceName,
  );
  const answered = entries.filter((node) => node.rootKind === 'orphan' || isWithin(callerOf(node), service));
  const unanswered = nodes.filter(
    (node) =>
      node.span.kind === 'client' &&
      node.span.serviceName === service &&
      node.children.length === 0 &&
      isWithin(node, service) &&
      isNamed(peerOf(node), callee),
  );
  return { answered: answered.length, unanswered: unanswered.length };
}

/** The nearest span above that is of another service: the one that called. */
function callerOf({ span, parent }: SpanNode): SpanNode | undefined {
  let above = parent;
  while (above !== undefined && above.span.serviceName === span.serviceName) above = above.parent;
  return above;
}

/** Whether a span is part of a request to the service, without another service between. */
function isWithin(node: SpanNode | undefined, service: string): boolean {
  let at = node;
  while (at !== undefined && at.span.serviceName === service) {
    if (isEntryOf(at, service)) return true;
    at = at.parent;
  }
  return false;
}

function resultOf({
  expected,
  calls,
  unanswered,
}: {
  readonly expected: number;
  readonly calls: number;
  readonly unanswered: number;
}): EdgePropagation['result'] {
  if (expected < FEWEST_CALLS) return 'too-few';
  const stops = expected - calls;
  if (stops < expected * MOST_STOPS || stops < SIGNIFICANT * Math.sqrt(expected)) return 'forwarded';
  return unanswered >= stops / 2 ? 'not-continued' : 'dropped';
}
