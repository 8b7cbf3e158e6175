import type { Answer } from './answer.ts';

/** What VictoriaTraces refuses and Jaeger does not. Source: app/vtselect/traces/jaeger/jaeger.go and apiv3.go. */

const MAX_TRACES = 1_000;

const refusal = (message: string): Answer => ({
  status: 400,
  contentType: 'text/plain; charset=utf-8',
  body: `incorrect trace query params: ${message}\n`,
});

const refusalV3 = (message: string): Answer => ({
  status: 400,
  contentType: 'application/json',
  body: JSON.stringify({
    error: { httpCode: 400, message: `incorrect trace query params: ${message}` },
  }),
});

const NO_SUCH_PATH: Answer = {
  status: 400,
  contentType: 'text/plain; charset=utf-8',
  body: 'unsupported path requested\n',
};

/** The answer of VictoriaTraces where it is not Jaeger's; undefined where it is. */
export function refusalOfVictoria(path: readonly string[], query: URLSearchParams): Answer | undefined {
  switch (path.join('/')) {
    case 'api/operations':
      return NO_SUCH_PATH;
    case 'api/traces':
      return older(query);
    case 'api/v3/traces':
      return newer(query);
    default:
      return undefined;
  }
}

function older(query: URLSearchParams): Answer | undefined {
  if ((query.get('service') ?? '') === '') return refusal('service name is required');
  const limit = Number(query.get('limit') ?? 20);
  return limit >= 0 && limit <= MAX_TRACES
    ? undefined
    : refusal(`limit ${limit} out of range [0, ${MAX_TRACES}]`);
}

/** Jaeger's older name of the limit is not known here: it does not count. */
function newer(query: URLSearchParams): Answer | undefined {
  const service = query.get('query.serviceName') ?? query.get('query.service_name') ?? '';
  if (service === '') return refusalV3('query.serviceName is required');
  const limit = Number(query.get('query.searchDepth') ?? query.get('query.search_depth') ?? 100);
  query.set('query.searchDepth', String(limit));
  return limit >= 0 && limit <= MAX_TRACES
    ? undefined
    : refusalV3(`query.searchDepth ${limit} out of range [0, ${MAX_TRACES}]`);
}
