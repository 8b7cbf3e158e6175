import { type Answer, failure, json } from './answer.ts';
import {
  GoError,
  parseGoBool,
  parseGoDuration,
  parseGoInt,
  parseGoStringMap,
  parseGoTime,
} from './go-text.ts';
import type { SpanKind, StoredTrace } from './model.ts';
import { toResourceSpans } from './otlp.ts';
import type { TraceQuery } from './query.ts';
import { type Backend, parseTraceId, read } from './reader.ts';
import { StorageError } from './storage.ts';
import { summarise } from './summary.ts';

/** The version below /api/v3. Source: jaegerquery/internal/apiv3/http_gateway.go and query_parser.go. */

const DEFAULT_DEPTH = 100;

interface Refusal {
  readonly status: number;
  readonly message: string;
}

const refuse = ({ status, message }: Refusal): Answer =>
  failure(status, { error: { httpCode: status, message } });

const NOTHING_FOUND = refuse({ status: 404, message: 'No traces found' });

/** Answers a request below /api/v3. Undefined when there is no such route. */
export function answerV3(
  backend: Backend,
  path: readonly string[],
  query: URLSearchParams,
): Answer | undefined {
  try {
    return route(backend, path, query);
  } catch (error) {
    if (error instanceof GoError) return refuse({ status: 400, message: error.message });
    if (error instanceof StorageError) return refuse({ status: 500, message: error.message });
    throw error;
  }
}

function route(backend: Backend, path: readonly string[], query: URLSearchParams): Answer | undefined {
  const [first, second, ...rest] = path;
  if (rest.length > 0) return undefined;
  switch (second === undefined ? first : `${first ?? ''}/*`) {
    case 'services':
      return answer(backend, { services: backend.store.services() });
    case 'operations':
      return answer(backend, { operations: operations(backend, query) });
    case 'traces':
      return searchTraces(backend, query);
    case 'traces/*':
      return oneTrace(backend, second ?? '', query);
    case 'trace-summaries':
      return backend.behavior.currentV3 ? summaries(backend, query) : undefined;
    default:
      return undefined;
  }
}

const answer = (backend: Backend, body: unknown): Answer => json(body, backend.behavior.v3ContentType);

const toSnakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Older names that are not just the camelCase one in snake_case. */
const ALIASES: Readonly<Record<string, string>> = { 'query.searchDepth': 'query.num_traces' };

/** The parameter under its current name or its older one; versions before 2.19 know only the older. */
function parameter(backend: Backend, query: URLSearchParams, name: string): string | undefined {
  const older = ALIASES[name] ?? toSnakeCase(name);
  const known = backend.behavior.currentV3 ? [name, older, toSnakeCase(name)] : [older];
  return known.map((alias) => query.get(alias)).find((text) => text !== null && text !== '') ?? undefined;
}

const shownName = (backend: Backend, name: string): string =>
  backend.behavior.currentV3 ? name : (ALIASES[name] ?? toSnakeCase(name));

interface Source {
  readonly backend: Backend;
  readonly query: URLSearchParams;
}

function parsed<Value>(source: Source, name: string, parse: (text: string) => Value): Value | undefined {
  const text = parameter(source.backend, source.query, name);
  if (text === undefined) return undefined;
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof GoError)) throw error;
    throw new GoError(`malformed parameter ${shownName(source.backend, name)}: ${error.message}`, {
      cause: error,
    });
  }
}

function parseWindow(source: Source): { startUs: number; endUs: number } {
  const names = ['query.startTimeMin', 'query.startTimeMax'] as const;
  const [min, max] = names.map((name) => shownName(source.backend, name));
  if (names.some((name) => parameter(source.backend, source.query, name) === undefined)) {
    throw new GoError(`${min ?? ''} and ${max ?? ''} are required`);
  }
  const startUs = parsed(source, names[0], parseGoTime) ?? 0;
  const endUs = parsed(source, names[1], parseGoTime) ?? 0;
  // 2.13 was not recorded; the check came with the camelCase names.
  if (source.backend.behavior.currentV3 && startUs >= endUs) {
    throw new GoError(`${min ?? ''} must be before ${max ?? ''}`);
  }
  return { startUs, endUs };
}

function parseQuery(source: Source): TraceQuery {
  const { backend, query } = source;
  const { currentV3 } = backend.behavior;
  const window = parseWindow(source);
  return {
    ...window,
    limit:
      parsed(source, 'query.searchDepth', (text) => parseGoInt(text, 'Atoi')) ??
      (currentV3 ? DEFAULT_DEPTH : 0),
    minDurationUs: parsed(source, 'query.durationMin', parseGoDuration),
    maxDurationUs: parsed(source, 'query.durationMax', parseGoDuration),
    // Before 2.19 attributes were read by nobody: the search found whatever else matched.
    tags: (currentV3 ? parsed(source, 'query.attributes', parseGoStringMap) : undefined) ?? {},
    service: parameter(backend, query, 'query.serviceName'),
    operation: parameter(backend, query, 'query.operationName'),
  };
}

function writeAll(backend: Backend, traces: readonly StoredTrace[], raw: boolean): Answer {
  if (traces.length === 0) return NOTHING_FOUND;
  const resourceSpans = traces.flatMap((trace) =>
    toResourceSpans(read(backend, trace, { versionBehavior: 'v3', raw })),
  );
  return answer(backend, { result: { resourceSpans } });
}

function searchTraces(backend: Backend, query: URLSearchParams): Answer {
  const source: Source = { backend, query };
  const wanted = parseQuery(source);
  const raw = parsed(source, 'query.rawTraces', parseGoBool) ?? false;
  return writeAll(backend, backend.search(wanted), raw);
}

function oneTrace(backend: Backend, text: string, query: URLSearchParams): Answer {
  const source: Source = { backend, query };
  const traceId = parseIdParameter(backend, text);
  const raw = parsed(source, 'rawTraces', parseGoBool) ?? false;
  const trace = backend.store.get(traceId);
  return writeAll(backend, trace === undefined ? [] : [trace], raw);
}

function parseIdParameter(backend: Backend, text: string): string {
  try {
    return parseTraceId(text, backend.behavior);
  } catch (error) {
    if (!(error instanceof GoError)) throw error;
    throw new GoError(`malformed parameter trace_id: ${error.message}`, { cause: error });
  }
}

function summaries(backend: Backend, query: URLSearchParams): Answer {
  const found = backend.search(parseQuery({ backend, query }));
  return answer(backend, { summaries: found.map(summarise) });
}

const kindName = (kind: SpanKind): string => (kind === 'unspecified' ? '' : kind);

function operations(backend: Backend, query: URLSearchParams): { name: string; spanKind: string }[] {
  const service = query.get('service') ?? '';
  const kind = parameter(backend, query, 'spanKind') ?? '';
  return backend.store
    .operations(service)
    .map((operation) => ({ name: operation.name, spanKind: kindName(operation.kind) }))
    .filter(({ spanKind }) => kind === '' || spanKind === kind);
}
