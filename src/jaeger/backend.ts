import { UpstreamError } from '../lib/errors.ts';
import type { TimeWindow } from '../lib/units.ts';
import { type ApiRequest, type JaegerClient, statusError } from './request.ts';

/**
 * The query API of a Jaeger. `v3`: `/api/v3` with search by attributes (2.19 and later). `legacy`: `/api/traces` (up to
 * 2.20, VictoriaTraces, Quickwit). `early-v3`: only a `/api/v3` that may ignore attributes.
 */
export type ApiVersion = 'v3' | 'legacy' | 'early-v3';

/** The shape of the answers of an API version. */
export const apiOf = ({ apiVersion }: Pick<Backend, 'apiVersion'>): 'legacy' | 'v3' =>
  apiVersion === 'legacy' ? 'legacy' : 'v3';

/** What is known of a Jaeger. Its storage shows only in its answers: what they reveal is recorded here. */
export interface Backend {
  readonly apiVersion: ApiVersion;
  /** It refused a search without a service. */
  needsService: boolean;
  /** It refused a search by duration and attributes together, as Cassandra does, which has an index for each. */
  splitsDurationAndTags: boolean;
  /** Whether it finds the failed spans of a service by the attribute `error`; without an entry, that is not known. */
  readonly findsFailed: Map<string, boolean>;
  /** Where a trace was too large for a search. */
  readonly tooLarge: TimeWindow[];
  /** Whether it is VictoriaTraces, which interprets durations and windows differently (see `search.ts`). */
  isVictoria(signal: AbortSignal | undefined): Promise<boolean>;
}

export async function detectBackend(client: JaegerClient, signal: AbortSignal | undefined): Promise<Backend> {
  const apiVersion = await detectApiVersion(client, signal);
  let isVictoria: boolean | undefined;
  return {
    apiVersion,
    needsService: apiVersion !== 'v3',
    splitsDurationAndTags: false,
    findsFailed: new Map(),
    tooLarge: [],
    isVictoria: async (signal) => {
      isVictoria ??= await looksLikeVictoria(client, apiVersion, signal);
      return isVictoria;
    },
  };
}

/**
 * Whether an error means that the API does not exist: Jaeger before 2.16 answers an unknown path with its UI and status
 * 200, later versions with a plain 404. A login page looks the same; then no probe succeeds.
 */
export function isUnknownApi(error: unknown): error is UpstreamError {
  return (
    error instanceof UpstreamError && (error.code === 'bad-answer' || error.code === 'not-authenticated')
  );
}

interface Probe extends Omit<ApiRequest, 'operation'> {
  readonly apiVersion: ApiVersion;
  /** Top-level fields of an answer of this API, one of them. */
  readonly fields: readonly string[];
}

/** In order of preference. The window of the first is arbitrary: only the shape of the answer counts. */
const PROBES: readonly Probe[] = [
  {
    apiVersion: 'v3',
    path: '/api/v3/trace-summaries',
    query: {
      'query.service_name': 'tailwatch',
      'query.start_time_min': '2020-01-01T00:00:00Z',
      'query.start_time_max': '2020-01-01T00:00:01Z',
      'query.num_traces': '1',
    },
    fields: ['summaries', 'error'],
  },
  { apiVersion: 'legacy', path: '/api/services', fields: ['data'] },
  { apiVersion: 'early-v3', path: '/api/v3/services', fields: ['services'] },
];

function isAnswerOf({ fields }: Probe, body: unknown): boolean {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return false;
  // Empty fields are omitted: no summary is `{}`.
  return Object.keys(body).length === 0
    ? fields.includes('summaries')
    : fields.some((field) => typeof Reflect.get(body, field) === 'object');
}

/**
 * Detects the API by its answers: not every server reports a version. Throws the last probe's error when there is no
 * Jaeger at the address.
 */
export async function detectApiVersion(
  client: Pick<JaegerClient, 'json'>,
  signal: AbortSignal | undefined,
): Promise<ApiVersion> {
  let last: UpstreamError | undefined;
  for (const probe of PROBES) {
    try {
      const { path, query = {} } = probe;
      const { status, body } = await client.json({ path, query, operation: 'detect' }, signal);
      if (isAnswerOf(probe, body)) return probe.apiVersion;
      // A server is there, but fails.
      if (status >= 500) last = statusError(status, body);
    } catch (error) {
      if (!isUnknownApi(error)) throw error;
      last = error;
    }
  }
  if (last !== undefined && last.code !== 'bad-answer') throw last;
  throw new UpstreamError({
    system: 'jaeger',
    code: 'bad-answer',
    message: 'There is no Jaeger at the configured address.',
    advice: 'Check JAEGER_URL and its base path: it is the address of the query service (port 16686).',
  });
}

/** The start of VictoriaTraces's error for a search without parameters (its `processGetTracesRequest`, also v3). */
const VICTORIA_ERROR = 'incorrect trace query params';

/** Statuses of a proxy whose server is away or overloaded. */
const TEMPORARY: ReadonlySet<number> = new Set([429, 502, 503, 504]);

async function looksLikeVictoria(
  client: JaegerClient,
  apiVersion: ApiVersion,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const path = apiVersion === 'legacy' ? '/api/traces' : '/api/v3/traces';
  try {
    const { status, body } = await client.text({ path, operation: 'detect' }, signal);
    // A proxy answered: this says nothing about the server.
    if (TEMPORARY.has(status)) throw statusError(status, undefined);
    return status === 400 && body.includes(VICTORIA_ERROR);
  } catch (error) {
    if (isUnknownApi(error)) return false;
    throw error;
  }
}
