import type { SyntaxNode, Tree } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';

/** A mistake in an expression, at an offset of its text. */
export interface ExpressionProblem {
  readonly at: number;
  readonly message: string;
}

/** Parses an expression with Prometheus's own grammar. */
export const parseExpression = (expr: string): Tree => parser.parse(expr);

/** All nodes of a tree, parents before children. */
export function* nodesOf(tree: Tree): Generator<SyntaxNode> {
  const cursor = tree.cursor();
  do yield cursor.node;
  while (cursor.next());
}

/** Whether a node names a function whose elements are there because something else is not. */
export const isAbsence = (expr: string, { name, from, to }: SyntaxNode): boolean =>
  name === 'FunctionIdentifier' && /^absent(?:_over_time)?$/.test(expr.slice(from, to));

/** The children of a node, in order, comments left out. */
export function childrenOf(node: SyntaxNode): readonly SyntaxNode[] {
  const children: SyntaxNode[] = [];
  for (let child = node.firstChild; child !== null; child = child.nextSibling) {
    if (child.name !== 'LineComment') children.push(child);
  }
  return children;
}
