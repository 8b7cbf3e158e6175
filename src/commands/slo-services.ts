import type { Alert, RuleState } from '../alerts/alert.ts';
import type { BudgetView } from '../latency/error-budget.ts';
import type { Labels } from '../lib/labels.ts';
import { loadWithActions } from '../messages/with-actions.ts';
import { objectiveLabels } from '../rules/queries.ts';
import type { LatencyObjective, RuleGroup, SloRule } from '../rules/rule.ts';
import type { CommandForm, CommandInput, CommandRequest, Parsed, Reply } from './command.ts';
import { nearestKeyword, parseShare } from './options.ts';
import {
  budgetsOf,
  countsOf,
  leastCompliantFirst,
  namesOf,
  type QueryContext,
  serviceKey,
  sharesOf,
} from './slo-figures.ts';
import { byUrgency, type SloDeps, type SloRow } from './slo-status.ts';
import { shortened } from './tokens.ts';

/** `/slo services`. */
export interface SloServicesCommand {
  readonly kind: 'slo-services';
}

/** One service under one objective. What is missing is unknown. */
export interface ServiceRow {
  readonly name: string;
  readonly objective: LatencyObjective;
  /** The most urgent state of its alerts. */
  readonly state: Extract<SloRow['state'], 'firing' | 'no-data' | 'pending' | 'not-evaluated' | 'ok'>;
  /** The share of slow requests over the objective's window. */
  readonly share?: number;
  readonly budget?: BudgetView;
}

/** All services of all objectives, the worst first. */
export interface SloServicesView {
  readonly rows: readonly ServiceRow[];
  /** Why figures are missing: full sentences. */
  readonly gaps: readonly string[];
}

export const sloServices: CommandForm<SloServicesCommand> = {
  slash: '/slo',
  kind: 'slo-services',
  keywords: ['services'],
  usage: 'services [share]',
  summary: 'Every service with its compliance and error budget, the worst first',
  system: 'prometheus',
  parse,
  write: () => 'services',
  run,
};

function parse({ tokens }: CommandInput): Parsed<SloServicesCommand> {
  const { words, share } = parseShare(tokens);
  const [extra] = words;
  if (extra === undefined) return { command: { kind: 'slo-services' }, share };
  const problem = `/slo services lists all services and takes no "${shortened(extra.text)}". For one service: /latency.`;
  return { problem, fixed: nearestKeyword(extra.text, ['share']) ?? '' };
}

async function run(
  { command, now, signal }: CommandRequest<SloServicesCommand>,
  deps: SloDeps,
): Promise<Reply<SloServicesCommand>> {
  const found = await Promise.all(
    objectivesOf(deps.ruleSet().groups).map((each) => servicesOf({ deps, now, signal }, each)),
  );
  const rows = found
    .flatMap((each) => each.rows)
    .sort(
      (a, b) =>
        byUrgency(urgencyOf(a), urgencyOf(b)) || leastCompliantFirst(complianceOf(a), complianceOf(b)),
    );
  const gaps = [...new Set(found.flatMap((each) => each.gaps))];
  return { answer: { kind: 'slo-services', view: { rows, gaps } }, again: command };
}

/** A service without requests is no worse than one that is evaluated. */
const urgencyOf = ({ state, share }: ServiceRow): Pick<SloRow, 'state'> => ({
  state: state === 'not-evaluated' && share === undefined ? 'ok' : state,
});

const complianceOf = ({ share, budget }: ServiceRow) => ({ share, budgetLeft: budget?.left });

/** An objective and the rules that evaluate it: the SLO itself and its burn rates. */
interface Evaluated {
  readonly objective: LatencyObjective;
  /** The rule of the objective's own window, where there is one. */
  readonly rule: SloRule;
  readonly by: { readonly group: string; readonly rule: SloRule }[];
}

function objectivesOf(groups: readonly RuleGroup[]): readonly Evaluated[] {
  const known = new Map<string, Evaluated>();
  for (const { id: group, rules } of groups)
    for (const rule of rules) {
      const { objective } = rule;
      if (objective === undefined) continue;
      const { family, by, without, quantile, threshold } = objective;
      const key = JSON.stringify([family.metric, family.selector, by, without, quantile, threshold]);
      const before = known.get(key);
      const isOwn = before === undefined || (before.rule.burn !== undefined && rule.burn === undefined);
      known.set(key, {
        ...(isOwn ? { objective, rule } : before),
        by: [...(before?.by ?? []), { group, rule }],
      });
    }
  return [...known.values()];
}

type Context = QueryContext & { readonly deps: SloDeps };

async function servicesOf(
  context: Context,
  evaluated: Evaluated,
): Promise<{ readonly rows: readonly ServiceRow[]; readonly gaps: readonly string[] }> {
  const { objective, rule } = evaluated;
  const { minRequests = 0 } = rule;
  const [shares, counts, budgets, alerts] = await Promise.all([
    sharesOf(context, objective),
    countsOf(context, rule),
    budgetsOf(context, objective),
    alertsOf(context, evaluated),
  ]);
  const few = new Set(
    counts.filter(({ value }) => value < minRequests).map(({ labels }) => serviceKey(objective, labels)),
  );
  const services = new Map<string, Labels>();
  // A service without requests now is one whose budget may be exhausted all the same.
  const measured = shares === undefined ? [] : [...shares, ...budgets.values()].map(({ labels }) => labels);
  for (const labels of [...measured, ...alerts.map(({ series }) => series)])
    services.set(serviceKey(objective, labels), objectiveLabels(objective, labels));
  const nameOf = namesOf(objective, [...services.values()]);
  const rows = [...services].map(([key, labels]): ServiceRow => {
    const own = alerts.filter((each) => serviceKey(objective, each.series) === key).map(stateOf);
    const share = shares?.find((each) => serviceKey(objective, each.labels) === key)?.value;
    const quiet = few.has(key) || share === undefined ? 'not-evaluated' : 'ok';
    return {
      name: nameOf(context.deps.redactLabels?.(labels) ?? labels) || rule.name,
      objective,
      state: own.toSorted((a, b) => byUrgency({ state: a }, { state: b }))[0] ?? quiet,
      share,
      budget: budgets.get(key)?.budget,
    };
  });
  return { rows, gaps: gapsOf({ shares, budgets }) };
}

function gapsOf(found: {
  readonly shares?: readonly unknown[];
  readonly budgets: ReadonlyMap<string, unknown>;
}) {
  if (found.shares === undefined)
    return ['Prometheus did not respond: only services with alerts are listed.'];
  return found.budgets.size === 0 && found.shares.length > 0
    ? [
        'Error budgets are still being queried, or Prometheus did not return them. Repeat the command in a minute.',
      ]
    : [];
}

/** The active alerts of an objective's rules. */
async function alertsOf({ deps }: Context, { by }: Evaluated): Promise<readonly Alert[]> {
  const states = await Promise.all(
    by.map(async ({ group, rule }): Promise<RuleState | undefined> => {
      const state = await loadWithActions(deps.store, group);
      return state?.rules[rule.key];
    }),
  );
  return states.flatMap((state) => (state?.alerts ?? []).filter((alert) => alert.state !== 'resolved'));
}

function stateOf({ state, noDataSince }: Alert): ServiceRow['state'] {
  if (noDataSince !== undefined) return 'no-data';
  return state === 'firing' ? 'firing' : 'pending';
}
