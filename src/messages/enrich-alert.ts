import type { Alert } from '../alerts/alert.ts';
import type { ErrorBudget } from '../latency/error-budget.ts';
import { withDeadline } from '../lib/deadline.ts';
import { faultText, type System, UpstreamError } from '../lib/errors.ts';
import type { MetricsSource } from '../lib/metrics-source.ts';
import { type Milliseconds, ms, SECOND } from '../lib/units.ts';
import type { SloRule } from '../rules/rule.ts';
import type { Enrichment } from './alert-view.ts';
import { createTracesOf, explain, type TracesOfOptions } from './enrich-traces.ts';
import { measureAlert } from './measure-alert.ts';

/** What collecting the proof of an alert needs. */
export interface EnrichAlertOptions extends TracesOfOptions {
  readonly metrics: Pick<MetricsSource, 'instant' | 'range'>;
  /** Absent: no error budget is shown. */
  readonly errorBudget?: ErrorBudget;
  /** How long each part may take. Eight seconds unless given. */
  readonly deadline?: Milliseconds;
}

/** Collects what a person would look up by hand. Never throws: what could not be had is said in a sentence. */
export type EnrichAlert = (of: {
  readonly alert: Alert;
  readonly rule: SloRule;
  /** It is the worst of many that share a message: what all of them are among is counted too. */
  readonly isAlertGroup?: boolean;
}) => Promise<Enrichment>;

const DEADLINE = ms(8 * SECOND);

/** The parts are fetched side by side, each under its own deadline: one that fails costs its own line only. */
export function createEnrichAlert(options: EnrichAlertOptions): EnrichAlert {
  const { clock, logger, deadline = DEADLINE } = options;

  /** Runs one part; undefined and a sentence in `gaps` when it does not succeed. */
  async function part<T>(
    of: { what: string; system: System; gaps: string[] },
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T | undefined> {
    try {
      return await withDeadline({ clock, duration: deadline, system: of.system }, work);
    } catch (error) {
      of.gaps.push(`${of.what}: ${explain(error, deadline)}`);
      if (!(error instanceof UpstreamError))
        logger.error('an alert could not be enriched', {
          part: of.what,
          error: faultText(error),
        });
      return undefined;
    }
  }

  const tracesOf = createTracesOf(options);

  return async ({ alert, rule, isAlertGroup = false }) => {
    // The bot's own message on a source that does not answer: there is nobody to ask.
    if (rule.about === 'source') return { traces: { kind: 'pending' }, gaps: [] };
    const gaps: string[] = [];
    const { objective } = rule;
    const [measured, traced, watched] = await Promise.all([
      objective === undefined ? undefined : measureAlert(options, part, { alert, rule, objective, gaps }),
      tracesOf({ alert, rule, deadline }),
      isAlertGroup
        ? part({ what: 'No count', system: 'prometheus', gaps }, (signal) =>
            countOf(options, { alert, rule }, signal),
          )
        : undefined,
    ]);
    return { ...measured, ...traced, ...(watched === undefined ? {} : { watched }), gaps };
  };
}

/** How many series a rule gives a verdict for; undefined where only those that breach can be asked for. */
async function countOf(
  { metrics }: EnrichAlertOptions,
  { alert, rule }: { readonly alert: Alert; readonly rule: SloRule },
  signal: AbortSignal,
): Promise<number | undefined> {
  if (rule.recovery === undefined) return undefined;
  const [all] = await metrics.instant(
    { expr: `count(${rule.recovery.expr})`, at: alert.resolvedAt ?? alert.seenAt },
    signal,
  );
  return all?.value;
}
