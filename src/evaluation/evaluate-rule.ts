import type { RuleQueryResult, RuleState } from '../alerts/alert.ts';
import type { ExpandTemplate } from '../alerts/identity.ts';
import { needsRecoverySamples } from '../alerts/step-rule.ts';
import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { UpstreamError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { MetricsSource, Sample } from '../lib/metrics-source.ts';
import { before, between, type EpochMs, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import type { RuleAt } from '../rules/rule.ts';

/** No query of a rule may take longer, however long its interval is. */
const MAX_QUERY_TIME: Milliseconds = ms(30 * SECOND);

/** What asking needs. */
export interface AskContext {
  readonly metrics: MetricsSource;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly expand: ExpandTemplate;
  readonly isPrometheus: boolean;
}

/** One rule to ask about at an evaluation time. */
export interface Question {
  readonly at: RuleAt;
  readonly previous: RuleState | undefined;
  readonly evalTime: EpochMs;
  /** When the group's time is up. */
  readonly deadline: EpochMs;
  /** Whether this is the last rule of the group. */
  readonly isLast: boolean;
}

/**
 * Time for one query: half of what the group has left, all of it for the last rule. One slow rule cannot starve the
 * ones after it, and a single rule has nearly the whole interval.
 */
function queryTime({ clock }: AskContext, { deadline, isLast }: Question): Milliseconds {
  const left = Math.max(0, between(clock.now(), deadline));
  return ms(Math.min(MAX_QUERY_TIME, isLast ? left : left / 2));
}

async function instant(
  context: AskContext,
  question: Question,
  asked: { readonly expr: string; readonly isProof?: boolean },
): Promise<readonly Sample[]> {
  const at = before(question.evalTime, question.at.group.queryOffset);
  const limit = {
    clock: context.clock,
    duration: queryTime(context, question),
    system: 'prometheus',
  } as const;
  return await withDeadline(limit, (signal) => context.metrics.instant({ ...asked, at }, signal));
}

/** A wrong question is the rule's fault; everything else is the source's. */
function failureOf(error: unknown): RuleQueryResult {
  const message = error instanceof Error ? error.message : String(error);
  const isRule = error instanceof UpstreamError && error.code === 'bad-request';
  return { kind: isRule ? 'rule-error' : 'source-error', message };
}

/**
 * The values that would prove a recovery. When the evidence expression is wrong there can be none, and the alerts that
 * wait for it will say so as `no data`; when the source does not answer, nothing follows.
 */
async function queryRecovery(
  context: AskContext,
  question: Question,
  expr: string,
): Promise<
  Pick<Extract<RuleQueryResult, { kind: 'vector' }>, 'recoverySamples' | 'isPartial' | 'recoveryError'>
> {
  try {
    // What only a part of the data shows is no recovery.
    return { recoverySamples: await instant(context, question, { expr, isProof: true }) };
  } catch (error) {
    const failure = failureOf(error);
    context.logger.warn('the evidence of a recovery could not be asked', {
      group: question.at.group.id,
      rule: question.at.rule.name,
      reason: failure.kind === 'vector' ? '' : failure.message,
    });
    if (error instanceof UpstreamError && error.code === 'partial') return { isPartial: true };
    return failure.kind === 'source-error' ? { recoveryError: failure.message } : { recoverySamples: [] };
  }
}

/** Asks a rule's expression at its evaluation time, and its evidence when a firing alert is missing from the answer. Never throws. */
export async function askRule(context: AskContext, question: Question): Promise<RuleQueryResult> {
  const { rule } = question.at;
  let samples: readonly Sample[];
  try {
    samples = await instant(context, question, { expr: rule.expr });
  } catch (error) {
    return failureOf(error);
  }
  const { expand, isPrometheus } = context;
  const wanted = needsRecoverySamples({ rule, previous: question.previous, expand, isPrometheus }, samples);
  if (!wanted || rule.recovery === undefined) return { kind: 'vector', samples };
  return { kind: 'vector', samples, ...(await queryRecovery(context, question, rule.recovery.expr)) };
}
