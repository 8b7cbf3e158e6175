import { type Microseconds, us } from '../lib/units.ts';
import { callOf, serversOf } from './calls.ts';
import { CLOSING_US, isMisplaced, ROUNDING_US } from './clock-skew.ts';
import type { SpanNode, SpanTree } from './tree.ts';

/** The overhead of one or more calls before the server spans began and after they ended. */
interface OverheadSplit {
  readonly request: Microseconds;
  readonly response: Microseconds;
}

/** One call from one service to another, as both ends measured it. */
export interface Hop {
  readonly client: SpanNode;
  readonly server: SpanNode;
  /** Network and the proxies at both ends: the client's duration minus the server's. Needs no common clock. */
  readonly overhead: Microseconds;
  /** Absent when the two clocks disagree. */
  readonly split?: OverheadSplit;
}

/**
 * The overhead of a call.
 *
 *     client   |=========================|
 *     server        |==============|
 *              #####                ######      overhead: request and response
 *
 * Undefined unless exactly one server answered: the time between two attempts is not overhead. Undefined when the caller's
 * own work lies beside the server, and when the server outlives the client: the client timed out. The
 * split needs a server span inside its client: outside, the clocks differ by more than the overhead.
 */
export function hopOf(client: SpanNode): Hop | undefined {
  if (client.span.kind !== 'client') return undefined;
  const [server, ...others] = serversOf(client);
  if (server === undefined || others.length > 0) return undefined;
  if (isAwaitedInVain(client, server) || hasOwnWork(client)) return undefined;
  const overhead = client.span.duration - server.span.duration;
  const early = client.span.start - server.span.start;
  const request = early > 0 && early < ROUNDING_US ? 0 : -early;
  const isSplit = request >= 0 && request <= overhead && !hasSkew(client) && !hasSkew(server);
  return {
    client,
    server,
    overhead: us(overhead),
    split: isSplit ? { request: us(request), response: us(overhead - request) } : undefined,
  };
}

/** Whether the client ended before its server did. */
function isAwaitedInVain(client: SpanNode, { span: server }: SpanNode): boolean {
  const { start, duration } = client.span;
  if (server.duration > duration) return true;
  return server.start + server.duration > start + duration + CLOSING_US && !isMisplaced(client, server);
}

function hasOwnWork(client: SpanNode): boolean {
  const call = client.children.length > 1 ? callOf(client) : undefined;
  return call?.before === 'own' || call?.after === 'own';
}

/** Jaeger adds this warning whether or not it applied the correction. */
const hasSkew = ({ span }: SpanNode): boolean =>
  span.warnings.some((warning) => warning.includes('clock skew') && warning.includes('delta'));

/** All calls from one service to another. */
export interface HopEdge {
  readonly caller: string;
  readonly callee: string;
  readonly calls: number;
  readonly overhead: Microseconds;
  /** The largest overhead of one call. */
  readonly worst: Microseconds;
  /** Present when every call has one. */
  readonly split?: OverheadSplit;
}

/** Overhead per pair of services, the largest sum first. */
export function hopEdgesOf({ nodes }: SpanTree): readonly HopEdge[] {
  const edges = new Map<string, HopEdge>();
  for (const node of nodes) {
    const hop = hopOf(node);
    if (hop === undefined) continue;
    const [caller, callee] = [hop.client.span.serviceName, hop.server.span.serviceName];
    const key = `${caller}\0${callee}`;
    const known = edges.get(key);
    edges.set(key, {
      caller,
      callee,
      calls: (known?.calls ?? 0) + 1,
      overhead: us((known?.overhead ?? 0) + hop.overhead),
      worst: us(Math.max(known?.worst ?? 0, hop.overhead)),
      split: known === undefined ? hop.split : sumOf(known.split, hop.split),
    });
  }
  return [...edges.values()].sort((a, b) => b.overhead - a.overhead || (nameOf(a) < nameOf(b) ? -1 : 1));
}

const sumOf = (a: OverheadSplit | undefined, b: OverheadSplit | undefined): OverheadSplit | undefined =>
  a && b && { request: us(a.request + b.request), response: us(a.response + b.response) };

const nameOf = ({ caller, callee }: Pick<HopEdge, 'caller' | 'callee'>): string => `${caller} ${callee}`;
