import { type Microseconds, us } from '../lib/units.ts';
import { operationOf, operationsOf } from './operations.ts';
import { attributeText, type Span } from './trace.ts';
import type { SpanNode, SpanTree } from './tree.ts';

const DATABASE = [
  'db.system',
  'db.system.name',
  'db.type',
  'db.statement',
  'db.query.text',
  'sql.query',
] as const;

/** Whether a span is a database statement, by the attribute names of OpenTelemetry, OpenTracing or Brave. */
export const isDatabaseCall = (span: Span): boolean => attributeText(span, DATABASE) !== '';

/** Envoy's name of a destination in the mesh: `outbound|8080||payments.shop.svc.cluster.local` is `payments.shop`. */
function meshDestination(span: Span): string {
  const cluster = attributeText(span, ['upstream_cluster', 'upstream_cluster.name']);
  const [direction, , , host = ''] = cluster.split('|');
  return direction === 'outbound' ? host.replace(/\.svc\..*$/, '') : '';
}

/** `https://pay.example/charge?x` is `pay.example`. */
const hostOf = (url: string): string => /^[a-z]+:\/\/(?:[^/@]*@)?([^/:?#]+)/i.exec(url)?.[1] ?? '';

/** What a span called, by its own attributes; empty when none says so. */
function peerFromAttributes(span: Span): string {
  return (
    attributeText(span, ['peer.service']) ||
    meshDestination(span) ||
    attributeText(span, ['server.address', 'net.peer.name', 'http.host', 'db.name', 'db.namespace']) ||
    hostOf(attributeText(span, ['http.url', 'url.full'])) ||
    attributeText(span, ['db.system', 'db.system.name', 'db.type', 'rpc.service', 'peer.address'])
  );
}

/** The server spans that answered a client span: several when the call was retried. */
export const serversOf = ({ children }: SpanNode): readonly SpanNode[] =>
  children.filter(({ span }) => span.kind === 'server' && span.followsFrom !== true);

/** What a client span called: the service that answered, `3 services` when it called several at a time, else the name in its attributes; empty when unknown. */
export function peerOf(client: SpanNode): string {
  const servers = serversOf(client);
  const [first] = servers;
  if (first !== undefined && servers.length > 1 && attemptsOf(client).length === 0) {
    const services = new Set(servers.map(({ span }) => span.serviceName));
    if (services.size > 1) return `${services.size} services`;
  }
  return servers.at(-1)?.span.serviceName || peerFromAttributes(client.span);
}

/** The client span that a server answered: the call itself, or a client span of a proxy or library directly below it. */
export function answeredCall(call: SpanNode): SpanNode | undefined {
  if (serversOf(call).length > 0) return call;
  return call.children.find((child) => child.span.kind === 'client' && serversOf(child).length > 0);
}

/** The overhead of one or more calls before the server spans began and after they ended. */
interface OverheadSplit {
  readonly request: Microseconds;
  readonly response: Microseconds;
}

/** A server span that starts less than 1 ms before its client is rounding, not clock skew. */
const ROUNDING_US = 1_000;

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
 * Undefined unless exactly one server answered: the time between two attempts is not overhead. Undefined when the server
 * span is longer than the client span: the client timed out. The split needs a server span inside its client: outside,
 * the clocks differ by more than the overhead.
 */
export function hopOf(client: SpanNode): Hop | undefined {
  if (client.span.kind !== 'client') return undefined;
  const [server, ...others] = serversOf(client);
  if (server === undefined || others.length > 0) return undefined;
  const overhead = client.span.duration - server.span.duration;
  if (overhead < 0) return undefined;
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

/** A call with several attempts under one client span, as a proxy retries it. */
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
 * The attempts at a call that was retried; empty when one was enough. A client span without duration, as some libraries
 * record a redirect, is no retried call. Nor are servers of several services or at the same time, as of redirected, batched or
 * mirrored requests, unless the earlier one failed or its client abandoned it: it outlived the client.
 */
export function attemptsOf(client: SpanNode): readonly SpanNode[] {
  if (client.span.kind !== 'client' || client.span.duration === 0) return [];
  const attempts = serversOf(client);
  if (attempts.length < 2) return [];
  const clientEnd = endOf(client);
  const isSequence = attempts.every((attempt, i) => {
    const next = attempts[i + 1];
    const end = endOf(attempt);
    if (next === undefined || attempt.span.isError || end > clientEnd) return true;
    return end < next.span.start + ROUNDING_US && next.span.serviceName === attempt.span.serviceName;
  });
  return isSequence ? attempts : [];
}

const endOf = ({ span }: SpanNode): number => span.start + span.duration;

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

/** The same operation many times in sequence under one span (N+1 queries). */
export interface Repeat {
  /** The repeating service and its operation. */
  readonly service: string;
  readonly operation: string;
  /** The repeated operation. */
  readonly child: string;
  readonly count: number;
  /** Of all repetitions. */
  readonly time: Microseconds;
}

/** Up to this many in sequence are normal. */
const MAX_NORMAL = 10;

interface Run {
  /** Shared by the steps of one run: the first `count` belong to this one. */
  readonly spans: Span[];
  readonly count: number;
  readonly time: number;
  readonly end: number;
}

/**
 * Runs of more than ten children with one name, one after the other, the longest time first.
 *
 *     list     |==============================|
 *     get        |==||==| |==||==|  |==||==|        one at a time: a run
 *     get        |==|                               two at a time would end it
 *               |=====|
 *
 * Other children in between do not end a run.
 */
export function repeatsOf({ nodes }: SpanTree): readonly Repeat[] {
  return nodes
    .filter(({ children }) => children.length > MAX_NORMAL)
    .flatMap((parent) =>
      longestRuns(parent).map(({ spans, count, time }) => ({
        service: parent.span.serviceName,
        operation: operationOf(parent.span),
        child: operationsOf(spans.slice(0, count)),
        count,
        time: us(time),
      })),
    )
    .sort((a, b) => b.time - a.time || b.count - a.count || (a.child < b.child ? -1 : 1));
}

function longestRuns({ children }: SpanNode): readonly Run[] {
  const longest = new Map<string, Run>();
  const current = new Map<string, Run>();
  for (const { span } of children) {
    const { serviceName, spanName, kind, start, duration } = span;
    const key = `${serviceName}\0${spanName}\0${kind}`;
    const run = current.get(key);
    const next =
      run !== undefined && start >= run.end
        ? { spans: run.spans, count: run.count + 1, time: run.time + duration, end: start + duration }
        : { spans: [], count: 1, time: duration, end: start + duration };
    next.spans.push(span);
    current.set(key, next);
    if (next.count > (longest.get(key)?.count ?? 0)) longest.set(key, next);
  }
  return [...longest.values()].filter(({ count }) => count > MAX_NORMAL);
}
