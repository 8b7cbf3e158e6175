import { nearest } from '../domain/nearest.ts';
import { inFamilyUnit, promqlString } from '../domain/slo/promql.ts';
import type { LatencyFamily } from '../domain/slo/rule.ts';
import type { RuleFinding, RuleUse } from '../domain/slo/rule-use.ts';
import { formatDuration, type Milliseconds, ms } from '../domain/units.ts';
import { UpstreamError } from './errors.ts';
import type { Clock, MetricsSource } from './ports.ts';

export interface RuleCheckDeps {
  readonly metrics: Pick<MetricsSource, 'instant' | 'labelValues'>;
  readonly clock: Pick<Clock, 'now'>;
}

const problem = (message: string): RuleFinding => ({ isProblem: true, message });
const note = (message: string): RuleFinding => ({ isProblem: false, message });

/** Answers are kept for one run: rules of a file ask the same things over and over. */
type Ask = (label: string, match: string) => Promise<readonly string[]>;

function remembering({ labelValues }: RuleCheckDeps['metrics'], signal?: AbortSignal): Ask {
  const asked = new Map<string, Promise<readonly string[]>>();
  return async (label, match) => {
    const key = `${label} ${match}`;
    const running = asked.get(key) ?? labelValues({ label, ...(match === '' ? {} : { match }) }, signal);
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

async function missingMetrics(use: RuleUse, ask: Ask): Promise<readonly RuleFinding[]> {
  const found = await Promise.all(
    use.metrics.map(async (metric) => ({ metric, values: await ask('__name__', named(metric)) })),
  );
  const missing = found.filter(({ values }) => values.length === 0).map(({ metric }) => metric);
  if (use.kind === 'recording') {
    return missing.map((metric) =>
      note(`nothing has been recorded as \`${metric}\` there: does that Prometheus load this file?`),
    );
  }
  return Promise.all(
    missing.map(async (metric) =>
      problem(`there is no metric \`${metric}\` there${(await suggestion(metric, ask)) || '.'}`),
    ),
  );
}

const bucketsOf = ({ metric, selector }: LatencyFamily): string =>
  selector === '' ? `${metric}_bucket` : `${metric}_bucket{${selector}}`;

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

function boundFindings(use: RuleUse, family: LatencyFamily, les: readonly string[]): readonly RuleFinding[] {
  const bounds = les
    .map(Number)
    .filter((bound) => !Number.isNaN(bound))
    .sort((a, b) => a - b);
  const isBound = (threshold: Milliseconds): boolean => bounds.includes(inFamilyUnit(family, threshold));
  return use.thresholds
    .filter(({ threshold }) => !isBound(threshold))
    .map(({ threshold, key }) => {
      const beside = bracket(family, bounds, inFamilyUnit(family, threshold));
      const what = `${formatDuration(threshold)} in \`${key}\` is not a bucket bound of \`${family.metric}\``;
      return problem(`${what}, so requests around it cannot be told apart; ${beside}.`);
    });
}

async function histogramFindings(use: RuleUse, ask: Ask): Promise<readonly RuleFinding[]> {
  const { family } = use;
  if (family === undefined || use.thresholds.length === 0) return [];
  const match = bucketsOf(family);
  const [les, all] = await Promise.all([ask('le', match), ask('__name__', named(`${family.metric}_bucket`))]);
  if (les.length > 0) {
    const services = await ask(family.serviceLabel, match);
    const unlabelled =
      services.length > 0 ? [] : [problem(`no series of ${match} has the label \`${family.serviceLabel}\`.`)];
    return [...boundFindings(use, family, les), ...unlabelled];
  }
  if (all.length > 0)
    return [problem(`no series of \`${family.metric}_bucket\` matches {${family.selector}}.`)];
  const native = await ask('__name__', named(family.metric));
  return native.length === 0
    ? []
    : [
        problem(
          `\`${family.metric}\` is a native histogram there: rules need the classic one, with buckets.`,
        ),
      ];
}

/** The server has the last word on an expression. */
async function refusal(
  use: RuleUse,
  deps: RuleCheckDeps,
  signal?: AbortSignal,
): Promise<readonly RuleFinding[]> {
  if (use.kind === 'recording') return [];
  try {
    await deps.metrics.instant({ expr: use.expr, at: deps.clock.now() }, signal);
    return [];
  } catch (error) {
    const isRefused = error instanceof UpstreamError && error.code === 'bad-request';
    if (!isRefused) throw error;
    return [problem(`that Prometheus refuses the expression: ${error.message}`)];
  }
}

/**
 * Asks a Prometheus about rules: does it take the expression, does it have the metrics, and is the threshold one of the
 * histogram's bounds. Throws the source's `UpstreamError` when it cannot be asked.
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
      const refused = await refusal(use, deps, signal);
      const missing = await missingMetrics(use, ask);
      const histogram = await histogramFindings(use, ask);
      findings.push([...refused, ...missing, ...histogram]);
    }
    return findings;
  };
}
