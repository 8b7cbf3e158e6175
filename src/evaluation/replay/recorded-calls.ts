import { type EpochMs, epochMs, MINUTE } from '../../lib/units.ts';
import type { CallGraph } from '../../policy/call-graph.ts';
import { CALLS, callGraphOf, type LearnCalls } from '../learn-calls.ts';
import { createRecordedMetrics, type RecordedOptions } from './recorded-metrics.ts';

/** Who called whom in the past. */
export interface RecordedCalls {
  readonly learn: LearnCalls;
  /** Why the source could not be read, when it could not. */
  readonly failure: () => Error | undefined;
  /** What the source said when it refused the question: for those minutes nothing is known. */
  readonly refusal: () => string | undefined;
}

/** A large mesh has tens of thousands of pairs, and is only asked about while several alerts stand: an hour at a time. */
const MINUTES_AHEAD = 60;

/**
 * Learns call graphs from ranges, one for each whole minute: live asks once a minute too, and an interrupted replay comes
 * to the same wherever it goes on. A past without the counters gives graphs without calls, as it does live.
 */
export function createRecordedCalls(options: Omit<RecordedOptions, 'step' | 'ahead'>): RecordedCalls {
  const { metrics, failure } = createRecordedMetrics({ ...options, step: MINUTE, ahead: MINUTES_AHEAD });
  let known: { readonly at: EpochMs; readonly graph: CallGraph | undefined } | undefined;
  let refusal: string | undefined;

  async function graphAt(at: EpochMs): Promise<CallGraph | undefined> {
    try {
      return callGraphOf(await metrics.instant({ expr: CALLS, at }));
    } catch (error) {
      if (failure() === undefined) refusal ??= error instanceof Error ? error.message : String(error);
      return undefined;
    }
  }

  return {
    failure,
    refusal: () => refusal,
    learn: async (instant) => {
      const at = epochMs(Math.floor(instant / MINUTE) * MINUTE);
      if (known?.at !== at) known = { at, graph: await graphAt(at) };
      return known.graph;
    },
  };
}
