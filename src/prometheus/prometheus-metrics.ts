import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import type { HttpAnswer, HttpClient, HttpRequest } from '../http/http-client.ts';
import { type Clock, nextTurn } from '../lib/clock.ts';
import { UpstreamError, type UpstreamErrorCode } from '../lib/errors.ts';
import type { Labels } from '../lib/labels.ts';
import type { Logger } from '../lib/logger.ts';
import type {
  MetricsSource,
  QueryCost,
  QueryCosts,
  Sample,
  Series,
  ServerTime,
} from '../lib/metrics-source.ts';
import { type EpochMs, epochMs, type Milliseconds } from '../lib/units.ts';

/*
 * A response with 50,000 series is 10 MB of JSON, and parsing it at once blocks the event loop for 100 ms. Its series are
 * parsed a thousand at a time:
 *
 *     {"status":"success","data":{"resultType":"vector","result":[ {"metric":{ ... }, {"metric":{ ... } ]}}
 *     |-------------------------- head --------------------------| |----- slices -----|--- last, tail ---|
 */

/** How each series begins. It is in no text of a response: there its quotes are escaped. */
const SERIES = '{"metric":{';

/** Where slices begin, and the number of series. */
function slicesOf(text: string): { readonly starts: readonly number[]; readonly count: number } {
  const starts: number[] = [];
  let count = 0;
  for (let at = text.indexOf(SERIES); at !== -1; at = text.indexOf(SERIES, at + SERIES.length)) {
    if (count % SLICE === 0) starts.push(at);
    count += 1;
  }
  return { starts, count };
}

interface Answer {
  readonly data: { result: unknown };
}

const isAnswer = (body: unknown): body is Answer =>
  typeof (body as { readonly data?: unknown } | null)?.data === 'object' && (body as Answer).data !== null;

/**
 * Parses a response of Prometheus with many series, and lets other work run meanwhile. Undefined when it has few, or is
 * not written as Prometheus writes it: then it is to be parsed at once.
 */
export async function parseLargeAnswer(text: string): Promise<unknown> {
  const { starts, count } = slicesOf(text);
  const [first] = starts;
  const last = starts.at(-1);
  if (count <= SLICE || first === undefined || last === undefined) return undefined;
  try {
    const series: unknown[] = [];
    await nextTurn();
    for (const [index, start] of starts.slice(0, -1).entries()) {
      const slice = text.slice(start, starts[index + 1]).trimEnd();
      if (!slice.endsWith(',')) return undefined;
      series.push(...(JSON.parse(`[${slice.slice(0, -1)}]`) as unknown[]));
      await nextTurn();
    }
    const body = JSON.parse(text.slice(0, first) + text.slice(last)) as unknown;
    const rest = isAnswer(body) ? body.data.result : undefined;
    if (!isAnswer(body) || !Array.isArray(rest) || series.length + rest.length !== count) return undefined;
    body.data.result = [...series, ...(rest as unknown[])];
    return body;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Prometheus writes values as strings: `1.5`, `NaN`, `+Inf`, `-Inf`. */
function parseValue(text: string): number {
  if (text === '+Inf' || text === 'Inf') return Number.POSITIVE_INFINITY;
  if (text === '-Inf') return Number.NEGATIVE_INFINITY;
  return text === 'NaN' ? Number.NaN : Number(text);
}

/** Any other text is no value of Prometheus, and must not pass for NaN. */
const isValue = (text: string): boolean => text === 'NaN' || (text !== '' && !Number.isNaN(parseValue(text)));

function isLabels(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  for (const name of Object.keys(value)) if (typeof (value as Labels)[name] !== 'string') return false;
  return true;
}

/** Not `z.record`, which copies: an answer may have ten thousand of them. */
const labels = z.custom<Labels>(isLabels);
/** Unix seconds with a fraction, and the value. */
const point = z.tuple([z.number(), z.string().refine(isValue)]);

/** Kind of boundary (which side is open), lower and upper bound, count. */
const nativeBucket = z.tuple([z.number(), z.string(), z.string(), z.string()]);

/** A native histogram. One that cannot be read has no buckets; the rest of the answer is kept. */
const nativeHistogram = z
  .tuple([z.number(), z.object({ buckets: z.array(nativeBucket).default([]) })])
  .transform(([, { buckets }]) =>
    buckets.map(([, low, high, count]) => ({
      low: parseValue(low),
      high: parseValue(high),
      count: parseValue(count),
    })),
  )
  .catch([]);

/** A native histogram has `histogram` in place of `value`. */
const vectorElement = z.object({
  metric: labels,
  value: point.optional(),
  histogram: nativeHistogram.optional(),
});

/** `data` of `/api/v1/query`. Elements of a vector are read in slices. */
const instantData = z.discriminatedUnion('resultType', [
  z.object({ resultType: z.literal('vector'), result: z.array(z.unknown()) }),
  z.object({ resultType: z.literal('scalar'), result: point }),
  z.object({ resultType: z.literal('string'), result: z.unknown() }),
  z.object({ resultType: z.literal('matrix'), result: z.unknown() }),
]);

const matrixElement = z.object({ metric: labels, values: z.array(point).optional() });

/** `data` of `/api/v1/query_range`. Its series are read in slices. */
const rangeData = z.object({ resultType: z.literal('matrix'), result: z.array(z.unknown()) });

/** `data` of `/api/v1/query` with `stats=all`, which compatible servers may leave out. */
const costData = z.object({
  stats: z
    .object({
      timings: z.object({ execTotalTime: z.number() }),
      samples: z.object({ peakSamples: z.number() }).optional(),
    })
    .optional(),
});

const labelValuesData = z.array(z.string());

/** Every response of the API. */
const envelope = z.discriminatedUnion('status', [
  z.object({ status: z.literal('success'), data: z.unknown(), warnings: z.array(z.string()).optional() }),
  z.object({ status: z.literal('error'), errorType: z.string(), error: z.string() }),
]);

const ADVICE: Readonly<Record<'rule' | 'source' | 'answer' | 'size', string>> = {
  rule: 'Fix the expression: `tailwatch check FILE --against URL` shows the position.',
  source: 'Check that Prometheus is running and not overloaded; the next evaluation tries again.',
  answer: 'Check that PROMETHEUS_URL is the base address of a Prometheus, without /api/v1.',
  size: 'Aggregate with `by`, or select fewer series; PROMETHEUS_MAX_SERIES sets the limit.',
};

function failure(code: UpstreamErrorCode, message: string, advice: string): UpstreamError {
  return new UpstreamError({ system: 'prometheus', code, message, advice });
}

/** Prometheus's `query processing would load too many samples into memory in query execution`. */
const TOO_MANY_SAMPLES = /\btoo many samples\b/;

const LIMIT = [
  'The expression loads more samples than Prometheus allows (--query.max-samples).',
  'Use a shorter range, fewer series or a recording rule, or raise the limit.',
] as const;

/**
 * Converts Prometheus's error types: the author of the rule fixes `bad-request`, the operator of Prometheus the others.
 * `execution` (422) is about the expression and its data: `found duplicate series`, `many-to-many matching`.
 * Source: prometheus web/api/v1, errorType and its HTTP statuses.
 */
function apiFailure(errorType: string, error: string): UpstreamError {
  if (errorType === 'execution' && TOO_MANY_SAMPLES.test(error)) return failure('bad-request', ...LIMIT);
  switch (errorType) {
    case 'bad_data':
    case 'execution':
      return failure('bad-request', `Prometheus refused the expression: ${error}`, ADVICE.rule);
    case 'timeout':
    case 'canceled':
      return failure('timeout', `Prometheus canceled the query: ${error}`, ADVICE.source);
    default:
      return failure('unavailable', `Prometheus returned an error (${errorType}): ${error}`, ADVICE.source);
  }
}

function notPrometheus(status: number): UpstreamError {
  // A proxy answers with its own JSON when Prometheus is down.
  return status >= 500 || status === 429
    ? failure('unavailable', `Prometheus returned HTTP ${status}.`, ADVICE.source)
    : failure('bad-answer', `The response (HTTP ${status}) is not from a Prometheus.`, ADVICE.answer);
}

function read<Schema extends z.ZodType>(schema: Schema, data: unknown): z.infer<Schema> {
  const parsed = schema.safeParse(data);
  if (parsed.success) return parsed.data;
  throw failure('bad-answer', 'Prometheus returned an unreadable response.', ADVICE.answer);
}

function dataOf<Schema extends z.ZodType>(schema: Schema, answer: HttpAnswer<unknown>): z.infer<Schema> {
  const outer = envelope.safeParse(answer.body);
  if (!outer.success) throw notPrometheus(answer.status);
  if (outer.data.status === 'error') throw apiFailure(outer.data.errorType, outer.data.error);
  return read(schema, outer.data.data);
}

/** The default of `PROMETHEUS_MAX_SERIES`. */
const MAX_SERIES = 10_000;

const tooManySeries = (maxSeries: number): UpstreamError =>
  failure(
    'too-large',
    `The expression returns more than ${maxSeries.toLocaleString('en-US')} series.`,
    ADVICE.size,
  );

/** Series that are parsed or read before other work runs: about 2 ms. */
const SLICE = 1_000;

/** Reads the series of a response, and lets other work run meanwhile. */
async function readSeries<Schema extends z.ZodType, T>(
  result: readonly unknown[],
  maxSeries: number,
  reading: { readonly schema: Schema; readonly convert: (series: z.infer<Schema>) => T },
): Promise<readonly T[]> {
  if (result.length > maxSeries) throw tooManySeries(maxSeries);
  const converted: T[] = [];
  for (const [index, series] of result.entries()) {
    if (index > 0 && index % SLICE === 0) await nextTurn();
    converted.push(reading.convert(read(reading.schema, series)));
  }
  return converted;
}

/** Each series of a response has this once: inside a text its quotes are escaped. */
const SERIES_MARK = '"metric":{';

/** Refuses a response with too many series before it is parsed: 50,000 blocked the event loop for 440 ms. */
function refuseTooMany(body: string, maxSeries: number): void {
  let count = 0;
  for (let at = body.indexOf(SERIES_MARK); at !== -1; at = body.indexOf(SERIES_MARK, at + 1)) {
    count += 1;
    if (count > maxSeries) throw tooManySeries(maxSeries);
  }
}

/** Smaller bodies are parsed at once. In bytes: about a thousand series. */
const LARGE_BODY = 200_000;

function parseLarge(body: Uint8Array, check: (text: string) => void): Promise<unknown> | undefined {
  return body.byteLength < LARGE_BODY ? undefined : parseInSlices(body, check);
}

async function parseInSlices(body: Uint8Array, check: (text: string) => void): Promise<unknown> {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8');
  await nextTurn();
  check(text);
  await nextTurn();
  return (await parseLargeAnswer(text)) ?? (JSON.parse(text) as unknown);
}

/** A result that is too large is due to the expression, whatever limit it exceeds. */
const withAdvice = (error: unknown): unknown =>
  error instanceof UpstreamError && error.code === 'too-large'
    ? failure('too-large', error.message, ADVICE.size)
    : error;

/**
 * Whether a warning means that data is missing. Warnings about the expression start with `PromQL` (util/annotations) and
 * come with every response; all others come from storages that did not respond.
 */
const isAboutStorage = (warning: unknown): boolean =>
  typeof warning === 'string' && !/^PromQL (?:warning|info)\b/.test(warning);

interface PrometheusRequest extends Omit<HttpRequest, 'deadline' | 'method'> {
  readonly rejectsPartial?: boolean;
}

/** Logs warnings: a partial response (Thanos, remote read) otherwise looks complete. */
function checkWarnings(
  answer: HttpAnswer<unknown>,
  { form, rejectsPartial }: PrometheusRequest,
  logger: Logger,
): void {
  const { warnings } = (answer.body ?? {}) as { warnings?: unknown };
  if (warnings === undefined) return;
  logger.warn('Prometheus returned warnings', { warnings, form });
  if (rejectsPartial === true && Array.isArray(warnings) && warnings.some(isAboutStorage))
    throw failure('partial', 'Prometheus returned only part of the data.', ADVICE.source);
}

const unixSeconds = (instant: EpochMs): string => (instant / 1_000).toFixed(3);
const fromUnixSeconds = (seconds: number): EpochMs => epochMs(Math.round(seconds * 1_000));

/** Elements of an instant vector. A native histogram is an element with value 0, as in Prometheus's rules. */
async function samplesOf(data: z.infer<typeof instantData>, maxSeries: number): Promise<readonly Sample[]> {
  switch (data.resultType) {
    case 'vector':
      return await readSeries(data.result, maxSeries, {
        schema: vectorElement,
        convert: ({ metric, value, histogram }) => ({
          labels: metric,
          value: value === undefined ? 0 : parseValue(value[1]),
          histogram,
        }),
      });
    case 'scalar':
      return [{ labels: {}, value: parseValue(data.result[1]) }];
    case 'string':
    case 'matrix':
      throw failure('bad-request', `The expression returns a ${data.resultType}, not a vector.`, ADVICE.rule);
  }
}

const seriesOf = ({ result }: z.infer<typeof rangeData>, maxSeries: number): Promise<readonly Series[]> =>
  readSeries(result, maxSeries, {
    schema: matrixElement,
    convert: ({ metric, values = [] }) => ({
      labels: metric,
      points: values.map(([at, value]) => ({ at: fromUnixSeconds(at), value: parseValue(value) })),
    }),
  });

function costOf({ stats }: z.infer<typeof costData>): QueryCost | undefined {
  if (stats === undefined) return undefined;
  return { seconds: stats.timings.execTotalTime, peakSamples: stats.samples?.peakSamples ?? 0 };
}

/** A response with more is large: compressed it is a tenth of its size. */
const MANY_SERIES = 500;
/** Expressions with large responses that are remembered. */
const MAX_EXPRESSIONS = 1_000;

const INSTANT = { operation: 'instant', path: '/api/v1/query' } as const;

/**
 * The HTTP API of a Prometheus or a compatible server. Expressions are sent in a POST form, which has no length limit.
 * @throws UpstreamError from its methods: `bad-request` when the expression is wrong, other codes when the source fails.
 */
export function createPrometheusMetrics(options: {
  http: HttpClient;
  /** For one query. Must be shorter than the shortest evaluation interval. */
  deadline: Milliseconds;
  logger: Logger;
  /** The most series of one response. */
  maxSeries?: number;
  /** Measures the source's clock; absent: it is not measured. */
  time?: { readonly clock: Pick<Clock, 'now'>; readonly observe: (time: ServerTime) => void };
}): MetricsSource & QueryCosts {
  const { http, deadline, logger, time, maxSeries = MAX_SERIES } = options;

  async function request<Schema extends z.ZodType>(
    given: PrometheusRequest,
    schema: Schema,
  ): Promise<z.infer<Schema>> {
    const { rejectsPartial: _, ...rest } = given;
    const method = given.form === undefined ? 'GET' : 'POST';
    const sentAt = time?.clock.now();
    const beforeParsing = (body: string): void => refuseTooMany(body, maxSeries);
    const parse = (body: Uint8Array) => parseLarge(body, beforeParsing);
    const answer = await http
      .json({ method, deadline, beforeParsing, parse, ...rest })
      .catch((error: unknown) => Promise.reject(withAdvice(error)));
    if (time !== undefined && sentAt !== undefined && answer.date !== undefined)
      time.observe({ date: answer.date, sentAt, receivedAt: time.clock.now() });
    checkWarnings(answer, given, logger);
    return dataOf(schema, answer);
  }

  // Prometheus cancels the query shortly before the deadline and reports it as an error.
  const timeout = `${Math.max(100, Math.round(deadline * 0.9))}ms`;
  // Prometheus 3 sends no more than these; older versions ignore it.
  const limit = String(maxSeries + 1);
  /** Expressions whose last response was large. */
  const large = new LRUCache<string, true>({ max: MAX_EXPRESSIONS });
  return {
    instant: async ({ expr, at, rejectsPartial }, signal) => {
      const form = { query: expr, time: unixSeconds(at), timeout, limit };
      const isUncompressed = !large.has(expr);
      const data = await request({ ...INSTANT, form, rejectsPartial, isUncompressed, signal }, instantData);
      const samples = await samplesOf(data, maxSeries);
      if (samples.length > MANY_SERIES) large.set(expr, true);
      return samples;
    },
    cost: async ({ expr, at }, signal) => {
      const form = { query: expr, time: unixSeconds(at), timeout, stats: 'all' };
      return costOf(await request({ ...INSTANT, form, signal }, costData));
    },
    range: async ({ expr, window, step }, signal) => {
      const form = {
        query: expr,
        start: unixSeconds(window.start),
        end: unixSeconds(window.end),
        step: String(step / 1_000),
        timeout,
        limit,
      };
      const path = '/api/v1/query_range';
      return await seriesOf(await request({ operation: 'range', path, form, signal }, rangeData), maxSeries);
    },
    labelValues: async ({ label, match }, signal) => {
      const path = `/api/v1/label/${encodeURIComponent(label)}/values`;
      const query = { 'match[]': match };
      return await request({ operation: 'label-values', path, query, signal }, labelValuesData);
    },
  };
}
