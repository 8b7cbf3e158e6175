import { type Answer, failure, json, NOT_FOUND } from './answer.ts';
import { GoError, parseGoBool, parseGoDuration, parseGoInt, parseGoStringMap } from './go-text.ts';
import { type SpanKind, type StoredTrace } from './model.ts';
import { type WireTrace, writeTrace } from './older-wire.ts';
import type { TraceQuery } from './query.ts';
import { type Backend, parseTraceId, read } from './reader.ts';
import { StorageError } from './storage.ts';

/** The older version below /api. Source: jaegerquery/internal/http_handler.go and query_parser.go at v2.20.0. */

interface WireError {
  readonly code?: number;
  readonly msg: string;
  readonly traceID?: string;
}

const DEFAULT_LIMIT = 100;
const TWO_DAYS_US = 172_800_000_000;
const DAY_MS = 86_400_000;

function envelope(data: unknown, more: { total?: number; errors?: readonly WireError[] } = {}): unknown {
  return { data, total: more.total ?? 0, limit: 0, offset: 0, errors: more.errors ?? null };
}

function refuse(status: number, msg: string): Answer {
  return failure(status, envelope(null, { errors: [{ code: status, msg }] }));
}

/** A parameter that is refused. */
function named<Value>(name: string, parse: () => Value): Value {
  try {
    return parse();
  } catch (error) {
    if (error instanceof GoError)
      throw new GoError(`unable to parse param '${name}': ${error.message}`, { cause: error });
    throw error;
  }
}

/** Answers a request below /api that is not v3's. Undefined when there is no such route. */
export function answerOlder(
  backend: Backend,
  path: readonly string[],
  query: URLSearchParams,
): Answer | undefined {
  try {
    return route(backend, path, query);
  } catch (error) {
    if (error instanceof GoError) return refuse(400, error.message);
    if (error instanceof StorageError) return refuse(500, error.message);
    throw error;
  }
}

type Route = (backend: Backend, query: URLSearchParams, name: string) => Answer | undefined;

const METRICS = new Set(['latencies', 'calls', 'errors']);

const metrics: Route = (backend, _query, name) =>
  METRICS.has(name) ? refuse(501, backend.behavior.metricsDisabled) : undefined;

const services: Route = ({ store }) => {
  const names = store.services();
  return json(envelope(names, { total: names.length }));
};

const operationNames: Route = ({ store }, _query, service) => {
  const names = [...new Set(store.operations(service).map(({ name }) => name))];
  return json(envelope(names.length === 0 ? null : names, { total: names.length }));
};

/** Routes that every version has. `*` matches one name in the path. */
const LASTING: ReadonlyMap<string, Route> = new Map<string, Route>([
  ['traces/*', (backend, query, id) => oneTrace(backend, id, query)],
  ['dependencies', (backend, query) => dependencies(backend, query)],
  ['metrics/*', metrics],
]);

/** Routes that were removed after 2.20. */
const REMOVED: ReadonlyMap<string, Route> = new Map<string, Route>([
  ['traces', (backend, query) => searchTraces(backend, query)],
  ['services', services],
  ['operations', (backend, query) => operations(backend, query)],
  ['services/*/operations', operationNames],
]);

function route(backend: Backend, path: readonly string[], query: URLSearchParams): Answer | undefined {
  const [, name = ''] = path;
  const pattern = path.map((part, i) => (i === 1 ? '*' : part)).join('/');
  const lasting = LASTING.get(pattern);
  if (lasting !== undefined) return lasting(backend, query, name);
  const removed = REMOVED.get(pattern);
  if (removed === undefined) return undefined;
  return backend.behavior.olderSearch ? removed(backend, query, name) : NOT_FOUND;
}

const KIND_NAMES: Readonly<Record<SpanKind, string>> = {
  unspecified: '',
  internal: 'internal',
  server: 'server',
  client: 'client',
  producer: 'producer',
  consumer: 'consumer',
};

function operations(backend: Backend, query: URLSearchParams): Answer {
  const service = query.get('service') ?? '';
  if (service === '') return refuse(400, "parameter 'service' is required");
  const kind = query.get('spanKind') ?? '';
  const found = backend.store
    .operations(service)
    .map((operation) => ({ name: operation.name, spanKind: KIND_NAMES[operation.kind] }))
    .filter(({ spanKind }) => kind === '' || spanKind === kind);
  return json(envelope(found, { total: found.length }));
}

function parseTags(query: URLSearchParams): Record<string, string> {
  const tags: Record<string, string> = {};
  for (const tag of query.getAll('tag')) {
    const colon = tag.indexOf(':');
    if (colon < 0) throw new GoError(`malformed 'tag' parameter, expecting key:value, received: ${tag}`);
    tags[tag.slice(0, colon)] = tag.slice(colon + 1);
  }
  for (const text of query.getAll('tags')) {
    try {
      Object.assign(tags, parseGoStringMap(text));
    } catch (error) {
      if (!(error instanceof GoError)) throw error;
      throw new GoError(`malformed 'tags' parameter, cannot unmarshal JSON: ${error.message}`, {
        cause: error,
      });
    }
  }
  return tags;
}

function optional<Value>(
  query: URLSearchParams,
  name: string,
  parse: (text: string) => Value,
): Value | undefined {
  const text = query.get(name);
  return text === null || text === '' ? undefined : parse(text);
}

function parseQuery(backend: Backend, query: URLSearchParams): TraceQuery {
  const nowUs = backend.now() * 1_000;
  const instant = (name: string): number | undefined =>
    optional(query, name, (text) => named(name, () => parseGoInt(text)));
  const duration = (name: string): number | undefined =>
    optional(query, name, (text) => named(name, () => parseGoDuration(text)));
  return {
    startUs: instant('start') ?? nowUs - TWO_DAYS_US,
    endUs: instant('end') ?? nowUs,
    tags: parseTags(query),
    limit: optional(query, 'limit', (text) => parseGoInt(text)) ?? DEFAULT_LIMIT,
    minDurationUs: duration('minDuration'),
    maxDurationUs: duration('maxDuration'),
    service: query.get('service') || undefined,
    operation: query.get('operation') || undefined,
  };
}

const isRaw = (query: URLSearchParams): boolean =>
  optional(query, 'raw', (text) => named('raw', () => parseGoBool(text))) ?? false;

function write(backend: Backend, trace: StoredTrace, raw: boolean): WireTrace {
  const spans = read(backend, trace, { versionBehavior: 'older', raw });
  return writeTrace(
    { traceId: trace.traceId, spans },
    { sortTags: backend.behavior.olderSortsTagsLast && !raw },
  );
}

function searchTraces(backend: Backend, query: URLSearchParams): Answer {
  const wanted = parseQuery(backend, query);
  const ids = query.getAll('traceID').map((text) => parseTraceId(text, backend.behavior));
  if (ids.length > 0) return severalTraces(backend, ids, isRaw(query));
  if (wanted.service === undefined) return refuse(400, "parameter 'service' is required");
  const { minDurationUs: min, maxDurationUs: max } = wanted;
  if (min !== undefined && max !== undefined && max < min) {
    return refuse(400, "'maxDuration' should be greater than 'minDuration'");
  }
  const raw = isRaw(query);
  return json(envelope(backend.search(wanted).map((trace) => write(backend, trace, raw))));
}

function severalTraces(backend: Backend, ids: readonly string[], raw: boolean): Answer {
  const found: WireTrace[] = [];
  const errors: WireError[] = [];
  for (const id of ids) {
    const trace = backend.store.get(id);
    if (trace === undefined) errors.push({ msg: 'trace not found', traceID: id });
    else found.push(write(backend, trace, raw));
  }
  return json(envelope(found, errors.length === 0 ? {} : { errors }));
}

function oneTrace(backend: Backend, text: string, query: URLSearchParams): Answer {
  const id = parseTraceId(text, backend.behavior);
  const raw = isRaw(query);
  const trace = backend.store.get(id);
  if (trace === undefined) return refuse(404, 'trace not found');
  return json(envelope([write(backend, trace, raw)]));
}

function dependencies(backend: Backend, query: URLSearchParams): Answer {
  const milliseconds = (name: string): number | undefined =>
    optional(query, name, (text) => named(name, () => parseGoInt(text)));
  const endMs = milliseconds('endTs') ?? backend.now();
  const lookbackMs = milliseconds('lookback') ?? DAY_MS;
  const service = query.get('service') ?? '';
  const found = backend.store
    .dependencies({ startUs: (endMs - lookbackMs) * 1_000, endUs: endMs * 1_000 })
    .filter(({ parent, child }) => service === '' || parent === service || child === service);
  return json(envelope(found));
}
