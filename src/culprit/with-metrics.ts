import { LRUCache } from 'lru-cache';
import { createLimiter } from '../lib/concurrency.ts';
import { withDeadline } from '../lib/deadline.ts';
import { UpstreamError } from '../lib/errors.ts';
import type { Phrase } from '../lib/format.ts';
import type { Links } from '../lib/links.ts';
import type { MetricsSource, Series } from '../lib/metrics-source.ts';
import {
  after,
  type EpochMs,
  epochMs,
  MINUTE,
  type Milliseconds,
  ms,
  SECOND,
  type TimeWindow,
} from '../lib/units.ts';
import type { ExplainSlowness, WhyQuery, WhySlow } from './collect.ts';
import { type FindCoverageOptions, findCoverage } from './find-coverage.ts';
import {
  chooseSignals,
  type MetricSignal,
  type SignalCheck,
  type SignalQuery,
  signalChecks,
} from './signals.ts';

/** What comparing the result of traces with metrics needs. */
export interface WithMetricsOptions extends FindCoverageOptions {
  readonly metrics: Pick<MetricsSource, 'instant' | 'range'>;
  readonly links: Pick<Links, 'graph'>;
}

/** For all queries together: a person waits for the culprit, and metrics only support it. */
const DEADLINE: Milliseconds = ms(3 * SECOND);
const CONCURRENCY = 4;

/** A breach is compared every two minutes, with up to 18 queries each: what they found for the same culprit is kept for a while. */
const KEPT_FOR: Milliseconds = ms(10 * MINUTE);
const MOST_KEPT = 500;

/** Explains slowness with what metrics say about it. A Prometheus that fails costs the lines from it, and nothing else. */
export function createExplainWithMetrics(
  explain: ExplainSlowness,
  options: WithMetricsOptions,
): ExplainSlowness {
  const { clock } = options;
  const kept = new LRUCache<string, { readonly signals: readonly Phrase[]; readonly until: EpochMs }>({
    max: MOST_KEPT,
  });
  async function signalsOf(query: WhyQuery, why: WhySlow, signal?: AbortSignal): Promise<readonly Phrase[]> {
    const candidate = why.result.kind === 'compared' ? why.result.candidates[0] : undefined;
    if (query.isBreach !== true || candidate === undefined) return await findSignals(options, why, signal);
    const { service, kind, detail } = candidate;
    const key = JSON.stringify([query.service, query.window.start, service, kind, detail]);
    const known = kept.get(key);
    if (known !== undefined && known.until > clock.now()) return known.signals;
    const signals = await findSignals(options, why, signal);
    // Nothing found may be too early: the samples of the breach are as new as the breach.
    if (signals.length > 0) kept.set(key, { signals, until: after(clock.now(), KEPT_FOR) });
    return signals;
  }
  return async (query, signal) => {
    const why = await explain(query, signal);
    const [signals, coverage] = await Promise.all([
      signalsOf(query, why, signal),
      findCoverage(options, { ...query, sample: why.sample }, signal),
    ]);
    return { ...why, signals, ...coverage };
  };
}

/** The signals that support the culprit, each with the query behind it; none where no culprit is named. */
async function findSignals(
  { metrics, links, clock }: WithMetricsOptions,
  why: WhySlow,
  signal: AbortSignal | undefined,
): Promise<readonly Phrase[]> {
  const { result, slow, normal } = why;
  if (result.kind !== 'compared' || result.confidence === 'unclear') return [];
  const [candidate] = result.candidates;
  if (candidate === undefined) return [];
  const checks = signalChecks({ candidate, window: slow.window, normal: normal.window });
  const found: (MetricSignal | undefined)[] = checks.map(() => undefined);
  const limiter = createLimiter(CONCURRENCY);
  const limit = { clock, duration: DEADLINE, system: 'prometheus', signal } as const;
  await withDeadline(limit, async (either) => {
    await Promise.all(
      checks.map(async (check, i) => {
        found[i] = await resultOf(check, (query) => limiter.run(() => run(metrics, query, either)));
      }),
    );
  }).catch(ignoreOutage);
  const graphed = graphWindow(slow.window, normal.window);
  return chooseSignals(found).map(({ text, at, expr }) => {
    const url = links.graph({ expr, window: graphed });
    return [url === undefined ? text : { text, url }, ...(at === undefined ? [] : [' ', { at }])];
  });
}

/** Of a query that fails there is no signal; those of the other checks stay. */
async function resultOf(
  { queries, read }: SignalCheck,
  runQuery: (query: SignalQuery) => Promise<readonly Series[]>,
): Promise<MetricSignal | undefined> {
  try {
    return read(await Promise.all(queries.map(runQuery)));
  } catch (error) {
    return ignoreOutage(error);
  }
}

async function run(
  metrics: WithMetricsOptions['metrics'],
  { expr, at, range }: SignalQuery,
  signal: AbortSignal,
): Promise<readonly Series[]> {
  if (range !== undefined)
    return await metrics.range({ expr, window: { start: range.start, end: at }, step: range.step }, signal);
  const samples = await metrics.instant({ expr, at }, signal);
  return samples.map(({ labels, value }) => ({ labels, points: [{ at, value }] }));
}

function ignoreOutage(error: unknown): undefined {
  if (!(error instanceof UpstreamError)) throw error;
  return undefined;
}

/** Both windows side by side, also where the traces of a day earlier were compared. */
const graphWindow = ({ start, end }: TimeWindow, normal: TimeWindow): TimeWindow => ({
  start: epochMs(Math.max(start - (end - start), Math.min(normal.start, start))),
  end,
});
