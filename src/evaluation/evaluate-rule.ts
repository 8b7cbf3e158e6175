import type { Alert, NoDataReason, RuleGroupState, RuleQueryResult, RuleState } from '../alerts/alert.ts';
import type { ExpandTemplate } from '../alerts/identity.ts';
import { valuesBySeries } from '../alerts/recovery.ts';
import { needsRecoverySamples, type RuleStep, stepRule } from '../alerts/step-rule.ts';
import type { Clock } from '../lib/clock.ts';
import { forEachLimited, type NextStep } from '../lib/concurrency.ts';
import { withDeadline } from '../lib/deadline.ts';
import {
  errorMessage,
  explanationOf,
  isQueryWrong,
  UpstreamError,
  unansweredBecause,
} from '../lib/errors.ts';
import { fingerprint } from '../lib/labels.ts';
import type { Logger } from '../lib/logger.ts';
import type { MetricsSource, Sample } from '../lib/metrics-source.ts';
import type { Recorder } from '../lib/recorder.ts';
import { after, before, between, type EpochMs, MINUTE, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import type { RuleGroup, SloRule } from '../rules/rule.ts';
import {
  hasQueries,
  nextQuery,
  type TemplateAnswer,
  type TemplateContext,
  type TemplateData,
} from '../rules/template/template.ts';
import { withNamesakes } from './namesakes.ts';
import type { FindLateSamples, FindNoDataReason } from './no-data.ts';
import { withLostTimers } from './restore-timers.ts';

/** Expands a template with what it may read besides its data. */
export type ExpandWithContext = (text: string, data: TemplateData, context?: TemplateContext) => string;

/** The limit of queries in one template. */
const MAX_QUERIES = 5;

/** The limit of time for all queries in the templates of one rule at one evaluation. */
const MAX_TIME: Milliseconds = ms(2 * SECOND);

/** Elements of the result whose templates are expanded at the same time. */
const CONCURRENT_EXPANSIONS = 4;

interface TemplateQueryOptions {
  readonly metrics: Pick<MetricsSource, 'instant'>;
  readonly clock: Clock;
  readonly expand: ExpandWithContext;
  /** The address of Prometheus for people. */
  readonly externalUrl?: string;
}

/** Sends a query once for all templates of a rule. */
type SendQuery = (expr: string) => Promise<TemplateAnswer>;

function createSendQuery({ metrics, clock }: TemplateQueryOptions, at: EpochMs): SendQuery {
  const sent = new Map<string, Promise<TemplateAnswer>>();
  const startedAt = clock.now();
  const send: SendQuery = async (expr) => {
    const duration = ms(Math.max(0, MAX_TIME - between(startedAt, clock.now())));
    try {
      const samples = await withDeadline({ clock, duration, system: 'prometheus' }, (signal) =>
        metrics.instant({ expr, at }, signal),
      );
      return { kind: 'samples', samples };
    } catch (error) {
      return {
        kind: 'failure',
        reason: unansweredBecause(error),
        isSourceError: error instanceof UpstreamError && error.code !== 'bad-request',
      };
    }
  };
  return (expr) => {
    const known = sent.get(expr) ?? send(expr);
    sent.set(expr, known);
    return known;
  };
}

/** The answers to the queries of a template for one element of the result. */
async function answersOf(
  text: string,
  { data, context, send }: { data: TemplateData; context: TemplateContext; send: SendQuery },
): Promise<ReadonlyMap<string, TemplateAnswer>> {
  const answers = new Map<string, TemplateAnswer>();
  for (;;) {
    const expr = nextQuery(text, data, { ...context, answers });
    if (expr === undefined) return answers;
    const isOverLimit = answers.size >= MAX_QUERIES;
    const reason = `a template may send ${MAX_QUERIES} queries`;
    answers.set(expr, isOverLimit ? { kind: 'failure', reason } : await send(expr));
    if (isOverLimit) return answers;
  }
}

/** How the templates of a rule expand at one evaluation. */
export interface TemplateExpansion {
  readonly expand: ExpandTemplate;
  /** Why a query of a label got no answer: the labels, and with them the alerts, are then unknown. */
  readonly unknownLabels?: string;
}

/**
 * Sends the queries in the templates of a rule for each element of its result. The expansion itself is synchronous: it
 * is repeated with each answer until it needs no other.
 */
export async function sendTemplateQueries(
  options: TemplateQueryOptions,
  rule: Pick<SloRule, 'labels' | 'annotations'>,
  { samples, at }: { readonly samples: readonly Sample[]; readonly at: EpochMs },
): Promise<TemplateExpansion> {
  const { expand, externalUrl } = options;
  const context: TemplateContext = { at, externalUrl };
  const labels = Object.values(rule.labels).filter(hasQueries);
  const texts = [...labels, ...Object.values(rule.annotations).filter(hasQueries)];
  if (texts.length === 0 || samples.length === 0)
    return { expand: (text, data) => expand(text, data, context) };
  const send = createSendQuery(options, at);
  const expanded = new Map<TemplateData, Map<string, string>>();
  let unknownLabels: string | undefined;
  await forEachLimited(samples, CONCURRENT_EXPANSIONS, async (data) => {
    const own = new Map<string, string>();
    expanded.set(data, own);
    for (const text of texts) {
      const answers = await answersOf(text, { data, context, send });
      own.set(text, expand(text, data, { ...context, answers }));
      const failed = [...answers.values()].find(
        (answer) => answer.kind === 'failure' && answer.isSourceError,
      );
      if (failed?.kind === 'failure' && labels.includes(text)) unknownLabels = failed.reason;
    }
  });
  return {
    expand: (text, data) => expanded.get(data)?.get(text) ?? expand(text, data, context),
    unknownLabels,
  };
}

/** A group at its evaluation time. */
export interface Tick {
  readonly group: RuleGroup;
  readonly evalTime: EpochMs;
}

/** What the evaluation of a rule depends on. */
export interface EvaluateRuleOptions {
  readonly metrics: MetricsSource;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly recorder: Pick<Recorder, 'evaluated'>;
  readonly expand: ExpandWithContext;
  /** The address of Prometheus for people, for templates. */
  readonly externalUrl?: string;
  readonly isPrometheus: boolean;
  /** Called before each long step with the number of alerts; absent: the evaluation does not pause. */
  readonly nextStep?: NextStep;
  /** Absent: the reason for missing data is not determined. */
  readonly findNoDataReason?: FindNoDataReason;
  /** Absent: late samples are not looked for before an alert recovers. */
  readonly findLateSamples?: FindLateSamples;
}

/** A rule after its evaluation, before notifications. */
export interface EvaluatedRule extends RuleStep {
  readonly rule: SloRule;
  /** Its timers were lost with the store, and are still to be read from Prometheus. */
  readonly lacksTimers?: boolean;
}

/** One rule of a tick. */
interface RuleTick extends Tick {
  readonly rule: SloRule;
  readonly previous: RuleState | undefined;
  /** The instant of the rule's queries. */
  readonly queryTime: EpochMs;
  /** The queries of the group must end by then. */
  readonly deadline: EpochMs;
  /** Whether this is the last rule of the group. */
  readonly isLast: boolean;
  /** The timers of the rule were lost with the store. */
  readonly lacksTimers: boolean;
}

/** The limit of one query, whatever the interval. */
const MAX_QUERY_TIME: Milliseconds = ms(30 * SECOND);

/** The share of the interval for queries. The rest is for the store. */
const QUERY_SHARE = 0.9;

/** A group with a cron schedule has no interval. */
const SCHEDULED_QUERY_TIME: Milliseconds = MINUTE;

/** The number of rules of one group that are queried concurrently: a group of 1,000 finishes within its interval. */
const CONCURRENT_RULES = 4;

const queryBudget = (group: RuleGroup): Milliseconds =>
  ms(QUERY_SHARE * (group.schedule === undefined ? group.interval : SCHEDULED_QUERY_TIME));

/**
 * Sends a query of a rule. It may take half of the time that the group has left, for the last rule all of it: one slow
 * rule does not take the time of the others, and a single rule has nearly the whole interval.
 */
async function inTime<Answer>(
  { clock }: EvaluateRuleOptions,
  { deadline, isLast }: RuleTick,
  send: (signal: AbortSignal) => Promise<Answer>,
): Promise<Answer> {
  const left = Math.max(0, between(clock.now(), deadline));
  const duration = ms(Math.min(MAX_QUERY_TIME, isLast ? left : left / 2));
  return await withDeadline({ clock, duration, system: 'prometheus' }, send);
}

const query = (
  options: EvaluateRuleOptions,
  tick: RuleTick,
  request: { readonly expr: string; readonly rejectsPartial?: boolean },
): Promise<readonly Sample[]> =>
  inTime(options, tick, (signal) => options.metrics.instant({ ...request, at: tick.queryTime }, signal));

/** What a step of a rule takes grows with its alerts and with its result. */
const sizeOf = ({ previous }: RuleTick, samples: readonly Sample[]): number =>
  Math.max(samples.length, previous?.alerts.length ?? 0);

type QueryFailure = Exclude<RuleQueryResult, { kind: 'vector' }>;

/** A query that is rejected or returns too much is an error of the rule; everything else is one of the source. */
function failureOf(error: unknown): QueryFailure {
  return isQueryWrong(error)
    ? { kind: 'rule-error', message: explanationOf(error) }
    : { kind: 'source-error', message: errorMessage(error) };
}

/**
 * Sends the recovery query of a rule. When it is rejected, the alerts that wait for it end as in Prometheus.
 * When the source does not respond, their state is unknown.
 */
async function queryRecovery(
  options: EvaluateRuleOptions,
  tick: RuleTick,
  expr: string,
): Promise<Omit<Extract<RuleQueryResult, { kind: 'vector' }>, 'kind' | 'samples'>> {
  try {
    return { recoverySamples: await query(options, tick, { expr, rejectsPartial: true }) };
  } catch (error) {
    const { kind, message } = failureOf(error);
    options.logger.warn('recovery query failed', {
      group: tick.group.id,
      rule: tick.rule.name,
      reason: message,
    });
    if (error instanceof UpstreamError && error.code === 'partial') return { isPartial: true };
    return kind === 'source-error' ? { recoveryError: message } : { recoveryRejected: message };
  }
}

/** The series of firing alerts that the recovery query returned although their samples are late. Never throws. */
async function lateSeries(
  options: EvaluateRuleOptions,
  tick: RuleTick,
  recoverySamples: readonly Sample[],
): Promise<ReadonlySet<string> | undefined> {
  const { findLateSamples, logger } = options;
  const { rule, previous, queryTime: at } = tick;
  const returned = valuesBySeries(recoverySamples);
  const alerts = (previous?.alerts ?? []).filter(
    ({ state, series }) => state === 'firing' && returned.has(fingerprint(series)),
  );
  if (findLateSamples === undefined || alerts.length === 0) return undefined;
  try {
    return await inTime(options, tick, (signal) => findLateSamples({ rule, alerts, at }, signal));
  } catch (error) {
    logger.debug('late samples could not be looked for', { rule: rule.name, reason: errorMessage(error) });
    return undefined;
  }
}

/** The results of a rule's queries, and its templates with the results of theirs. */
interface QueriedRule {
  readonly evaluation: RuleQueryResult;
  readonly expand: TemplateExpansion['expand'];
}

/**
 * Sends a rule's query, those in its templates, and its recovery query when a firing alert is missing from the result.
 * Never throws.
 */
async function queryRule(options: EvaluateRuleOptions, tick: RuleTick): Promise<QueriedRule> {
  const { rule, previous, evalTime } = tick;
  const { isPrometheus, nextStep } = options;
  let samples: readonly Sample[];
  try {
    samples = await query(options, tick, { expr: rule.expr });
  } catch (error) {
    return { evaluation: failureOf(error), expand: options.expand };
  }
  const { expand, unknownLabels } = await sendTemplateQueries(options, rule, { samples, at: evalTime });
  if (unknownLabels !== undefined && !isPrometheus)
    return { evaluation: { kind: 'source-error', message: unknownLabels }, expand };
  await nextStep?.(sizeOf(tick, samples));
  const isMissing = needsRecoverySamples({ rule, previous, expand, isPrometheus }, samples);
  if (rule.recovery === undefined || !isMissing) return { evaluation: { kind: 'vector', samples }, expand };
  const recovery = await queryRecovery(options, tick, rule.recovery.expr);
  const late = await lateSeries(options, tick, recovery.recoverySamples ?? []);
  return { evaluation: { kind: 'vector', samples, ...recovery, late }, expand };
}

/** Logs the error of a rule when it first occurs, not at every tick. */
function logRuleError(logger: Logger, { rule, health }: RuleState, previous: RuleState | undefined): void {
  if (health.kind !== 'rule-error') return;
  if (previous?.health.kind === 'rule-error' && previous.health.message === health.message) return;
  logger.warn('rule could not be evaluated', { rule: rule.name, reason: health.message });
}

/** Adds the reason to the alerts that are without data since this evaluation. */
async function withNoDataReason(
  { findNoDataReason }: EvaluateRuleOptions,
  { rule, queryTime, deadline }: RuleTick,
  { next, transitions, evaluation }: RuleStep & { readonly evaluation: RuleQueryResult },
): Promise<RuleStep> {
  const missing = transitions.filter(({ kind }) => kind === 'no-data').map(({ alert }) => alert);
  if (missing.length === 0 || findNoDataReason === undefined) return { next, transitions };
  const { isPartial = false, late } = evaluation.kind === 'vector' ? evaluation : {};
  const reasons = new Map<string, NoDataReason>();
  const others: Alert[] = [];
  for (const alert of missing) {
    if (isPartial) reasons.set(alert.fingerprint, { kind: 'source' });
    else if (late?.has(fingerprint(alert.series)) === true) reasons.set(alert.fingerprint, { kind: 'late' });
    else others.push(alert);
  }
  if (others.length > 0) {
    const found = await findNoDataReason({ rule, alerts: others, at: queryTime, deadline });
    for (const [print, reason] of found) reasons.set(print, reason);
  }
  const withReason = (alert: Alert): Alert => {
    const noDataReason = reasons.get(alert.fingerprint);
    return noDataReason === undefined ? alert : { ...alert, noDataReason };
  };
  return { next: { ...next, alerts: next.alerts.map(withReason) }, transitions };
}

/**
 * The tick with the timers of a rule that breaches, where the store lost them. A query that fails is repeated at the next
 * tick; until then its alerts begin anew.
 */
async function withTimers(
  options: EvaluateRuleOptions,
  tick: RuleTick,
  { evaluation, expand }: QueriedRule,
): Promise<RuleTick> {
  const { rule, previous, group } = tick;
  if (!tick.lacksTimers || evaluation.kind !== 'vector') return tick;
  const isKnown = evaluation.samples.length === 0 || rule.for === 0 || rule.about === 'source';
  if (isKnown) return { ...tick, lacksTimers: false };
  try {
    const filled = await inTime(options, tick, (signal) =>
      withLostTimers({ metrics: options.metrics, expand }, tick, { previous, signal }),
    );
    return { ...tick, previous: filled, lacksTimers: false };
  } catch (error) {
    options.logger.warn('pending alerts that were lost with the store could not be restored yet', {
      group: group.id,
      rule: rule.name,
      reason: errorMessage(error),
    });
    return tick;
  }
}

async function evaluateRule(options: EvaluateRuleOptions, given: RuleTick): Promise<EvaluatedRule> {
  const { clock, recorder, logger, nextStep } = options;
  const startedAt = clock.now();
  const queried = await queryRule(options, given);
  const { evaluation, expand } = queried;
  const tick = await withTimers(options, given, queried);
  const { lacksTimers } = tick;
  await nextStep?.(sizeOf(tick, evaluation.kind === 'vector' ? evaluation.samples : []));
  const step = stepRule({ ...options, ...tick, evaluation, expand });
  const { kind } = step.next.health;
  const seconds = between(startedAt, clock.now()) / SECOND;
  recorder.evaluated({ outcome: kind === 'unknown' ? 'ok' : kind, seconds });
  logRuleError(logger, step.next, tick.previous);
  const next = { ...step.next, evaluationSeconds: seconds };
  const named = await withNamesakes({ logger, query: (expr) => query(options, tick, { expr }) }, tick.rule, {
    ...step,
    next,
  });
  const evaluated = await withNoDataReason(options, tick, { ...named, evaluation });
  return { rule: tick.rule, lacksTimers, ...evaluated };
}

/** The order of the queries: rules that got no response for longest first, so that it is not always the same ones. */
function queryOrder({ rules }: RuleGroup, previous: RuleGroupState | undefined): readonly SloRule[] {
  const failingSince = ({ key }: SloRule): number => {
    const health = previous?.rules[key]?.health;
    return health?.kind === 'source-error' ? health.since : Number.MAX_SAFE_INTEGER;
  };
  return rules.toSorted((a, b) => failingSince(a) - failingSince(b));
}

/** Evaluates the rules of a group concurrently: no rule depends on another one. Returns them in the group's order. */
export async function evaluateRules(
  options: EvaluateRuleOptions,
  tick: Tick,
  previous: RuleGroupState | undefined,
): Promise<readonly EvaluatedRule[]> {
  const { group, evalTime } = tick;
  const deadline = after(options.clock.now(), queryBudget(group));
  const queryTime = before(evalTime, group.queryOffset);
  const order = queryOrder(group, previous);
  const lacksTimers = previous?.restoredAt !== undefined && group.schedule === undefined;
  const evaluated = new Map<SloRule, EvaluatedRule>();
  await forEachLimited(order, CONCURRENT_RULES, async (rule) => {
    const known = previous?.rules[rule.key];
    const own = { rule, previous: known, isLast: rule === order.at(-1), lacksTimers };
    evaluated.set(rule, await evaluateRule(options, { group, evalTime, queryTime, deadline, ...own }));
  });
  return group.rules.flatMap((rule) => evaluated.get(rule) ?? []);
}
