import { formatInstant } from '../lib/instant.ts';
import { epochMs } from '../lib/units.ts';
import { isUuid } from '../traces/request-id.ts';
import { isZero, padded, type TraceReference } from './trace-id.ts';

const ID = '([0-9a-f]{1,32})(?![0-9a-f])';
/** Two ids in the path of Jaeger's pages are a comparison. */
const COMPARISON = /\/trace\/([0-9a-f]{1,32})\.\.\.([0-9a-f]{0,32})(?![0-9a-f])/i;
/** In the path of the pages and APIs of Jaeger, Tempo, and Zipkin. */
const IN_PATH = new RegExp(`/traces?/${ID}`, 'i');
/** A parameter of Kiali and of Jaeger's search; a field of the JSON inside Grafana's links. */
const NAMED = new RegExp(`(?:^|[?&#;{,"'])(?:var-)?trace[-_.:]?ids?["']?[=:]["']?${ID}`, 'i');
/** Grafana Explore on a Jaeger or Tempo data source: the query is the id, or names it in TraceQL. */
const GRAFANA_QUERY = new RegExp(`"query":"(?:\\{\\s*trace:id\\s*=\\s*\\\\?")?${ID}`, 'i');
/** A search by request id in Jaeger's page, or any link that names one. */
const REQUEST_ID = /request[-_]?id["']?[=:]["']?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?![0-9a-f])/i;

/** The link as its reader sees it: without escapes. Grafana's are escaped twice when they went through a redirect. */
function unescaped(text: string): string {
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

/** Reads what a link is about: pages and APIs of Jaeger, Kiali, Grafana, Tempo and Zipkin. */
export function readLink(text: string): TraceReference {
  const link = unescaped(text);
  const compared = COMPARISON.exec(link);
  if (compared !== null) return readComparison(compared[1] ?? '', compared[2] ?? '');
  const id = [IN_PATH, NAMED, GRAFANA_QUERY]
    .map((form) => form.exec(link)?.[1])
    .find((found) => found !== undefined && !isZero(found));
  if (id !== undefined) return { kind: 'trace', traceId: padded(id) };
  const requestId = REQUEST_ID.exec(link)?.[1];
  if (requestId !== undefined && isUuid(requestId)) return { kind: 'request', requestId };
  return readSearch(link) ?? { kind: 'mistake', problem: 'There is no trace id in this link.' };
}

function readComparison(first: string, second: string): TraceReference {
  const ids = [first, second].filter((id) => id !== '' && !isZero(id)).map(padded);
  const [one, other] = ids;
  if (one !== undefined && other !== undefined) return { kind: 'comparison', traceIds: [one, other] };
  return one === undefined
    ? { kind: 'mistake', problem: 'There is no trace id in this link.' }
    : { kind: 'trace', traceId: one };
}

/** The same question as a page of Jaeger's search, for a suggestion: its service, and its time when it is a fixed one. */
function readSearch(link: string): TraceReference | undefined {
  const parameter = (name: string): string | undefined =>
    new RegExp(`\\/search\\?(?:[^#]*&)?${name}=([^&#]{1,256})`, 'i').exec(link)?.[1];
  const service = parameter('service');
  if (service === undefined) return undefined;
  const [start, end] = ['start', 'end'].map((name) => Number(parameter(name) ?? Number.NaN) / 1_000);
  const window =
    start !== undefined && end !== undefined && start > 0 && end > start && end < 8.64e15
      ? ['at', `${formatInstant(epochMs(Math.floor(start)))}/${formatInstant(epochMs(Math.ceil(end)))}`]
      : [];
  const problem = 'This link is a search for traces, with no trace id in it.';
  return { kind: 'mistake', problem, meant: ['slowest', service, ...window] };
}
