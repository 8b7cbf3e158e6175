import type { SyntaxNode } from '@lezer/common';
import { serviceLabelOf } from '../../lib/labels.ts';
import { parseDuration } from '../../lib/units.ts';
import type { MetricReading } from '../rule.ts';
import type { NamedService, RateRange } from '../rule-use.ts';
import { childrenOf, isAbsence, nodesOf, parseExpression } from './tree.ts';

/** More selectors than this are not looked at. */
const MOST_READINGS = 7;

/** The metrics that an expression names, each once, in order. */
export const metricsOf = (expr: string): readonly string[] => metricsWhere(expr, () => true);

/** Those that it needs to have: what it looks for the absence of need not be there. */
export const metricsNeededBy = (expr: string): readonly string[] =>
  metricsWhere(expr, (node) => !isInAbsent(expr, node));

function metricsWhere(expr: string, isWanted: (node: SyntaxNode) => boolean): readonly string[] {
  const names = new Set<string>();
  for (const node of nodesOf(parseExpression(expr))) {
    if (node.name !== 'VectorSelector' || !isWanted(node)) continue;
    const name = metricNameOf(expr, node);
    if (name !== undefined) names.add(name);
  }
  return [...names];
}

function isInAbsent(expr: string, { parent }: SyntaxNode): boolean {
  if (parent === null) return false;
  const name = parent.getChild('FunctionIdentifier');
  return (name !== null && isAbsence(expr, name)) || isInAbsent(expr, parent);
}

const unquoted = (text: string): string => text.replaceAll(/^["'`]|["'`]$/g, '');

/** The metric that a selector names, before the braces or inside them; undefined when it names none, or a pattern. */
function metricNameOf(expr: string, vector: SyntaxNode): string | undefined {
  const identifier =
    vector.getChild('Identifier') ?? vector.getChild('LabelMatchers')?.getChild('QuotedLabelName');
  if (identifier !== null && identifier !== undefined)
    return unquoted(expr.slice(identifier.from, identifier.to));
  return equalitiesOf(expr, vector).find(({ label }) => label === '__name__')?.value;
}

interface Equality {
  readonly label: string;
  readonly value: string;
}

/** The `label="value"` matchers of a selector. */
function equalitiesOf(expr: string, vector: SyntaxNode): readonly Equality[] {
  const matchers = vector.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? [];
  return matchers.flatMap((matcher) => {
    const [label, operator, value] = ['LabelName', 'MatchOp', 'StringLiteral'].map((part) => {
      const node = matcher.getChild(part);
      return node === null ? '' : expr.slice(node.from, node.to);
    });
    if (label === undefined || operator !== '=' || value === undefined) return [];
    return [{ label, value: unquoted(value) }];
  });
}

/** The services that an expression names, by the labels that usually do, each once. */
export function servicesNamedIn(expr: string): readonly NamedService[] {
  const found = new Map<string, NamedService>();
  for (const node of nodesOf(parseExpression(expr))) {
    const metric = node.name === 'VectorSelector' ? metricNameOf(expr, node) : undefined;
    if (metric === undefined) continue;
    for (const { label, value } of equalitiesOf(expr, node)) {
      if (value === '' || serviceLabelOf([label]) === undefined) continue;
      found.set(`${metric} ${label} ${value}`, { metric, label, value });
    }
  }
  return [...found.values()];
}

/** Functions that need two samples in their window, and should see a missed scrape go by. */
const RATES: ReadonlySet<string> = new Set(['rate', 'irate', 'increase', 'delta', 'idelta']);

/** The range that a call takes a rate over; undefined for any other node. */
function rateRangeOf(expr: string, call: SyntaxNode): RateRange | undefined {
  const text = (node: SyntaxNode | null | undefined): string =>
    node === null || node === undefined ? '' : expr.slice(node.from, node.to);
  const body = call.getChild('FunctionCallBody');
  if (body === null || !RATES.has(text(call.getChild('FunctionIdentifier')))) return undefined;
  const matrix = body.getChild('MatrixSelector') ?? body.getChild('OffsetExpr')?.getChild('MatrixSelector');
  const selector = text(matrix?.getChild('VectorSelector'));
  const window = parseDuration(text(matrix?.getChild('DurationExpr')));
  return selector === '' || window === undefined ? undefined : { selector, window };
}

/** The ranges that an expression takes rates over, each once. Ranges of subqueries have a step of their own. */
export function rateRangesOf(expr: string): readonly RateRange[] {
  const found = new Map<string, RateRange>();
  for (const node of nodesOf(parseExpression(expr))) {
    const range = node.name === 'FunctionCall' ? rateRangeOf(expr, node) : undefined;
    if (range !== undefined) found.set(`${range.selector}[${range.window}]`, range);
  }
  return [...found.values()];
}

/**
 * The series that an expression reads, each selector once, in order: the metric and its matchers as written, without
 * those on `le`. A selector that names its metric in quotes or by `__name__` is left out, and so is an expression of
 * many selectors from the eighth on: enough to look for what no-data reason.
 */
export function readingsOf(expr: string): readonly MetricReading[] {
  const readings = new Map<string, MetricReading>();
  for (const node of nodesOf(parseExpression(expr))) {
    const identifier = node.name === 'VectorSelector' ? node.getChild('Identifier') : null;
    if (identifier === null) continue;
    const given = node.getChild('LabelMatchers');
    const matchers = (given === null ? [] : childrenOf(given))
      .map((matcher) => expr.slice(matcher.from, matcher.to))
      .filter((matcher) => !/^le\b/.test(matcher))
      .join(',');
    const metric = expr.slice(identifier.from, identifier.to);
    readings.set(`${metric}{${matchers}}`, { metric, matchers });
  }
  return [...readings.values()].slice(0, MOST_READINGS);
}
