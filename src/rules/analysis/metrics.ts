import type { SyntaxNode } from '@lezer/common';
import { serviceLabelOf } from '../../lib/labels.ts';
import { parseDuration } from '../../lib/units.ts';
import type { MetricReading } from '../rule.ts';
import type { NamedService, RateRange } from '../rule-use.ts';
import { childrenOf, isAbsence, nodesOf, parseExpression, textOf } from './syntax.ts';

/** Selectors after these are not looked at. */
const MAX_READINGS = 7;

/** What a function finds in the nodes of an expression, each once by its key, in order. */
function collect<T>(
  expr: string,
  find: (node: SyntaxNode) => T | undefined,
  keyOf: (found: T) => string,
): readonly T[] {
  const found = new Map<string, T>();
  for (const node of nodesOf(parseExpression(expr))) {
    const each = find(node);
    if (each !== undefined) found.set(keyOf(each), each);
  }
  return [...found.values()];
}

const metricsWhere = (expr: string, isWanted: (node: SyntaxNode) => boolean): readonly string[] =>
  collect(
    expr,
    (node) => (isWanted(node) ? metricNameOf(expr, node) : undefined),
    (name) => name,
  );

/** The metrics that an expression names, each once, in order. */
export const metricsOf = (expr: string): readonly string[] => metricsWhere(expr, () => true);

/** The metrics that must exist: those inside of `absent()` need not. */
export const metricsNeededBy = (expr: string): readonly string[] =>
  metricsWhere(expr, (node) => !isInAbsent(expr, node));

function isInAbsent(expr: string, { parent }: SyntaxNode): boolean {
  if (parent === null) return false;
  const name = parent.getChild('FunctionIdentifier');
  return (name !== null && isAbsence(expr, name)) || isInAbsent(expr, parent);
}

const unquoted = (text: string): string => text.replaceAll(/^["'`]|["'`]$/g, '');

/** The metric of a selector, named before the braces or inside them. Undefined for other nodes, and for patterns. */
function metricNameOf(expr: string, node: SyntaxNode): string | undefined {
  if (node.name !== 'VectorSelector') return undefined;
  const name = node.getChild('Identifier') ?? node.getChild('LabelMatchers')?.getChild('QuotedLabelName');
  if (name !== null && name !== undefined) return unquoted(textOf(expr, name));
  return equalitiesOf(expr, node).find(({ label }) => label === '__name__')?.value;
}

/** The `label="value"` matchers of a selector. */
function equalitiesOf(expr: string, vector: SyntaxNode): readonly { label: string; value: string }[] {
  const matchers = vector.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? [];
  return matchers
    .filter((matcher) => textOf(expr, matcher.getChild('MatchOp')) === '=')
    .map((matcher) => ({
      label: textOf(expr, matcher.getChild('LabelName')),
      value: unquoted(textOf(expr, matcher.getChild('StringLiteral'))),
    }));
}

/** The matchers of a selector as written, without those on `le`. */
export function matchersWithoutLe(expr: string, vector: SyntaxNode): string {
  const matchers = vector.getChild('LabelMatchers');
  return (matchers === null ? [] : childrenOf(matchers))
    .map((matcher) => textOf(expr, matcher))
    .filter((matcher) => !/^le\b/.test(matcher))
    .join(',');
}

/** The services that an expression names, by the usual service labels, each once. */
export function servicesNamedIn(expr: string): readonly NamedService[] {
  const found = new Map<string, NamedService>();
  for (const node of nodesOf(parseExpression(expr))) {
    const metric = metricNameOf(expr, node);
    if (metric === undefined) continue;
    for (const { label, value } of equalitiesOf(expr, node)) {
      if (value === '' || serviceLabelOf([label]) === undefined) continue;
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
  const selector = textOf(expr, matrix?.getChild('VectorSelector'));
  const window = parseDuration(textOf(expr, matrix?.getChild('DurationExpr')));
  return selector === '' || window === undefined ? undefined : { selector, window };
}

/** The ranges that an expression takes rates over, each once. Subqueries are left out: they have a step of their own. */
export const rateRangesOf = (expr: string): readonly RateRange[] =>
  collect(
    expr,
    (node) => rateRangeOf(expr, node),
    ({ selector, window }) => `${selector}[${window}]`,
  );

/**
 * The selectors of an expression, each once, in order: the metric and its matchers as written, without those on `le`.
 * Only the first seven are returned: enough to find out why data is missing. Selectors that name their metric in quotes
 * or by `__name__` are left out.
 */
export const readingsOf = (expr: string): readonly MetricReading[] =>
  collect(
    expr,
    (node) => {
      const metric = textOf(expr, node.name === 'VectorSelector' ? node.getChild('Identifier') : null);
      return metric === '' ? undefined : { metric, matchers: matchersWithoutLe(expr, node) };
    },
    ({ metric, matchers }) => `${metric}{${matchers}}`,
  ).slice(0, MAX_READINGS);
