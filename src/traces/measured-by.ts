import type { ServerSpan } from '../latency/percentile-rank.ts';
import { attributeText, type Span } from './trace.ts';

/** Prefixes of Envoy's node ids. */
const ROLES: readonly (readonly [string, ServerSpan['measuredBy']])[] = [
  ['router~', 'gateway'],
  ['waypoint~', 'waypoint'],
  ['sidecar~', 'proxy'],
];

/** What recorded a server span, by Envoy's attributes. Newer versions can omit the node id; then a gateway is recognized by its name. */
export function measuredBy(span: Span): ServerSpan['measuredBy'] {
  const node = attributeText(span, ['node_id']);
  const role = ROLES.find(([prefix]) => node.startsWith(prefix))?.[1];
  if (role !== undefined) return role;
  const isProxy =
    attributeText(span, ['component']) === 'proxy' || attributeText(span, ['istio.canonical_service']) !== '';
  if (!isProxy) return 'application';
  return /(?:^|[-.])(?:ingress|egress)?gateway(?:[-.]|$)/.test(span.serviceName) ? 'gateway' : 'proxy';
}
