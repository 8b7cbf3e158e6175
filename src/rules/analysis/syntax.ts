import type { SyntaxNode, Tree } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';

/** Parses an expression with Prometheus's own grammar. */
export const parseExpression = (expr: string): Tree => parser.parse(expr);

/** Quoted text, which matches first so that nothing inside it does; a comment; white space. */
const QUOTED_COMMENT_OR_BLANK = /("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)|(#[^\r\n]*)|[ \t\r\n]+/g;

/** The expression with blanks in place of its comments, so that offsets stay the same. */
export const withBlankComments = (expr: string): string =>
  expr.replaceAll(QUOTED_COMMENT_OR_BLANK, (text, _quoted?: string, comment?: string) =>
    comment === undefined ? text : ' '.repeat(text.length),
  );

/**
 * The expression without comments, on one line, with a single blank between words. Everything that cuts text out of an
 * expression must start from this: a comment inside the cut text would hide the rest of the line.
 */
export const withoutComments = (expr: string): string =>
  withBlankComments(expr)
    .replaceAll(QUOTED_COMMENT_OR_BLANK, (_, quoted?: string) => quoted ?? ' ')
    .trim();

/** The text without white space outside of quotes: for comparing and for printing matchers. */
export const withoutBlanks = (text: string): string =>
  text.replaceAll(QUOTED_COMMENT_OR_BLANK, (_, quoted?: string) => quoted ?? '');

/** All nodes of a tree, parents before children. */
export function* nodesOf(tree: Tree): Generator<SyntaxNode> {
  const cursor = tree.cursor();
  do yield cursor.node;
  while (cursor.next());
}

/** The children of a node, in order. */
export function childrenOf(node: SyntaxNode): readonly SyntaxNode[] {
  const children: SyntaxNode[] = [];
  for (let child = node.firstChild; child !== null; child = child.nextSibling) children.push(child);
  return children;
}

/** The text of a node; empty without one. */
export const textOf = (expr: string, node: SyntaxNode | null | undefined): string =>
  node === null || node === undefined ? '' : expr.slice(node.from, node.to);

/** Whether a node names a function that returns an element because data is missing. */
export const isAbsence = (expr: string, { name, from, to }: SyntaxNode): boolean =>
  name === 'FunctionIdentifier' && /^absent(?:_over_time)?$/.test(expr.slice(from, to));
