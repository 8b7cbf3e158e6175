import type { SyntaxNode, Tree } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';
import { regexProblem } from '../../lib/matcher.ts';
import { nearestName } from '../../lib/nearest.ts';

/** An error in an expression, at an offset of its text. */
export interface ExpressionProblem {
  readonly at: number;
  readonly message: string;
}

/** Parses an expression with Prometheus's own grammar. */
export const parseExpression = (expr: string): Tree => parser.parse(expr);

/** Quoted text, which matches first so that nothing inside it does; a comment; white space. */
const QUOTED_COMMENT_OR_BLANK = /("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)|(#[^\r\n]*)|[ \t\r\n]+/g;

/** The expression with blanks in place of its comments, so that offsets stay the same. */
const withBlankComments = (expr: string): string =>
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

/** Longer expressions are refused: parsing time grows faster than their length when parentheses nest. */
const MAX_LENGTH = 20_000;

/** The functions and aggregations that the grammar knows, by their names in PromQL. */
const FUNCTIONS: readonly string[] = `
  abs absent absent_over_time acos acosh asin asinh atan atanh avg avg_over_time bottomk ceil
  changes clamp clamp_max clamp_min cos cosh count count_over_time count_values day_of_month
  day_of_week day_of_year days_in_month deg delta deriv exp floor group histogram_avg
  histogram_count histogram_fraction histogram_quantile histogram_stddev histogram_stdvar
  histogram_sum hour idelta increase irate label_join label_replace last_over_time limitk
  limit_ratio ln log10 log2 mad_over_time max max_over_time min min_over_time minute month pi
  predict_linear present_over_time quantile quantile_over_time rad rate resets round scalar sgn sin
  sinh sort sort_by_label sort_by_label_desc sort_desc sqrt stddev stddev_over_time stdvar
  stdvar_over_time sum sum_over_time tan tanh time timestamp topk vector year
`
  .trim()
  .split(/\s+/);

const DURATION = /^\d[\w.]*/;

/** A duration that cannot be parsed, reported from its first digit on. */
function badDuration(expr: string, error: SyntaxNode): ExpressionProblem | undefined {
  const before = error.prevSibling;
  if (before === null || !/Duration/.test(before.name)) return undefined;
  const text = DURATION.exec(expr.slice(before.from))?.[0] ?? expr.slice(before.from, error.to);
  return {
    at: before.from,
    message: `${JSON.stringify(text)} is not a duration: write one like 30s, 5m or 1h30m`,
  };
}

/** A name with an opening parenthesis is a function call; the grammar reports the parenthesis. */
function unknownFunction(expr: string, error: SyntaxNode): ExpressionProblem | undefined {
  const name = /[A-Za-z_][\w:]*\s*$/.exec(expr.slice(0, error.from))?.[0];
  if (name === undefined || !expr.slice(error.from).startsWith('(')) return undefined;
  const called = name.trimEnd();
  if (FUNCTIONS.includes(called)) return undefined;
  const near = nearestName(called, FUNCTIONS);
  const hint = near === undefined ? '' : `, did you mean \`${near}\``;
  return { at: error.from - name.length, message: `\`${called}\` is not a PromQL function${hint}` };
}

function unexpected(expr: string, error: SyntaxNode): ExpressionProblem {
  if (expr.slice(error.from).trim() === '')
    return { at: expr.trimEnd().length, message: 'unexpected end of the expression' };
  const token = /^\s*(\w+|"[^"]*"?|'[^']*'?|[^\w\s])/.exec(expr.slice(error.from));
  const at = error.from + (token === null ? 0 : token[0].length - (token[1]?.length ?? 0));
  return { at, message: `unexpected ${JSON.stringify(token?.[1] ?? '')}` };
}

/** The first syntax error. Those after it are mostly its consequences. */
function syntaxProblem(expr: string, tree: Tree): ExpressionProblem | undefined {
  for (const node of nodesOf(tree)) {
    if (node.type.isError)
      return badDuration(expr, node) ?? unknownFunction(expr, node) ?? unexpected(expr, node);
  }
  return undefined;
}

/** The types of PromQL, and `unknown` where the grammar alone does not tell. */
type Type = 'scalar' | 'vector' | 'range' | 'text' | 'unknown';

const TYPE_NAMES: Readonly<Record<Type, string>> = {
  scalar: 'a number',
  vector: 'a vector',
  range: 'a range',
  text: 'a text',
  unknown: 'an expression',
};

/** Functions that take a range, besides all that end in `_over_time`. Source: promql/parser/functions.go. */
const RANGE_FUNCTIONS: ReadonlySet<string> = new Set(
  'changes delta deriv double_exponential_smoothing idelta increase irate predict_linear rate resets'.split(
    ' ',
  ),
);

/** Which argument of a function is a range; undefined when none is. */
function rangeArgumentOf(name: string): number | undefined {
  if (name === 'quantile_over_time') return 1;
  return RANGE_FUNCTIONS.has(name) || name.endsWith('_over_time') ? 0 : undefined;
}

/** Functions that return a number. */
const SCALAR_FUNCTIONS: ReadonlySet<string> = new Set(['scalar', 'time', 'pi']);

interface Checking {
  readonly expr: string;
  readonly problems: ExpressionProblem[];
}

function callType(checking: Checking, node: SyntaxNode): Type {
  const name = textOf(checking.expr, node.getChild('FunctionIdentifier') ?? node);
  const args = childrenOf(node.getChild('FunctionCallBody') ?? node);
  const wanted = rangeArgumentOf(name);
  for (const [i, arg] of args.entries()) {
    const type = typeOf(checking, arg);
    if (i === wanted && (type === 'vector' || type === 'scalar')) {
      checking.problems.push({
        at: arg.from,
        message: `\`${name}\` expects a range, like x[5m], not ${TYPE_NAMES[type]}`,
      });
    }
    if (i !== wanted && type === 'range') {
      checking.problems.push({ at: arg.from, message: `\`${name}\` expects a value, not a range` });
    }
  }
  return SCALAR_FUNCTIONS.has(name) ? 'scalar' : 'vector';
}

function aggregateType(checking: Checking, node: SyntaxNode): Type {
  const name = textOf(checking.expr, node.getChild('AggregateOp') ?? node);
  const args = childrenOf(node.getChild('FunctionCallBody') ?? node);
  for (const [i, arg] of args.entries()) {
    const type = typeOf(checking, arg);
    const isLast = i === args.length - 1;
    if (type === 'range' || (isLast && type === 'scalar')) {
      checking.problems.push({
        at: arg.from,
        message: `\`${name}\` expects a vector, not ${TYPE_NAMES[type]}`,
      });
    }
  }
  return 'vector';
}

const isComparison = (operator: string): boolean => /^(?:[<>]=?|[=!]=)$/.test(operator);

function binaryType(checking: Checking, node: SyntaxNode): Type {
  const parts = childrenOf(node);
  const [left, operator] = parts;
  const right = parts.at(-1);
  if (left === undefined || operator === undefined || right === undefined) return 'unknown';
  const sides = [left, right].map((side) => ({ side, type: typeOf(checking, side) }));
  const symbol = textOf(checking.expr, operator).toLowerCase();
  for (const { side, type } of sides) {
    if (type === 'range' || type === 'text') {
      checking.problems.push({ at: side.from, message: `\`${symbol}\` does not accept ${TYPE_NAMES[type]}` });
    }
  }
  if (sides.some(({ type }) => type !== 'scalar')) return 'vector';
  const isBool = node.getChild('BoolModifier') !== null;
  if (isComparison(symbol) && !isBool) {
    checking.problems.push({
      at: left.from,
      message: `\`${symbol}\` compares two numbers, which needs \`bool\``,
    });
  }
  return 'scalar';
}

function typeOf(checking: Checking, node: SyntaxNode): Type {
  switch (node.name) {
    case 'NumberDurationLiteral':
      return 'scalar';
    case 'StringLiteral':
      return 'text';
    case 'VectorSelector':
      return 'vector';
    case 'MatrixSelector':
      return 'range';
    case 'SubqueryExpr':
      typeOf(checking, node.firstChild ?? node.node);
      return 'range';
    case 'FunctionCall':
      return callType(checking, node);
    case 'AggregateExpr':
      return aggregateType(checking, node);
    case 'BinaryExpr':
      return binaryType(checking, node);
    default:
      return wrapperType(checking, node);
  }
}

/** Parentheses, signs, `offset` and `@` have the type of the expression inside. */
function wrapperType(checking: Checking, node: SyntaxNode): Type {
  const inner = childrenOf(node).find(({ name }) => /(?:Expr|Selector|Call|Literal)$/.test(name));
  return inner === undefined ? 'unknown' : typeOf(checking, inner);
}

/** The value of a PromQL string; escapes that RE2 reads alike are kept. */
function patternOf(literal: string): string {
  const inside = literal.slice(1, -1);
  if (literal.startsWith('`')) return inside;
  return inside.replaceAll(
    /\\(?:\\|u([\da-fA-F]{4})|U([\da-fA-F]{8}))/g,
    (_, short?: string, long?: string) => {
      const code = short ?? long;
      return code === undefined ? '\\' : `\\x{${code}}`;
    },
  );
}

function regexProblems(expr: string, tree: Tree): readonly ExpressionProblem[] {
  const problems: ExpressionProblem[] = [];
  for (const node of nodesOf(tree)) {
    const operator = /^(?:Unq|Q)uotedLabelMatcher$/.test(node.name) ? node.getChild('MatchOp') : null;
    const literal = node.getChild('StringLiteral');
    if (operator === null || literal === null || !expr.slice(operator.from, operator.to).includes('~'))
      continue;
    const problem = regexProblem(patternOf(expr.slice(literal.from, literal.to)));
    if (problem !== undefined) problems.push({ at: literal.from, message: problem });
  }
  return problems;
}

/**
 * Errors that the grammar does not find: ranges where values are expected and the other way round, comparisons of two
 * numbers, invalid regular expressions.
 */
function typeProblems(expr: string, tree: Tree): readonly ExpressionProblem[] {
  const checking: Checking = { expr, problems: [] };
  const top = tree.topNode.firstChild;
  const type = top === null ? 'unknown' : typeOf(checking, top);
  if (top !== null && checking.problems.length === 0 && (type === 'range' || type === 'text'))
    checking.problems.push({ at: top.from, message: `a rule needs a vector, not ${TYPE_NAMES[type]}` });
  return [...checking.problems, ...regexProblems(expr, tree)];
}

/** The errors in an expression; empty when there are none. Prometheus may still refuse it. */
export function checkExpression(given: string): readonly ExpressionProblem[] {
  const expr = withBlankComments(given);
  if (expr.trim() === '') return [{ at: 0, message: 'the expression is empty' }];
  if (expr.length > MAX_LENGTH)
    return [
      { at: 0, message: `the expression is longer than ${MAX_LENGTH} characters: use a recording rule` },
    ];
  const tree = parseExpression(expr);
  const problem = syntaxProblem(expr, tree);
  return problem === undefined ? typeProblems(expr, tree) : [problem];
}
