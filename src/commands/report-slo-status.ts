import type { Alert, RuleHealth, RuleState } from '../alerts/alert.ts';
import type { ErrorBudget } from '../latency/error-budget.ts';
import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { UpstreamError } from '../lib/errors.ts';
import type { Labels } from '../lib/labels.ts';
import type { MetricsSource, Sample } from '../lib/metrics-source.ts';
import { type EpochMs, formatDuration, type Milliseconds, ms } from '../lib/units.ts';
import { firstMessageOf } from '../messages/alert-messages.ts';
import type { Store } from '../messages/store.ts';
import { loadWithActions } from '../messages/with-actions.ts';
import type { RuleSet } from '../rules/file/rule-file.ts';
import { objectiveLabels, requestCountOf } from '../rules/queries.ts';
import type { RuleGroup, SloRule } from '../rules/rule.ts';
import type { VerifyRules } from '../rules/verify-rules.ts';
import type { Answer } from './answer.ts';
import { peopleOf } from './people-of-alert.ts';
import { allFigures, type FiguresOf } from './slo-figures.ts';
import type { SloRow } from './slo-views.ts';

/** Alerts first that need a person; rules that are fine last. */
const ORDER: readonly SloRow['state'][] = [
  'firing',
  'no-data',
  'rule-error',
  'source-error',
  'pending',
  'unknown',
  'no-verdict',
  'ok',
];

/** Rows with figures of their own: each costs Prometheus a question or two. */
const MOST_MEASURED = 12;

/** For the values of rules that are met: they are an extra, the states come from the store. */
const VALUE_DEADLINE: Milliseconds = ms(4_000);

/** What notification how the rules stand needs. */
export interface SloReportDeps {
  readonly rules: () => RuleSet;
  readonly store: Pick<Store, 'loadGroup' | 'actions' | 'messageRef'>;
  readonly metrics: Pick<MetricsSource, 'instant'>;
  readonly clock: Clock;
  /** Absent: no error budget is shown. */
  readonly errorBudget?: ErrorBudget;
  /** What keeps a rule from seeing what it is about; absent: it is not looked at. */
  readonly problemOf?: VerifyRules['problemOf'];
}

/** One service among those a rule watches: the label that names it, and its value. */
export interface ServiceLabel {
  readonly label: string;
  readonly value: string;
}

/**
 * Reports rules with their state: a row for each alert that is active, one row for a rule without any. The value of a
 * rule that is met is the one nearest to the bound, asked for now; when it cannot be had the row stays without one.
 * With `only`, it is about one service, and rules that do not watch it are left out.
 * Throws `UpstreamError` when the store does not answer.
 */
export async function sloRows(
  deps: SloReportDeps,
  { now, only }: { now: EpochMs; only?: ServiceLabel },
  signal?: AbortSignal,
): Promise<readonly SloRow[]> {
  const reports = await Promise.all(
    deps.rules().groups.map(async (group) => {
      const state = await loadWithActions(deps.store, group.id);
      const context = { deps, group, now, signal, only };
      const rows = group.rules
        .filter((rule) => only === undefined || rule.objective?.family.serviceLabel === only.label)
        .map((rule) => rowsOf({ ...context, rule }, state?.rules[rule.key]));
      return (await Promise.all(rows)).flat();
    }),
  );
  const found = reports.flat().sort((a, b) => ORDER.indexOf(a.row.state) - ORDER.indexOf(b.row.state));
  const wanted = found.map(({ about }, index) => (index < MOST_MEASURED ? about : undefined));
  const figures = await allFigures(deps, wanted, signal);
  return found.map(({ row }, index) => {
    const known = figures[index];
    return known === undefined ? row : { ...row, figures: known };
  });
}

/** Answers `/slo status`. */
export function createSloStatusReport(
  deps: SloReportDeps,
): (now: EpochMs, signal?: AbortSignal) => Promise<Answer> {
  return async (now, signal) => ({
    kind: 'slo-status',
    view: { at: now, rows: await sloRows(deps, { now }, signal) },
  });
}

interface Context {
  readonly deps: SloReportDeps;
  readonly group: RuleGroup;
  readonly rule: SloRule;
  readonly now: EpochMs;
  readonly signal: AbortSignal | undefined;
  readonly only?: ServiceLabel;
}

/** A row, and what its figures are asked for. */
interface Found {
  readonly row: SloRow;
  readonly about?: FiguresOf;
}

/** The service that a row is about, where the rule reads a histogram. */
function aboutOf({ rule: { objective, burn }, now }: Context, labels: Labels): Pick<Found, 'about'> {
  if (objective === undefined) return {};
  const of = { objective, labels: objectiveLabels(objective, labels), at: now };
  return { about: burn === undefined ? of : { ...of, burn } };
}

async function rowsOf(context: Context, state: RuleState | undefined): Promise<readonly Found[]> {
  const active = (state?.alerts ?? []).filter(
    (alert) => alert.state !== 'resolved' && concerns(context, alert.series),
  );
  if (active.length > 0) return await Promise.all(active.map((alert) => alertRow(context, alert)));
  return [await quietRow(context, state)];
}

const concerns = ({ only }: Context, labels: Labels): boolean =>
  only === undefined || labels[only.label] === only.value;

function baseRow({ group, rule }: Context) {
  const { bound, comparison, valueKind, annotations, objective } = rule;
  return {
    rule: rule.name,
    group: group.name,
    valueKind,
    bound,
    comparison,
    unit: annotations.slo_unit,
    isApproximate: objective?.isApproximate,
  };
}

async function alertRow(context: Context, alert: Alert): Promise<Found> {
  const ref = await context.deps.store.messageRef(firstMessageOf(alert));
  const subject = subjectOf(alert.series);
  const row: SloRow = {
    ...baseRow(context),
    ...standOf(context, alert),
    ...(subject === '' ? {} : { subject }),
    value: alert.value,
    since: alert.noDataSince ?? alert.activeAt,
    ...peopleOf(alert),
    ...(ref?.permalink === undefined ? {} : { messageUrl: ref.permalink }),
  };
  // What an alert without data would be measured by is gone.
  return { row, ...(alert.noDataSince === undefined ? aboutOf(context, alert.labels) : {}) };
}

function standOf({ rule }: Context, alert: Alert): Pick<SloRow, 'state' | 'alertsAfter'> {
  if (alert.noDataSince !== undefined) return { state: 'no-data' };
  return alert.state === 'firing' ? { state: 'firing' } : { state: 'pending', alertsAfter: rule.for };
}

const QUIET: Readonly<Record<RuleHealth['kind'], SloRow['state']>> = {
  ok: 'ok',
  unknown: 'unknown',
  'rule-error': 'rule-error',
  'source-error': 'source-error',
};

const subjectOf = (series: Labels): string => Object.values(series).join(' ');

async function quietRow(context: Context, state: RuleState | undefined): Promise<Found> {
  const base = baseRow(context);
  const health: RuleHealth = state?.health ?? { kind: 'unknown' };
  if (health.kind !== 'ok') {
    const detail = health.kind === 'unknown' ? 'Not evaluated yet.' : health.message;
    const since = health.kind === 'source-error' ? { since: health.since } : {};
    return { row: { ...base, state: QUIET[health.kind], detail, ...since } };
  }
  const problem = context.deps.problemOf?.(context.group.id, context.rule.key);
  if (problem !== undefined)
    return { row: { ...base, state: 'no-verdict', detail: `It cannot see what it is about: ${problem}` } };
  const [samples, counts] = await Promise.all([valuesOf(context), countsOf(context)]);
  const nearest = samples === undefined ? undefined : nearestOf(context, samples);
  const verdict = samples === undefined ? {} : withoutVerdict(context, { samples, counts });
  const row: SloRow = { ...base, state: 'ok', ...judgedBy(context, state), ...verdict };
  if (nearest === undefined) return { row };
  const subject = subjectOf(nearest.labels);
  return {
    row: { ...row, value: nearest.value, ...(subject === '' ? {} : { subject }) },
    ...aboutOf(context, nearest.labels),
  };
}

/** What explains that a rule is met although its figures, which are of now, look otherwise. */
function judgedBy(
  { rule: { recovery } }: Context,
  state: RuleState | undefined,
): Pick<SloRow, 'valueWindow' | 'evaluatedAt'> {
  return {
    valueWindow: recovery?.window,
    evaluatedAt: state?.evaluatedAt,
  };
}

/** Asks now, for an answer to a person. Undefined when there is none: a source that is down is reported by the evaluation. */
async function ask({ deps, now, signal }: Context, expr: string): Promise<readonly Sample[] | undefined> {
  const limit = { clock: deps.clock, duration: VALUE_DEADLINE, system: 'prometheus', signal } as const;
  try {
    return await withDeadline(limit, (either) => deps.metrics.instant({ expr, at: now }, either));
  } catch (error) {
    if (error instanceof UpstreamError) return undefined;
    throw error;
  }
}

/** The values that a rule gives verdicts by; undefined when they cannot be had. */
async function valuesOf(context: Context): Promise<readonly Sample[] | undefined> {
  const { recovery } = context.rule;
  const samples = recovery?.comparison === undefined ? undefined : await ask(context, recovery.expr);
  return samples?.filter(({ labels, value }) => concerns(context, labels) && !Number.isNaN(value));
}

/** The value nearest to the bound among all services: the highest for a rule that must stay below it. */
function nearestOf({ rule }: Context, samples: readonly Sample[]): Sample | undefined {
  const sign = rule.comparison?.startsWith('<') === true ? -1 : 1;
  return samples.toSorted((a, b) => sign * (b.value - a.value))[0];
}

/** Requests by service in the window of the objective, where the rule asks for a minimum of them. */
async function countsOf(context: Context): Promise<readonly Sample[]> {
  const { objective, minRequests } = context.rule;
  if (objective === undefined || minRequests === undefined) return [];
  const { family, by, window } = objective;
  return (await ask(context, requestCountOf(family, { by, window }))) ?? [];
}

/** What a rule over a histogram says of services with too few requests, or none: nothing, which is not the same as well. */
function withoutVerdict(
  context: Context,
  { samples, counts }: { samples: readonly Sample[]; counts: readonly Sample[] },
): Partial<Pick<SloRow, 'state' | 'detail'>> {
  const { objective, minRequests } = context.rule;
  if (objective === undefined) return {};
  const { window } = objective;
  const few = counts
    .filter(({ labels, value }) => concerns(context, labels) && value > 0 && value < (minRequests ?? 0))
    .map(({ value }) => Math.round(value));
  const within = `in ${formatDuration(window)}`;
  if (samples.length > 0) {
    if (few.length === 0) return {};
    const services = few.length === 1 ? '1 service' : `${few.length} services`;
    return { detail: `no verdict on ${services} with fewer than ${minRequests} requests ${within}` };
  }
  const most = Math.max(0, ...few);
  const asked = minRequests === undefined ? '' : `, ${minRequests} are asked for`;
  return {
    state: 'no-verdict',
    detail:
      few.length === 0
        ? `no requests were measured ${within}`
        : `${most} ${most === 1 ? 'request' : 'requests'} ${within}${asked}`,
  };
}
