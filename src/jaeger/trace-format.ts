import type { Trace } from '../traces/trace.ts';
import { readLegacyTraces } from './wire-legacy.ts';
import { readOtlpTraces } from './wire-otlp.ts';
import type { SpanDetail } from './wire-value.ts';

/** How the traces of a body are written, and how much of them is read. */
export interface TraceFormat extends SpanDetail {
  readonly api: 'legacy' | 'v3';
}

/** Reads a parsed body. Throws a `ZodError` for another shape. */
export const readTraces = (body: unknown, { api, ...detail }: TraceFormat): readonly Trace[] =>
  api === 'legacy' ? readLegacyTraces(body, detail) : readOtlpTraces(body, detail);
