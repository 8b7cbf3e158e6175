import { z } from 'zod';
import type { Labels } from '../lib/labels.ts';

/** Prometheus writes values as strings: `1.5`, `NaN`, `+Inf`, `-Inf`. */
export function parseValue(text: string): number {
  if (text === '+Inf' || text === 'Inf') return Number.POSITIVE_INFINITY;
  if (text === '-Inf') return Number.NEGATIVE_INFINITY;
  return text === 'NaN' ? Number.NaN : Number(text);
}

function isLabels(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  for (const name of Object.keys(value)) if (typeof (value as Labels)[name] !== 'string') return false;
  return true;
}

/** Looked at and not copied, as `z.record` would: an answer may have ten thousand of them. */
const labels = z.custom<Labels>(isLabels);
/** Unix seconds with a fraction, and the value. */
const point = z.tuple([z.number(), z.string()]);

/** Kind of boundary (which side is open), lower and upper bound, count. */
const nativeBucket = z.tuple([z.number(), z.string(), z.string(), z.string()]);

/** A native histogram. What cannot be read of it costs its buckets, not the answer. */
const nativeHistogram = z
  .tuple([z.number(), z.object({ buckets: z.array(nativeBucket).default([]) })])
  .transform(([, { buckets }]) =>
    buckets.map(([, low, high, count]) => ({
      low: parseValue(low),
      high: parseValue(high),
      count: parseValue(count),
    })),
  )
  .catch([]);

/** `data` of `/api/v1/query`. A native histogram has `histogram` in place of `value`. */
export const instantData = z.discriminatedUnion('resultType', [
  z.object({
    resultType: z.literal('vector'),
    result: z.array(
      z.object({ metric: labels, value: point.optional(), histogram: nativeHistogram.optional() }),
    ),
  }),
  z.object({ resultType: z.literal('scalar'), result: point }),
  z.object({ resultType: z.literal('string'), result: z.unknown() }),
  z.object({ resultType: z.literal('matrix'), result: z.unknown() }),
]);

/** `data` of `/api/v1/query_range`. */
export const rangeData = z.object({
  resultType: z.literal('matrix'),
  result: z.array(z.object({ metric: labels, values: z.array(point).optional() })),
});

/** `data` of `/api/v1/query` with `stats=all`. Other servers that speak the API leave it out. */
export const costData = z.object({
  stats: z
    .object({
      timings: z.object({ execTotalTime: z.number() }),
      samples: z.object({ peakSamples: z.number() }).optional(),
    })
    .optional(),
});

export const labelValuesData = z.array(z.string());

/** Every answer of the API, good or bad. */
export const envelope = z.discriminatedUnion('status', [
  z.object({ status: z.literal('success'), data: z.unknown(), warnings: z.array(z.string()).optional() }),
  z.object({ status: z.literal('error'), errorType: z.string(), error: z.string() }),
]);
