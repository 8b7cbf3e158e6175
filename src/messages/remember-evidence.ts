import type { Clock } from '../lib/clock.ts';
import { between, type EpochMs, MINUTE, type Milliseconds, ms } from '../lib/units.ts';
import type { Enrichment } from './alert-view.ts';
import type { EnrichAlert } from './enrich-alert.ts';

/** Messages are edited at least this often: what was collected for the last edit is what they show. */
const LATELY: Milliseconds = ms(10 * MINUTE);

/** Alerts whose evidence is remembered; of more, the ones that waited longest are collected for anew. */
const MOST = 500;

/** Evidence, and what of it was collected lately. */
export interface Evidence {
  readonly enrich: EnrichAlert;
  /** What the message of an alert shows already. */
  readonly lately: (alertId: string) => Enrichment | undefined;
}

/**
 * Remembers the evidence of the last edit, so that what a person did is shown at once: nobody who takes an alert should
 * wait for a search of traces, least of all while the tracing backend is slow.
 */
export function rememberEvidence(enrich: EnrichAlert, clock: Pick<Clock, 'now'>): Evidence {
  const known = new Map<string, { readonly enrichment: Enrichment; readonly at: EpochMs }>();
  return {
    enrich: async (of) => {
      const enrichment = await enrich(of);
      const { alertId } = of.alert;
      known.delete(alertId);
      known.set(alertId, { enrichment, at: clock.now() });
      const oldest = known.keys().next().value;
      if (known.size > MOST && oldest !== undefined) known.delete(oldest);
      return enrichment;
    },
    lately: (alertId) => {
      const found = known.get(alertId);
      return found === undefined || between(found.at, clock.now()) > LATELY ? undefined : found.enrichment;
    },
  };
}
