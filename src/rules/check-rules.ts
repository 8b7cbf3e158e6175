import type { Clock } from '../lib/clock.ts';
import { UpstreamError } from '../lib/errors.ts';
import type { MetricsSource, QueryCost, QueryCosts } from '../lib/metrics-source.ts';
import { nearest } from '../lib/nearest.ts';
import { formatDuration, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import { inFamilyUnit, promqlString } from './queries.ts';
import type { LatencyFamily } from './rule.ts';
import type { FindingCode, RuleFinding, RuleUse } from './rule-use.ts';

/** What holding rules against a Prometheus needs. */
export interface RuleCheckDeps {
  /** With `cost`, expressions are measured as well. */
  readonly metrics: Pick<MetricsSource, 'instant' | 'labelValues'> & Partial<QueryCosts>;
  readonly clock: Pick<Clock, 'now'>;
}

const found = (code: FindingCode, message: string): RuleFinding => ({ code, message });

/** Answers are kept for one run: rules of a file ask the same things over and over. */
type Ask = (label: string, match: string) => Promise<readonly string[]>;

function remembering({ labelValues }: RuleCheckDeps['metrics'], signal?: AbortSignal): Ask {
  const asked = new Map<string, Promise<readonly string[]>>();
  return async (label, match) => {
    const key = `${label} ${match}`;
    const running = asked.get(key) ?? labelValues({ label, match: match === '' ? undefined : match }, signal);
    asked.set(key, running);
    return await running;
  };
}

const named = (metric: string): string => `{__name__=${promqlString(metric)}}`;

async function suggestion(metric: string, ask: Ask): Promise<string> {
  // All names of a large Prometheus may be more than an answer may hold: then there is no suggestion.
  const names = await ask('__name__', '').catch(() => []);
  const [near] = nearest(metric, names);
  return near === undefined ? '' : `; did you mean \`${near}\`?`;
}

/** What Prometheus writes of its own alerts: there is none of it while no alert is pending or firing. */
const OF_ALERTS: ReadonlySet<string> = new Set(['ALERTS', 'ALERTS_FOR_STATE']);

async function missingMetrics(use: RuleUse, ask: Ask): Promise<readonly RuleFinding[]> {
  const wanted = use.metrics.filter((metric) => !OF_ALERTS.has(metric));
  const looked = await Promise.all(
    wanted.map(async (metric) => ({ metric, values: await ask('__name__', named(metric)) })),
  );
  const missing = looked.filter(({ values }) => values.length === 0).map(({ metric }) => metric);
  if (use.kind === 'recording') {
    return missing.map((metric) =>
      found(
        'not-recorded',
        `nothing has been recorded as \`${metric}\` there: does that Prometheus load this file?`,
      ),
    );
  }
  return Promise.all(
    missing.map(async (metric) =>
      found('no-metric', `there is no metric \`${metric}\` there${(await suggestion(metric, ask)) || '.'}`),
    ),
  );
}

/** A bound as a rule file would say it. */
const boundText = (family: LatencyFamily, bound: number): string =>
  formatDuration(ms(family.unit === 'ms' ? bound : bound * 1_000));

/** The bounds beside a threshold that is none of them. */
function bracket(family: LatencyFamily, bounds: readonly number[], threshold: number): string {
  const below = bounds.findLast((bound) => bound < threshold);
  const above = bounds.find((bound) => bound > threshold && Number.isFinite(bound));
  const beside = [below, above].flatMap((bound) => (bound === undefined ? [] : [boundText(family, bound)]));
  if (beside.length === 2) return `the bounds beside it are ${beside.join(' and ')}`;
  return beside.length === 1 ? `the nearest bound is ${beside[0] ?? ''}` : 'it has no bounds';
}

const boundsOf = (les: readonly string[]): readonly number[] =>
  les
    .map((le) => Number(le.replace('+Inf', 'Infinity')))
    .filter((bound) => !Number.isNaN(bound))
    .sort((a, b) => a - b);

/**
 * A threshold that may be no bound: an approximate one is judged by the one above it, and a quantile that is written by
 * hand is guessed up to it. So it must be there.
 */
function betweenFinding({ family, bounds, isApproximate }: Histogram, threshold: Milliseconds): RuleFinding {
  const at = inFamilyUnit(family, threshold);
  const above = bounds.find((bound) => bound > at) ?? Number.POSITIVE_INFINITY;
  const below = bounds.findLast((bound) => bound < at);
  const what = formatDuration(threshold);
  if (!Number.isFinite(above)) {
    const highest = below === undefined ? 'it has none' : `the highest is ${boundText(family, below)}`;
    return found(
      'threshold-off-bounds',
      `${what} lies above all bucket bounds of \`${family.metric}\`, so it could never be breached; ${highest}.`,
    );
  }
  const low = below === undefined ? '0' : boundText(family, below);
  const high = boundText(family, above);
  const where = `${what} lies between the bucket bounds ${low} and ${high} of \`${family.metric}\``;
  return isApproximate
    ? found('approximate-threshold', `${where}: it is judged at ${high}.`)
    : found('guessed-quantile', `${where}: whether the quantile is above it is a guess.`);
}

/** A histogram's bounds, and how a rule reads it. */
interface Histogram {
  readonly family: LatencyFamily;
  readonly bounds: readonly number[];
  readonly isApproximate: boolean;
}

/** What lies above the highest bound is counted at it: a quantile never exceeds that. */
function topFindings(use: RuleUse, family: LatencyFamily, bounds: readonly number[]): readonly RuleFinding[] {
  const highest = bounds.findLast((bound) => Number.isFinite(bound));
  return use.thresholds
    .filter(({ threshold, isExceeded }) => isExceeded === true && inFamilyUnit(family, threshold) === highest)
    .map(({ threshold }) => {
      const what = `${formatDuration(threshold)} is the highest bucket bound of \`${family.metric}\``;
      return found(
        'threshold-off-bounds',
        `${what}, and no quantile is given above it: it could never be breached.`,
      );
    });
}

function boundFindings(use: RuleUse, family: LatencyFamily, les: readonly string[]): readonly RuleFinding[] {
  const bounds = boundsOf(les);
  const offBounds = use.thresholds
    .filter(({ threshold }) => !bounds.includes(inFamilyUnit(family, threshold)))
    .map(({ threshold, key }) => {
      const isApproximate = use.isApproximate === true;
      if (isApproximate || key === 'expr')
        return betweenFinding({ family, bounds, isApproximate }, threshold);
      const beside = bracket(family, bounds, inFamilyUnit(family, threshold));
      const what = `${formatDuration(threshold)} in \`${key}\` is not a bucket bound of \`${family.metric}\``;
      return found(
        'threshold-off-bounds',
        `${what}, so requests around it cannot be notified apart; ${beside}.`,
      );
    });
  return [...offBounds, ...topFindings(use, family, bounds)];
}

async function labelFindings(
  family: LatencyFamily,
  match: string,
  ask: Ask,
): Promise<readonly RuleFinding[]> {
  const services = await ask(family.serviceLabel, match);
  if (services.length > 0) return [];
  return [found('no-service-label', `no series of ${match} has the label \`${family.serviceLabel}\`.`)];
}

const selected = (metric: string, { selector }: LatencyFamily): string =>
  selector === '' ? metric : `${metric}{${selector}}`;

/** Neither the one kind of histogram nor the other has a series that the matchers pick. */
async function absence(use: RuleUse, family: LatencyFamily, ask: Ask): Promise<readonly RuleFinding[]> {
  const isNative = family.histogram === 'native';
  const { metric, selector } = family;
  const [own, other] = isNative ? [metric, `${metric}_bucket`] : [`${metric}_bucket`, metric];
  const [all, others] = await Promise.all([ask('__name__', named(own)), ask('__name__', named(other))]);
  if (all.length > 0) return [found('no-series', `no series of \`${own}\` matches {${selector}}.`)];
  if (others.length === 0) return [];
  const remedy = isNative
    ? `\`${metric}\` has buckets there and is no native histogram: remove \`histogram: native\`.`
    : `\`${metric}\` is a native histogram there: write \`histogram: native\` beside its \`preset\` or \`metric\`.`;
  const hint = use.thresholds.some(({ key }) => key === 'expr')
    ? `\`${metric}\` is a native histogram there, without buckets.`
    : remedy;
  return [found('histogram-kind', hint)];
}

async function histogramFindings(use: RuleUse, ask: Ask): Promise<readonly RuleFinding[]> {
  const { family } = use;
  if (family === undefined || use.thresholds.length === 0) return [];
  if (family.histogram === 'native') {
    const match = selected(family.metric, family);
    const series = await ask('__name__', match);
    return series.length > 0 ? await labelFindings(family, match, ask) : await absence(use, family, ask);
  }
  const match = selected(`${family.metric}_bucket`, family);
  const les = await ask('le', match);
  if (les.length === 0) return await absence(use, family, ask);
  return [...boundFindings(use, family, les), ...(await labelFindings(family, match, ask))];
}

/** Services that the expression names and the metric does not have: a slip of the hand, or one that is not there yet. */
async function serviceFindings(use: RuleUse, ask: Ask): Promise<readonly RuleFinding[]> {
  const findings = await Promise.all(
    use.services.map(async ({ metric, label, value }) => {
      const known = await ask(label, named(metric));
      if (known.length === 0 || known.includes(value)) return [];
      const [near] = nearest(value, known);
      const hint = near === undefined ? '.' : `; did you mean \`${near}\`?`;
      return [found('unknown-service', `\`${metric}\` has no series with ${label}="${value}" there${hint}`)];
    }),
  );
  return findings.flat();
}

/** A rate that misses one scrape of four still has what it needs. Source: robustperception.io, "What range should I use with rate()?" */
const LEAST_SAMPLES = 4;

/** How many samples the windows of rates hold there: the series that has most. */
async function rateFindings(
  use: RuleUse,
  deps: RuleCheckDeps,
  signal?: AbortSignal,
): Promise<readonly RuleFinding[]> {
  const findings: RuleFinding[] = [];
  for (const { selector, window } of use.rates) {
    const expr = `max(count_over_time(${selector}[${formatDuration(window)}]))`;
    const [most] = await deps.metrics.instant({ expr, at: deps.clock.now() }, signal);
    if (most === undefined || most.value >= LEAST_SAMPLES) continue;
    const samples = most.value === 1 ? '1 sample' : `at most ${most.value} samples`;
    const text = `a rate over [${formatDuration(window)}] of \`${selector}\` sees ${samples} of a series there, and needs ${LEAST_SAMPLES} to go over a missed scrape: use a window of at least four scrape intervals.`;
    findings.push(found('rate-window', text));
  }
  return findings;
}

/** A tenth of what a Prometheus lets a query hold in memory unless it is notified otherwise (`query.max-samples`, 50 million). */
const MANY_SAMPLES = 5_000_000;
/** The share of its interval that an evaluation may take. */
const LONG_SHARE = 0.1;

function costFindings({ interval }: RuleUse, { seconds, peakSamples }: QueryCost): readonly RuleFinding[] {
  const isLong = seconds * SECOND > LONG_SHARE * interval;
  if (!isLong && peakSamples <= MANY_SAMPLES) return [];
  const took = `${seconds.toFixed(seconds < 1 ? 3 : 1)} s of every ${formatDuration(interval)} and held ${peakSamples} samples`;
  return [
    found(
      'expensive-expression',
      `one evaluation took ${took} there; more than a tenth of the interval or ${MANY_SAMPLES} samples is much: read less, or use a recording rule.`,
    ),
  ];
}

/** The server has the last word on an expression; what answering costs it is measured on the way. */
async function asked(
  use: RuleUse,
  deps: RuleCheckDeps,
  signal?: AbortSignal,
): Promise<readonly RuleFinding[]> {
  if (use.kind === 'recording') return [];
  const { instant, cost = instant } = deps.metrics;
  try {
    const answer = await cost({ expr: use.expr, at: deps.clock.now() }, signal);
    return answer !== undefined && 'seconds' in answer ? costFindings(use, answer) : [];
  } catch (error) {
    const isRefused = error instanceof UpstreamError && error.code === 'bad-request';
    if (!isRefused) throw error;
    return [found('expression-refused', `that Prometheus refuses the expression: ${error.message}`)];
  }
}

/**
 * Asks a Prometheus about rules: does it take the expression and at what cost, does it have the metrics and the services,
 * is the threshold one of the histogram's bounds, do the windows of rates hold enough samples. Throws the source's `UpstreamError` when it cannot be asked.
 */
export function createRuleCheck(deps: RuleCheckDeps) {
  return async (
    uses: readonly RuleUse[],
    signal?: AbortSignal,
  ): Promise<readonly (readonly RuleFinding[])[]> => {
    const ask = remembering(deps.metrics, signal);
    const findings: (readonly RuleFinding[])[] = [];
    // One rule after the other: a check should not be a burden to the Prometheus it asks.
    for (const use of uses) {
      const server = await asked(use, deps, signal);
      const missing = await missingMetrics(use, ask);
      const histogram = await histogramFindings(use, ask);
      const services = await serviceFindings(use, ask);
      const isAnswering = server.every(({ code }) => code !== 'expression-refused');
      const rates = isAnswering ? await rateFindings(use, deps, signal) : [];
      findings.push([...server, ...missing, ...histogram, ...services, ...rates]);
    }
    return findings;
  };
}
