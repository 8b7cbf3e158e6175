import { type Microseconds, us } from '../lib/units.ts';
import { peerOf, serversOf } from './peer.ts';
import type { SpanNode, SpanTree } from './tree.ts';

/** One call from one service to another, seen from both ends. */
export interface Hop {
  readonly client: SpanNode;
  readonly server: SpanNode;
  /** Network and the proxies at both ends: the client's duration without the server's. Needs no common clock. */
  readonly overhead: Microseconds;
  /** The overhead before the server began and after it ended; absent when the two clocks contradict each other. */
  readonly split?: { readonly request: Microseconds; readonly response: Microseconds };
}

/** All calls between two services. */
export interface HopEdge {
  readonly caller: string;
  readonly callee: string;
  readonly calls: number;
  readonly overhead: Microseconds;
  /** The largest overhead of one call. */
  readonly worst: Microseconds;
  /** Present when every call's could be notified. */
  readonly split?: { readonly request: Microseconds; readonly response: Microseconds };
}

/**
 * The overhead of a call.
 *
 *     client   |=========================|
 *     server        |==============|
 *              #####                ######      overhead: request and response
 *
 * Undefined unless exactly one server answered: between attempts there is more than overhead. Undefined too when the
 * server ran for longer than its client waited: the client gave up.
 * The split stands only when the server lies inside its client: outside, the clocks differ by more than the overhead.
 */
export function hopOf(client: SpanNode): Hop | undefined {
  if (client.span.kind !== 'client') return undefined;
  const [server, ...others] = serversOf(client);
  if (server === undefined || others.length > 0) return undefined;
  const overhead = client.span.duration - server.span.duration;
  if (overhead < 0) return undefined;
  const request = server.span.start - client.span.start;
  const isSplit = request >= 0 && request <= overhead && !hasSkew(client) && !hasSkew(server);
  return {
    client,
    server,
    overhead: us(overhead),
    split: isSplit ? { request: us(request), response: us(overhead - request) } : undefined,
  };
}

/** Jaeger notes the correction that it calculated, whether or not it made it. */
const hasSkew = ({ span }: SpanNode): boolean =>
  span.warnings.some((warning) => warning.includes('clock skew') && warning.includes('delta'));

/** Overheads per pair of services, the largest sum first. */
export function hopEdgesOf({ nodes }: SpanTree): readonly HopEdge[] {
  const edges = new Map<string, HopEdge>();
  for (const node of nodes) {
    const hop = hopOf(node);
    if (hop === undefined) continue;
    const [caller, callee] = [hop.client.span.serviceName, hop.server.span.serviceName];
    const key = `${caller}\0${callee}`;
    edges.set(key, withHop(edges.get(key) ?? NO_CALLS(caller, callee), hop));
  }
  return [...edges.values()].sort((a, b) => b.overhead - a.overhead || (nameOf(a) < nameOf(b) ? -1 : 1));
}

const NO_CALLS = (caller: string, callee: string): HopEdge => ({
  caller,
  callee,
  calls: 0,
  overhead: us(0),
  worst: us(0),
  split: { request: us(0), response: us(0) },
});

const nameOf = ({ caller, callee }: Pick<HopEdge, 'caller' | 'callee'>): string => `${caller} ${callee}`;

function withHop(edge: HopEdge, { overhead, split }: Hop): HopEdge {
  const { split: before, ...rest } = edge;
  return {
    ...rest,
    calls: edge.calls + 1,
    overhead: us(edge.overhead + overhead),
    worst: us(Math.max(edge.worst, overhead)),
    ...(split === undefined || before === undefined
      ? {}
      : {
          split: {
            request: us(before.request + split.request),
            response: us(before.response + split.response),
          },
        }),
  };
}

/** A call that was made several times under one client span, as a proxy does it. */
export interface Retry {
  readonly caller: string;
  readonly callee: string;
  readonly operation: string;
  readonly attempts: number;
  readonly failed: number;
  /** Of the client span: all attempts and the pauses between them. */
  readonly duration: Microseconds;
}

/**
 * The attempts at a call that was tried more than once; none where one was enough. A client span that took no time, as some
 * libraries mark a redirect, tried nothing: what hangs on it came later, by itself.
 */
export function attemptsOf(client: SpanNode): readonly SpanNode[] {
  if (client.span.kind !== 'client' || client.span.duration === 0) return [];
  const attempts = serversOf(client);
  return attempts.length < 2 ? [] : attempts;
}

/** Calls with several attempts, the most attempts first. */
export function retriesOf({ nodes }: SpanTree): readonly Retry[] {
  return nodes
    .flatMap((client): readonly Retry[] => {
      const attempts = attemptsOf(client);
      if (attempts.length === 0) return [];
      return [
        {
          caller: client.span.serviceName,
          callee: peerOf(client),
          operation: client.span.spanName,
          attempts: attempts.length,
          failed: attempts.filter(({ span }) => span.isError).length,
          duration: client.span.duration,
        },
      ];
    })
    .sort((a, b) => b.attempts - a.attempts || b.duration - a.duration || (nameOf(a) < nameOf(b) ? -1 : 1));
}
