import type { Alert } from '../alerts/alert.ts';
import type { ExplainSlowness } from '../culprit/collect.ts';
import type { CulpritResult, NotCompared } from '../culprit/result.ts';
import { culpritSentences } from '../culprit/text.ts';
import type { Clock } from '../lib/clock.ts';
import { createLimiter } from '../lib/concurrency.ts';
import { faultText, UpstreamError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { after, type EpochMs, MINUTE, type Milliseconds, ms, SECOND, toUs } from '../lib/units.ts';
import type { SloRule } from '../rules/rule.ts';
import { evidenceWindow, statusOf, traceCommand } from './alert-subject.ts';

/** Who is to blame for a breach, as its message shows it. Texts are not escaped. */
export interface CulpritFinding {
  /** Service, operation and kind, or `unclear`; empty when slow and normal traces could not be compared. */
  readonly subject: string;
  readonly headline: string;
  /** A second cause; of an unclear result the candidates. */
  readonly others: readonly string[];
  readonly asOf: EpochMs;
  /** The command that shows the whole comparison. */
  readonly command: string;
}

/** The alert whose culprit is wanted. */
export interface CulpritWanted {
  readonly alert: Alert;
  readonly rule: SloRule;
  /** The name the tracing backend knows the service by. */
  readonly traceService: string | undefined;
  /** What its message shows. */
  readonly shown: CulpritFinding | undefined;
}

/** What is known of a culprit now. */
export interface CulpritState {
  readonly finding?: CulpritFinding;
  /** A comparison is under way: its result comes within seconds. */
  readonly isPending: boolean;
}

/** Returns what is known at once, and compares traces in the background when the last comparison is old. Never throws. */
export type WatchCulprit = (of: CulpritWanted) => CulpritState;

/** What comparing slow with normal traces needs. */
export interface WatchCulpritOptions {
  readonly explainSlowness: ExplainSlowness;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A comparison takes up to 16 searches: each alert's is repeated no sooner, and few run or wait at the same time. */
const INTERVAL: Milliseconds = ms(2 * MINUTE);
/** After a failure, so that an outage of a few seconds does not cost two minutes. */
const RETRY: Milliseconds = ms(30 * SECOND);
const CONCURRENCY = 2;
const MOST_WAITING = 4;
/** Alerts that are remembered; beyond it the oldest is forgotten. */
const MOST_REMEMBERED = 500;

interface Comparison {
  readonly startedAt: EpochMs;
  isRunning: boolean;
  /** Without a result, or before the slow traces arrived: it is repeated soon. */
  isRepeatedSoon: boolean;
  finding: CulpritFinding | undefined;
}

/** Compares the traces of firing latency alerts, each at most every two minutes. */
export function createCulpritWatch({ explainSlowness, clock, logger }: WatchCulpritOptions): WatchCulprit {
  const limiter = createLimiter(CONCURRENCY);
  const comparisons = new Map<string, Comparison>();

  async function compare(of: CulpritWanted & { readonly traceService: string }, comparison: Comparison) {
    const { alert, rule, traceService: service } = of;
    const window = evidenceWindow(alert, rule);
    const { objective } = rule;
    const threshold = objective === undefined ? undefined : toUs(objective.threshold);
    try {
      const { result } = await limiter.run(() => explainSlowness({ service, window, threshold }));
      const command = traceCommand('why', service, window);
      const { headline, others } = culpritSentences(result);
      // The metrics show a breach: what is slow has not arrived, or was not sampled.
      const isEarly = result.kind === 'not-slower';
      const text = isEarly ? 'No culprit: the traces so far are not slower than normal.' : headline;
      comparison.isRepeatedSoon = isEarly;
      comparison.finding = { subject: subjectOf(result), headline: text, others, asOf: clock.now(), command };
    } catch (error) {
      comparison.isRepeatedSoon = true;
      // The message says that Jaeger does not respond in the place of its traces.
      if (!(error instanceof UpstreamError))
        logger.error('the traces of an alert could not be compared', { error: faultText(error) });
    } finally {
      comparison.isRunning = false;
    }
  }

  function start(of: CulpritWanted & { readonly traceService: string }, finding: CulpritFinding | undefined) {
    const { alertId } = of.alert;
    const comparison = { startedAt: clock.now(), isRunning: true, isRepeatedSoon: false, finding };
    comparisons.delete(alertId);
    comparisons.set(alertId, comparison);
    const oldest = comparisons.keys().next().value;
    if (comparisons.size > MOST_REMEMBERED && oldest !== undefined) comparisons.delete(oldest);
    void compare(of, comparison);
  }

  return (of) => {
    const { alert, shown, traceService } = of;
    const last = comparisons.get(alert.alertId);
    const finding = newer(shown, last?.finding);
    // An ended alert waits for nothing.
    if (last?.isRunning === true) return { finding, isPending: statusOf(alert) === 'firing' };
    const isDue = clock.now() >= dueAt(last, shown) && limiter.waiting() < MOST_WAITING;
    if (traceService === undefined || !isDue || !isCompared(of)) return { finding, isPending: false };
    start({ ...of, traceService }, finding);
    return { finding, isPending: true };
  };
}

/** When traces are compared next, after what this process, or the one that made the message, compared last. */
function dueAt(last: Comparison | undefined, shown: CulpritFinding | undefined): number {
  if (last !== undefined) return after(last.startedAt, last.isRepeatedSoon ? RETRY : INTERVAL);
  return shown === undefined ? 0 : after(shown.asOf, INTERVAL);
}

/** Only while it fires: an ended alert keeps what was found. Failed requests are slow for other reasons. */
const isCompared = ({ alert, rule }: CulpritWanted): boolean =>
  statusOf(alert) === 'firing' && rule.about !== 'source' && rule.measures !== 'errors';

/** The later of two; one that names a culprit is not replaced by one without a comparison. */
function newer(
  shown: CulpritFinding | undefined,
  found: CulpritFinding | undefined,
): CulpritFinding | undefined {
  if (shown === undefined || found === undefined) return found ?? shown;
  if (found.subject === '' && shown.subject !== '') return shown;
  return found.asOf >= shown.asOf ? found : shown;
}

function subjectOf(result: CulpritResult | NotCompared): string {
  if (result.kind !== 'compared') return '';
  const [first] = result.candidates;
  return first === undefined || result.confidence === 'unclear'
    ? 'unclear'
    : [first.service, first.operation, first.kind].join('|');
}

/** Whether the message showed another culprit before: a person may be acting on it. */
export const isReplaced = (shown: CulpritFinding | undefined, found: CulpritFinding | undefined): boolean =>
  shown !== undefined && found !== undefined && shown.subject !== '' && shown.subject !== found.subject;
