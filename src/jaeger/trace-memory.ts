import { LRUCache } from 'lru-cache';
import { type EpochMs, MINUTE, type Milliseconds, ms } from '../lib/units.ts';
import type { Attributes, Span, Trace } from '../traces/trace.ts';

/** Traces that were read by their id, as long as there is room. */
export interface TraceMemory {
  get(traceId: string): Trace | undefined;
  keep(trace: Trace): void;
}

export interface TraceMemoryOptions {
  readonly now: () => EpochMs;
  /** An estimate of what the traces take at most. */
  readonly maxBytes: number;
}

/** Spans of a younger trace may still be arriving: sidecars and collectors buffer. */
const SETTLED_AFTER: Milliseconds = MINUTE;
/** Late spans and deletion are rare, but happen. */
const KEPT_FOR: Milliseconds = ms(10 * MINUTE);

interface Kept {
  readonly trace: Trace;
  readonly at: EpochMs;
}

/**
 * Only for traces that were asked for by id. What a search gives may be a part: Elasticsearch reads the indices around
 * the window, VictoriaTraces the 45 s around it.
 */
export function createTraceMemory({ now, maxBytes }: TraceMemoryOptions): TraceMemory {
  const kept = new LRUCache<string, Kept>({
    maxSize: maxBytes,
    sizeCalculation: ({ trace }) => sizeOf(trace),
  });
  return {
    get: (traceId) => {
      const found = kept.get(traceId);
      if (found === undefined) return undefined;
      if (now() - found.at < KEPT_FOR) return found.trace;
      kept.delete(traceId);
      return undefined;
    },
    keep: (trace) => {
      const at = now();
      if (endOf(trace) / 1_000 <= at - SETTLED_AFTER) kept.set(trace.traceId, { trace, at });
    },
  };
}

const endOf = ({ spans }: Trace): number =>
  spans.reduce((end, span) => Math.max(end, span.start + span.duration), 0);

/** What an object, and a field of one, take in V8; texts take a byte per character and a head. */
const OBJECT_BYTES = 120;
const FIELD_BYTES = 40;

/** A rough estimate in bytes, on the high side: resources and names are shared between spans. */
function sizeOf({ spans }: Trace): number {
  return spans.reduce((sum, span) => sum + spanSize(span), OBJECT_BYTES);
}

function spanSize({ attributes, resource, events, warnings, spanName }: Span): number {
  const eventSize = events.reduce((sum, event) => sum + OBJECT_BYTES + attributesSize(event.attributes), 0);
  const warningSize = warnings.reduce((sum, warning) => sum + FIELD_BYTES + warning.length, 0);
  const own = 3 * OBJECT_BYTES + spanName.length;
  return own + attributesSize(attributes) + attributesSize(resource) + eventSize + warningSize;
}

function attributesSize(attributes: Attributes): number {
  let size = OBJECT_BYTES;
  for (const key of Object.keys(attributes)) {
    const value = attributes[key];
    size += FIELD_BYTES + (typeof value === 'string' ? value.length : 0);
  }
  return size;
}
