import { type Html, html, huesOf, layout, readableDuration, readableInstant } from './html.ts';
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
  return html`<dl>${pairs.map(
    ([key = '', value = '']) => html`<dt>${key}</dt><dd><bdi>${value}</bdi></dd>`,
  )}</dl>`;
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
  /** Length of the time axis: of the longest trace on the page, so that bars can be compared. */
  readonly axisUs: number;
  readonly words: readonly string[];
  readonly hueOf: (service: string) => string;
}

const percent = (part: number, { axisUs }: Frame): number => (100 * part) / Math.max(1, axisUs);

/** Where the duration stands: behind the bar, before it, or in it where it takes the whole width. */
function besideBar(left: number, width: number): { readonly style: string; readonly look: string } {
  const end = left + width;
  if (end < 75) return { style: `left:${end.toFixed(2)}%`, look: '' };
  if (left > 25) return { style: `right:${(100 - left).toFixed(2)}%`, look: '' };
  return { style: `left:${left.toFixed(2)}%`, look: 'inside' };
}

function writeRow({ span, depth }: Row, frame: Frame): Html {
  const service = serviceOf(span);
  const left = percent(span.startUs - frame.startUs, frame);
  const width = percent(span.durationUs, frame);
  const beside = besideBar(left, width);
  const look = [span.kind === 'client' ? 'client' : '', span.failed ? 'failed' : ''].join(' ').trim();
  return html`<details class="${isFound(span, frame.words) ? 'found' : ''}" data-span-id="${span.spanId}" style="--hue:${frame.hueOf(service)};--depth:${Math.min(depth, 25)}">
<summary class="row" title="${keyTags(span)}"><div class="name"><b>${service}</b> <bdi>${span.name}</bdi>${span.kind === 'client' ? html` <span class="faint">client</span>` : ''}${span.failed ? html` <span class="bad">error</span>` : ''}</div>
<div class="lane"><div class="bar ${look}" style="left:${left.toFixed(2)}%;width:${width.toFixed(2)}%"></div><em class="${beside.look}" style="${beside.style}">${readableDuration(span.durationUs)}</em></div></summary>
<dl><dt>starts after</dt><dd>${readableDuration(span.startUs - frame.startUs)}</dd></dl>${allTags(span)}</details>`;
}

/** All spans in little, as high as it takes. */
function minimap(rows: readonly Row[], frame: Frame): Html {
  const bars = rows.map(
    ({ span }, i) =>
      html`<rect x="${percent(span.startUs - frame.startUs, frame).toFixed(2)}" y="${i}" width="${Math.max(0.3, percent(span.durationUs, frame)).toFixed(2)}" height="0.9" fill="${frame.hueOf(serviceOf(span))}"/>`,
  );
  return html`<svg class="minimap" viewBox="0 0 100 ${rows.length}" preserveAspectRatio="none" aria-hidden="true">${bars}</svg>`;
}

const TICKS = [0, 0.5];

function ticks({ axisUs }: Frame): Html {
  const inner = TICKS.map(
    (share) =>
      html`<span style="left:${100 * share}%">${share === 0 ? '0' : readableDuration(share * axisUs)}</span>`,
  );
  return html`<div class="ticks">${inner}<span>${readableDuration(axisUs)}</span></div>`;
}

/** The waterfall of one trace, on a time axis of that length. */
function waterfall(spans: readonly StoredSpan[], page: Omit<Frame, 'startUs'>): Html {
  const { startUs, durationUs } = extent(spans);
  const frame = { ...page, startUs };
  const rows = inTreeOrder(spans);
  const root = rows[0]?.span;
  const services = new Set(spans.map(serviceOf)).size;
  const depth = rows.reduce((max, row) => Math.max(max, row.depth + 1), 0);
  const failed = spans.filter((span) => span.failed).length;
  return html`<section class="card">
<h1>${root === undefined ? '' : serviceOf(root)}: <bdi>${root?.name ?? ''}</bdi></h1>
<ul class="facts"><li><b>${readableDuration(durationUs)}</b></li><li>started <b>${readableInstant(startUs)}</b></li><li><b>${services}</b> services</li><li>depth <b>${depth}</b></li><li><b>${spans.length}</b> spans</li>${failed > 0 ? html`<li class="bad">${failed} failed</li>` : ''}<li class="mono">trace ${spans[0]?.traceId ?? ''}</li></ul>
${minimap(rows, frame)}
<div class="spans"><div class="row head"><div>Service and operation</div>${ticks(frame)}</div>${rows.map((row) => writeRow(row, frame))}</div></section>`;
}

interface Compared {
  readonly service: string;
  readonly operation: string;
  /** Total duration and number of spans in each of the two traces, µs. */
  readonly sides: readonly [{ us: number; count: number }, { us: number; count: number }];
}

function compared(traces: readonly (readonly StoredSpan[])[]): readonly Compared[] {
  const rows = new Map<string, Compared>();
  traces.slice(0, 2).forEach((spans, side) => {
    for (const span of spans) {
      const key = `${serviceOf(span)}\0${span.kind}\0${span.name}`;
      const kind = span.kind === 'client' ? ' (client)' : '';
      const row = rows.get(key) ?? {
        service: serviceOf(span),
        operation: `${span.name}${kind}`,
        sides: [
          { us: 0, count: 0 },
          { us: 0, count: 0 },
        ],
      };
      const at = row.sides[side];
      if (at !== undefined) {
        at.us += span.durationUs;
        at.count += 1;
      }
      rows.set(key, row);
    }
  });
  const change = ({ sides: [a, b] }: Compared): number => Math.abs(b.us - a.us);
  return [...rows.values()].toSorted((a, b) => change(b) - change(a));
}

const MOST_COMPARED = 15;

function comparison(traces: readonly (readonly StoredSpan[])[], hueOf: Frame['hueOf']): Html {
  const side = ({ us, count }: { us: number; count: number }): string =>
    count === 0 ? 'absent' : `${readableDuration(us)}${count > 1 ? ` (${count})` : ''}`;
  const rows = compared(traces)
    .slice(0, MOST_COMPARED)
    .map(({ service, operation, sides: [a, b] }) => {
      const change = b.us - a.us;
      return html`<tr style="--hue:${hueOf(service)}"><td><span class="dot"></span><b>${service}</b> <bdi>${operation}</bdi></td><td class="number">${side(a)}</td><td class="number">${side(b)}</td><td class="number ${change > 0 ? 'more' : 'less'}">${change < 0 ? '−' : '+'}${readableDuration(Math.abs(change))}</td></tr>`;
    });
  return html`<section class="card"><h2>Largest differences</h2><table><thead><tr><th>Service and operation</th><th class="number">First</th><th class="number">Second</th><th class="number">Change</th></tr></thead><tbody>${rows}</tbody></table></section>`;
}

/** The page of one trace, or of two side by side on one time axis, with what differs most above them. */
export function tracePage(traces: readonly (readonly StoredSpan[])[], uiFind: string): string {
  const words = uiFind
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  const axisUs = traces.reduce((max, spans) => Math.max(max, extent(spans).durationUs), 0);
  const hueOf = huesOf(traces.flat().map(serviceOf));
  const sections = traces.map((spans) => waterfall(spans, { axisUs, words, hueOf }));
  const title = `Trace ${traces[0]?.[0]?.traceId ?? ''}`;
  if (traces.length < 2) return layout(title, html`${sections}`);
  return layout(title, html`${comparison(traces, hueOf)}<div class="compared">${sections}</div>`);
}
