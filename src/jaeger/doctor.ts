import type { HttpClient } from '../http/http-client.ts';
import type { Clock } from '../lib/clock.ts';
import { clockDiagnosis, type Diagnosis, diagnosed, healthy, warning } from '../lib/diagnosis.ts';
import { count, listed } from '../lib/format.ts';
import { clockOffset } from '../lib/metrics-source.ts';
import { before, HOUR, type Milliseconds } from '../lib/units.ts';
import type { ServiceNaming } from '../rules/file/service-names.ts';
import { requestIdOf } from '../traces/request-id.ts';
import { resolveName } from '../traces/resolve-service.ts';
import type { TraceSource } from '../traces/trace-source.ts';
import { type ApiVersion, detectApiVersion } from './backend.ts';
import { createJaegerTraceSource } from './jaeger-trace-source.ts';

export interface JaegerDoctorOptions {
  readonly http: HttpClient;
  /** For each request. */
  readonly deadline: Milliseconds;
  readonly clock: Clock;
  readonly naming?: ServiceNaming;
  /** The services that the rules watch, as Prometheus names them. */
  readonly services: () => Promise<readonly string[]>;
}

const VERSIONS: Readonly<Record<ApiVersion, string>> = {
  v3: 'API v3 with search by attributes (2.19 and later)',
  legacy: 'the legacy API, /api/traces (up to 2.20)',
  'early-v3': 'an API v3 that may ignore attributes (before 2.19)',
};

/** Checks the API version, the clock, the names of services, and whether spans carry request ids. */
export async function diagnoseJaeger(options: JaegerDoctorOptions): Promise<readonly Diagnosis[]> {
  const { clock, deadline } = options;
  let offset: Milliseconds | undefined;
  const http: HttpClient = {
    ...options.http,
    json: async (request) => {
      const sentAt = clock.now();
      const answer = await options.http.json(request);
      const { date } = answer;
      if (date !== undefined) offset = clockOffset({ date, sentAt, receivedAt: clock.now() });
      return answer;
    },
  };
  const traces = createJaegerTraceSource({ http, deadline, clock });
  const reached = await diagnosed({ name: 'jaeger', system: 'jaeger', clock }, async (signal) => {
    const json = (request: { path: string; operation: string }) =>
      http.json({ ...request, deadline, signal });
    const version = await detectApiVersion({ json }, signal);
    const known = await traces.services(signal);
    return [
      version === 'early-v3'
        ? warning('jaeger', [
            `It has ${VERSIONS[version]}.`,
            'Upgrade Jaeger: searches by request id need it.',
          ])
        : healthy(
            'jaeger',
            `It responds with ${VERSIONS[version]} and has ${count(known.length, 'service')}.`,
          ),
      clockDiagnosis('jaeger clock', 'Jaeger', offset),
    ];
  });
  if (reached.some(({ status, name }) => status === 'error' && name === 'jaeger')) return reached;
  const spans = await diagnosed({ name: 'jaeger services', system: 'jaeger', clock }, async (signal) => {
    const known = await traces.services(signal);
    const wanted = await options.services();
    const { found, missing } = namesIn(wanted, known, options.naming);
    return [namesDiagnosis(wanted, missing), await requestIds({ traces, clock }, found, signal)];
  });
  return [...reached, ...spans];
}

function namesIn(wanted: readonly string[], known: readonly string[], naming: ServiceNaming | undefined) {
  const resolved = wanted.map((name) => ({ name, is: resolveName(name, known, naming) }));
  const found = resolved.flatMap(({ is }) => {
    if (is.kind === 'found') return [is.service];
    return is.kind === 'ambiguous' ? is.candidates.slice(0, 1) : [];
  });
  const missing = resolved.filter(({ is }) => is.kind === 'unknown').map(({ name }) => name);
  return { found: found.length > 0 ? found : known, missing };
}

/** More names would not help to find the reason. */
const MAX_NAMED = 5;

function namesDiagnosis(wanted: readonly string[], missing: readonly string[]): Diagnosis {
  const name = 'jaeger services';
  if (wanted.length === 0) return healthy(name, 'No rule watches a service that could be compared.');
  if (missing.length === 0)
    return healthy(
      name,
      `Jaeger has traces of ${wanted.length === 1 ? 'the service' : `all ${wanted.length} services`} of the rules.`,
    );
  return warning(name, [
    `Jaeger has no service ${listed(missing, MAX_NAMED)}, of ${count(wanted.length, 'service')} of the rules: their messages have no traces.`,
    'Check their tracing; if Jaeger has other names for them, add `aliases:` to the rule file.',
  ]);
}

/** Services that are searched for a request id, and traces of each. */
const SEARCHED = 3;
const LIMIT = 10;

async function requestIds(
  { traces, clock }: { readonly traces: TraceSource; readonly clock: Clock },
  services: readonly string[],
  signal: AbortSignal,
): Promise<Diagnosis> {
  const name = 'jaeger request ids';
  const end = clock.now();
  const window = { start: before(end, HOUR), end };
  let seen = 0;
  for (const service of services.slice(0, SEARCHED)) {
    const { traces: found } = await traces.search({ service, window, limit: LIMIT }, signal);
    seen += found.length;
    const carried = found.map(requestIdOf).find((id) => id !== undefined);
    if (carried !== undefined) return healthy(name, `Spans carry request ids (${carried.attribute}).`);
  }
  if (seen === 0)
    return warning(name, [
      'No traces in the last hour.',
      'Check that the mesh exports spans to this Jaeger, and its sampling (manifests/istio/).',
    ]);
  return warning(name, [
    `None of ${count(seen, 'trace')} carries a request id: /trace finds no request by its x-request-id.`,
    'Send x-request-id through the mesh, or record it as an attribute (manifests/istio/).',
  ]);
}
