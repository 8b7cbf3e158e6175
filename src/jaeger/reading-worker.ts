import { parentPort } from 'node:worker_threads';
import { z } from 'zod';
import { epochMs } from '../lib/units.ts';
import { type TraceView, traceView } from '../traces/inspect-trace.ts';
import { createRedactTrace, type RedactionOptions } from '../traces/redact-trace.ts';
import type { Span, Trace } from '../traces/trace.ts';
import { readTraces, type TraceFormat } from './trace-format.ts';

/*
 * The entry of the thread that reads a large body: parsing 64 MiB takes seconds, and so does the analysis of its spans. Spans
 * are handed over in small parts, each on request: receiving them all at once would block the main thread again.
 */

/** A message to the thread. The first one is `read`. */
export type ReadRequest =
  | {
      readonly kind: 'read';
      readonly body: Uint8Array;
      readonly format: TraceFormat;
      readonly redaction: RedactionOptions;
    }
  /** The next spans. */
  | { readonly kind: 'next' }
  /** The first trace as shown to a person, at an instant. */
  | { readonly kind: 'explain'; readonly now: number };

/** A link of a view that is built in the main thread: the method and its argument. */
export type DeferredLink = readonly [method: string, ...parameters: readonly unknown[]];

/** A reply of the thread. */
export type ReadReply =
  | { readonly kind: 'read'; readonly traces: number; readonly spans: number }
  | { readonly kind: 'spans'; readonly spans: readonly Span[] }
  | { readonly kind: 'explained'; readonly view: TraceView | undefined }
  /** The body is not JSON, or has another shape: then with the place of the difference. */
  | { readonly kind: 'unreadable'; readonly path: readonly string[] | undefined };

/** Takes about 10 ms to receive. */
const SPANS_PER_PART = 500;

/** Links of the view, to be built from the text in the main thread. */
const deferred =
  (method: string) =>
  (...parameters: readonly unknown[]): string =>
    JSON.stringify([method, ...parameters] satisfies DeferredLink);

const LINKS = {
  trace: deferred('trace'),
  kialiGraph: deferred('kialiGraph'),
  grafanaTrace: deferred('grafanaTrace'),
};

let traces: readonly Trace[] = [];
let parts: Iterator<readonly Span[]> = [][Symbol.iterator]();

function* partsOf(all: readonly Trace[]): Generator<readonly Span[]> {
  const spans = all.flatMap((trace) => trace.spans);
  for (let at = 0; at < spans.length; at += SPANS_PER_PART) yield spans.slice(at, at + SPANS_PER_PART);
}

function replyTo(request: ReadRequest): ReadReply {
  switch (request.kind) {
    case 'read':
      traces = readTraces(JSON.parse(new TextDecoder().decode(request.body)), request.format).map(
        createRedactTrace(request.redaction),
      );
      parts = partsOf(traces);
      return {
        kind: 'read',
        traces: traces.length,
        spans: traces.reduce((sum, { spans }) => sum + spans.length, 0),
      };
    case 'next': {
      const { value, done } = parts.next();
      return { kind: 'spans', spans: done === true ? [] : value };
    }
    case 'explain': {
      const trace = traces.find(({ spans }) => spans.length > 0);
      const now = epochMs(request.now);
      return { kind: 'explained', view: trace && traceView(trace, { now, links: LINKS }) };
    }
  }
}

function answer(request: ReadRequest): ReadReply {
  try {
    return replyTo(request);
  } catch (error) {
    if (error instanceof SyntaxError) return { kind: 'unreadable', path: undefined };
    if (!(error instanceof z.ZodError)) throw error;
    return { kind: 'unreadable', path: error.issues[0]?.path.map(String) ?? [] };
  }
}

parentPort?.on('message', (request: ReadRequest) => parentPort?.postMessage(answer(request), []));
