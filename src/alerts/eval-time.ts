import { hashTexts } from '../lib/labels.ts';
import { type EpochMs, epochMs, type Milliseconds, ms, SECOND } from '../lib/units.ts';

/**
 * The evaluation time an instant belongs to: the last point of the group's grid that is not after it.
 *
 *     offset                 now
 *       |----interval----|----*-----------|
 *                        ^ evaluation time
 *
 * Source: prometheus rules/group.go, EvalTimestamp.
 */
export function evalTimeOf(now: EpochMs, interval: Milliseconds, offset: Milliseconds): EpochMs {
  return epochMs(Math.floor((now - offset) / interval) * interval + offset);
}

/**
 * Where in its interval a group runs, in whole seconds: a hash of its id spreads groups evenly, so that they do not ask
 * Prometheus all at once, and gives the same answer on every replica and after every restart.
 */
export function spreadOffset(groupId: string, interval: Milliseconds): Milliseconds {
  const seconds = BigInt(Math.max(1, Math.floor(interval / SECOND)));
  return ms(Number(BigInt(`0x${hashTexts([groupId])}`) % seconds) * SECOND);
}
