import type { SyntaxNode } from '@lezer/common';
import { childrenOf, textOf, withoutBlanks } from './syntax.ts';

const unquoted = (text: string): string => text.replaceAll(/^["'`]|["'`]$/g, '');

/** The label of a matcher, or in a grouping, quoted or not. */
const labelName = (expr: string, node: SyntaxNode | null): string => unquoted(textOf(expr, node));

/** The labels in parentheses behind `by`, `on` and the like. */
export const labelsIn = (expr: string, grouping: SyntaxNode | null): readonly string[] =>
  grouping === null ? [] : childrenOf(grouping).map((label) => labelName(expr, label));

const matchersIn = (vector: SyntaxNode): readonly SyntaxNode[] => {
  const matchers = vector.getChild('LabelMatchers');
  return matchers === null
    ? []
    : childrenOf(matchers).filter(({ name }) => /^(?:Unq|Q)uotedLabelMatcher$/.test(name));
};

/** A matcher of a selector, its value without quotes. */
export interface SelectorMatcher {
  readonly label: string;
  readonly operator: string;
  readonly value: string;
}

/** The matchers of a selector, in order. A metric named in quotes is not among them. */
export const matchersOf = (expr: string, vector: SyntaxNode): readonly SelectorMatcher[] =>
  matchersIn(vector).map((matcher) => ({
    label: labelName(expr, matcher.getChild('LabelName') ?? matcher.getChild('QuotedLabelName')),
    operator: textOf(expr, matcher.getChild('MatchOp')),
    value: unquoted(textOf(expr, matcher.getChild('StringLiteral'))),
  }));

/** The `label="value"` matchers of a selector. */
export const equalitiesOf = (expr: string, vector: SyntaxNode): readonly SelectorMatcher[] =>
  matchersOf(expr, vector).filter(({ operator }) => operator === '=');

/** The matchers of a selector as written, without those on `le` and on the metric's name. */
export const matchersWithoutLe = (expr: string, vector: SyntaxNode): string =>
  matchersIn(vector)
    .map((matcher) => withoutBlanks(textOf(expr, matcher)))
    .filter((matcher) => !/^["'`]?(?:le|__name__)["'`]?[=!]/.test(matcher))
    .join(',');

/** The metric of a selector, named before the braces or inside them. Undefined for other nodes, and for patterns. */
export function metricNameOf(expr: string, node: SyntaxNode): string | undefined {
  if (node.name !== 'VectorSelector') return undefined;
  const name = node.getChild('Identifier') ?? node.getChild('LabelMatchers')?.getChild('QuotedLabelName');
  if (name !== null && name !== undefined) return unquoted(textOf(expr, name));
  return equalitiesOf(expr, node).find(({ label }) => label === '__name__')?.value;
}
