import type { ExpandTemplate } from '../alerts/identity.ts';
import type { Clock } from '../lib/clock.ts';
import { forEachLimited } from '../lib/concurrency.ts';
import { withDeadline } from '../lib/deadline.ts';
import { UpstreamError, unansweredBecause } from '../lib/errors.ts';
import type { MetricsSource, Sample } from '../lib/metrics-source.ts';
import { between, type EpochMs, type Milliseconds, ms, SECOND } from '../lib/units.ts';
import type { SloRule } from '../rules/rule.ts';
import {
  hasQueries,
  nextQuery,
  type TemplateAnswer,
  type TemplateContext,
  type TemplateData,
} from '../rules/template/template.ts';

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
