import { GoError, parseGoDuration, parseGoInt, parseGoStringMap } from './go-text.ts';
import { type Html, html, layout, readableDuration, readableInstant } from './html.ts';
import { type StoredSpan, type StoredTrace, serviceOf } from './model.ts';
import type { TraceQuery } from './query.ts';
import { type Backend, parseTraceId } from './reader.ts';
import { StorageError } from './storage.ts';
import { extent } from './trace-page.ts';

const DEFAULT_LIMIT = 20;
const LOOKBACK_US: Readonly<Record<string, number>> = {
  m: 60_000_000,
  h: 3_600_000_000,
  d: 86_400_000_000,
  w: 604_800_000_000,
};
const DEFAULT_LOOKBACK_US = 3_600_000_000;

/** The UI's look-back words: `15m`, `2h`, `7d`; `custom` and anything else mean an hour unless start and end say otherwise. */
function lookback(text: string | null): number {
  const [, count = '', unit = ''] = /^(\d+)([mhdw])$/.exec(text ?? '') ?? [];
  const size = LOOKBACK_US[unit];
  return size === undefined ? DEFAULT_LOOKBACK_US : Number(count) * size;
}

function given<Value>(
  query: URLSearchParams,
  name: string,
  parse: (text: string) => Value,
): Value | undefined {
  const text = query.get(name)?.trim() ?? '';
  return text === '' ? undefined : parse(text);
}

/** Tags as the UI's links carry them: a JSON object. */
const parseTags = (query: URLSearchParams): Record<string, string> =>
  given(query, 'tags', parseGoStringMap) ?? {};

function parseQuery(backend: Backend, query: URLSearchParams): TraceQuery {
  const endUs = given(query, 'end', parseGoInt) ?? backend.now() * 1_000;
  const operation = query.get('operation') ?? '';
  return {
    endUs,
    startUs: given(query, 'start', parseGoInt) ?? endUs - lookback(query.get('lookback')),
    tags: parseTags(query),
    limit: given(query, 'limit', parseGoInt) ?? DEFAULT_LIMIT,
    minDurationUs: given(query, 'minDuration', parseGoDuration),
    maxDurationUs: given(query, 'maxDuration', parseGoDuration),
    service: query.get('service') ?? undefined,
    operation: operation === '' || operation === 'all' ? undefined : operation,
  };
}

interface Found {
  readonly trace: StoredTrace;
  /** The longest span of the service that was searched for, µs. */
  readonly ownUs: number;
  readonly startUs: number;
  readonly durationUs: number;
}

function describe(trace: StoredTrace, query: TraceQuery): Found {
  const own = trace.spans.filter(
    (span) =>
      serviceOf(span) === query.service && (query.operation === undefined || span.name === query.operation),
  );
  const ownUs = own.reduce((max, span) => Math.max(max, span.durationUs), 0);
  return { trace, ownUs, ...extent(trace.spans) };
}

const rootOf = (spans: readonly StoredSpan[]): StoredSpan | undefined =>
  spans.find((span) => span.parentSpanId === undefined) ?? spans[0];

function writeRow({ trace, ownUs, startUs, durationUs }: Found): Html {
  const root = rootOf(trace.spans);
  const failed = trace.spans.filter((span) => span.failed).length;
  return html`<tr data-trace-id="${trace.traceId}">
<td><a href="/trace/${trace.traceId}">${root === undefined ? '' : serviceOf(root)}: <bdi>${root?.name ?? ''}</bdi></a><br><span class="faint">${trace.traceId}</span></td>
<td class="number">${readableDuration(ownUs)}</td>
<td class="number">${readableDuration(durationUs)}</td>
<td>${readableInstant(startUs)}</td>
<td class="number">${trace.spans.length}</td>
<td>${failed > 0 ? html`<span class="bad">${failed}</span>` : ''}</td>
</tr>`;
}

function results(found: readonly Found[], query: TraceQuery): Html {
  const window = `${readableInstant(query.startUs)} to ${readableInstant(query.endUs)}`;
  const full = found.length === query.limit ? ' (as many as the limit allows: there may be more)' : '';
  if (found.length === 0) return html`<p>No trace matches in ${window}.</p>`;
  return html`<p><strong>${found.length} traces</strong>${full}, slowest first, ${window}.</p>
<table><colgroup><col style="width:44%"><col><col><col style="width:20%"><col style="width:7%"><col style="width:7%"></colgroup>
<thead><tr><th>Trace</th><th class="number">In ${query.service ?? 'the service'}</th><th class="number">Whole trace</th><th>Start</th><th class="number">Spans</th><th>Errors</th></tr></thead>
<tbody>${found.map(writeRow)}</tbody></table>`;
}

function input(query: URLSearchParams, name: string, label: string): Html {
  return html`<label>${label}<input name="${name}" value="${query.get(name) ?? ''}"></label>`;
}

function form(backend: Backend, query: URLSearchParams): Html {
  const service = query.get('service') ?? '';
  const options = backend.store
    .services()
    .toSorted()
    .map((name) =>
      name === service ? html`<option selected>${name}</option>` : html`<option>${name}</option>`,
    );
  return html`<form method="get" action="/search">
<label>Service<select name="service">${options}</select></label>
${input(query, 'operation', 'Operation')}${input(query, 'tags', 'Tags (JSON)')}${input(query, 'minDuration', 'At least')}${input(query, 'maxDuration', 'At most')}${input(query, 'start', 'Start (µs)')}${input(query, 'end', 'End (µs)')}${input(query, 'limit', 'Limit')}
<button type="submit">Find traces</button></form>`;
}

function find(backend: Backend, query: URLSearchParams): Html {
  const wanted = parseQuery(backend, query);
  const ids = query.getAll('traceID').map((id) => parseTraceId(id, backend.behavior));
  const traces = ids.length > 0 ? ids.flatMap((id) => backend.store.get(id) ?? []) : backend.search(wanted);
  const found = traces.map((trace) => describe(trace, wanted));
  return results(
    found.sort((a, b) => b.ownUs - a.ownUs || b.durationUs - a.durationUs),
    wanted,
  );
}

/** The search page for the parameters of the Jaeger UI's own links. */
export function searchPage(backend: Backend, query: URLSearchParams): string {
  const isRequested = query.has('service') || query.has('traceID');
  let outcome: Html;
  try {
    outcome = isRequested ? find(backend, query) : html`<p class="faint">Choose a service.</p>`;
  } catch (error) {
    if (!(error instanceof GoError || error instanceof StorageError)) throw error;
    outcome = html`<p class="bad">${error.message}</p>`;
  }
  return layout('Traces', html`<h1>Search</h1>${form(backend, query)}${outcome}`);
}
