import type { HttpAnswer, HttpClient } from '../http/http-client.ts';
import { UpstreamError } from '../lib/errors.ts';
import type { Milliseconds } from '../lib/units.ts';
import { refusalOf } from './refusal.ts';

/**
 * How a Jaeger wants to be asked. `modern`: `/api/v3`, attributes included (2.19 and later). `legacy`: `/api/traces` (up
 * to 2.20, VictoriaTraces, Quickwit). `early`: only a `/api/v3` that is not known to filter by attributes.
 */
export type ApiVersion = 'modern' | 'legacy' | 'early';

export interface Ask {
  (
    request: {
      readonly path: string;
      readonly query?: Readonly<Record<string, string | number | undefined>>;
      readonly operation: string;
    },
    signal?: AbortSignal,
  ): Promise<HttpAnswer<unknown>>;
}

export function askWith(http: HttpClient, deadline: Milliseconds): Ask {
  return (request, signal) => http.json({ ...request, deadline, signal });
}

/**
 * Whether an error means "this API is not here": Jaeger before 2.16 answers an unknown path with its page and status
 * 200, later ones with a plain 404. A login page looks the same; then no probe finds anything.
 */
export function isForeign(error: unknown): error is UpstreamError {
  return (
    error instanceof UpstreamError && (error.code === 'bad-answer' || error.code === 'not-authenticated')
  );
}

interface Probe {
  readonly apiVersion: ApiVersion;
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Words that an answer of this API has at its top, one of them. */
  readonly words: readonly string[];
}

/** In the order of preference. Any window will do for the first: what counts is who answers. */
const PROBES: readonly Probe[] = [
  {
    apiVersion: 'modern',
    path: '/api/v3/trace-summaries',
    query: {
      'query.service_name': 'tailwatch',
      'query.start_time_min': '2020-01-01T00:00:00Z',
      'query.start_time_max': '2020-01-01T00:00:01Z',
      'query.num_traces': '1',
    },
    words: ['summaries', 'error'],
  },
  { apiVersion: 'legacy', path: '/api/services', words: ['data'] },
  { apiVersion: 'early', path: '/api/v3/services', words: ['services'] },
];

function isAnswerOf({ words }: Probe, body: unknown): boolean {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return false;
  // Zero values are left out: no summary is `{}`.
  return Object.keys(body).length === 0 ? words.includes('summaries') : words.some((word) => word in body);
}

/**
 * Finds out by the answers, never by a version, which not every server tells. Throws the last probe's error when nothing at the
 * address is a Jaeger.
 */
export async function detectApiVersion(ask: Ask, signal?: AbortSignal): Promise<ApiVersion> {
  let last: UpstreamError | undefined;
  for (const probe of PROBES) {
    try {
      const { path, query = {} } = probe;
      const { status, body } = await ask({ path, query, operation: 'detect' }, signal);
      if (isAnswerOf(probe, body)) return probe.apiVersion;
      // Something is there, and has no good day.
      if (status >= 500) last = refusalOf(status, body);
    } catch (error) {
      if (!isForeign(error)) throw error;
      last = error;
    }
  }
  if (last !== undefined && last.code !== 'bad-answer') throw last;
  throw new UpstreamError({
    system: 'jaeger',
    code: 'bad-answer',
    message: 'No Jaeger answers at the configured address.',
    advice: 'Check JAEGER_URL, with its base path: it is the address of the query service (port 16686).',
  });
}
