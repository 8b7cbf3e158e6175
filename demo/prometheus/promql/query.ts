import { compareLabels, type Labels, NO_LABELS } from '../labels.ts';
import { typeOf } from './check-types.ts';
import { QueryError } from './errors.ts';
import { evaluate } from './evaluate.ts';
import { beginEvaluation, type Evaluation, type SampleSource, type VectorSample } from './evaluation.ts';
import type { Expression, MatrixSelector } from './expression.ts';
import { selectedSeries, windowOf } from './select.ts';
import type { VersionBehavior } from './version-behavior.ts';

/** A value at an instant: ms since the epoch. */
export interface Point {
  readonly t: number;
  readonly value: number;
}

export interface ResultSeries {
  readonly labels: Labels;
  readonly points: readonly Point[];
}

/** What a query answers, in the four result types of Prometheus's API. */
export type QueryResult =
  | { readonly type: 'scalar'; readonly point: Point }
  | { readonly type: 'string'; readonly t: number; readonly text: string }
  | { readonly type: 'vector'; readonly t: number; readonly samples: readonly VectorSample[] }
  | { readonly type: 'matrix'; readonly series: readonly ResultSeries[] };

/** How queries are run; fixed for a server. */
export interface QuerySettings {
  readonly source: SampleSource;
  readonly versionBehavior: VersionBehavior;
  /** How far an instant selector looks back, in ms. */
  readonly lookback: number;
}

/** Evaluates an expression at one instant. */
export function queryInstant(settings: QuerySettings, expression: Expression, t: number): QueryResult {
  const evaluation = beginEvaluation({ ...settings, start: t, end: t });
  if (expression.kind === 'matrix selector')
    return { type: 'matrix', series: rawSamples(evaluation, expression, t) };
  const value = evaluate(evaluation, expression, t);
  if (typeof value === 'number') return { type: 'scalar', point: { t, value } };
  if (typeof value === 'string') return { type: 'string', t, text: value };
  return { type: 'vector', t, samples: value };
}

function rawSamples(evaluation: Evaluation, node: MatrixSelector, t: number): readonly ResultSeries[] {
  const series: ResultSeries[] = [];
  for (const { labels, samples } of selectedSeries(evaluation, node.selector)) {
    const window = windowOf(evaluation, node, { samples, t });
    if (window === undefined) continue;
    const points: Point[] = [];
    for (let i = window.from; i < window.to; i++) {
      points.push({ t: window.times[i] as number, value: window.values[i] as number });
    }
    series.push({ labels, points });
  }
  return series.sort((a, b) => compareLabels(a.labels, b.labels));
}

/** The instants of a range query: `start`, `start + step`, ... up to and including `end`. All in ms. */
export interface Steps {
  readonly start: number;
  readonly end: number;
  readonly step: number;
  /** Called between steps; may wait, to let other work run, or throw, to stop. */
  readonly pause?: () => Promise<void> | undefined;
}

/** Evaluates an expression at every step of a range. */
export async function queryRange(
  settings: QuerySettings,
  expression: Expression,
  { start, end, step, pause }: Steps,
): Promise<QueryResult> {
  const type = typeOf(expression);
  if (type !== 'scalar' && type !== 'instant vector') {
    const message = `invalid expression type "${type}" for range query, must be Scalar or instant Vector`;
    throw new QueryError('bad_data', message);
  }
  const evaluation = beginEvaluation({ ...settings, start, end });
  const collected = new Map<string, { readonly labels: Labels; readonly points: Point[] }>();
  for (let t = start; t <= end; t += step) {
    const value = evaluate(evaluation, expression, t);
    const samples =
      typeof value === 'number' ? [{ labels: NO_LABELS, value }] : (value as readonly VectorSample[]);
    for (const sample of samples) {
      const series = collected.get(sample.labels.key) ?? { labels: sample.labels, points: [] };
      if (series.points.length === 0) collected.set(sample.labels.key, series);
      series.points.push({ t, value: sample.value });
    }
    const waiting = pause?.();
    if (waiting !== undefined) await waiting;
  }
  const series = [...collected.values()].sort((a, b) => compareLabels(a.labels, b.labels));
  return { type: 'matrix', series };
}

/** The vector selectors of an expression, in the order of the text. */
export function selectorsOf(node: Expression): readonly Extract<Expression, { kind: 'vector selector' }>[] {
  switch (node.kind) {
    case 'vector selector':
      return [node];
    case 'matrix selector':
      return [node.selector];
    case 'aggregate':
    case 'unary':
      return selectorsOf(node.operand);
    case 'binary':
      return [...selectorsOf(node.left), ...selectorsOf(node.right)];
    case 'call':
      return node.args.flatMap(selectorsOf);
    default:
      return [];
  }
}
