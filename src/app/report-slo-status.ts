import type { Alert, RuleHealth, RuleState } from '../domain/alert/alert.ts';
import type { Labels } from '../domain/labels.ts';
import type { RuleGroup, SloRule } from '../domain/slo/rule.ts';
import { type EpochMs, type Milliseconds, ms } from '../domain/units.ts';
import { hushedBy } from './alert-view.ts';
import { withDeadline } from './deadline.ts';
import type { Clock, MetricsSource, RuleBook, Store } from './ports.ts';
import type { Answer, SloRow } from './views.ts';

/** Alerts first that need a person; rules that are fine last. */
const ORDER: readonly SloRow['state'][] = [
  'firing',
  'no-data',
  'rule-error',
  'source-error',
  'pending',
  'unknown',
  'ok',
];

/** For the values of rules that are met: they are an extra, the states come from the store. */
const VALUE_DEADLINE: Milliseconds = ms(4_000);

export interface SloReportDeps {
  readonly rules: () => RuleBook;
  readonly store: Pick<Store, 'loadGroup' | 'messageRef'>;
  readonly metrics: Pick<MetricsSource, 'instant'>;
  readonly clock: Clock;
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
      const state = await deps.store.loadGroup(group.id);
      const context = { deps, group, now, signal, ...(only === undefined ? {} : { only }) };
      const rows = group.rules
        .filter((rule) => only === undefined || rule.objective?.family.serviceLabel === only.label)
        .map((rule) => rowsOf({ ...context, rule }, state?.rules[rule.key]));
      return (await Promise.all(rows)).flat();
    }),
  );
  return reports.flat().sort((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state));
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

async function rowsOf(context: Context, state: RuleState | undefined): Promise<readonly SloRow[]> {
  const active = (state?.alerts ?? []).filter(
    (alert) => alert.state !== 'resolved' && concerns(context, alert.series),
  );
  if (active.length > 0) return await Promise.all(active.map((alert) => alertRow(context, alert)));
  return [await quietRow(context, state?.health ?? { kind: 'unknown' })];
}

const concerns = ({ only }: Context, labels: Labels): boolean =>
  only === undefined || labels[only.label] === only.value;

function baseRow({ group, rule }: Context) {
  const { bound, comparison, valueKind, annotations } = rule;
  return {
    rule: rule.name,
    group: group.name,
    valueKind,
    ...(bound === undefined ? {} : { bound }),
    ...(comparison === undefined ? {} : { comparison }),
    ...(annotations.slo_unit === undefined ? {} : { unit: annotations.slo_unit }),
  };
}

async function alertRow(context: Context, alert: Alert): Promise<SloRow> {
  const ref = await context.deps.store.messageRef(alert.episode);
  const subject = Object.values(alert.series).join(' ');
  return {
    ...baseRow(context),
    state: alert.noDataSince !== undefined ? 'no-data' : alert.state === 'firing' ? 'firing' : 'pending',
    ...(subject === '' ? {} : { subject }),
    value: alert.value,
    since: alert.noDataSince ?? alert.activeAt,
    ...(alert.suppressed === undefined ? {} : { detail: `${hushedBy(alert.suppressed).text}.` }),
    ...(ref?.permalink === undefined ? {} : { messageUrl: ref.permalink }),
  };
}

const QUIET: Readonly<Record<RuleHealth['kind'], SloRow['state']>> = {
  ok: 'ok',
  unknown: 'unknown',
  'rule-error': 'rule-error',
  'source-error': 'source-error',
};

async function quietRow(context: Context, health: RuleHealth): Promise<SloRow> {
  const value = health.kind === 'ok' ? await nearestValue(context) : undefined;
  return {
    ...baseRow(context),
    state: QUIET[health.kind],
    ...(value === undefined ? {} : { value }),
    ...('message' in health ? { detail: health.message } : {}),
    ...(health.kind === 'unknown' ? { detail: 'Not evaluated yet.' } : {}),
    ...(health.kind === 'source-error' ? { since: health.since } : {}),
  };
}

/** The value nearest to the bound among all services: the highest for a rule that must stay below it. */
async function nearestValue(context: Context): Promise<number | undefined> {
  const { deps, rule, now, signal } = context;
  if (rule.evidence === undefined) return undefined;
  const nearest = rule.comparison?.startsWith('<') === true ? Math.min : Math.max;
  try {
    const query = { expr: rule.evidence.expr, at: now };
    const samples = await withDeadline(
      { clock: deps.clock, duration: VALUE_DEADLINE, system: 'prometheus' },
      (expired) =>
        deps.metrics.instant(query, signal === undefined ? expired : AbortSignal.any([expired, signal])),
    );
    const values = samples
      .filter(({ labels, value }) => concerns(context, labels) && !Number.isNaN(value))
      .map(({ value }) => value);
    return values.length === 0 ? undefined : values.reduce((a, b) => nearest(a, b));
  } catch {
    // The evaluation reports a source that is down; here the row only stays without a value.
    return undefined;
  }
}
