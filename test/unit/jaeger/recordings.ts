import { readFileSync } from 'node:fs';
import type { OtlpTraces } from '../../../demo/jaeger/otlp.ts';
import type { Span, Trace } from '../../../src/traces/trace.ts';

/** What real Jaegers answered, kept in test/fixtures/jaeger. */
export const GENERATIONS = ['2.13', '2.20', 'after-2.20'] as const;
export type ServerVersion = (typeof GENERATIONS)[number];

export interface Recording {
  readonly path: string;
  readonly status: number;
  readonly contentType: string;
  readonly body?: unknown;
  readonly text?: string;
}

const read = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../fixtures/jaeger/${name}`, import.meta.url), 'utf8'));

export const recordingsOf = (serverVersion: ServerVersion): readonly Recording[] =>
  (read(`${serverVersion}.json`) as { requests: readonly Recording[] }).requests;

interface OtlpPopulation {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly { key: string; value: Record<string, string> }[] };
    readonly scopeSpans: readonly {
      readonly spans: readonly {
        readonly traceId: string;
        readonly spanId: string;
        readonly parentSpanId?: string;
        readonly name: string;
        readonly kind: number;
        readonly startTimeUnixNano: string;
        readonly endTimeUnixNano: string;
        readonly status: { readonly code?: number };
      }[];
    }[];
  }[];
}

/** One span as it was sent: the figures that no reading may change. */
export interface SentSpan {
  readonly traceId: string;
  readonly service: string;
  readonly name: string;
  readonly kind: string;
  readonly start: number;
  readonly duration: number;
  readonly isError: boolean;
}

/** The population as it was sent, for a stand-in to load. */
export const readPopulation = (): OtlpTraces => read('population.otlp.json') as OtlpTraces;

const KINDS = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'];

/** Everything that was sent to the recorded Jaegers. */
export function sentSpans(): readonly SentSpan[] {
  return (read('population.otlp.json') as OtlpPopulation).resourceSpans.flatMap((group) => {
    const service =
      group.resource.attributes.find(({ key }) => key === 'service.name')?.value['stringValue'] ?? '';
    return group.scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({
        traceId: span.traceId.toLowerCase().padStart(32, '0'),
        service,
        name: span.name,
        kind: KINDS[span.kind] ?? '',
        start: Number(BigInt(span.startTimeUnixNano) / 1_000n),
        duration: Number((BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano)) / 1_000n),
        isError: span.status.code === 2,
      })),
    );
  });
}

/** A read span, reduced to what was sent. */
export const asSent = (span: Span): SentSpan => ({
  traceId: span.traceId,
  service: span.serviceName,
  name: span.spanName,
  kind: span.kind,
  start: span.start,
  duration: span.duration,
  isError: span.isError,
});

const order = (a: unknown, b: unknown): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);

/** In an order that does not depend on the answer's. */
export const sorted = <T>(items: readonly T[]): readonly T[] => [...items].sort(order);

/** The older API version of 2.13 words one warning differently from everything after it. */
const sameWords = (warning: string): string =>
  warning.replace(
    /^invalid parent span IDs=(\w+); skipping/,
    'parent span ID=$1 is not in the trace; skipping',
  );

/** A trace with its spans and keys in a fixed order. */
export const canonical = (trace: Trace): unknown => ({
  traceId: trace.traceId,
  spans: sorted(
    trace.spans.map((span) => ({
      ...span,
      warnings: span.warnings.map(sameWords),
      attributes: Object.fromEntries(sorted(Object.entries(span.attributes))),
      resource: Object.fromEntries(sorted(Object.entries(span.resource))),
    })),
  ),
});
