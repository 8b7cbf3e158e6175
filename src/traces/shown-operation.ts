import { requestLine, withoutNames } from './request-line.ts';
import type { Span } from './trace.ts';

const LONGEST_NAME = 200;
const cut = (name: string): string => name.slice(0, LONGEST_NAME);

/** A name as Istio and Envoy give it: a host in the mesh, a port, and a path or `/*`. */
const MESH_NAME = /^([\w.-]{1,200}?)(\.svc(?:\.[\w-]+)*)?(:\d+)?(\/.*)$/su;

/** A name that is a method and nothing else, as instrumentation gives it that knows no routes. */
const METHOD_NAME = /^(?:HTTP )?(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)$/iu;

/**
 * What a span did, for a reader who knows its service. Spans of a mesh are named after the host,
 * `payments.shop.svc.cluster.local:8080/*`: what was asked for tells more, and the host only where it is not the service's own.
 * So it does where the name is a method alone.
 */
export function shownOperation(span: Span): string {
  const name = cut(span.spanName);
  return METHOD_NAME.test(name) ? cut(requestLine(span)) || name : withoutHost(name, span);
}

function withoutHost(name: string, span: Span): string {
  const [, host = '', suffix = '', port = '', path = ''] = MESH_NAME.exec(name) ?? [];
  const isOwn = isHostOf(span.serviceName, host);
  if (!isOwn && suffix === '' && port === '') return name;
  const asked = cut(requestLine(span)) || path;
  if (isOwn) return asked;
  return asked === path ? host + path : `${host} ${asked}`;
}

/** The same for running text, which has room: the span's own name where it does not say what was asked for. */
export const operationOf = (span: Span): string =>
  requestLine(span) === '' ? span.spanName : shownOperation(span);

/**
 * Whether a text names what a span was asked for, as running text shows it: `frontend.shop POST /checkout`, `POST /checkout`,
 * or the path alone; `/product/17` stands for all of its kind.
 */
export function isAskedFor(span: Span, text: string): boolean {
  const line = requestLine(span);
  if (line === '') return false;
  const wanted = withoutNames(text.trim()).toLowerCase();
  return [line, line.replace(/^\S+ /u, ''), operationOf(span)].some((name) => name.toLowerCase() === wanted);
}

/** More kinds of request are counted. */
const MOST_NAMED = 2;

/**
 * What spans of one name did, for running text: `GET /cart, GET /stock and 3 more` where they were named after a host and asked
 * for different things. Put those first that count most.
 */
export function operationsOf(spans: readonly Span[]): string {
  const kinds = new Set<string>();
  for (const span of spans) {
    const operation = operationOf(span);
    // Where one does not say it, only the name holds for all.
    if (operation === '' || operation === span.spanName) return span.spanName;
    kinds.add(operation);
  }
  const named = [...kinds].slice(0, MOST_NAMED).join(', ');
  return kinds.size > MOST_NAMED ? `${named} and ${kinds.size - MOST_NAMED} more` : named;
}

const isHostOf = (service: string, host: string): boolean =>
  host !== '' && (host === service || service.startsWith(`${host}.`));
