import type { Alert } from '../alerts/alert.ts';
import type { ExplainSlowness, WhyQuery, WhySlow } from '../culprit/collect.ts';
import { coverageText, isThinlyTraced } from '../culprit/coverage.ts';
import type { CulpritResult, NotCompared } from '../culprit/result.ts';
import { culpritSentences } from '../culprit/text.ts';
import type { Clock } from '../lib/clock.ts';
import { createLimiter } from '../lib/concurrency.ts';
import { faultText, UpstreamError } from '../lib/errors.ts';
import type { Phrase } from '../lib/format.ts';
import type { Logger } from '../lib/logger.ts';
import {
  after,
  type EpochMs,
  epochMs,
  MINUTE,
  type Milliseconds,
  ms,
  SECOND,
  type TimeWindow,
  toUs,
} from '../lib/units.ts';
import { objectiveLabels } from '../rules/queries.ts';
import type { SloRule } from '../rules/rule.ts';
import { evidenceWindow, statusOf, traceCommand } from './alert-subject.ts';
import { createKeepEvidence } from './kept-evidence.ts';
import type { AlertGroupSnapshot, Store } from './store.ts';

/** Who is to blame for a breach, as its message shows it. Texts are not escaped. */
export interface CulpritFinding {
  /** Service, operation and kind, or `unclear`; empty when slow and normal traces could not be compared. */
  readonly subject: string;
  readonly headline: string;
  /** A second cause; of an unclear result the candidates. */
  readonly others: readonly string[];
  /** What metrics say in support of it. */
  readonly signals?: readonly Phrase[];
  /** Why the traces, or the figures from metrics, may mislead. */
  readonly warnings?: readonly Phrase[];
  readonly asOf: EpochMs;
  /** In an alert group: the alert whose traces were compared, and its service. */
  readonly member?: Pick<Alert, 'alertId' | 'labels' | 'activeAt'> & { readonly service: string };
  /** The command that shows the whole comparison. */
  readonly command: string;
}

/** The alert whose culprit is wanted. */
export interface CulpritWanted {
  readonly alert: Alert;
  readonly rule: SloRule;
  /** The name the tracing backend knows the service by. */
  readonly traceService: string | undefined;
  /** The alert group of the message; `alert` is then its worst alert. */
  readonly alertGroup?: AlertGroupSnapshot;
  /** What its message shows. */
  readonly shown: CulpritFinding | undefined;
}

/** What is known of a culprit now. */
export interface CulpritState {
  readonly finding?: CulpritFinding;
  /** When to look again, where a result is expected soon: a comparison runs, or the slow traces are still arriving. */
  readonly lookAt?: EpochMs;
}

/** Returns what is known at once, and compares traces in the background when the last comparison is old. Never throws. */
export type WatchCulprit = (of: CulpritWanted) => CulpritState;

/** What comparing slow with normal traces needs. */
export interface WatchCulpritOptions {
  readonly explainSlowness: ExplainSlowness;
  /** Keeps the compared traces; absent: they are not kept. */
  readonly store?: Pick<Store, 'keepEvidence'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A comparison takes up to 16 searches: each alert's is repeated no sooner, and few run or wait at the same time. */
const INTERVAL: Milliseconds = ms(2 * MINUTE);
/**
 * A breach is often posted before its slow traces arrived: the first comparisons follow each other sooner, until one has
 * enough of them. From the end of one to the start of the next; after the last one, `INTERVAL`.
 */
const FIRST_DELAYS: readonly number[] = [4, 4, 6, 10, 15, 20];
/** A comparison without a result is not shown sooner than this after the first one began. */
const PATIENCE: Milliseconds = ms(15 * SECOND);
/** After a failure, so that an outage of a few seconds does not cost two minutes. */
const RETRY: Milliseconds = ms(30 * SECOND);
/** With so many slow traces a result can have high confidence: it does not change from second to second. */
const ENOUGH_SLOW = 10;
/** How long to wait between two looks at a comparison that runs. */
const LOOK: Milliseconds = SECOND;
const CONCURRENCY = 2;
const MOST_WAITING = 4;
/** Alerts that are remembered; beyond it the oldest is forgotten. */
const MOST_REMEMBERED = 500;

/** The comparisons of one alert, or of one alert group. While one runs, `nextAt` is in the past. */
interface Comparisons {
  readonly firstAt: EpochMs;
  count: number;
  isRunning: boolean;
  /** When the next one is due. */
  nextAt: EpochMs;
  /** The slow traces are still arriving. */
  isEarly: boolean;
  finding: CulpritFinding | undefined;
  /** What was compared last. */
  of: Traced;
}

type Traced = CulpritWanted & { readonly traceService: string };

/** Compares the traces of firing latency alerts: more often at first, then at most every two minutes. */
export function createCulpritWatch(options: WatchCulpritOptions): WatchCulprit {
  const { clock } = options;
  const limiter = createLimiter(CONCURRENCY);
  const known = new Map<string, Comparisons>();

  function start(of: Traced, finding: CulpritFinding | undefined) {
    const key = keyOf(of);
    const now = clock.now();
    const first = { firstAt: now, count: 0, isEarly: false, nextAt: now };
    const comparisons = { ...(known.get(key) ?? first), isRunning: true, finding, of };
    comparisons.count += 1;
    known.delete(key);
    known.set(key, comparisons);
    const oldest = known.keys().next().value;
    if (known.size > MOST_REMEMBERED && oldest !== undefined) known.delete(oldest);
    void limiter.run(() => compare(options, comparisons));
  }

  return (wanted) => {
    const last = known.get(keyOf(wanted));
    const of = toCompare(wanted, last?.of);
    const { shown, traceService } = of;
    const finding = newer(shown, last?.finding);
    // An ended alert waits for nothing.
    if (traceService === undefined || !isCompared(of)) return { finding };
    const now = clock.now();
    const nextAt = dueAt(last, shown);
    if (now < nextAt) return { finding, lookAt: last?.isEarly === true ? epochMs(nextAt) : undefined };
    const isRunning = last?.isRunning === true;
    if (!isRunning && limiter.waiting() >= MOST_WAITING) return { finding, lookAt: after(now, RETRY) };
    if (!isRunning) start({ ...of, traceService }, finding);
    return { finding, lookAt: after(now, LOOK) };
  };
}

const keyOf = ({ alert, alertGroup }: CulpritWanted): string => alertGroup?.id ?? alert.alertId;

const isFiringIn = ({ rows }: AlertGroupSnapshot, alertId: string): boolean =>
  rows.some((row) => row.alertId === alertId && row.state === 'firing');

/**
 * Of an alert group the alert that was compared first while it fires, then the worst: the worst one changes often. One that the
 * process before this one compared is known from what its message shows.
 */
function toCompare(of: CulpritWanted, last: Traced | undefined): CulpritWanted {
  const { alertGroup, alert, shown } = of;
  const compared = last === undefined ? shown?.member : { ...last.alert, service: last.traceService };
  if (alertGroup === undefined || compared === undefined || compared.alertId === alert.alertId) return of;
  if (!isFiringIn(alertGroup, compared.alertId)) return of;
  const { service: traceService, ...ofAlert } = compared;
  return { ...of, alert: { ...alert, ...ofAlert, seenAt: alert.seenAt }, traceService };
}

/** When traces are compared next, after what this process, or the one that made the message, compared last. */
function dueAt(last: Comparisons | undefined, shown: CulpritFinding | undefined): number {
  return last?.nextAt ?? (shown === undefined ? 0 : after(shown.asOf, INTERVAL));
}

/** Compares once, and plans the next comparison. Never throws. */
async function compare(
  { explainSlowness, store, clock, logger }: WatchCulpritOptions,
  comparisons: Comparisons,
): Promise<void> {
  const { alert, rule, alertGroup, traceService: service } = comparisons.of;
  const window = breachWindow(alert, rule, clock.now());
  try {
    const why = await explainSlowness({ service, window, isBreach: true, ...measuredBy(rule, alert) });
    const now = clock.now();
    const delay = FIRST_DELAYS[comparisons.count - 1];
    const isEarly = delay !== undefined && isProvisional(why.result);
    comparisons.isEarly = isEarly;
    comparisons.nextAt = after(now, isEarly ? ms(delay * SECOND) : INTERVAL);
    const finding = findingOf(why, {
      asOf: now,
      member: alertGroup === undefined ? undefined : memberOf(alert, service),
      command: traceCommand('why', service, window),
    });
    const isTooSoon = isEarly && now < after(comparisons.firstAt, PATIENCE);
    if (isTooSoon && (finding.subject === '' || finding.subject === UNCLEAR)) return;
    comparisons.finding = finding;
    const kept = { alertId: alert.alertId, service, culprit: finding };
    if (store !== undefined) void createKeepEvidence(store, logger)(kept, why);
  } catch (error) {
    comparisons.isEarly = FIRST_DELAYS[comparisons.count - 1] !== undefined;
    comparisons.nextAt = after(clock.now(), RETRY);
    // The message says that Jaeger does not respond in the place of its traces.
    if (!(error instanceof UpstreamError))
      logger.error('the traces of an alert could not be compared', { error: faultText(error) });
  } finally {
    comparisons.isRunning = false;
  }
}

const memberOf = ({ alertId, labels, activeAt }: Alert, service: string): CulpritFinding['member'] => ({
  alertId,
  labels,
  activeAt,
  service,
});

/** The alert's objective, for the series of the alert. */
function measuredBy({ objective }: SloRule, { labels }: Alert): Pick<WhyQuery, 'threshold' | 'objective'> {
  if (objective === undefined) return {};
  return {
    threshold: toUs(objective.threshold),
    objective: { ...objective, matchLabels: objectiveLabels(objective, labels) },
  };
}

function findingOf(
  { result, signals, coverage, warnings = [] }: WhySlow,
  when: Pick<CulpritFinding, 'asOf' | 'member' | 'command'>,
): CulpritFinding {
  const { headline, others } = culpritSentences(result);
  // The confidence is that of the traces there are: how few they are is said where it matters.
  const thin = coverage !== undefined && isThinlyTraced(coverage) ? [[coverageText(coverage)]] : [];
  return {
    subject: subjectOf(result),
    // The metrics show a breach: what is slow has not arrived, or was not sampled.
    headline:
      result.kind === 'not-slower' ? 'No culprit: the traces so far are not slower than normal.' : headline,
    others,
    signals,
    warnings: [...warnings, ...thin],
    ...when,
  };
}

/** The window of an alert's traces, up to now: those of the first evaluations are few. */
function breachWindow(alert: Alert, rule: SloRule, now: EpochMs): TimeWindow {
  const { start, end } = evidenceWindow(alert, rule);
  return { start, end: epochMs(Math.max(end, now)) };
}

/** A result that more slow traces will change. */
function isProvisional(result: CulpritResult | NotCompared): boolean {
  return result.kind !== 'compared' || result.slow < ENOUGH_SLOW;
}

/** Only while it fires: an ended alert keeps what was found. Failed requests are slow for other reasons. */
const isCompared = ({ alert, rule, alertGroup }: CulpritWanted): boolean =>
  (alertGroup === undefined ? statusOf(alert) === 'firing' : isFiringIn(alertGroup, alert.alertId)) &&
  rule.about === undefined &&
  rule.measures !== 'errors';

/** The later of two; one that names a culprit is not replaced by one without a comparison. */
function newer(
  shown: CulpritFinding | undefined,
  found: CulpritFinding | undefined,
): CulpritFinding | undefined {
  if (shown === undefined || found === undefined) return found ?? shown;
  // The traces may have stopped meanwhile, which is said beside what was found before.
  if (found.subject === '' && shown.subject !== '')
    return found.asOf >= shown.asOf && found.member?.alertId === shown.member?.alertId
      ? { ...shown, warnings: found.warnings }
      : shown;
  return found.asOf >= shown.asOf ? found : shown;
}

const UNCLEAR = 'unclear';

/** Whether a comparison named nobody: a culprit after it replaces none. */
const isUnclear = ({ subject }: Pick<CulpritFinding, 'subject'>): boolean => subject === UNCLEAR;

function subjectOf(result: CulpritResult | NotCompared): string {
  if (result.kind !== 'compared') return '';
  const [first] = result.candidates;
  return first === undefined || result.confidence === 'unclear'
    ? UNCLEAR
    : [first.service, first.operation, first.kind].join('|');
}

/** Whether the message showed another culprit before: a person may be acting on it. */
export const isReplaced = (shown: CulpritFinding | undefined, found: CulpritFinding | undefined): boolean =>
  shown !== undefined && found !== undefined && shown.subject !== '' && shown.subject !== found.subject;

/** The headline; in an alert group it names the service whose traces were compared. */
const headlineOf = ({ headline, member }: CulpritFinding): string =>
  member === undefined ? headline : headline.replace(/^Culprit:/u, `Culprit of ${member.service}:`);

/** What the thread says when another culprit was found, or the first one after a comparison that named none. */
export function replacedText(before: CulpritFinding | undefined, found: CulpritFinding | undefined): string {
  if (before === undefined || found === undefined) return '';
  const change = `${headlineOf(found)} Before: ${headlineOf(before)}`;
  if (before.member?.alertId !== found.member?.alertId)
    return `The traces of another service were compared. ${change}`;
  return isUnclear(before)
    ? `More traces arrived. ${headlineOf(found)}`
    : `The comparison of traces has another result. ${change}`;
}
