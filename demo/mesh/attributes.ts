import type { RequestHop, Visit } from './simulate.ts';
import type { Operation } from './topology.ts';
import type { Workload } from './world.ts';

/**
 * The tags of Envoy's spans, as Istio sets them up. Source: envoy source/common/tracing/http_tracer_impl.cc, and Istio's
 * istio.* tags, which are on by default. All values are strings, as the OpenTelemetry provider sends them.
 *
 * Each function writes one plain object literal, without spreading: this runs for every span of an hour of history.
 */
export type Attributes = Readonly<Record<string, string>>;

const MESH_ID = 'cluster.local';
const CLUSTER_ID = 'Kubernetes';
const PROTOCOL = 'HTTP/1.1';
const USER_AGENT = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36';
const PUBLIC_HOST = 'shop.example.com';
const SERVER_ERROR = 500;

export const hasFailed = (status: number): boolean => status >= SERVER_ERROR;

/** Envoy's name for the cluster behind a workload's port. */
export const outboundCluster = (workload: Workload): string => workload.cluster;

function finish(attributes: Record<string, string>, status: number): Attributes {
  if (hasFailed(status)) attributes.error = 'true';
  return attributes;
}

/** `{id}` is taken from the request id, so that every hop of a request names the same object. */
function pathOf(operation: Operation, requestId: string): string {
  if (!operation.path.includes('{id}')) return operation.path;
  return operation.path.replace('{id}', String(Number.parseInt(requestId.slice(0, 4), 16) % 1_000));
}

const requestSize = (operation: Operation): string => (operation.method === 'GET' ? '0' : '412');
const responseSize = (status: number): string => (hasFailed(status) ? '19' : '1386');

/** The tags of the span that the sidecar in front of the application (or the gateway) makes. */
export function serverAttributes(visit: Visit, requestId: string): Attributes {
  const { pod, operation, status } = visit;
  const { workload } = pod;
  const hop = workload.isGateway ? visit.hops[0] : undefined;
  const upstream = hop?.kind === 'request' ? outboundCluster(hop.to) : 'inbound|8080||';
  const authority = workload.isGateway ? PUBLIC_HOST : workload.authority;
  const attributes = {
    'guid:x-request-id': requestId,
    'http.url': `http://${authority}${pathOf(operation, requestId)}`,
    'http.method': operation.method,
    'http.protocol': PROTOCOL,
    'http.status_code': String(status),
    downstream_cluster: '-',
    user_agent: USER_AGENT,
    request_size: requestSize(operation),
    response_size: responseSize(status),
    response_flags: visit.flags,
    upstream_cluster: upstream,
    'upstream_cluster.name': upstream,
    'peer.address': visit.peer,
    component: 'proxy',
    node_id: pod.nodeId,
    zone: pod.zone,
    'istio.canonical_service': workload.name,
    'istio.canonical_revision': pod.version,
    'istio.mesh_id': MESH_ID,
    'istio.namespace': workload.namespace,
    'istio.cluster_id': CLUSTER_ID,
  };
  return finish(attributes, status);
}

/** The tags of the span that the caller's sidecar makes. */
export function clientAttributes(hop: RequestHop, requestId: string): Attributes {
  const { operation, status, from } = hop;
  const upstream = outboundCluster(hop.to);
  const attributes = {
    'guid:x-request-id': requestId,
    'http.url': `http://${hop.to.authority}${pathOf(operation, requestId)}`,
    'http.method': operation.method,
    'http.protocol': PROTOCOL,
    'http.status_code': String(status),
    downstream_cluster: '-',
    user_agent: USER_AGENT,
    request_size: requestSize(operation),
    response_size: responseSize(status),
    response_flags: hop.flags,
    upstream_cluster: upstream,
    'upstream_cluster.name': upstream,
    'peer.address': hop.visits.at(-1)?.pod.address ?? '-',
    component: 'proxy',
    node_id: from.nodeId,
    zone: from.zone,
    'istio.canonical_service': from.workload.name,
    'istio.canonical_revision': from.version,
    'istio.mesh_id': MESH_ID,
    'istio.namespace': from.workload.namespace,
    'istio.cluster_id': CLUSTER_ID,
  };
  return finish(attributes, status);
}

/** The router's own span at a gateway carries neither request id nor URL. */
export function routerAttributes(hop: RequestHop): Attributes {
  const upstream = outboundCluster(hop.to);
  const attributes: Record<string, string> = {
    'http.protocol': PROTOCOL,
    'http.status_code': String(hop.status),
    response_flags: hop.flags,
    upstream_cluster: upstream,
    'upstream_cluster.name': upstream,
    component: 'proxy',
  };
  const answeredBy = hop.visits.at(-1)?.pod.address;
  if (answeredBy !== undefined) {
    attributes.upstream_address = `${answeredBy}:8080`;
    attributes['peer.address'] = answeredBy;
  }
  return finish(attributes, hop.status);
}
