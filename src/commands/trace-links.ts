import { formatInstant } from '../lib/instant.ts';
import { epochMs } from '../lib/units.ts';
import { joinTokens, word } from './tokens.ts';
import { hexOfDecimal, isZero, padded, type TraceReference } from './trace-ids.ts';

export const IS_LINK = /^https?:\/\//i;

const LINK_ID = '([0-9a-f]{1,32})(?![0-9a-f])';
/** Two ids in the path of Jaeger's pages are a comparison. */
const COMPARISON_LINK = /\/trace\/([0-9a-f]{1,32})\.\.\.([0-9a-f]{0,32})(?![0-9a-f])/i;
/** X-Ray's consoles: the time and the rest of the id. */
const XRAY_LINK = /[/:]traces?\/1-([0-9a-f]{8})-([0-9a-f]{24})(?![0-9a-f])/i;
const TRACE_LINKS: readonly RegExp[] = [
  // The path of the pages and APIs of Jaeger, Tempo, and Zipkin.
  new RegExp(`/traces?/${LINK_ID}`, 'i'),
  // A parameter of Kiali and of Jaeger's search; a field of the JSON inside Grafana's links.
  new RegExp(`(?:^|[?&#;{,"'])(?:var-)?trace[-_.:]?ids?["']?[=:]["']?${LINK_ID}`, 'i'),
  // Grafana Explore on a Jaeger or Tempo data source: the query is the id, or names it in TraceQL.
  new RegExp(`"query":"(?:\\{\\s*trace:id\\s*=\\s*\\\\?")?${LINK_ID}`, 'i'),
];
/** A whole id anywhere else: `tid=<id>`, `/redirect/distributed-tracing/<id>`. */
const WHOLE_ID = /(?<![0-9a-z-])[0-9a-f]{32}(?![0-9a-z-])/i;
/** A search by request id in Jaeger's page, or any link that names one. */
const REQUEST_LINK = /request[-_]?id["']?[=:]["']?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?![0-9a-f])/i;
const NO_ID_IN_LINK: TraceReference = { kind: 'invalid', problem: 'This link contains no trace id.' };

/** A text without URL escapes. Grafana's links are escaped twice after a redirect. */
export function unescaped(text: string): string {
  let plain = text;
  for (let i = 0; i < 2 && plain.includes('%'); i += 1) plain = plain.replace(/(?:%[0-9a-f]{2})+/gi, decoded);
  return plain;
}

function decoded(escapes: string): string {
  try {
    return decodeURIComponent(escapes);
  } catch {
    return escapes;
  }
}

/** Parses links to pages and APIs of Jaeger, Kiali, Grafana, Tempo and Zipkin. */
export function parseLink(text: string): TraceReference {
  const link = unescaped(text);
  const compared = COMPARISON_LINK.exec(link);
  if (compared !== null) {
    const [one, other] = compared
      .slice(1)
      .filter((id) => id !== '' && !isZero(id))
      .map(padded);
    if (one === undefined) return NO_ID_IN_LINK;
    return other === undefined
      ? { kind: 'trace', traceId: one }
      : { kind: 'comparison', traceIds: [one, other] };
  }
  const ofXRay = XRAY_LINK.exec(link)?.slice(1).join('');
  if (ofXRay !== undefined) return { kind: 'trace', traceId: padded(ofXRay) };
  const id = traceIdIn(link);
  return id === undefined ? parseOther(link) : { kind: 'trace', traceId: padded(id) };
}

/** A link that does not name a trace id. */
function parseOther(link: string): TraceReference {
  const requestId = REQUEST_LINK.exec(link)?.[1];
  if (requestId !== undefined) return { kind: 'request', requestId };
  const whole = WHOLE_ID.exec(link)?.[0];
  if (whole !== undefined && !isZero(whole)) return { kind: 'trace', traceId: padded(whole) };
  return parseSearch(link) ?? NO_ID_IN_LINK;
}

/** Fewer digits, where a link has a whole id too, are the number of a project. */
const MIN_SHORT_ID = 9;
/** Datadog's pages; elsewhere so many decimal digits are no id either. */
const DECIMAL_ID = /^\d{17,20}$/;

function traceIdIn(link: string): string | undefined {
  const id = TRACE_LINKS.map((form) => form.exec(link)?.[1]).find(
    (found) => found !== undefined && !isZero(found),
  );
  if (id === undefined) return undefined;
  const isDecimal =
    DECIMAL_ID.test(id) || (/^https?:\/\/[^/?#]*datadog/i.test(link) && /^\d{1,20}$/.test(id));
  if (isDecimal) return hexOfDecimal(id) ?? id;
  return id.length < MIN_SHORT_ID ? (WHOLE_ID.exec(link)?.[0] ?? id) : id;
}

/** A page of Jaeger's search: the suggestion has its service, and its time when that is fixed. */
function parseSearch(link: string): TraceReference | undefined {
  const parameter = (name: string): string | undefined =>
    new RegExp(`\\/search\\?(?:[^#]*&)?${name}=([^&#]{1,256})`, 'i').exec(link)?.[1];
  const service = parameter('service');
  if (service === undefined) return undefined;
  const [start, end] = ['start', 'end'].map((name) => Number(parameter(name) ?? Number.NaN) / 1_000);
  const window =
    start !== undefined && end !== undefined && start > 0 && end > start && end < 8.64e15
      ? ['at', `${formatInstant(epochMs(Math.floor(start)))}/${formatInstant(epochMs(Math.ceil(end)))}`]
      : [];
  return {
    kind: 'invalid',
    problem: 'This link is a search for traces and contains no trace id.',
    fixed: joinTokens(['slowest', service, ...window].map(word)),
  };
}
