import { performance } from 'node:perf_hooks';
import { compareLabels, toRecord } from '../labels.ts';
import type { Matcher } from '../matcher.ts';
import { QueryError } from '../promql/errors.ts';
import type { Expression } from '../promql/expression.ts';
import { parseExpression } from '../promql/parse.ts';
import {
  type QueryResult,
  type QuerySettings,
  queryInstant,
  queryRange,
  selectorsOf,
} from '../promql/query.ts';
import type { SampleStore, StoredSeries } from '../sample-store.ts';
import {
  invalidParameter,
  limitOf,
  optionalInstant,
  optionalSpan,
  type Parameters,
  requiredInstant,
  requiredSpan,
} from './parameters.ts';
import { formatTimestamp, formatValue, queryDataJson, successJson } from './wire.ts';

/** What the API answers from. */
export interface ApiContext {
  readonly samples: SampleStore;
  readonly settings: QuerySettings;
  /** The default `time`, in ms since the epoch. */
  now(): number;
}

/** Answers a request with JSON text, with undefined for "no content", or throws QueryError. */
export type ApiHandler = (
  context: ApiContext,
  parameters: Parameters,
) => string | undefined | Promise<string>;

const DEFAULT_TIMEOUT = 120_000;
const MOST_POINTS = 11_000;
/** How long a range query may keep the process to itself, in ms, before other work gets a turn. */
const TURN = 20;
const TRUNCATED = 'results truncated due to limit';

/** Runs `read`; a error it finds is a error in the named parameter. */
function asParameter<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (
      error instanceof QueryError &&
      error.type === 'bad_data' &&
      !error.message.startsWith('invalid parameter')
    ) {
      throw invalidParameter(name, error.message);
    }
    throw error;
  }
}

const expressionOf = (context: ApiContext, query: string): Expression =>
  asParameter('query', () => parseExpression(query, context.settings.versionBehavior));

function truncated(
  result: QueryResult,
  limit: number,
): { readonly result: QueryResult; readonly warnings: string[] } {
  if (limit > 0 && result.type === 'vector' && result.samples.length > limit) {
    return { result: { ...result, samples: result.samples.slice(0, limit) }, warnings: [TRUNCATED] };
  }
  if (limit > 0 && result.type === 'matrix' && result.series.length > limit) {
    return { result: { ...result, series: result.series.slice(0, limit) }, warnings: [TRUNCATED] };
  }
  return { result, warnings: [] };
}

function answer(result: QueryResult, limit: number): string {
  const kept = truncated(result, limit);
  return successJson(queryDataJson(kept.result), kept.warnings);
}

const settingsFor = (context: ApiContext, parameters: Parameters): QuerySettings => ({
  ...context.settings,
  lookback: optionalSpan(parameters, 'lookback_delta', context.settings.lookback),
});

/** Throws when a query has run longer than its `timeout`, in the words of Prometheus. */
function watch(timeout: number): () => void {
  const deadline = performance.now() + timeout;
  return () => {
    if (performance.now() < deadline) return;
    throw new QueryError('timeout', 'query timed out in expression evaluation');
  };
}

function query(context: ApiContext, parameters: Parameters): string {
  const limit = limitOf(parameters);
  const t = optionalInstant(parameters, 'time', context.now());
  const check = watch(optionalSpan(parameters, 'timeout', DEFAULT_TIMEOUT));
  const settings = settingsFor(context, parameters);
  const expression = expressionOf(context, parameters.first('query'));
  check();
  return answer(queryInstant(settings, expression, t), limit);
}

function createPause(check: () => void): () => Promise<void> | undefined {
  let turnEnds = performance.now() + TURN;
  return () => {
    check();
    if (performance.now() < turnEnds) return undefined;
    return new Promise((resolve) => {
      setImmediate(() => {
        turnEnds = performance.now() + TURN;
        resolve();
      });
    });
  };
}

/** Prometheus steps in whole milliseconds. */
const wholeMs = (span: number): number => Math.max(1, Math.trunc(span));

async function range(context: ApiContext, parameters: Parameters): Promise<string> {
  const limit = limitOf(parameters);
  const start = requiredInstant(parameters, 'start');
  const end = requiredInstant(parameters, 'end');
  if (end < start) throw invalidParameter('end', 'end timestamp must not be before start time');
  const step = requiredSpan(parameters, 'step');
  if (step <= 0) {
    const advice = 'Try a positive integer';
    throw invalidParameter(
      'step',
      `zero or negative query resolution step widths are not accepted. ${advice}`,
    );
  }
  if (Math.trunc((end - start) / step) > MOST_POINTS) {
    const advice = 'Try decreasing the query resolution (?step=XX)';
    throw new QueryError(
      'bad_data',
      `exceeded maximum resolution of 11,000 points per timeseries. ${advice}`,
    );
  }
  const check = watch(optionalSpan(parameters, 'timeout', DEFAULT_TIMEOUT));
  const settings = settingsFor(context, parameters);
  const expression = expressionOf(context, parameters.first('query'));
  check();
  const result = await queryRange(settings, expression, {
    start,
    end,
    step: wholeMs(step),
    pause: createPause(check),
  }).catch((error: unknown) => {
    if (error instanceof QueryError && error.type === 'bad_data')
      throw invalidParameter('query', error.message);
    throw error;
  });
  return answer(result, limit);
}

function exemplars(context: ApiContext, parameters: Parameters): string | undefined {
  const start = optionalInstant(parameters, 'start', -Infinity);
  const end = optionalInstant(parameters, 'end', Infinity);
  if (end < start) throw new QueryError('bad_data', 'end timestamp must not be before start timestamp');
  const selectors = selectorsOf(parseExpression(parameters.first('query'), context.settings.versionBehavior));
  // An expression without a selector has no exemplars, and Prometheus answers it with 204.
  if (selectors.length === 0) return undefined;
  const bySeries = new Map<string, { readonly series: string; readonly exemplars: Set<string> }>();
  for (const { matchers } of selectors) {
    for (const { series, labels, t, value } of context.samples.exemplars(matchers)) {
      if (t < start || t > end) continue;
      const entry = bySeries.get(series.key) ?? {
        series: JSON.stringify(toRecord(series)),
        exemplars: new Set(),
      };
      bySeries.set(series.key, entry);
      const attached = JSON.stringify(toRecord(labels));
      entry.exemplars.add(
        `{"labels":${attached},"value":"${formatValue(value)}","timestamp":${formatTimestamp(t)}}`,
      );
    }
  }
  const data = Array.from(
    bySeries.values(),
    (entry) => `{"seriesLabels":${entry.series},"exemplars":[${[...entry.exemplars].join(',')}]}`,
  );
  return successJson(`[${data.join(',')}]`);
}

/** The matchers of each `match[]`, which must be a plain selector. */
function matcherSets(context: ApiContext, parameters: Parameters): readonly (readonly Matcher[])[] {
  return parameters.all('match[]').map((text) => {
    const expression = parseExpression(text, context.settings.versionBehavior);
    if (expression.kind === 'vector selector' && expression.offset === 0 && expression.at === undefined) {
      return expression.matchers;
    }
    throw new QueryError('bad_data', `1:1: parse error: ${JSON.stringify(text)} is not a series selector`);
  });
}

/** The series that any `match[]` selects (all without one) with a sample between `start` and `end`. */
function seriesOf(context: ApiContext, parameters: Parameters): readonly StoredSeries[] {
  const start = optionalInstant(parameters, 'start', -Infinity);
  const end = optionalInstant(parameters, 'end', Infinity);
  const sets = matcherSets(context, parameters);
  const selected = new Set(
    (sets.length === 0 ? [[]] : sets).flatMap((set) => [...context.samples.select(set)]),
  );
  return [...selected].filter(({ samples }) => {
    const index = samples.indexAtOrAfter(start);
    return index < samples.end && (samples.times[index] as number) <= end;
  });
}

function limited(values: readonly unknown[], limit: number): string {
  const cut = limit > 0 && values.length > limit;
  return successJson(JSON.stringify(cut ? values.slice(0, limit) : values), cut ? [TRUNCATED] : []);
}

function labels(context: ApiContext, parameters: Parameters): string {
  const names = new Set(
    seriesOf(context, parameters).flatMap((series) => series.labels.pairs.map(([name]) => name)),
  );
  return limited([...names].sort(), limitOf(parameters));
}

/** `/api/v1/label/<name>/values`. */
export function labelValues(context: ApiContext, parameters: Parameters, name: string): string {
  if (name === '') throw new QueryError('bad_data', `invalid label name: ${JSON.stringify(name)}`);
  const values = new Set<string>();
  for (const series of seriesOf(context, parameters)) {
    const pair = series.labels.pairs.find(([candidate]) => candidate === name);
    if (pair !== undefined) values.add(pair[1]);
  }
  return limited([...values].sort(), limitOf(parameters));
}

function series(context: ApiContext, parameters: Parameters): string {
  if (parameters.all('match[]').length === 0)
    throw new QueryError('bad_data', 'no match[] parameter provided');
  const found = asParameter('match[]', () => seriesOf(context, parameters)).map((one) => one.labels);
  return limited(found.sort(compareLabels).map(toRecord), limitOf(parameters));
}

function metadata(context: ApiContext, parameters: Parameters): string {
  const wanted = parameters.first('metric');
  const text = parameters.first('limit');
  if (text !== '' && !/^-?\d+$/.test(text)) throw new QueryError('bad_data', 'limit must be a number');
  const limit = text === '' || Number(text) < 0 ? Infinity : Number(text);
  const entries = [...context.samples.metadata()].filter(([metric]) => wanted === '' || metric === wanted);
  return successJson(
    JSON.stringify(Object.fromEntries(entries.slice(0, limit).map(([metric, one]) => [metric, [one]]))),
  );
}

/** Prometheus 3 built as a module says nothing of its version either: clients must not decide by it. */
const buildInformation = (): string =>
  successJson(
    JSON.stringify({ version: '', revision: '', branch: '', buildUser: '', buildDate: '', goVersion: '' }),
  );

/** The endpoints by path. */
export const API: Readonly<Record<string, ApiHandler>> = {
  '/api/v1/query': query,
  '/api/v1/query_range': range,
  '/api/v1/query_exemplars': exemplars,
  '/api/v1/labels': labels,
  '/api/v1/series': series,
  '/api/v1/metadata': metadata,
  '/api/v1/status/buildinfo': buildInformation,
};
