import { formatGoDuration } from './go-text.ts';
import { type Attributes, endNs, type SpanEvent, type StoredSpan, startNs } from './model.ts';

/**
 * What Jaeger changes in a trace between the store and the reader. Source: jaeger cmd/jaeger/internal/extension/jaegerquery/internal/adjuster
 * (and internal/uimodel's older adjusters for the 2.13 style).
 */
export interface AdjustStyle {
  /** The text before and after the id of a parent that is not in the trace. */
  readonly missingParent: (spanId: string) => string;
  /** Events come sorted by name (not by time); otherwise as they were sent. */
  readonly sortsEvents: boolean;
}

export const CURRENT_STYLE: AdjustStyle = {
  missingParent: (id) => `parent span ID=${id} is not in the trace; skipping clock skew adjustment`,
  sortsEvents: true,
};

/** What the older version says up to 2.13. */
export const OLD_STYLE: AdjustStyle = {
  missingParent: (id) => `invalid parent span IDs=${id}; skipping clock skew adjustment`,
  sortsEvents: false,
};

/** Returns the adjusted spans; warnings are added to those that the spans carry already. Nothing is changed in place. */
export function adjust(spans: readonly StoredSpan[], style: AdjustStyle): StoredSpan[] {
  const unique = separateSharedIds(dropDuplicates(spans));
  return warnOfSkew(unique, style).map((span) => sortInside(span, style));
}

/** A span that was sent twice is kept once. */
function dropDuplicates(spans: readonly StoredSpan[]): readonly StoredSpan[] {
  const seen = new Map<string, StoredSpan[]>();
  const kept: StoredSpan[] = [];
  for (const span of spans) {
    const twins = seen.get(span.spanId);
    if (twins === undefined) seen.set(span.spanId, [span]);
    else if (twins.some((twin) => fingerprint(twin) === fingerprint(span))) continue;
    else twins.push(span);
    kept.push(span);
  }
  return kept;
}

function fingerprint(span: StoredSpan): string {
  const { events = [], ...rest } = span;
  return JSON.stringify([rest, events.map((event) => [event.name, String(event.timeNs), event.attributes])]);
}

/** Zipkin's habit of one id for both ends of a call: the server's span gets an id of its own and becomes the client's child. */
function separateSharedIds(spans: readonly StoredSpan[]): readonly StoredSpan[] {
  const clients = new Set(spans.filter((span) => span.kind === 'client').map((span) => span.spanId));
  const shared = spans.filter((span) => span.kind === 'server' && clients.has(span.spanId));
  if (shared.length === 0) return spans;
  const taken = new Set(spans.map((span) => span.spanId));
  const renamed = new Map<string, string>();
  let counter = 0;
  for (const span of shared) {
    let id: string;
    do {
      counter += 1;
      id = counter.toString(16).padStart(16, '0');
    } while (taken.has(id));
    renamed.set(span.spanId, id);
  }
  return spans.map((span) => {
    const ownId = span.kind === 'server' && clients.has(span.spanId) ? renamed.get(span.spanId) : undefined;
    if (ownId !== undefined) return { ...span, spanId: ownId, parentSpanId: span.spanId };
    const parent = span.parentSpanId === undefined ? undefined : renamed.get(span.parentSpanId);
    return parent === undefined ? span : { ...span, parentSpanId: parent };
  });
}

/**
 * How far a span would be moved to lie inside its parent, in ns.
 *
 *     parent      |-------------------|
 *     child   |-----|                          outside: moved to the middle, so that both ways through the network take as long
 *     child         |-----|                    inside: not moved
 */
function skewOf(span: StoredSpan, parent: StoredSpan): number {
  const [start, end] = [startNs(span), endNs(span)];
  const [parentStart, parentEnd] = [startNs(parent), endNs(parent)];
  const longer = Number(end - start) - Number(parentEnd - parentStart);
  // A child that outlasts its parent was not waited for; only its start can be wrong.
  if (longer > 0) return start < parentStart ? Number(parentStart - start) : 0;
  if (start >= parentStart && end <= parentEnd) return 0;
  return Number(parentStart - start) + Math.trunc(-longer / 2);
}

function warnOfSkew(spans: readonly StoredSpan[], style: AdjustStyle): StoredSpan[] {
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  return spans.map((span) => {
    if (span.parentSpanId === undefined) return span;
    const parent = byId.get(span.parentSpanId);
    if (parent === undefined) return warn(span, style.missingParent(span.parentSpanId));
    const skew = skewOf(span, parent);
    if (skew === 0) return span;
    return warn(
      span,
      `clock skew adjustment disabled; not applying calculated delta of ${formatGoDuration(skew)}`,
    );
  });
}

function warn(span: StoredSpan, text: string): StoredSpan {
  return { ...span, warnings: [...(span.warnings ?? []), text] };
}

/**
 * Sorted once for all answers. Resources are shared by many spans, and must stay shared after sorting because readers
 * group by identity.
 */
const sortedOnce = new WeakMap<Attributes, Attributes>();

function sortByKey(attributes: Attributes): Attributes {
  const known = sortedOnce.get(attributes);
  if (known !== undefined) return known;
  const entries = Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  const sorted = Object.fromEntries(entries);
  sortedOnce.set(attributes, sorted);
  sortedOnce.set(sorted, sorted);
  return sorted;
}

function sortInside(span: StoredSpan, style: AdjustStyle): StoredSpan {
  const sorted = {
    ...span,
    attributes: sortByKey(span.attributes),
    resource: sortByKey(span.resource),
  };
  return span.events === undefined ? sorted : { ...sorted, events: sortEvents(span.events, style) };
}

function sortEvents(events: readonly SpanEvent[], style: AdjustStyle): SpanEvent[] {
  const inside = events.map((event) => ({ ...event, attributes: sortByKey(event.attributes) }));
  return style.sortsEvents ? inside.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)) : inside;
}
