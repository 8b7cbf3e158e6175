import type { SyntaxNode } from '@lezer/common';
import { RE2JS, RE2JSSyntaxException } from 're2js';
import { METRIC_NAME } from '../labels.ts';
import { equalityMatcher, expressionMatcher, type Matcher, type MatchOperator } from '../matcher.ts';
import { parseError } from './errors.ts';
import type { VectorSelector } from './expression.ts';
import { unquote } from './literals.ts';
import { childNamed, malformedString, type Reader, textOf } from './nodes.ts';

/** Reads `name{label="value", ...}`. */
export function vectorSelector(reader: Reader, node: SyntaxNode): VectorSelector {
  const name = childNamed(node, 'Identifier');
  const matchers = matcherNodes(node).map((child) => matcherOf(reader, child));
  if (name !== undefined) {
    const metric = textOf(reader, name);
    const twice = matchers.find((matcher) => matcher.name === METRIC_NAME);
    if (twice !== undefined) {
      const message = `metric name must not be set twice: ${JSON.stringify(metric)} or ${JSON.stringify(twice.value)}`;
      throw parseError(reader.source, node.from, message);
    }
    matchers.push(equalityMatcher(METRIC_NAME, '=', metric));
  } else if (matchers.every((matcher) => matcher.matches(''))) {
    throw parseError(reader.source, node.from, 'vector selector must contain at least one non-empty matcher');
  }
  return { kind: 'vector selector', matchers, offset: 0, from: node.from, to: node.to };
}

function matcherNodes(node: SyntaxNode): readonly SyntaxNode[] {
  const nodes: SyntaxNode[] = [];
  for (let child = childNamed(node, 'LabelMatchers')?.firstChild; child; child = child.nextSibling)
    nodes.push(child);
  return nodes;
}

function stringIn(reader: Reader, node: SyntaxNode): string {
  const text = unquote(textOf(reader, node));
  if (text !== undefined) return text;
  throw malformedString(reader, node);
}

/** A matcher in braces; a lone string there is a metric name, as in `{"http.requests"}` (Prometheus 3). */
function matcherOf(reader: Reader, node: SyntaxNode): Matcher {
  if (node.name === 'QuotedLabelName') return equalityMatcher(METRIC_NAME, '=', stringIn(reader, node));
  const nameNode = node.firstChild as SyntaxNode;
  const name = node.name === 'QuotedLabelMatcher' ? stringIn(reader, nameNode) : textOf(reader, nameNode);
  const operator = textOf(reader, childNamed(node, 'MatchOp') as SyntaxNode) as MatchOperator;
  const value = stringIn(reader, node.lastChild as SyntaxNode);
  if (operator === '=' || operator === '!=') return equalityMatcher(name, operator, value);
  return expressionMatcher(name, { operator, value }, compiled(reader, node, value));
}

function compiled(reader: Reader, node: SyntaxNode, expression: string): RE2JS {
  try {
    return RE2JS.compile(`^(?:${expression})$`, reader.dotMatchesNewline ? RE2JS.DOTALL : 0);
  } catch (error) {
    if (!(error instanceof RE2JSSyntaxException)) throw error;
    // The flag is written in front of the expression.
    throw parseError(reader.source, node.from, error.message.replace('`(?s)', '`'));
  }
}
