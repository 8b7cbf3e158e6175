import { totalmem } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { z } from 'zod';
import { createLimiter } from '../lib/concurrency.ts';
import { UpstreamError } from '../lib/errors.ts';
import type { EpochMs } from '../lib/units.ts';
import { startThread } from '../threads/start-thread.ts';
import type { ExplainedTrace, TraceLinks, TraceView } from '../traces/inspect-trace.ts';
import type { RedactionOptions } from '../traces/redact-trace.ts';
import type { Span, Trace } from '../traces/trace.ts';
import type { DeferredLink, ReadReply, ReadRequest } from './reading-worker.ts';
import type { TraceFormat } from './trace-format.ts';

/** Reads large bodies in a thread. Rejects with a `SyntaxError` or a `ZodError` like the readers of small ones. */
export interface TraceReader {
  read(body: Uint8Array, format: TraceFormat): Promise<readonly Trace[]>;
  /** Undefined for a body without a trace. */
  explain(
    body: Uint8Array,
    options: { readonly format: TraceFormat; readonly now: EpochMs; readonly links: TraceLinks },
  ): Promise<ExplainedTrace | undefined>;
}

/** The share of the free memory that reading may use: the rest is for what else happens meanwhile. */
const MEMORY_SHARE = 0.7;
const MIN_HEAP_MB = 64;

/**
 * The heap of the thread in MB, by the memory that the machine or the container has left. The spans of a body take about
 * seven times its size; a thread whose heap does not suffice ends, and the process goes on.
 */
function heapFor({ byteLength }: Uint8Array): number {
  const constrained = process.constrainedMemory();
  const memory = constrained > 0 ? Math.min(totalmem(), constrained) : totalmem();
  const free = (memory - process.memoryUsage.rss()) * MEMORY_SHARE - byteLength;
  return Math.max(MIN_HEAP_MB, Math.floor(free / 1_048_576));
}

/** One thread for each body, as large bodies are rare and leave much memory behind; one at a time. */
export function createTraceReader(redaction: RedactionOptions): TraceReader {
  const limiter = createLimiter(1);
  return {
    read: (body, format) =>
      limiter.run(() =>
        inThread(heapFor(body), async (ask) => {
          await ask({ kind: 'read', body, format, redaction });
          const spans: Span[] = [];
          for (let part = await next(ask); part.length > 0; part = await next(ask)) {
            for (const span of part) spans.push(span);
            await setImmediate();
          }
          return groupedByTrace(spans);
        }),
      ),
    explain: (body, { format, now, links }) =>
      limiter.run(() =>
        inThread(heapFor(body), async (ask) => {
          await ask({ kind: 'read', body, format, redaction });
          const reply = await ask({ kind: 'explain', now });
          const view = reply.kind === 'explained' ? reply.view : undefined;
          if (view === undefined) return undefined;
          return { view: withLinks(view, links), trace: { traceId: view.traceId, spans: await next(ask) } };
        }),
      ),
  };
}

type Ask = (request: ReadRequest) => Promise<ReadReply>;

async function next(ask: Ask): Promise<readonly Span[]> {
  const reply = await ask({ kind: 'next' });
  return reply.kind === 'spans' ? reply.spans : [];
}

async function inThread<T>(heapMb: number, work: (ask: Ask) => Promise<T>): Promise<T> {
  const worker = startThread(
    { name: 'reading-worker', from: import.meta.url },
    { maxOldGenerationSizeMb: heapMb },
  );
  let settle: { resolve: (reply: ReadReply) => void; reject: (error: Error) => void } | undefined;
  worker.on('error', (error) => settle?.reject(causeOf(error)));
  worker.on('exit', (code) => settle?.reject(new Error(`The reading thread ended with code ${code}.`)));
  worker.on('message', (reply: ReadReply) => {
    if (reply.kind === 'unreadable') settle?.reject(unreadable(reply.path));
    else settle?.resolve(reply);
  });
  const ask: Ask = (request) =>
    new Promise((resolve, reject) => {
      settle = { resolve, reject };
      worker.postMessage(request, 'body' in request ? movable(request.body) : []);
    });
  try {
    return await work(ask);
  } finally {
    await worker.terminate();
  }
}

const unreadable = (path: readonly string[] | undefined): Error =>
  path === undefined
    ? new SyntaxError('not JSON')
    : new z.ZodError([{ code: 'custom', path: [...path], message: 'another shape', input: undefined }]);

/** A body that has its memory for itself is moved to the thread: copying 64 MiB takes 50 ms. */
const movable = ({ buffer, byteLength }: Uint8Array): ArrayBuffer[] =>
  buffer instanceof ArrayBuffer && buffer.byteLength === byteLength ? [buffer] : [];

function causeOf(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  return 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? tooLarge() : error;
}

const tooLarge = (): UpstreamError =>
  new UpstreamError({
    system: 'jaeger',
    code: 'too-large',
    message: 'The answer of Jaeger needs more memory than the bot has for it.',
    advice: 'Use a shorter time range or a smaller limit, or give the bot more memory.',
  });

/** Spans of one trace arrive together. */
function groupedByTrace(spans: readonly Span[]): readonly Trace[] {
  const byId = new Map<string, Span[]>();
  for (const span of spans) {
    const known = byId.get(span.traceId);
    if (known === undefined) byId.set(span.traceId, [span]);
    else known.push(span);
  }
  return [...byId].map(([traceId, all]) => ({ traceId, spans: all }));
}

/** Builds the links that the thread could not. */
function withLinks(view: TraceView, links: TraceLinks): TraceView {
  const built = (text: string | undefined): string | undefined => {
    if (text === undefined) return undefined;
    const [method, first, second] = JSON.parse(text) as DeferredLink;
    switch (method) {
      case 'trace':
        return links.trace(first as string, second as readonly string[] | undefined);
      case 'kialiGraph':
        return links.kialiGraph(first as Parameters<TraceLinks['kialiGraph']>[0]);
      default:
        return links.grafanaTrace(first as Parameters<TraceLinks['grafanaTrace']>[0]);
    }
  };
  return {
    ...view,
    url: built(view.url),
    path: { ...view.path, url: built(view.path.url) },
    links: view.links?.flatMap(({ label, url }) => {
      const target = built(url);
      return target === undefined ? [] : [{ label, url: target }];
    }),
  };
}
