import type { Span } from './trace.ts';
import type { SpanNode } from './tree.ts';

/** The text of the first of these attributes that says something. Envoy writes `-` for nothing. */
export function attributeText({ attributes }: Pick<Span, 'attributes'>, keys: readonly string[]): string {
  for (const key of keys) {
    const value = attributes[key];
    if (value !== undefined && value !== '' && value !== '-') return String(value);
  }
  return '';
}

const DATABASE = [
  'db.system',
  'db.system.name',
  'db.type',
  'db.statement',
  'db.query.text',
  'sql.query',
] as const;

/** Whether a span is a statement to a database, by OpenTelemetry's names, OpenTracing's or Brave's. */
export const isDatabaseCall = (span: Span): boolean => attributeText(span, DATABASE) !== '';

/** Envoy's name of a destination in the mesh: `outbound|8080||payments.shop.svc.cluster.local` is `payments.shop`. */
function meshDestination(span: Span): string {
  const cluster = attributeText(span, ['upstream_cluster', 'upstream_cluster.name']);
  const [direction, , , host = ''] = cluster.split('|');
  return direction === 'outbound' ? host.replace(/\.svc\..*$/, '') : '';
}

/** `https://pay.example/charge?x` is `pay.example`. */
const hostOf = (url: string): string => /^[a-z]+:\/\/(?:[^/@]*@)?([^/:?#]+)/i.exec(url)?.[1] ?? '';

/** What a span called, where no span of the called one says it; empty when nothing does. */
function peerFromAttributes(span: Span): string {
  return (
    attributeText(span, ['peer.service']) ||
    meshDestination(span) ||
    attributeText(span, ['server.address', 'net.peer.name', 'http.host', 'db.name', 'db.namespace']) ||
    hostOf(attributeText(span, ['http.url', 'url.full'])) ||
    attributeText(span, ['db.system', 'db.system.name', 'db.type', 'rpc.service', 'peer.address'])
  );
}

/** The server spans that answered a client span: several when it was tried again. */
export const serversOf = ({ children }: SpanNode): readonly SpanNode[] =>
  children.filter(({ span }) => span.kind === 'server' && span.followsFrom !== true);

/** Whom a client span called: the service that answered, else what its attributes name; empty when unknown. */
export const peerOf = (client: SpanNode): string =>
  serversOf(client).at(-1)?.span.serviceName || peerFromAttributes(client.span);

/**
 * The client span that a server answered: the call itself, or the one that a proxy beside the caller, or a library below it,
 * made of it.
 */
export function answeredCall(call: SpanNode): SpanNode | undefined {
  if (serversOf(call).length > 0) return call;
  return call.children.find((child) => child.span.kind === 'client' && serversOf(child).length > 0);
}
