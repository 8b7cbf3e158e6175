import type { Clock } from '../lib/clock.ts';
import { isQueryWrong } from '../lib/errors.ts';
import type { MetricsSource, QueryCost, QueryCosts } from '../lib/metrics-source.ts';
import { nearest } from '../lib/nearest.ts';
import { formatDuration, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import { promqlSelector, promqlString } from './promql.ts';
import { inFamilyUnit } from './queries.ts';
import type { LatencyHistogram } from './rule.ts';
import type { FindingCode, RuleFinding, RuleUse } from './rule-use.ts';

/** What checking rules against a Prometheus needs. */
export interface RuleCheckDeps {
  /** With `cost`, the cost of expressions is checked as well. */
  readonly metrics: Pick<MetricsSource, 'instant' | 'labelValues'> & Partial<QueryCosts>;
  readonly clock: Pick<Clock, 'now'>;
}

const finding = (code: FindingCode, message: string): RuleFinding => ({ code, message });

/** The values of a label on the series that match. */
type LabelValues = (label: string, match: string) => Promise<readonly string[]>;

/** Each query is sent once in a check: the rules of a file read the same metrics. */
function cached({ labelValues }: RuleCheckDeps['metrics'], signal?: AbortSignal): LabelValues {
  const sent = new Map<string, Promise<readonly string[]>>();
  return async (label, match) => {
    const key = `${label} ${match}`;
    const values = sent.get(key) ?? labelValues({ label, match: match === '' ? undefined : match }, signal);
    sent.set(key, values);
    return await values;
  };
}

const named = (metric: string): string => `{__name__=${promqlString(metric)}}`;

const suggestion = (name: string, known: readonly string[]): string => {
  const [near] = nearest(name, known);
  return near === undefined ? '.' : `; did you mean \`${near}\`?`;
};

/** Series that Prometheus writes about its own alerts. They are missing while no alert is pending or firing. */
const ALERT_SERIES: ReadonlySet<string> = new Set(['ALERTS', 'ALERTS_FOR_STATE']);

async function missingMetrics(use: RuleUse, values: LabelValues): Promise<readonly RuleFinding[]> {
  const read = await Promise.all(
    use.metrics
      .filter((metric) => !ALERT_SERIES.has(metric))
      .map(async (metric) => ({ metric, found: await values('__name__', named(metric)) })),
  );
  const missing = read.filter(({ found }) => found.length === 0).map(({ metric }) => metric);
  if (use.kind === 'recording')
    return missing.map((metric) =>
      finding('not-recorded', `no series \`${metric}\` found: check that Prometheus loads this file.`),
    );
  // All names of a large Prometheus may be more than an answer may hold: then there is no suggestion.
  const names = missing.length === 0 ? [] : await values('__name__', '').catch(() => []);
  return missing.map((metric) =>
    finding('no-metric', `metric \`${metric}\` not found${suggestion(metric, names)}`),
  );
}

/** A histogram's bounds in ascending order, and how a rule reads it. */
interface Histogram {
  readonly family: LatencyHistogram;
  readonly bounds: readonly number[];
  readonly isApproximate: boolean;
}

/** A bound as a rule file writes it. */
const boundText = (family: LatencyHistogram, bound: number): string =>
  formatDuration(ms(family.unit === 'ms' ? bound : bound * 1_000));

/** The finite bounds below and above a threshold. */
function neighbors({ family, bounds }: Histogram, threshold: Milliseconds) {
  const at = inFamilyUnit(family, threshold);
  const textOf = (bound: number | undefined): string | undefined =>
    bound === undefined ? undefined : boundText(family, bound);
  const below = textOf(bounds.findLast((bound) => bound < at));
  const above = textOf(bounds.find((bound) => bound > at && Number.isFinite(bound)));
  return { below, above };
}

const boundsOf = (les: readonly string[]): readonly number[] =>
  les
    .map((le) => Number(le.replace('+Inf', 'Infinity')))
    .filter((bound) => !Number.isNaN(bound))
    .sort((a, b) => a - b);

/** A threshold that may lie between two bounds: one that is approximate, or that of a hand-written quantile. */
function approximateFinding(histogram: Histogram, threshold: Milliseconds): RuleFinding {
  const { metric } = histogram.family;
  const text = formatDuration(threshold);
  const { below, above } = neighbors(histogram, threshold);
  if (above === undefined) {
    const highest = below === undefined ? 'it has none' : `the highest is ${below}`;
    return finding(
      'threshold-off-bounds',
      `${text} is above all bucket bounds of \`${metric}\`, so the rule can never fire; ${highest}.`,
    );
  }
  const where = `${text} is between the bucket bounds ${below ?? '0'} and ${above} of \`${metric}\``;
  return histogram.isApproximate
    ? finding('approximate-threshold', `${where}: requests slower than ${above} are counted.`)
    : finding('guessed-quantile', `${where}: the quantile is interpolated between them.`);
}

function exactFinding(histogram: Histogram, threshold: Milliseconds, key: string): RuleFinding {
  const { below, above } = neighbors(histogram, threshold);
  const beside = [below, above].filter((bound) => bound !== undefined);
  const nearestBounds =
    beside.length === 2
      ? `the nearest bounds are ${beside.join(' and ')}`
      : `the nearest bound is ${beside[0]}`;
  return finding(
    'threshold-off-bounds',
    `${formatDuration(threshold)} in \`${key}\` is not a bucket bound of \`${histogram.family.metric}\`; ${
      beside.length === 0 ? 'it has no bounds' : nearestBounds
    }.`,
  );
}

/** Requests above the highest bound are counted at it: a quantile never exceeds it. */
function highestBoundFindings(use: RuleUse, { family, bounds }: Histogram): readonly RuleFinding[] {
  const highest = bounds.findLast((bound) => Number.isFinite(bound));
  return use.thresholds
    .filter(({ threshold, isExceeded }) => isExceeded === true && inFamilyUnit(family, threshold) === highest)
    .map(({ threshold }) =>
      finding(
        'threshold-off-bounds',
        `${formatDuration(threshold)} is the highest bucket bound of \`${family.metric}\`; quantiles never exceed it, so the rule can never fire.`,
      ),
    );
}

function boundFindings(
  use: RuleUse,
  family: LatencyHistogram,
  les: readonly string[],
): readonly RuleFinding[] {
  const histogram: Histogram = { family, bounds: boundsOf(les), isApproximate: use.isApproximate === true };
  const offBounds = use.thresholds
    .filter(({ threshold }) => !histogram.bounds.includes(inFamilyUnit(family, threshold)))
    .map(({ threshold, key }) =>
      histogram.isApproximate || key === 'expr'
        ? approximateFinding(histogram, threshold)
        : exactFinding(histogram, threshold, key),
    );
  return [...offBounds, ...highestBoundFindings(use, histogram)];
}

async function labelFindings(
  family: LatencyHistogram,
  match: string,
  values: LabelValues,
): Promise<readonly RuleFinding[]> {
  const { serviceLabel } = family;
  if (serviceLabel === undefined || (await values(serviceLabel, match)).length > 0) return [];
  return [finding('no-service-label', `no series of ${match} has the label \`${serviceLabel}\`.`)];
}

const selected = (metric: string, { selector }: LatencyHistogram): string =>
  promqlSelector(metric, [selector]);

/** Why no series matches: the matchers, or the kind of histogram. */
async function missingHistogram(
  use: RuleUse,
  family: LatencyHistogram,
  values: LabelValues,
): Promise<readonly RuleFinding[]> {
  const isNative = family.histogram === 'native';
  const { metric, selector } = family;
  const [own, other] = isNative ? [metric, `${metric}_bucket`] : [`${metric}_bucket`, metric];
  const [all, others] = await Promise.all([values('__name__', named(own)), values('__name__', named(other))]);
  if (all.length > 0) return [finding('no-series', `no series of \`${own}\` matches {${selector}}.`)];
  if (others.length === 0) return [];
  const isHandWritten = use.thresholds.some(({ key }) => key === 'expr');
  const [kind, remedy] = isNative
    ? [
        'is not',
        isHandWritten ? `read \`${metric}_bucket\`, grouped by \`le\`` : 'remove `histogram: native`',
      ]
    : [
        'is',
        isHandWritten
          ? 'read it without `_bucket` and `le`'
          : 'add `histogram: native` beside its `preset` or `metric`',
      ];
  return [finding('histogram-kind', `\`${metric}\` ${kind} a native histogram: ${remedy}.`)];
}

async function histogramFindings(use: RuleUse, values: LabelValues): Promise<readonly RuleFinding[]> {
  const { family } = use;
  if (family === undefined || use.thresholds.length === 0) return [];
  const isNative = family.histogram === 'native';
  const match = selected(isNative ? family.metric : `${family.metric}_bucket`, family);
  const found = await values(isNative ? '__name__' : 'le', match);
  if (found.length === 0) return await missingHistogram(use, family, values);
  return [
    ...(isNative ? [] : boundFindings(use, family, found)),
    ...(await labelFindings(family, match, values)),
  ];
}

/** Services that the expression names and the metric does not have: a typo, or a service that does not exist yet. */
async function serviceFindings(use: RuleUse, values: LabelValues): Promise<readonly RuleFinding[]> {
  const findings = await Promise.all(
    use.services.map(async ({ metric, label, value }) => {
      const known = await values(label, named(metric));
      if (known.length === 0 || known.includes(value)) return [];
      const message = `\`${metric}\` has no series with ${label}="${value}"${suggestion(value, known)}`;
      return [finding('unknown-service', message)];
    }),
  );
  return findings.flat();
}

/** A rate over four samples still works when one scrape is missed. Source: robustperception.io, "What range should I use with rate()?" */
const MIN_SAMPLES = 4;

/** Checks the number of samples in the ranges of rates, on the series that has most. */
async function rateFindings(
  use: RuleUse,
  deps: RuleCheckDeps,
  signal?: AbortSignal,
): Promise<readonly RuleFinding[]> {
  const findings: RuleFinding[] = [];
  for (const { selector, window } of use.rates) {
    const range = formatDuration(window);
    const expr = `max(count_over_time(${selector}[${range}]))`;
    const [most] = await deps.metrics.instant({ expr, at: deps.clock.now() }, signal);
    if (most === undefined || most.value >= MIN_SAMPLES) continue;
    // Series that are younger than the range have few samples whatever the interval is.
    const earlier = `max(count_over_time(${selector}[${range}] offset ${range}))`;
    const [older] = await deps.metrics.instant({ expr: earlier, at: deps.clock.now() }, signal);
    if (older === undefined) continue;
    const samples = most.value === 1 ? '1 sample' : `${most.value} samples`;
    const message = `the range [${range}] of \`${selector}\` has at most ${samples} per series: use a range of at least ${MIN_SAMPLES} scrape intervals.`;
    findings.push(finding('rate-window', message));
  }
  return findings;
}

/** A tenth of Prometheus's default limit of samples in memory for one query (`query.max-samples`, 50 million). */
const MANY_SAMPLES = 5_000_000;
/** The share of its interval that an evaluation may take. */
const MAX_INTERVAL_SHARE = 0.1;

function costFindings({ interval }: RuleUse, { seconds, peakSamples }: QueryCost): readonly RuleFinding[] {
  const isLong = seconds * SECOND > MAX_INTERVAL_SHARE * interval;
  if (!isLong && peakSamples <= MANY_SAMPLES) return [];
  const cost = `${seconds.toFixed(seconds < 1 ? 3 : 1)} s every ${formatDuration(interval)} and holds ${peakSamples.toLocaleString('en-US')} samples in memory`;
  const message = `an evaluation takes ${cost}: reduce the ranges or series, or use a recording rule.`;
  return [finding('expensive-expression', message)];
}

/** Whether Prometheus accepts the expression, and its cost. */
async function expressionFindings(
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
    if (!isQueryWrong(error)) throw error;
    // The advice for a rejected one is this check.
    const advice = error.code === 'too-large' ? ` ${error.advice}` : '';
    return [finding('expression-refused', `Prometheus rejects the expression: ${error.message}${advice}`)];
  }
}

/** Whether Prometheus accepts the recovery query. It is sent only when an alert may have recovered. */
async function recoveryFindings(
  { recovery }: RuleUse,
  { metrics, clock }: RuleCheckDeps,
  signal?: AbortSignal,
): Promise<readonly RuleFinding[]> {
  if (recovery === undefined) return [];
  try {
    await metrics.instant({ expr: recovery, at: clock.now() }, signal);
    return [];
  } catch (error) {
    if (!isQueryWrong(error)) throw error;
    const effect = 'alerts end when the expression no longer returns them';
    return [
      finding('recovery-refused', `Prometheus rejects the recovery query, so ${effect}: ${error.message}`),
    ];
  }
}

/**
 * Checks rules against a Prometheus: does it accept the expressions and at what cost, does it have the metrics and the
 * services, is the threshold a bucket bound of the histogram, do the ranges of rates contain enough samples. Returns one
 * list of findings for each rule.
 * @throws UpstreamError when Prometheus does not answer.
 */
export function createRuleCheck(deps: RuleCheckDeps) {
  return async (
    uses: readonly RuleUse[],
    signal?: AbortSignal,
  ): Promise<readonly (readonly RuleFinding[])[]> => {
    const values = cached(deps.metrics, signal);
    const findings: (readonly RuleFinding[])[] = [];
    // One rule after the other, to keep the load on Prometheus low.
    for (const use of uses) {
      const expression = await expressionFindings(use, deps, signal);
      const isRefused = expression.some(({ code }) => code === 'expression-refused');
      findings.push([
        ...expression,
        ...(isRefused ? [] : await recoveryFindings(use, deps, signal)),
        ...(await missingMetrics(use, values)),
        ...(await histogramFindings(use, values)),
        ...(await serviceFindings(use, values)),
        ...(isRefused ? [] : await rateFindings(use, deps, signal)),
      ]);
    }
    return findings;
  };
}
