import type { HttpClient } from '../http/http-client.ts';
import type { Milliseconds } from '../lib/units.ts';
import { type ApiVersion, type Ask, detectApiVersion, isForeign } from './api-version.ts';
import { refusalOf } from './refusal.ts';

/**
 * What is known of the Jaeger at the address. The API version is known from the start; which storage is behind it, it does
 * not tell: what an answer gives away is noted here, until the API version has to be found out anew.
 */
export interface Backend {
  readonly apiVersion: ApiVersion;
  /** It refused a search that named no service. */
  needsService: boolean;
  /** It refused a search by duration and attributes at once: Cassandra has an index for either, none for both. */
  partsDurationAndTags: boolean;
  /** Whether it is VictoriaTraces, which reads durations and windows in its own way (see `questions.ts`). */
  isVictoria(signal: AbortSignal | undefined): Promise<boolean>;
}

export interface BackendSource {
  readonly http: HttpClient;
  readonly ask: Ask;
  readonly deadline: Milliseconds;
}

export async function detectBackend(
  source: BackendSource,
  signal: AbortSignal | undefined,
): Promise<Backend> {
  const apiVersion = await detectApiVersion(source.ask, signal);
  let isVictoria: boolean | undefined;
  return {
    apiVersion,
    needsService: apiVersion !== 'modern',
    partsDurationAndTags: false,
    isVictoria: async (asking) => {
      isVictoria ??= await looksLikeVictoria(source, apiVersion, asking);
      return isVictoria;
    },
  };
}

/** How VictoriaTraces begins its complaint about a search without parameters (its `processGetTracesRequest`, also V3). */
const VICTORIAS_WORDS = 'incorrect trace query params';

/** Statuses of a proxy whose server is away, or that has had enough for now. */
const PASSING: ReadonlySet<number> = new Set([429, 502, 503, 504]);

async function looksLikeVictoria(
  { http, deadline }: BackendSource,
  apiVersion: ApiVersion,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const path = apiVersion === 'legacy' ? '/api/traces' : '/api/v3/traces';
  try {
    const { status, body } = await http.text({ path, operation: 'detect', deadline, signal });
    // Whoever stands in front of it answers: nothing is learnt.
    if (PASSING.has(status)) throw refusalOf(status, undefined);
    return status === 400 && body.includes(VICTORIAS_WORDS);
  } catch (error) {
    if (isForeign(error)) return false;
    throw error;
  }
}
