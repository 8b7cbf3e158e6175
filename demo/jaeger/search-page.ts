import { GoError, parseGoDuration, parseGoInt, parseGoStringMap } from './go-text.ts';
import { type Html, html, huesOf, layout, readableDuration, readableInstant } from './html.ts';
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

/** How many spans each service has, the most first. */
function servicesOf(spans: readonly StoredSpan[]): readonly (readonly [string, number])[] {
  const counts = new Map<string, number>();
  for (const span of spans) counts.set(serviceOf(span), (counts.get(serviceOf(span)) ?? 0) + 1);
  return [...counts].toSorted(([, a], [, b]) => b - a);
}

interface Listed {
  readonly longestUs: number;
  readonly hueOf: (service: string) => string;
}

function writeTrace({ trace, ownUs, startUs, durationUs }: Found, { longestUs, hueOf }: Listed): Html {
  const root = rootOf(trace.spans);
  const failed = trace.spans.filter((span) => span.failed).length;
  const share = ((100 * durationUs) / Math.max(1, longestUs)).toFixed(1);
  const services = servicesOf(trace.spans).map(
    ([name, count]) =>
      html`<span style="--hue:${hueOf(name)}"><span class="dot"></span>${name} (${count})</span>`,
  );
  return html`<a class="card found-trace" href="/trace/${trace.traceId}" data-trace-id="${trace.traceId}" style="--share:${share}%">
<div class="title"><span><b>${root === undefined ? '' : serviceOf(root)}</b>: <bdi>${root?.name ?? ''}</bdi> <span class="mono faint">${trace.traceId.slice(0, 7)}</span></span><b class="number">${readableDuration(durationUs)}</b></div>
<div class="about"><span><b>${readableDuration(ownUs)}</b> in the service</span><span>${trace.spans.length} spans</span>${failed > 0 ? html`<span class="bad">${failed} failed</span>` : ''}<span>${readableInstant(startUs)}</span>${services}</div></a>`;
}

/** Each trace by its start and its duration in the service, with the smallest duration of the search as a line. */
function plot(found: readonly Found[], query: TraceQuery): Html {
  const least = query.minDurationUs;
  const high = 1.1 * Math.max(1, least ?? 0, ...found.map(({ ownUs }) => ownUs));
  const x = (us: number): string =>
    ((100 * (us - query.startUs)) / Math.max(1, query.endUs - query.startUs)).toFixed(2);
  const y = (us: number): string => ((100 * us) / high).toFixed(2);
  const levels = [0, 0.5, 1].map((share) => {
    const us = (share * high) / 1.1;
    return html`<i style="bottom:${y(us)}%">${readableDuration(us)}</i>`;
  });
  const dots = found.map(({ trace, ownUs, startUs }) => {
    const look = trace.spans.some((span) => span.failed) ? 'failed' : '';
    return html`<a class="${look}" href="/trace/${trace.traceId}" title="${readableDuration(ownUs)}" style="left:${x(startUs)}%;bottom:${y(ownUs)}%"></a>`;
  });
  const threshold =
    least === undefined ? '' : html`<u style="bottom:${y(least)}%">at least ${readableDuration(least)}</u>`;
  const clock = (us: number): string => readableInstant(us).slice(11, 19);
  return html`<div class="plot">${levels}${threshold}${dots}</div><div class="plot-times"><span>${clock(query.startUs)}</span><span>${clock(query.endUs)} UTC</span></div>`;
}

function results(found: readonly Found[], query: TraceQuery): Html {
  const window = `${readableInstant(query.startUs)} to ${readableInstant(query.endUs)}`;
  const full = found.length === query.limit ? ' (as many as the limit allows: there may be more)' : '';
  if (found.length === 0) return html`<p>No trace matches in ${window}.</p>`;
  const longestUs = found.reduce((max, { durationUs }) => Math.max(max, durationUs), 0);
  const hueOf = huesOf(found.flatMap(({ trace }) => trace.spans.map(serviceOf)));
  return html`<section class="card"><p><strong>${found.length} traces</strong>${full}, slowest first, ${window}.</p>${plot(found, query)}</section>${found.map((one) => writeTrace(one, { longestUs, hueOf }))}`;
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
  return layout('Traces', html`<section class="card">${form(backend, query)}</section>${outcome}`);
}
