import type { StoredSpan } from '../../../../demo/jaeger/model.ts';

/** 2026-11-20T10:00:00Z in µs: on the hour, which matters to Cassandra's buckets. */
export const TEN = Date.parse('2026-11-20T10:00:00Z') * 1_000;
export const SECOND = 1_000_000;
export const MINUTE = 60 * SECOND;
export const MILLISECOND = 1_000;

export const traceId = (n: number): string => n.toString(16).padStart(32, '0');
export const spanId = (n: number): string => n.toString(16).padStart(16, '0');

/** A server span of checkout at ten o'clock, unless told otherwise. `service` is put into the resource. */
export function aSpan(
  of: Partial<StoredSpan> & { readonly trace: number; readonly service?: string },
): StoredSpan {
  const { trace, service = 'checkout.shop', ...rest } = of;
  return {
    traceId: traceId(trace),
    spanId: spanId(trace * 100),
    name: 'place',
    kind: 'server',
    startUs: TEN,
    durationUs: 10 * MILLISECOND,
    failed: false,
    attributes: {},
    resource: { 'service.name': service },
    ...rest,
  };
}
