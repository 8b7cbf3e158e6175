import type { PropagationView } from '../../commands/trace-propagation.ts';
import { count, share, significant } from '../../lib/format.ts';
import type { EdgePropagation } from '../../traces/propagation.ts';
import { actions, context, linkButtons, list, type Rendered, section } from './block-kit.ts';
import { code, date, escape, oneLine } from './mrkdwn.ts';

const SHOWN = { edges: 12, droppers: 3 } as const;

/** The answer to `/trace propagation`: who drops the trace headers, and every call with the share of traces that stop. */
export function propagationMessage(view: PropagationView): Rendered {
  const { service, window, traces, edges, droppers, links } = view;
  const headline = headlineOf(view);
  return {
    text: `Trace propagation of ${escape(oneLine(service), 120)}: ${escape(headline, 300)}`,
    blocks: [
      section(
        [
          `*${escape(headline, 300)}*`,
          ...droppers
            .slice(0, SHOWN.droppers)
            .map((dropper) => `${code(dropper.service, 120)}: ${settingFor(dropper.language)}`),
          ...(droppers.length > 0 ? [HEADERS] : []),
        ].join('\n'),
      ),
      ...list(
        `*Calls from ${code(service, 120)} on*, traces compared with the requests that the mesh counts`,
        { rows: edges },
        { max: SHOWN.edges, line: edgeLine },
      ),
      ...context([
        `${date(window.start)} to ${date(window.end, '{time}')} · ${count(traces, 'trace')} · Sampling does not explain a stop: it is decided once for a whole trace. The last minute is left out, because spans may arrive late.`,
      ]),
      ...actions(linkButtons(links)),
    ],
  };
}

function headlineOf({ service, edges, droppers }: PropagationView): string {
  if (droppers.length > 0) {
    const names = droppers.map((dropper) => dropper.service).join(', ');
    return `${names} ${droppers.length === 1 ? 'does' : 'do'} not forward the trace headers.`;
  }
  const lost = edges.find(({ result }) => result === 'not-continued');
  if (lost !== undefined)
    return `${lost.callee} does not continue the traces of ${lost.caller}: it reads other headers, or sends no spans.`;
  return edges.every(({ result }) => result === 'too-few')
    ? `Too few traced requests of ${service} to compare.`
    : `The traces of ${service} go on in every service that was compared.`;
}

const HEADERS =
  'Forward from each request to the calls it makes: `x-request-id`, `traceparent` and `tracestate` (W3C), `b3` or `x-b3-traceid`, `x-b3-spanid`, `x-b3-parentspanid`, `x-b3-sampled` and `x-b3-flags` (B3).';

/** What makes a framework forward the headers, by the language of OpenTelemetry's SDK. */
const SETTINGS: Readonly<Record<string, string>> = {
  java: 'create HTTP clients from the injected builder (`RestClient.Builder`, `WebClient.Builder`); in Spring Boot set `management.tracing.propagation.type=w3c,b3`, with the OpenTelemetry agent `OTEL_PROPAGATORS=tracecontext,baggage,b3multi`.',
  nodejs:
    'enable `@opentelemetry/instrumentation-http` and `-undici` before other imports, and set `OTEL_PROPAGATORS=tracecontext,baggage,b3multi`.',
  python:
    'start it with `opentelemetry-instrument`, install the instrumentation of its HTTP client (`requests`, `httpx`, `aiohttp-client`), and set `OTEL_PROPAGATORS=tracecontext,baggage,b3multi`.',
  go: 'wrap the transport of its HTTP client in `otelhttp.NewTransport`, create requests with `http.NewRequestWithContext`, and call `otel.SetTextMapPropagator`.',
  dotnet:
    'add `AddHttpClientInstrumentation()`, use `HttpClient` from the factory, and call `Sdk.SetDefaultTextMapPropagator`.',
};

const settingFor = (language: string | undefined): string =>
  SETTINGS[language ?? ''] ??
  'its spans name no tracer in the application: copy the headers from the incoming request to outgoing ones, or add an OpenTelemetry agent with `OTEL_PROPAGATORS=tracecontext,baggage,b3multi`.';

const RESULTS: Readonly<Record<EdgePropagation['result'], (edge: EdgePropagation) => string>> = {
  forwarded: () => 'traces go on',
  dropped: ({ stopShare }) => `⚠ ${share(stopShare)} of traces stop: headers dropped`,
  'not-continued': ({ stopShare }) => `⚠ ${share(stopShare)} of traces stop: not continued`,
  'too-few': () => 'too few requests',
};

function edgeLine(edge: EdgePropagation): string {
  const { caller, callee, callsByMetrics, callsInTraces, requests, result } = edge;
  const calls = significant(callsByMetrics, 2);
  const figures = `${calls} ${calls === '1' ? 'call' : 'calls'} per request, ${significant(callsInTraces, 2)} in the traces of ${count(requests, 'request')}`;
  return `${code(caller, 80)} → ${code(callee, 80)} ${RESULTS[result](edge)} (${figures})`;
}
