import { attributeText } from './peer.ts';
import type { Span } from './trace.ts';

const METHODS = ['http.method', 'http.request.method'] as const;
/** OpenTelemetry's names, old and new, and Zipkin's `http.path`. */
const ADDRESSES = ['http.route', 'http.target', 'url.path', 'http.path', 'http.url', 'url.full'] as const;

/** Scheme, credentials and host of an address. */
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i;
/** A segment that names one thing among many: a number, a UUID, a long hexadecimal id. */
const NAME = /^(?:\d+|[0-9a-f]{8}-[0-9a-f-]{27}|(?=[0-9a-f]*\d)[0-9a-f]{12,})$/i;

/**
 * What a server span was asked for, without what differs from request to request: `GET /product/{id}`. Empty when the
 * span does not say. A mesh names all spans of a host alike, so that the name does not tell one kind of request from
 * another.
 */
export function requestLine(span: Span): string {
  const path = attributeText(span, ADDRESSES).replace(ORIGIN, '').split(/[?#]/, 1)[0] ?? '';
  return [attributeText(span, METHODS), withoutNames(path) || (path === '' ? '' : '/')]
    .filter((part) => part !== '')
    .join(' ');
}

/** A path without what differs from request to request: `/product/17` is `/product/{id}`. */
export const withoutNames = (path: string): string =>
  path
    .split('/')
    .map((segment) => (NAME.test(segment) ? '{id}' : segment))
    .join('/');
