import type { z } from 'zod';
import type { HttpAnswer, HttpClient, HttpParameters } from '../http/http-client.ts';
import { UpstreamError, type UpstreamErrorCode } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { MetricsSource, QueryCost, QueryCosts, Sample, Series } from '../lib/metrics-source.ts';
import { type EpochMs, epochMs, type Milliseconds } from '../lib/units.ts';
import * as wire from './wire.ts';

const ADVICE: Readonly<Record<'rule' | 'source' | 'answer', string>> = {
  rule: 'Correct the expression: `tailwatch check FILE --against URL` shows where it is wrong.',
  source: 'See whether Prometheus is up and not overloaded; it is asked again at the next evaluation.',
  answer: 'See whether PROMETHEUS_URL is the address of a Prometheus: its base, without /api/v1.',
};

function failure(code: UpstreamErrorCode, message: string, advice: string): UpstreamError {
  return new UpstreamError({ system: 'prometheus', code, message, advice });
}

/**
 * Prometheus's error types, sorted by who has to act: the author of the rule (`bad-request`) or whoever runs the
 * source. `execution` (422) is about the expression and its data: `found duplicate series`, `many-to-many matching`.
 * Source: prometheus web/api/v1, errorType and its HTTP statuses.
 */
function apiFailure(errorType: string, error: string): UpstreamError {
  switch (errorType) {
    case 'bad_data':
    case 'execution':
      return failure('bad-request', `Prometheus refused the expression: ${error}`, ADVICE.rule);
    case 'timeout':
    case 'canceled':
      return failure('timeout', `Prometheus gave up on the query: ${error}`, ADVICE.source);
    default:
      return failure('unavailable', `Prometheus could not answer (${errorType}): ${error}`, ADVICE.source);
  }
}

function notPrometheus(status: number): UpstreamError {
  // A proxy in front answers with JSON of its own when Prometheus is away.
  return status >= 500 || status === 429
    ? failure('unavailable', `Prometheus could not answer: HTTP ${status}.`, ADVICE.source)
    : failure('bad-answer', `What answered is not a Prometheus: HTTP ${status}.`, ADVICE.answer);
}

function dataOf<Schema extends z.ZodType>(schema: Schema, answer: HttpAnswer<unknown>): z.infer<Schema> {
  const outer = wire.envelope.safeParse(answer.body);
  if (!outer.success) throw notPrometheus(answer.status);
  if (outer.data.status === 'error') throw apiFailure(outer.data.errorType, outer.data.error);
  const inner = schema.safeParse(outer.data.data);
  if (!inner.success) {
    throw failure('bad-answer', 'Prometheus answered something that cannot be read.', ADVICE.answer);
  }
  return inner.data;
}

/**
 * Whether a warning says that data is missing. What Prometheus has to say of the expression itself begins with
 * `PromQL` (util/annotations) and comes with every answer; all other warnings come from storages that did not answer.
 */
const isAboutStorage = (warning: unknown): boolean =>
  typeof warning === 'string' && !/^PromQL (?:warning|info)\b/.test(warning);

interface Question {
  readonly operation: string;
  readonly path: string;
  readonly form?: HttpParameters;
  readonly query?: HttpParameters;
  readonly isProof?: boolean;
}

/** A partial answer (Thanos, remote read) looks like a good one: an operator has to see it, and it proves nothing. */
function heedWarnings(answer: HttpAnswer<unknown>, { form, isProof }: Question, logger: Logger): void {
  const { warnings } = (answer.body ?? {}) as { warnings?: unknown };
  if (warnings === undefined) return;
  logger.warn('Prometheus answered with warnings', { warnings, form });
  if (isProof === true && Array.isArray(warnings) && warnings.some(isAboutStorage))
    throw failure('partial', 'Prometheus answered with a part of the data only.', ADVICE.source);
}

const unixSeconds = (instant: EpochMs): string => (instant / 1_000).toFixed(3);
const fromUnixSeconds = (seconds: number): EpochMs => epochMs(Math.round(seconds * 1_000));

/** Elements of an instant answer. A native histogram counts as an element with value 0, as in Prometheus's rules. */
function samplesOf(data: z.infer<typeof wire.instantData>): readonly Sample[] {
  switch (data.resultType) {
    case 'vector':
      return data.result.map(({ metric, value, histogram }) => ({
        labels: metric,
        value: value === undefined ? 0 : wire.parseValue(value[1]),
        histogram,
      }));
    case 'scalar':
      return [{ labels: {}, value: wire.parseValue(data.result[1]) }];
    case 'string':
    case 'matrix':
      throw failure('bad-request', `The expression gives a ${data.resultType}, not a vector.`, ADVICE.rule);
  }
}

function seriesOf(data: z.infer<typeof wire.rangeData>): readonly Series[] {
  return data.result.map(({ metric, values = [] }) => ({
    labels: metric,
    points: values.map(([at, value]) => ({ at: fromUnixSeconds(at), value: wire.parseValue(value) })),
  }));
}

function costOf({ stats }: z.infer<typeof wire.costData>): QueryCost | undefined {
  if (stats === undefined) return undefined;
  return { seconds: stats.timings.execTotalTime, peakSamples: stats.samples?.peakSamples ?? 0 };
}

const INSTANT = { operation: 'instant', path: '/api/v1/query' } as const;

/**
 * A Prometheus, or anything that speaks its HTTP API. Expressions go in a POST form, so that their length is no matter.
 * Throws `UpstreamError`: `bad-request` when the expression is wrong, other codes when the source is at fault.
 */
export function createPrometheusMetrics(options: {
  http: HttpClient;
  /** For one query. Keep it shorter than the shortest evaluation interval. */
  deadline: Milliseconds;
  logger: Logger;
}): MetricsSource & QueryCosts {
  const { http, deadline, logger } = options;

  async function ask<Schema extends z.ZodType>(
    question: Question,
    schema: Schema,
    signal?: AbortSignal,
  ): Promise<z.infer<Schema>> {
    const { isProof: _isProof, ...request } = question;
    const method = question.form === undefined ? 'GET' : 'POST';
    const answer = await http.json({
      method,
      ...request,
      deadline,
      ...(signal === undefined ? {} : { signal }),
    });
    heedWarnings(answer, question, logger);
    return dataOf(schema, answer);
  }

  // Prometheus stops the query by itself a little before we stop waiting, and then says so in words.
  const timeout = `${Math.max(100, Math.round(deadline * 0.9))}ms`;
  return {
    instant: async ({ expr, at, isProof = false }, signal) => {
      const form = { query: expr, time: unixSeconds(at), timeout };
      return samplesOf(await ask({ ...INSTANT, form, isProof }, wire.instantData, signal));
    },
    cost: async ({ expr, at }, signal) => {
      const form = { query: expr, time: unixSeconds(at), timeout, stats: 'all' };
      return costOf(await ask({ ...INSTANT, form }, wire.costData, signal));
    },
    range: async ({ expr, window, step }, signal) => {
      const form = {
        query: expr,
        start: unixSeconds(window.start),
        end: unixSeconds(window.end),
        step: String(step / 1_000),
        timeout,
      };
      return seriesOf(
        await ask({ operation: 'range', path: '/api/v1/query_range', form }, wire.rangeData, signal),
      );
    },
    labelValues: async ({ label, match }, signal) => {
      const path = `/api/v1/label/${encodeURIComponent(label)}/values`;
      const question = { operation: 'label-values', path, query: { 'match[]': match } };
      return await ask(question, wire.labelValuesData, signal);
    },
  };
}
