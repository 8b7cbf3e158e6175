import type { SyntaxNode, Tree } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';

/** Quoted texts and comments, and numbers that end in a point or have nothing between it and the exponent. */
const TRAILING_POINT =
  /"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`|#[^\n]*|(?<![\w:.$])(\d[\d_]*)\.(?=[eE][+-]?\d|[^\w.]|$)/g;

/** Parses an expression with Prometheus's own grammar. `5.` is a number in PromQL that the grammar does not know: it is read as `05`. */
export const parseExpression = (expr: string): Tree =>
  parser.parse(
    expr.replaceAll(TRAILING_POINT, (written, digits?: string) =>
      digits === undefined ? written : `0${digits}`,
    ),
  );

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
