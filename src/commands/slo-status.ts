import type { Alert, RuleState } from '../alerts/alert.ts';
import { RECEIVED_GROUP } from '../evaluation/alert-receiver.ts';
import type { BudgetOf } from '../latency/error-budget.ts';
import type { Phrase } from '../lib/format.ts';
import type { Labels } from '../lib/labels.ts';
import type { Sample } from '../lib/metrics-source.ts';
import { type EpochMs, formatDuration } from '../lib/units.ts';
import { firstMessageOf } from '../messages/alert-messages.ts';
import { suppressionText } from '../messages/alert-subject.ts';
import { loadWithActions } from '../messages/with-actions.ts';
import { objectiveLabels } from '../rules/queries.ts';
import type { RuleGroup, SloRule } from '../rules/rule.ts';
import type { CommandDeps, CommandForm, CommandInput, CommandRequest, Parsed, Reply } from './command.ts';
import { nearestKeyword, parseShare } from './options.ts';
import {
  allFigures,
  budgetsOf,
  type Compliance,
  countsOf,
  leastCompliantFirst,
  namesOf,
  query,
  type SloFigures,
  serviceKey,
  sharesOf,
} from './slo-figures.ts';
import { activeSilences } from './slo-silences.ts';
import { shortened } from './tokens.ts';

/** `/slo`. */
export interface SloStatusCommand {
  readonly kind: 'slo-status';
}

/** The states of a rule, in the order of their urgency. */
const STATES = [
  'firing',
  'no-data',
  'rule-error',
  'source-error',
  'pending',
  'unknown',
  /** The query returned no result, or too few requests to evaluate. */
  'not-evaluated',
  'ok',
] as const;

/** A rule with one of its active alerts, or without any. */
export interface SloRow {
  readonly rule: SloRule;
  readonly state: (typeof STATES)[number];
  /** The series of the alert; in state `ok`, of the value nearest to the bound. */
  readonly subject?: string;
  readonly value?: number;
  readonly since?: EpochMs;
  /** In state `ok`: when the rule was last evaluated. Value and figures are newer. */
  readonly evaluatedAt?: EpochMs;
  readonly detail?: string;
  /** Who acknowledged or silenced the alert. */
  readonly people?: Phrase;
  /** Why it stays open although Alertmanager resolved it. */
  readonly unconfirmed?: Alert['resolvedInAlertmanager'];
  readonly messageUrl?: string;
  readonly figures?: SloFigures;
  /** An alert that Alertmanager sent; its rule is not in a rule file. */
  readonly isReceived?: true;
}

/** All rules, the most urgent first. */
export interface SloStatusView {
  readonly at: EpochMs;
  readonly rows: readonly SloRow[];
  /** The active silences. */
  readonly silences?: readonly Phrase[];
  /** Channels that cannot be posted to. */
  readonly channelProblems?: readonly string[];
}

export const sloStatus: CommandForm<SloStatusCommand> = {
  slash: '/slo',
  kind: 'slo-status',
  keywords: ['status'],
  isDefault: true,
  usage: '[status] [share]',
  summary: 'Every rule with its state, value, error budget, and a link to its message',
  system: 'store',
  parse,
  write: () => 'status',
  run,
};

function parse({ tokens }: CommandInput): Parsed<SloStatusCommand> {
  const { words, share } = parseShare(tokens);
  const [extra] = words;
  if (extra === undefined) return { command: { kind: 'slo-status' }, share };
  return {
    problem: `"${shortened(extra.text)}" is not a /slo command.`,
    fixed: nearestKeyword(extra.text, ['share']) ?? 'status',
  };
}

async function run(
  { command, now, signal }: CommandRequest<SloStatusCommand>,
  deps: CommandDeps,
): Promise<Reply<SloStatusCommand>> {
  const rows = await sloRows(deps, { now, signal });
  const view = {
    at: now,
    rows,
    silences: await activeSilences(deps, now),
    channelProblems: deps.channelProblems(),
  };
  return { answer: { kind: 'slo-status', view }, again: command };
}

/** One service of those a rule watches: the label that names it, and its value. */
export interface ServiceLabel {
  readonly label: string;
  readonly value: string;
}

export type SloDeps = Pick<
  CommandDeps,
  'ruleSet' | 'store' | 'metrics' | 'clock' | 'errorBudget' | 'serviceBudgets' | 'problemOf' | 'redactLabels'
>;

/** Rows with figures: each costs Prometheus one or two queries. */
const MAX_MEASURED = 12;

interface Scope {
  readonly now: EpochMs;
  /** Only the service with these labels, and the rules that watch it: its name, and its namespace where several exist. */
  readonly only?: readonly [ServiceLabel, ...ServiceLabel[]];
  readonly signal?: AbortSignal;
}

/** The open alerts that Alertmanagers sent. */
async function receivedRows(scope: Scope & { readonly deps: SloDeps }): Promise<readonly Found[]> {
  const state = await loadWithActions(scope.deps.store, RECEIVED_GROUP.id);
  const rows = Object.values(state?.rules ?? {}).map(async ({ rule, alerts }) => {
    const context = { ...scope, group: RECEIVED_GROUP, rule };
    const open = alerts.filter((alert) => alert.state !== 'resolved' && concerns(context, alert.series));
    return await Promise.all(open.map((alert) => alertRow(context, alert, open)));
  });
  return (await Promise.all(rows))
    .flat()
    .map((each) => ({ ...each, row: { ...each.row, isReceived: true } }));
}

/**
 * All rules with their state: one row for each active alert, or one for a rule without any. In state `ok` the value is
 * the one nearest to the bound, queried now; it is missing when Prometheus does not answer. Throws `UpstreamError` when
 * the store does not answer.
 */
export async function sloRows(deps: SloDeps, scope: Scope): Promise<readonly SloRow[]> {
  const { only, signal } = scope;
  const reports = await Promise.all(
    deps.ruleSet().groups.map(async (group) => {
      const state = await loadWithActions(deps.store, group.id);
      const rows = group.rules
        .filter((rule) => only === undefined || rule.objective?.family.serviceLabel === only[0].label)
        .map((rule) => rowsOf({ ...scope, deps, group, rule }, state?.rules[rule.key]));
      return (await Promise.all(rows)).flat();
    }),
  );
  const received = await receivedRows({ ...scope, deps });
  const found = [...reports.flat(), ...received].sort(
    (a, b) => byUrgency(a.row, b.row) || leastCompliantFirst(complianceOf(a.row), complianceOf(b.row)),
  );
  const wanted = found.map(({ of }, index) => (index < MAX_MEASURED ? of : undefined));
  const figures = await allFigures(deps, wanted, signal);
  return found
    .map(({ row }, index) => ({ ...row, figures: figures[index] }))
    .sort((a, b) => byUrgency(a, b) || leastCompliantFirst(complianceOf(a), complianceOf(b)));
}

/** The most urgent state first. */
export const byUrgency = (a: Pick<SloRow, 'state'>, b: Pick<SloRow, 'state'>): number =>
  STATES.indexOf(a.state) - STATES.indexOf(b.state);

/** What is known of a row: its figures, or before they are measured the value of its rule. */
function complianceOf({ rule, value, figures }: SloRow): Compliance {
  const { slow, budget } = figures ?? {};
  return {
    share: slow?.atMost ?? (rule.valueKind === 'slow-share' ? value : undefined),
    budgetLeft: budget?.kind === 'known' ? budget.left : undefined,
  };
}

interface Context extends Scope {
  readonly deps: SloDeps;
  readonly group: RuleGroup;
  readonly rule: SloRule;
}

/** A row, and the service whose figures belong to it, where the rule has an objective. */
interface Found {
  readonly row: SloRow;
  readonly of?: BudgetOf;
}

const budgetOf = ({ rule: { objective }, now }: Context, labels: Labels): BudgetOf | undefined =>
  objective && { objective, labels: objectiveLabels(objective, labels), at: now };

async function rowsOf(context: Context, state: RuleState | undefined): Promise<readonly Found[]> {
  const active = (state?.alerts ?? []).filter(
    (alert) => alert.state !== 'resolved' && concerns(context, alert.series),
  );
  if (active.length > 0) return await Promise.all(active.map((alert) => alertRow(context, alert, active)));
  return [await quietRow(context, state)];
}

/** A rule that does not group by the namespace is about the service in all of them. */
const concerns = ({ only }: Context, labels: Labels): boolean =>
  only === undefined ||
  only.every(
    ({ label, value }, index) => labels[label] === value || (index > 0 && labels[label] === undefined),
  );

/** The values of all labels that name a series among others, without secrets; undefined without labels. */
function subjectOf({ deps, rule }: Context, labels: Labels, among: readonly Labels[]): string | undefined {
  const shown = deps.redactLabels?.(labels) ?? labels;
  return (
    (rule.objective === undefined ? Object.values(shown).join(' ') : namesOf(rule.objective, among)(shown)) ||
    undefined
  );
}

async function alertRow(context: Context, alert: Alert, active: readonly Alert[]): Promise<Found> {
  const { deps, rule } = context;
  const { noDataSince, activeAt, value, series } = alert;
  const hasData = noDataSince === undefined;
  const row: SloRow = {
    rule,
    state: hasData ? (alert.state === 'firing' ? 'firing' : 'pending') : 'no-data',
    subject: subjectOf(
      context,
      series,
      active.map((each) => each.series),
    ),
    value,
    since: noDataSince ?? activeAt,
    ...suppressionOf(alert),
    unconfirmed: alert.resolvedInAlertmanager,
    messageUrl: (await deps.store.shownMessage(firstMessageOf(alert)))?.permalink,
  };
  return { row, of: hasData ? budgetOf(context, series) : undefined };
}

/** Who acknowledged or silenced an alert, and what else suppresses it. */
function suppressionOf({ acknowledged, suppressed }: Alert): Pick<SloRow, 'people' | 'detail'> {
  const silence = suppressed?.silence;
  const owner: Phrase = acknowledged === undefined ? [] : ['acknowledged by ', { person: acknowledged.by }];
  const silenced: Phrase =
    silence === undefined ? [] : ['silenced by ', { person: silence.by }, `: ${suppressed?.by ?? ''}`];
  const separator = owner.length > 0 && silenced.length > 0 ? [', '] : [];
  const people = [...owner, ...separator, ...silenced];
  return {
    people: people.length === 0 ? undefined : people,
    detail: suppressed === undefined || silence !== undefined ? undefined : `${suppressionText(suppressed)}.`,
  };
}

async function quietRow(context: Context, state: RuleState | undefined): Promise<Found> {
  const { deps, group, rule } = context;
  const health = state?.health ?? { kind: 'unknown' };
  switch (health.kind) {
    case 'unknown':
      return { row: { rule, state: 'unknown' } };
    case 'rule-error':
      return { row: { rule, state: 'rule-error', detail: health.message } };
    case 'source-error':
      return { row: { rule, state: 'source-error', detail: health.message, since: health.since } };
    case 'ok': {
      const detail = deps.problemOf(group.id, rule.key);
      return detail === undefined || (await returnsData(context))
        ? await okRow(context, { evaluatedAt: state?.evaluatedAt, ...health })
        : { row: { rule, state: 'not-evaluated', detail } };
    }
  }
}

/** Whether the rule's metric has appeared since it was checked. */
const returnsData = async (context: Context): Promise<boolean> =>
  ((await valuesOf(context)) ?? []).length > 0;

interface Evaluated {
  readonly evaluatedAt: EpochMs | undefined;
  readonly recoveryRejected?: string;
}

async function okRow(context: Context, { evaluatedAt, recoveryRejected }: Evaluated): Promise<Found> {
  const { rule } = context;
  const [samples, counts] = await Promise.all([valuesOf(context), countsOf(context, rule)]);
  const row: SloRow = {
    rule,
    state: 'ok',
    evaluatedAt,
    detail: recoveryRejected === undefined ? undefined : rejectedRecovery(recoveryRejected),
    ...(samples === undefined ? {} : requestsText(context, { samples, counts })),
  };
  const worst = samples === undefined ? undefined : await worstOf(context, samples);
  if (worst === undefined) return { row };
  const { value, labels } = worst;
  const among = (samples ?? []).map((sample) => sample.labels);
  return {
    row: { ...row, value, subject: subjectOf(context, labels, among) },
    of: budgetOf(context, labels),
  };
}

const rejectedRecovery = (reason: string): string =>
  `alerts end when no longer returned, because Prometheus rejects the recovery query: ${reason}`;

/** The values that the rule compares with its bound. */
async function valuesOf(context: Context): Promise<readonly Sample[] | undefined> {
  const { recovery } = context.rule;
  const samples = recovery?.comparison === undefined ? undefined : await query(context, recovery.expr);
  return samples?.filter(({ labels, value }) => concerns(context, labels) && !Number.isNaN(value));
}

/**
 * The service in the worst state, of those whose rule is met: the largest share of slow requests over the objective's own
 * window, then the least budget. The rule may evaluate a shorter window, in which most services are equal.
 */
async function worstOf(context: Context, samples: readonly Sample[]): Promise<Sample | undefined> {
  const { rule } = context;
  const { objective } = rule;
  if (objective === undefined || samples.length < 2) return nearestOf(rule, samples);
  const shares = new Map(
    (await sharesOf(context, objective))?.map(({ labels, value }) => [serviceKey(objective, labels), value]),
  );
  if (shares.size === 0) return nearestOf(rule, samples);
  const budgets = await budgetsOf(context, objective);
  const ranked = samples.map((sample) => {
    const key = serviceKey(objective, sample.labels);
    return { sample, share: shares.get(key), budgetLeft: budgets.get(key)?.budget.left };
  });
  return ranked.toSorted(leastCompliantFirst)[0]?.sample;
}

/** The value nearest to the bound: the highest for a rule with an upper bound. */
function nearestOf({ comparison }: SloRule, samples: readonly Sample[]): Sample | undefined {
  const sign = comparison?.startsWith('<') === true ? -1 : 1;
  return samples.toSorted((a, b) => sign * (b.value - a.value))[0];
}

/** Which services have too few requests for the rule, or none: those are not evaluated, which is not the same as `ok`. */
function requestsText(
  context: Context,
  { samples, counts }: { readonly samples: readonly Sample[]; readonly counts: readonly Sample[] },
): Pick<SloRow, 'detail'> & Partial<Pick<SloRow, 'state'>> {
  const { objective, minRequests = 0 } = context.rule;
  if (objective === undefined) return {};
  const few = counts
    .filter(({ labels, value }) => concerns(context, labels) && value > 0 && value < minRequests)
    .map(({ value }) => Math.round(value));
  const within = `in ${formatDuration(objective.window)}`;
  if (samples.length > 0) {
    const services = few.length === 1 ? '1 service' : `${few.length} services`;
    return few.length === 0
      ? {}
      : { detail: `${services} not evaluated: fewer than ${minRequests} requests ${within}` };
  }
  const most = Math.max(...few);
  const required = `, at least ${minRequests} required`;
  return {
    state: 'not-evaluated',
    detail:
      few.length === 0
        ? `no requests ${within}`
        : `${most} ${most === 1 ? 'request' : 'requests'} ${within}${required}`,
  };
}
