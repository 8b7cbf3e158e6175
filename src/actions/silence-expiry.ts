import { errorMessage } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { type EpochMs, epochMs, MINUTE } from '../lib/units.ts';
import { type Ledger, NO_LEDGER } from '../messages/ledger.ts';
import { SILENCE_GROUP, silenceUpdates } from '../messages/silence-messages.ts';
import type { MessageUpdate, Store } from '../messages/store.ts';
import type { StoredSilence } from '../policy/silence.ts';
import { matchersName, suppressedBy } from './silences.ts';

interface SilenceExpiryOptions {
  readonly store: Pick<Store, 'claimTick' | 'loadGroup' | 'applyEvaluation' | 'silences' | 'ledger'>;
  readonly ledger?: Ledger;
  readonly logger: Logger;
}

/** Keeps the messages of silences up to date. */
export interface SilenceExpiry {
  /** Updates them: their ends, and what active ones suppress. One replica does for each evaluation time. Never throws. */
  readonly evaluate: (evalTime: EpochMs) => Promise<undefined>;
}

/**
 * Creates the updates of silences. What ended since the stored evaluation time is said, so that an end during a stop is
 * said after the next start, and never twice.
 */
export function createSilenceExpiry(options: SilenceExpiryOptions): SilenceExpiry {
  const { store, logger, ledger = NO_LEDGER } = options;
  /** What the messages of active silences name, as it was last written here. */
  const named = new Map<string, string>();

  async function updatesAt(silence: StoredSilence, at: EpochMs): Promise<readonly MessageUpdate[]> {
    const suppressed = await suppressedBy(store, silence);
    const text = suppressed.join('\n');
    if (silence.endsAt > at && (named.get(silence.id) ?? '') === text) return [];
    named.set(silence.id, text);
    return silenceUpdates(silence, { at, suppressed });
  }

  function note({ id, matchers, endsAt }: StoredSilence): void {
    named.delete(id);
    logger.info('silence expired', { id });
    const what = matchersName(matchers);
    ledger.add({ at: endsAt, kind: 'silence-ended', what, silence: id, outcome: 'expired' });
  }

  async function update(at: EpochMs): Promise<void> {
    const { id: group } = SILENCE_GROUP;
    const since = (await store.loadGroup(group))?.evalTime ?? epochMs(0);
    // What a person ended was said with that.
    const silences = (await store.silences(since)).filter(({ ended }) => ended === undefined);
    if (silences.length === 0) return;
    const messages: MessageUpdate[] = [];
    for (const silence of silences) messages.push(...(await updatesAt(silence, at)));
    // A time from the future is taken over: some clock was ahead when it was written.
    const replaces = since >= at ? since : undefined;
    const change = { group, state: { evalTime: at, rules: {} }, follows: since, replaces, messages };
    if ((await store.applyEvaluation(change)) === 'stale') named.clear();
    else for (const silence of silences) if (silence.endsAt <= at) note(silence);
  }

  return {
    evaluate: async (evalTime) => {
      try {
        if (await store.claimTick({ group: SILENCE_GROUP.id, evalTime, ttl: MINUTE })) await update(evalTime);
      } catch (error) {
        // The next interval starts from the same state.
        logger.warn('messages of silences could not be updated', { reason: errorMessage(error) });
      }
    },
  };
}
