import { listed } from '../lib/format.ts';
import { attributeText, type Span } from './trace.ts';

const MAX_LENGTH = 200;
/** A name of at most 200 characters: longer ones are not shown in full anywhere. */
export const cutName = (name: string): string => name.slice(0, MAX_LENGTH);

/** A service name as shown to a person; spans may come without one. */
export const serviceName = (service: string): string => (service === '' ? '(no service name)' : service);

const METHODS = ['http.method', 'http.request.method'] as const;
/** OpenTelemetry's names, old and new, and Zipkin's `http.path`. */
const ADDRESSES = ['http.route', 'http.target', 'url.path', 'http.path', 'http.url', 'url.full'] as const;

/** The attributes that name the request of a span. */
export const REQUEST_ATTRIBUTES: ReadonlySet<string> = new Set([...METHODS, ...ADDRESSES]);

/** Scheme, credentials and host of an address. */
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i;
/** A path segment that is an id: a number, a UUID, a long hexadecimal number. */
const ID_SEGMENT = /^(?:\d+|[0-9a-f]{8}-[0-9a-f-]{27}|(?=[0-9a-f]*\d)[0-9a-f]{12,})$/i;

/**
 * Method and path of the request a span handled, with ids replaced: `GET /product/{id}`. Empty when its attributes do not
 * say. A mesh names all spans of a host alike, so the span name does not distinguish kinds of requests.
 */
export function requestLineOf(span: Span): string {
  const path = attributeText(span, ADDRESSES).replace(ORIGIN, '').split(/[?#]/, 1)[0] ?? '';
  return [attributeText(span, METHODS), withoutIds(path) || (path === '' ? '' : '/')]
    .filter((text) => text !== '')
    .join(' ');
}

/**
 * Whether two server spans of a service may be the same request, sent twice: the same operation, and no attribute of the
 * request differs.
 */
export const isSameRequest = (a: Span, b: Span): boolean =>
  a.serviceName === b.serviceName &&
  a.spanName === b.spanName &&
  [...METHODS, ...ADDRESSES].every((key) => {
    const [inA, inB] = [a.attributes[key], b.attributes[key]];
    return inA === undefined || inB === undefined || inA === inB;
  });

/** `/product/17` as `/product/{id}`. */
const withoutIds = (path: string): string =>
  path
    .split('/')
    .map((segment) => (ID_SEGMENT.test(segment) ? '{id}' : segment))
    .join('/');

/** A span name as Istio and Envoy make it: a host in the mesh, a port, and a path or `/*`. */
const MESH_NAME = /^([\w.-]{1,200}?)(\.svc(?:\.[\w-]+)*)?(:\d+)?(\/.*)$/su;

/** A span name that is only a method, from instrumentation that knows no routes. */
const METHOD_NAME = /^(?:HTTP )?(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)$/iu;

/**
 * The operation of a span, shown next to its service: the request line where the span name is only a method, or only the
 * host, as in `payments.shop.svc.cluster.local:8080/*`. The host is kept when it is not the service's own.
 */
export function shownOperation(span: Span): string {
  const name = cutName(span.spanName);
  return METHOD_NAME.test(name) ? cutName(requestLineOf(span)) || name : withoutHost(name, span);
}

function withoutHost(name: string, span: Span): string {
  const [, host = '', suffix = '', port = '', path = ''] = MESH_NAME.exec(name) ?? [];
  const isOwn = isHostOf(span.serviceName, host);
  if (!isOwn && suffix === '' && port === '') return name;
  const request = cutName(requestLineOf(span)) || path;
  if (isOwn) return request;
  return request === path ? host + path : `${host} ${request}`;
}

const isHostOf = (service: string, host: string): boolean =>
  host !== '' && (host === service || service.startsWith(`${host}.`));

/** The operation of a span in running text, which has more room: the full span name when there is no request line. */
export const operationOf = (span: Span): string =>
  requestLineOf(span) === '' ? span.spanName : shownOperation(span);

/**
 * Whether a text names the request of a span, in any form that answers show: `frontend.shop POST /checkout`,
 * `POST /checkout`, or the path alone. An id in the path matches every id: `/product/17` matches `/product/{id}`.
 */
export function matchesRequestLine(span: Span, text: string): boolean {
  const line = requestLineOf(span);
  if (line === '') return false;
  const wanted = withoutIds(text.trim()).toLowerCase();
  return [line, line.replace(/^\S+ /u, ''), operationOf(span)].some((name) => name.toLowerCase() === wanted);
}

/** Further operations are counted. */
const MAX_NAMED = 2;

/**
 * The operations of several spans with one name, in running text: `GET /cart, GET /stock and 3 more`. The first spans are
 * named first. When any span has no request line, the span name stands for all of them.
 */
export function operationsOf(spans: readonly Span[]): string {
  const operations = new Set<string>();
  for (const span of spans) {
    const operation = operationOf(span);
    if (operation === '' || operation === span.spanName) return span.spanName;
    operations.add(operation);
  }
  return listed([...operations], MAX_NAMED);
}
