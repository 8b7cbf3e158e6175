import type { Alert, NoDataReason, RuleGroupState, RuleState } from '../alerts/alert.ts';
import { type RuleStep, stepRule } from '../alerts/step-rule.ts';
import { forEachLimited } from '../lib/concurrency.ts';
import type { Recorder } from '../lib/recorder.ts';
import { after, before, between, type EpochMs, MINUTE, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import type { RuleGroup, SloRule } from '../rules/rule.ts';
import { type AskContext, askRule } from './evaluate-rule.ts';
import type { FindNoDataReason } from './no-data-reason.ts';

/** A group at its evaluation time. */
export interface Tick {
  readonly group: RuleGroup;
  readonly evalTime: EpochMs;
}

/** What asking and stepping rules needs. */
export interface StepParts extends AskContext {
  readonly recorder: Pick<Recorder, 'evaluated'>;
  /** Absent: what no-data reason is not looked for. */
  readonly findNoDataReason?: FindNoDataReason;
}

/** The share of the interval that queries may take: the rest is for the store. */
const QUERY_SHARE = 0.9;

/** A group on its own schedule has no interval to speak of. */
const SCHEDULED_QUERY_TIME: Milliseconds = MINUTE;

const queryBudget = (group: RuleGroup): Milliseconds =>
  ms(QUERY_SHARE * (group.schedule === undefined ? group.interval : SCHEDULED_QUERY_TIME));

/** A rule that is wrong is logged when that becomes known, not at every tick. */
function noteRuleError(parts: StepParts, next: RuleState, known: RuleState | undefined): void {
  const message = next.health.kind === 'rule-error' ? next.health.message : undefined;
  const earlier = known?.health.kind === 'rule-error' ? known.health.message : undefined;
  if (message === undefined || message === earlier) return;
  parts.logger.warn('a rule could not be evaluated', { rule: next.rule.name, reason: message });
}

/** A rule after its evaluation, before anything is notified of it. */
export interface Stepped extends RuleStep {
  readonly rule: SloRule;
}

/** How many rules of one group are asked about at once: a group of a thousand is through within its interval. */
const ASKED_AT_ONCE = 4;

/** The order to ask in: those first that have gone without an answer longest, so that none is always the one left out. */
function askingOrder({ rules }: RuleGroup, previous: RuleGroupState | undefined): readonly number[] {
  const waitsSince = (index: number): number => {
    const health = previous?.rules[rules[index]?.key ?? '']?.health;
    return health?.kind === 'source-error' ? health.since : Number.MAX_SAFE_INTEGER;
  };
  return [...rules.keys()].sort((a, b) => waitsSince(a) - waitsSince(b) || a - b);
}

/** The rule's new state, with what no-data reason of the alerts that just went without data. */
async function withNoDataReason(
  { findNoDataReason }: StepParts,
  step: RuleStep,
  missing: { rule: SloRule; at: EpochMs; deadline: EpochMs; isPartial: boolean },
): Promise<RuleStep> {
  const alerts = step.transitions.filter(({ kind }) => kind === 'no-data').map(({ alert }) => alert);
  if (alerts.length === 0 || findNoDataReason === undefined) return step;
  const found = missing.isPartial ? undefined : await findNoDataReason({ ...missing, alerts });
  const gone = new Set(alerts.map(({ fingerprint }) => fingerprint));
  const notified = (alert: Alert): Alert => {
    const noDataReason: NoDataReason | undefined = missing.isPartial
      ? { kind: 'source' }
      : found?.get(alert.fingerprint);
    return noDataReason === undefined || !gone.has(alert.fingerprint) ? alert : { ...alert, noDataReason };
  };
  return { ...step, next: { ...step.next, alerts: step.next.alerts.map(notified) } };
}

async function stepOne(
  parts: StepParts,
  { group, evalTime }: Tick,
  asking: { rule: SloRule; known: RuleState | undefined; deadline: EpochMs; isLast: boolean },
): Promise<Stepped> {
  const { rule, known, deadline, isLast } = asking;
  const startedAt = parts.clock.now();
  const evaluation = await askRule(parts, {
    at: { group, rule },
    previous: known,
    evalTime,
    deadline,
    isLast,
  });
  const step = stepRule({ ...parts, rule, group, previous: known, evaluation, evalTime });
  const outcome = step.next.health.kind === 'unknown' ? 'ok' : step.next.health.kind;
  parts.recorder.evaluated({ outcome, seconds: between(startedAt, parts.clock.now()) / SECOND });
  noteRuleError(parts, step.next, known);
  const at = before(evalTime, group.queryOffset);
  const isPartial = evaluation.kind === 'vector' && evaluation.isPartial === true;
  return { rule, ...(await withNoDataReason(parts, step, { rule, at, deadline, isPartial })) };
}

/** Rules do not depend on each other here, as no rule records: they are asked side by side and kept in their order. */
export async function stepRules(
  parts: StepParts,
  tick: Tick,
  previous: RuleGroupState | undefined,
): Promise<readonly Stepped[]> {
  const { rules } = tick.group;
  const deadline = after(parts.clock.now(), queryBudget(tick.group));
  const order = askingOrder(tick.group, previous);
  const last = order.at(-1);
  const stepped = new Map<SloRule, Stepped>();
  await forEachLimited(order, ASKED_AT_ONCE, async (index) => {
    const rule = rules[index];
    if (rule === undefined) return;
    const known = previous?.rules[rule.key];
    stepped.set(rule, await stepOne(parts, tick, { rule, known, deadline, isLast: index === last }));
  });
  return rules.flatMap((rule) => stepped.get(rule) ?? []);
}
