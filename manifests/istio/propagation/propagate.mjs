// Sidecars create spans, but only the application knows which outgoing call belongs to which request: it must copy these
// headers. Without them a trace ends at the service. No OpenTelemetry SDK is needed.
import { createServer } from 'node:http';

const HEADERS = [
  'traceparent',
  'tracestate',
  'baggage',
  'x-request-id',
  'b3',
  'x-b3-traceid',
  'x-b3-spanid',
  'x-b3-parentspanid',
  'x-b3-sampled',
  'x-b3-flags',
];

/** The headers of an incoming request that every call made for it must carry. */
export const traceHeaders = (incoming) =>
  Object.fromEntries(HEADERS.flatMap((name) => (name in incoming ? [[name, incoming[name]]] : [])));

/** A service that calls another one for each request. */
export const service = (upstream) =>
  createServer(async (request, response) => {
    const answer = await fetch(upstream, { headers: traceHeaders(request.headers) });
    response.writeHead(answer.status).end(await answer.text());
  });
