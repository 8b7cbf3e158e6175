import { AsyncLocalStorage } from 'node:async_hooks';
import { type Context, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import type { TracedKind, Tracing } from '../lib/tracing.ts';
import { VERSION } from './metrics.ts';

const KINDS: Readonly<Record<TracedKind, SpanKind>> = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  internal: SpanKind.INTERNAL,
};

/** Tracing by OpenTelemetry. */
export interface OtlpTracing extends Tracing {
  /** The ids of the current span, for the lines of the log; empty outside of one. */
  readonly ids: () => Readonly<Record<string, string>>;
  /** Sends what was not sent yet. */
  stop(): Promise<void>;
}

/** Sending at the end of the process must not hold it up, in ms. */
const EXPORT_TIMEOUT = 5_000;

/**
 * Sends spans by OTLP over HTTP, in batches in the background: a collector that does not respond costs spans, not time. The
 * current span is kept here and not in OpenTelemetry's globals, so that two bots of a process do not share it.
 */
export function createOtlpTracing(options: {
  /** The address of the collector, without `/v1/traces`. */
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>;
}): OtlpTracing {
  const exporter = new OTLPTraceExporter({
    url: `${options.endpoint.replace(/\/*$/, '')}/v1/traces`,
    headers: { ...options.headers },
    timeoutMillis: EXPORT_TIMEOUT,
  });
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'tailwatch', 'service.version': VERSION }),
    spanProcessors: [new BatchSpanProcessor(exporter)],
  });
  const tracer = provider.getTracer('tailwatch', VERSION);
  const current = new AsyncLocalStorage<Context>();
  return {
    span: async ({ name, kind = 'internal', attributes }, work) => {
      const parent = current.getStore() ?? ROOT_CONTEXT;
      const span = tracer.startSpan(name, { kind: KINDS[kind], attributes: { ...attributes } }, parent);
      return await current.run(trace.setSpan(parent, span), async () => {
        try {
          return await work();
        } catch (error) {
          // Without its message, which may hold foreign text.
          span.setStatus({ code: SpanStatusCode.ERROR });
          throw error;
        } finally {
          span.end();
        }
      });
    },
    ids: (): Readonly<Record<string, string>> => {
      const store = current.getStore();
      const span = store === undefined ? undefined : trace.getSpanContext(store);
      return span === undefined ? {} : { trace_id: span.traceId, span_id: span.spanId };
    },
    stop: () => provider.shutdown(),
  };
}
