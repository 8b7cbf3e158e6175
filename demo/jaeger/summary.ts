import { endNs, type StoredSpan, type StoredTrace, serviceOf, startNs } from './model.ts';

/** A trace in numbers, as /api/v3/trace-summaries returns it. Fields that are zero or empty are left out. */
export interface TraceSummary {
  readonly traceId: string;
  readonly rootServiceName?: string;
  readonly rootOperationName?: string;
  readonly minStartTimeUnixNano: string;
  readonly maxEndTimeUnixNano: string;
  readonly spanCount: number;
  readonly errorSpanCount?: number;
  readonly orphanSpanCount?: number;
  readonly services: readonly { name: string; spanCount: number; errorSpanCount?: number }[];
}

function counted<Name extends string>(name: Name, count: number): Partial<Record<Name, number>> {
  return count === 0 ? {} : ({ [name]: count } as Partial<Record<Name, number>>);
}

const failures = (spans: readonly StoredSpan[]): number => spans.filter((span) => span.failed).length;

function summariseServices(spans: readonly StoredSpan[]): TraceSummary['services'] {
  const names = [...new Set(spans.map(serviceOf))].sort();
  return names.map((name) => {
    const own = spans.filter((span) => serviceOf(span) === name);
    return { name, spanCount: own.length, ...counted('errorSpanCount', failures(own)) };
  });
}

/** Sums a trace up. The root is the first span without a parent; a trace of orphans has none. */
export function summarise({ traceId, spans }: StoredTrace): TraceSummary {
  const ids = new Set(spans.map((span) => span.spanId));
  const root = spans.find((span) => span.parentSpanId === undefined);
  const orphans = spans.filter(({ parentSpanId }) => parentSpanId !== undefined && !ids.has(parentSpanId));
  const first = spans.map(startNs).reduce((a, b) => (b < a ? b : a));
  const last = spans.map(endNs).reduce((a, b) => (b > a ? b : a));
  return {
    traceId,
    ...(root === undefined ? undefined : { rootServiceName: serviceOf(root), rootOperationName: root.name }),
    minStartTimeUnixNano: String(first),
    maxEndTimeUnixNano: String(last),
    spanCount: spans.length,
    ...counted('errorSpanCount', failures(spans)),
    ...counted('orphanSpanCount', orphans.length),
    services: summariseServices(spans),
  };
}
