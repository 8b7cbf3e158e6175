import type { Alert } from '../alerts/alert.ts';
import type { ErrorBudget } from '../latency/error-budget.ts';
import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { faultText, SYSTEM_NAMES, type System, UpstreamError } from '../lib/errors.ts';
import type { Links } from '../lib/links.ts';
import type { Logger } from '../lib/logger.ts';
import type { MetricsSource } from '../lib/metrics-source.ts';
import { after, type EpochMs, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import type { SloRule } from '../rules/rule.ts';
import type { FindSlowest } from '../traces/find-slowest.ts';
import type { ResolvedService, ResolveService } from '../traces/resolve-service.ts';
import { type Enrichment, namespaceOf, recoveryWindow, serviceOf } from './alert-view.ts';
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

/** What finding the slowest traces of an alert needs. */
export interface TracesOfOptions {
  readonly findSlowest: FindSlowest;
  readonly resolveService: ResolveService;
  readonly links: Pick<Links, 'trace'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The search for traces is asked to end this much before its deadline: what it has found by then is shown. */
const LAST_MOMENT = ms(1_500);
/**
 * After Jaeger did not answer, no alert waits for it for this long: during an alert group the first to wait spares the others,
 * and a resolve is not held up by a search that will fail.
 */
const SPARED_FOR = ms(30 * SECOND);
/** As many as the message shows: its completeness then speaks of the last one in sight. */
const TRACES = 5;
/** Why a part could not be had, for a person. */
function explain(error: unknown, deadline: Milliseconds): string {
  if (!(error instanceof UpstreamError)) return 'something went wrong inside the bot; its log says what.';
  if (error.code === 'timeout')
    return `${SYSTEM_NAMES[error.system]} did not answer in ${Math.round(deadline / SECOND)} s.`;
  return error.message;
}

type FoundTraces = Pick<Enrichment, 'traces' | 'traceService'>;

/** The alert whose traces are wanted, and by when. */
export interface TracesWanted {
  readonly alert: Alert;
  readonly rule: SloRule;
  readonly deadline: Milliseconds;
}

/** What a search came to, and whether that was because nobody answered. */
interface Searched {
  readonly found: FoundTraces;
  readonly isOutage: boolean;
}

/** Answers at once, with the last reason, for a while after a search that nobody answered. */
function sparing(
  clock: Clock,
  search: (of: TracesWanted) => Promise<Searched>,
): (of: TracesWanted) => Promise<FoundTraces> {
  let outage: { readonly until: EpochMs; readonly found: FoundTraces } | undefined;
  return async (of) => {
    if (outage !== undefined && clock.now() < outage.until) return outage.found;
    const { found, isOutage } = await search(of);
    outage = isOutage ? { until: after(clock.now(), SPARED_FOR), found } : undefined;
    return found;
  };
}

/** Finds the slowest traces of an alert's service. Never throws: why there are none is said in a sentence. */
function createTracesOf(options: TracesOfOptions): (of: TracesWanted) => Promise<FoundTraces> {
  return sparing(options.clock, (of) => searched(options, of));
}

async function searched(options: TracesOfOptions, of: TracesWanted): Promise<Searched> {
  const { alert, rule, deadline } = of;
  const name = serviceOf(alert, rule);
  if (name === undefined)
    return { found: unavailable('No label of the alert names a service.'), isOutage: false };
  const limit = { clock: options.clock, duration: deadline, system: 'jaeger' } as const;
  try {
    const found = await withDeadline(limit, (signal) => slowest(options, { ...of, name }, signal));
    return { found, isOutage: false };
  } catch (error) {
    if (!(error instanceof UpstreamError))
      options.logger.error('the traces of an alert could not be looked for', {
        error: faultText(error),
      });
    const isOutage =
      error instanceof UpstreamError && (error.code === 'timeout' || error.code === 'unavailable');
    return { found: unavailable(explain(error, deadline)), isOutage };
  }
}

const unavailable = (reason: string): FoundTraces => ({ traces: { kind: 'unavailable', reason } });

async function slowest(
  { findSlowest, resolveService, links, clock }: TracesOfOptions,
  of: TracesWanted & { name: string },
  signal: AbortSignal,
): Promise<FoundTraces> {
  const { alert, rule, name, deadline } = of;
  const service = chosen(await resolveService(name, signal), `${name}.${namespaceOf(alert) ?? ''}`);
  if (service === undefined) return unavailable(`Jaeger knows no service that is certainly ${name}.`);
  // Ends the search in time to show what it found so far.
  const hurry = new AbortController();
  const hurried = new AbortController();
  signal.addEventListener('abort', () => hurry.abort(), { once: true });
  void clock.sleep(ms(Math.max(0, deadline - LAST_MOMENT)), hurried.signal).then(() => hurry.abort());
  try {
    const found = await findSlowest(
      { service, window: recoveryWindow(alert, rule), count: TRACES },
      hurry.signal,
    );
    const rows = found.rows.map((row) => {
      const url = links.trace(row.traceId);
      return url === undefined ? row : { ...row, url };
    });
    return { traceService: service, traces: { kind: 'found', rows, completeness: found.completeness } };
  } finally {
    hurried.abort();
  }
}

/** The one service that is meant: by its name, or, among several, by the alert's namespace. */
function chosen(resolved: ResolvedService, qualified: string): string | undefined {
  if (resolved.kind === 'found') {
    // The alert knows its namespace better than the default does.
    return resolved.among?.find((each) => each === qualified) ?? resolved.service;
  }
  return resolved.kind === 'ambiguous' ? resolved.candidates.find((each) => each === qualified) : undefined;
}
