import type { Random } from './random.ts';

/** Why a request is traced, or that it is not. */
export type TraceReason = 'not-traced' | 'sampled' | 'forced-by-server' | 'forced-by-client';

/** Envoy packs the decision into the version digit of the request id. Source: envoy/extensions/request_id/uuid. */
const PACKED: Readonly<Record<TraceReason, string>> = {
  'not-traced': '4',
  sampled: '9',
  'forced-by-server': 'a',
  'forced-by-client': 'b',
};

/** An x-request-id as Envoy makes it: a random UUID that says at index 14 whether the request is traced. */
export function createRequestId(random: Random, reason: TraceReason): string {
  const digits = random.hex(32);
  const variant = '89ab'[random.below(4)] ?? '8';
  return [
    digits.slice(0, 8),
    digits.slice(8, 12),
    `${PACKED[reason]}${digits.slice(13, 16)}`,
    `${variant}${digits.slice(17, 20)}`,
    digits.slice(20),
  ].join('-');
}
