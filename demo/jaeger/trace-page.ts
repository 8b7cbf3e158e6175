import { type Html, html, layout, readableDuration, readableInstant } from './html.ts';
import { type StoredSpan, serviceOf, valueAsText } from './model.ts';

interface Row {
  readonly span: StoredSpan;
  readonly depth: number;
}

/** Spans depth first, children by start. Spans whose parent is missing are at the top level. */
export function inTreeOrder(spans: readonly StoredSpan[]): Row[] {
  const ids = new Set(spans.map((span) => span.spanId));
  const children = new Map<string | undefined, StoredSpan[]>();
  for (const span of spans) {
    const parent =
      span.parentSpanId !== undefined && ids.has(span.parentSpanId) ? span.parentSpanId : undefined;
    children.set(parent, [...(children.get(parent) ?? []), span]);
  }
  const rows: Row[] = [];
  // A stack and not recursion: a trace may be deeper than the call stack.
  const open: Row[] = latestFirst(children.get(undefined)).map((span) => ({ span, depth: 0 }));
  for (let row = open.pop(); row !== undefined; row = open.pop()) {
    const { span, depth } = row;
    rows.push(row);
    open.push(...latestFirst(children.get(span.spanId)).map((child) => ({ span: child, depth: depth + 1 })));
  }
  return rows;
}

const latestFirst = (spans: readonly StoredSpan[] = []): StoredSpan[] =>
  spans.toSorted((a, b) => b.startUs - a.startUs);

/** Where a trace begins, and how long it is, in µs. */
export function extent(spans: readonly StoredSpan[]): { startUs: number; durationUs: number } {
  const startUs = spans.reduce((min, span) => Math.min(min, span.startUs), Infinity);
  const endUs = spans.reduce((max, span) => Math.max(max, span.startUs + span.durationUs), -Infinity);
  return { startUs, durationUs: endUs - startUs };
}

/** The tags that say at once what happened. */
const KEY_TAGS = ['http.method', 'http.url', 'http.status_code', 'response_flags', 'db.system'];

/** A URL without its host, which the operation names already. */
const shorten = (key: string, value: string): string =>
  key === 'http.url' ? value.replace(/^https?:\/\/[^/]*/, '') : value;

function keyTags(span: StoredSpan): string {
  const pod = podOf(span);
  const tags = KEY_TAGS.flatMap((key) => {
    const value = span.attributes[key];
    return value === undefined || value === '-' ? [] : [shorten(key, valueAsText(value))];
  });
  return [...tags, ...(pod === undefined ? [] : [pod])].join(' · ');
}

/** The pod: the third part of Envoy's node id, without its namespace. */
function podOf(span: StoredSpan): string | undefined {
  const nodeId = span.attributes.node_id;
  const fromNode = typeof nodeId === 'string' ? nodeId.split('~')[2]?.replace(/\.[^.]*$/, '') : undefined;
  const named = span.attributes['k8s.pod.name'] ?? span.resource['k8s.pod.name'];
  return fromNode ?? (named === undefined ? undefined : valueAsText(named));
}

function allTags(span: StoredSpan): Html {
  const pairs = [
    ['span id', span.spanId],
    ...Object.entries(span.attributes).map(([key, value]) => [key, valueAsText(value)]),
    ...(span.warnings ?? []).map((warning) => ['warning', warning]),
  ];
  return html`<details><summary>${keyTags(span) || 'tags'}</summary><dl>${pairs.map(
    ([key = '', value = '']) => html`<dt>${key}</dt><dd><bdi>${value}</bdi></dd>`,
  )}</dl></details>`;
}

/** Whether `uiFind` names the span: one of its words is the span's id or part of its service, operation or tags. */
function isFound(span: StoredSpan, words: readonly string[]): boolean {
  if (words.length === 0) return false;
  const texts = [
    span.name,
    serviceOf(span),
    ...Object.entries(span.attributes).flatMap(([key, value]) => [key, `${key}=${valueAsText(value)}`]),
  ].map((text) => text.toLowerCase());
  return words.some((word) => span.spanId === word || texts.some((text) => text.includes(word)));
}

interface Frame {
  readonly startUs: number;
  readonly durationUs: number;
  readonly words: readonly string[];
}

function writeRow({ span, depth }: Row, frame: Frame): Html {
  const percent = (part: number): string => ((100 * part) / Math.max(1, frame.durationUs)).toFixed(2);
  const offset = span.startUs - frame.startUs;
  const colour = span.failed ? 'failed' : span.kind === 'client' ? 'client' : '';
  return html`<tr class="${isFound(span, frame.words) ? 'found' : ''}" data-span-id="${span.spanId}">
<td style="padding-left:${8 + 14 * Math.min(depth, 40)}px"><strong>${serviceOf(span)}</strong> <span class="faint">${span.kind === 'unspecified' ? '' : span.kind}</span><br><bdi>${span.name}</bdi>${span.failed ? html` <span class="bad">error</span>` : ''}</td>
<td><div class="track"><div class="bar ${colour}" style="left:${percent(offset)}%;width:${percent(span.durationUs)}%"></div></div></td>
<td class="number">${readableDuration(offset)}</td>
<td class="number">${readableDuration(span.durationUs)}</td>
<td>${allTags(span)}</td>
</tr>`;
}

/** The waterfall of one trace. */
function waterfall(traceId: string, spans: readonly StoredSpan[], words: readonly string[]): Html {
  const frame = { ...extent(spans), words };
  const rows = inTreeOrder(spans);
  const root = rows[0]?.span;
  const services = new Set(spans.map(serviceOf)).size;
  const failed = spans.filter((span) => span.failed).length;
  return html`<section>
<h1>${root === undefined ? '' : serviceOf(root)}: <bdi>${root?.name ?? ''}</bdi></h1>
<p><strong>${readableDuration(frame.durationUs)}</strong> from ${readableInstant(frame.startUs)} · ${spans.length} spans · ${services} services${failed > 0 ? html` · <span class="bad">${failed} failed</span>` : ''}<br><span class="faint">trace ${traceId}</span></p>
<table><colgroup><col style="width:32%"><col style="width:28%"><col style="width:8%"><col style="width:8%"><col></colgroup>
<thead><tr><th>Service and operation</th><th>0 to ${readableDuration(frame.durationUs)}</th><th class="number">Start</th><th class="number">Duration</th><th>Tags</th></tr></thead>
<tbody>${rows.map((row) => writeRow(row, frame))}</tbody></table></section>`;
}

/** The page of one trace, or of several one below the other. */
export function tracePage(traces: readonly (readonly StoredSpan[])[], uiFind: string): string {
  const words = uiFind
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  const sections = traces.map((spans) => waterfall(spans[0]?.traceId ?? '', spans, words));
  return layout(`Trace ${traces[0]?.[0]?.traceId ?? ''}`, html`${sections}`);
}
