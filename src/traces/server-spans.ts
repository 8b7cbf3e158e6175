import type { Microseconds } from '../lib/units.ts';
import type { CriticalPath } from './critical-path.ts';
import { attributeText } from './peer.ts';
import type { Span } from './trace.ts';
import type { SpanNode } from './tree.ts';

/** A request as one service of the way server spans it: what a histogram of that service's latency has counted once. */
export interface ServerSpan {
  readonly service: string;
  readonly operation: string;
  readonly duration: Microseconds;
  /** How many of the service's spans are on the way; this is the longest of them. */
  readonly spans: number;
  /**
   * Who timed it: the proxy beside the service (or a waypoint before it), a gateway, or the application itself. A mesh
   * measures at its proxies; an application's own span begins a little later and ends a little earlier.
   */
  readonly measuredBy: 'proxy' | 'waypoint' | 'gateway' | 'application';
  /** What the mesh calls it, where a proxy's span says so: Istio's canonical service and namespace. */
  readonly canonicalService?: string;
  readonly namespace?: string;
}

/** How Envoy's node ids begin, by the part it plays. */
const ROLES: readonly (readonly [string, ServerSpan['measuredBy']])[] = [
  ['router~', 'gateway'],
  ['waypoint~', 'waypoint'],
  ['sidecar~', 'proxy'],
];

/** By Envoy's attributes. Newer ones can be notified to leave the node id out; then a gateway is known by its name. */
function measurerOf(span: Span): ServerSpan['measuredBy'] {
  const node = attributeText(span, ['node_id']);
  const role = ROLES.find(([start]) => node.startsWith(start))?.[1];
  if (role !== undefined) return role;
  const isProxy =
    attributeText(span, ['component']) === 'proxy' || attributeText(span, ['istio.canonical_service']) !== '';
  if (!isProxy) return 'application';
  return /(?:^|[-.])(?:ingress|egress)?gateway(?:[-.]|$)/.test(span.serviceName) ? 'gateway' : 'proxy';
}

/** What a server span says of the request it server spans. */
export function serverSpanOf(span: Span, spans = 1): ServerSpan {
  const canonicalService = attributeText(span, ['istio.canonical_service']);
  const namespace = attributeText(span, ['istio.namespace']);
  return {
    service: span.serviceName,
    operation: span.spanName,
    duration: span.duration,
    spans,
    measuredBy: measurerOf(span),
    canonicalService: canonicalService === '' ? undefined : canonicalService,
    namespace: namespace === '' ? undefined : namespace,
  };
}

/**
 * The services that the critical path goes through, from the outside in: of each the longest server span that is on the
 * path or around a part of it. Of a proxy's span and the application's own inside it the proxy's counts.
 *
 *     gateway   |=======================|      on it: what is below holds the path
 *     checkout    |=================|          on it
 *     auth          |==|                       on it, where checkout waited for it
 *     mail             |====|                  not: it ran beside payments
 *     payments         |===========|           on it
 */
export function serverSpansOnPath({ root, sections }: CriticalPath): readonly ServerSpan[] {
  const onPath = new Set<SpanNode>([root]);
  for (const { node } of sections) {
    for (let up: SpanNode | undefined = node; up !== undefined && !onPath.has(up); up = up.parent) {
      onPath.add(up);
    }
  }
  const byService = new Map<string, Span[]>();
  for (const { span } of [...onPath].sort(outsideIn)) {
    if (span.kind !== 'server') continue;
    const spans = byService.get(span.serviceName);
    if (spans === undefined) byService.set(span.serviceName, [span]);
    else spans.push(span);
  }
  return [...byService.values()].flatMap((spans) => {
    const proxied = spans.filter((span) => measurerOf(span) !== 'application');
    const candidates = proxied.length > 0 ? proxied : spans;
    const longest = candidates.reduce((most, span) => (span.duration > most.duration ? span : most));
    return [serverSpanOf(longest, candidates.length)];
  });
}

const outsideIn = (a: SpanNode, b: SpanNode): number => a.depth - b.depth || a.span.start - b.span.start;
