import type { SyntaxNode } from '@lezer/common';
import { serviceLabelOf } from '../../lib/labels.ts';
import { parseDuration } from '../../lib/units.ts';
import type { MetricReading, SloRule } from '../rule.ts';
import type { NamedService, RateRange } from '../rule-use.ts';
import { type FoundObjective, objectiveOf } from './objective.ts';
import { recoveryOf } from './recovery.ts';
import { type Shape, shapeOf } from './shape.ts';
import {
  equalitiesOf,
  isAbsence,
  matchersOf,
  matchersWithoutLe,
  metricNameOf,
  nodesOf,
  parseExpression,
  textOf,
  withoutBlanks,
  withoutComments,
} from './syntax.ts';
import { unitOfValue } from './unit.ts';

/** Labels of a request's outcome: Istio's, OpenTelemetry's, gRPC's and the usual ones of hand-written metrics. */
const OUTCOME =
  /^(?:(?:http_|grpc_|rpc_)?(?:response_)?(?:status_)?(?:code|status|status_class)|code_class|outcome|error|result|http\.response\.status_code|rpc\.grpc\.status_code)$/;

/** Codes of failures: 5xx, and the names of errors. A code of 4xx is the client's: its spans are not marked as failed. */
const FAILURE = /(?:^|[^\d])5(?:[\dx.]|\[|$)|error|fail|true|unavailable|internal|unknown|deadline/i;

/** Metrics that count failures. `sli_error` of Sloth is the missed share of any objective. */
const FAILURE_METRIC = /(?<!sli_)(?:error|fail(?:ed|ure)|exception|fault)s?(?:[_:.]|$)/i;

/** Whether an expression without comments counts failed requests: by the outcome's label, or by the metric's name. */
function countsErrors(expr: string): boolean {
  for (const node of nodesOf(parseExpression(expr))) {
    if (node.name !== 'VectorSelector') continue;
    if (FAILURE_METRIC.test(metricNameOf(expr, node) ?? '')) return true;
    if (matchersOf(expr, node).some(({ label, value }) => OUTCOME.test(label) && FAILURE.test(value)))
      return true;
  }
  return false;
}

/** What can be read out of a hand-written expression. */
export type Analysis = Pick<
  SloRule,
  'valueKind' | 'unit' | 'bound' | 'comparison' | 'objective' | 'recovery' | 'lookback' | 'measures'
>;

type Filter = Extract<Shape, { kind: 'filter' }>;

/** The filter whose value the result has: that of the left side, since `and` and `unless` keep the left's values. */
function valueFilter(shape: Shape): Filter | undefined {
  if (shape.kind === 'vector' || shape.kind === 'match') return undefined;
  if (shape.kind === 'filter') return shape;
  const left = valueFilter(shape.left);
  if (shape.operator !== 'or') return left;
  const right = valueFilter(shape.right);
  return left?.bound === right?.bound && left?.comparison === right?.comparison ? left : undefined;
}

type Value = Pick<SloRule, 'valueKind' | 'unit' | 'objective'>;

/** The objective of both sides of an `or`, where it is the same: the alerts of both are alerts of one rule. */
function commonObjective(shape: Shape, unit: string | undefined): FoundObjective | undefined {
  if (shape.kind === 'filter') return objectiveOf(shape, unit);
  if (shape.kind !== 'set') return undefined;
  const left = commonObjective(shape.left, unit);
  if (shape.operator !== 'or') return left;
  const right = commonObjective(shape.right, unit);
  return JSON.stringify(left) === JSON.stringify(right) ? left : undefined;
}

/** What the value is, by the objective, else by the names of the metrics. */
function valueOf(shape: Shape, filter: Filter | undefined, slo: string | undefined): Value {
  const found = commonObjective(shape, slo);
  if (found !== undefined) return found;
  const text = filter?.of.kind === 'vector' ? filter.of.text : filter === undefined ? shape.text : undefined;
  const { isRatio, unit } = text === undefined ? { isRatio: false } : unitOfValue(text, filter?.bound);
  return { valueKind: isRatio ? 'ratio' : 'number', unit };
}

/** What an expression that parses shows about its rule. `unit` is that of `slo_unit`. */
export function analyseExpression(given: string, unit?: string): Analysis {
  const expr = withoutComments(given);
  const shape = shapeOf(expr);
  const filter = valueFilter(shape);
  const value = valueOf(shape, filter, unit);
  return {
    ...value,
    bound: filter?.bound,
    comparison: filter?.comparison,
    recovery: recoveryOf(expr, shape),
    lookback: value.objective?.window ?? rateRangesOf(expr)[0]?.window,
    measures: value.objective === undefined && countsErrors(expr) ? 'errors' : undefined,
  };
}

/** Selectors after these are not looked at. */
const MAX_READINGS = 7;

/** What a function finds in the nodes of an expression, each once by its key, in order. */
function collect<T>(
  given: string,
  find: (node: SyntaxNode, expr: string) => T | undefined,
  keyOf: (found: T) => string,
): readonly T[] {
  const expr = withoutComments(given);
  const found = new Map<string, T>();
  for (const node of nodesOf(parseExpression(expr))) {
    const each = find(node, expr);
    if (each !== undefined) found.set(keyOf(each), each);
  }
  return [...found.values()];
}

const metricsWhere = (
  given: string,
  isWanted: (node: SyntaxNode, expr: string) => boolean,
): readonly string[] =>
  collect(
    given,
    (node, expr) => (isWanted(node, expr) ? metricNameOf(expr, node) : undefined),
    (name) => name,
  );

/** The metrics that an expression names, each once, in order. */
export const metricsOf = (expr: string): readonly string[] => metricsWhere(expr, () => true);

/** The metrics that must exist: those inside of `absent()` need not. */
export const metricsNeededBy = (given: string): readonly string[] =>
  metricsWhere(given, (node, expr) => !isInAbsent(expr, node));

function isInAbsent(expr: string, { parent }: SyntaxNode): boolean {
  if (parent === null) return false;
  const name = parent.getChild('FunctionIdentifier');
  return (name !== null && isAbsence(expr, name)) || isInAbsent(expr, parent);
}

/** The services and jobs that an expression names, by the usual labels, each once. */
export function servicesNamedIn(given: string): readonly NamedService[] {
  const expr = withoutComments(given);
  const found = new Map<string, NamedService>();
  for (const node of nodesOf(parseExpression(expr))) {
    const metric = metricNameOf(expr, node);
    if (metric === undefined) continue;
    for (const { label, value } of equalitiesOf(expr, node)) {
      if (value === '' || (label !== 'job' && serviceLabelOf([label]) === undefined)) continue;
      found.set(`${metric} ${label} ${value}`, { metric, label, value });
    }
  }
  return [...found.values()];
}

/** Functions that need two samples in their range. */
const RATES: ReadonlySet<string> = new Set(['rate', 'irate', 'increase', 'delta', 'idelta']);

/** The range that a call takes a rate over; undefined for any other node. */
function rateRangeOf(expr: string, call: SyntaxNode): RateRange | undefined {
  const body = call.getChild('FunctionCallBody');
  if (body === null || !RATES.has(textOf(expr, call.getChild('FunctionIdentifier')))) return undefined;
  const matrix = body.getChild('MatrixSelector') ?? body.getChild('OffsetExpr')?.getChild('MatrixSelector');
  const selector = withoutBlanks(textOf(expr, matrix?.getChild('VectorSelector')));
  const window = parseDuration(textOf(expr, matrix?.getChild('DurationExpr')));
  return selector === '' || window === undefined ? undefined : { selector, window };
}

/** The ranges that an expression takes rates over, each once. Subqueries are left out: they have a step of their own. */
export const rateRangesOf = (given: string): readonly RateRange[] =>
  collect(
    given,
    (node, expr) => rateRangeOf(expr, node),
    ({ selector, window }) => `${selector}[${window}]`,
  );

/**
 * The selectors of an expression, each once, in order: the metric and its matchers as written, without those on `le`.
 * Only the first seven are returned: enough to find out why data is missing.
 */
export const readingsOf = (given: string): readonly MetricReading[] =>
  collect(
    given,
    (node, expr) => {
      const metric = metricNameOf(expr, node);
      return metric === undefined ? undefined : { metric, matchers: matchersWithoutLe(expr, node) };
    },
    ({ metric, matchers }) => `${metric}{${matchers}}`,
  ).slice(0, MAX_READINGS);
