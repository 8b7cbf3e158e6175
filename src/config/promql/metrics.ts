import type { MetricReading } from '../../domain/slo/rule.ts';
import { childrenOf, nodesOf, parseExpression } from './tree.ts';

/** More selectors than this are not looked at. */
const MOST_READINGS = 7;

/** The metrics that an expression names, each once, in order. */
export function metricsOf(expr: string): readonly string[] {
  const names = new Set<string>();
  for (const node of nodesOf(parseExpression(expr))) {
    if (node.name !== 'VectorSelector') continue;
    const identifier =
      node.getChild('Identifier') ?? node.getChild('LabelMatchers')?.getChild('QuotedLabelName');
    if (identifier === null || identifier === undefined) continue;
    names.add(expr.slice(identifier.from, identifier.to).replaceAll(/^["'`]|["'`]$/g, ''));
  }
  return [...names];
}

/**
 * The series that an expression reads, each selector once, in order: the metric and its matchers as written, without
 * those on `le`. A selector that names its metric in quotes or by `__name__` is left out, and so is an expression of
 * many selectors from the eighth on: enough to look for what vanished.
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
