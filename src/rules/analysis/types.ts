import type { SyntaxNode, Tree } from '@lezer/common';
import { childrenOf, type ExpressionProblem } from './tree.ts';

/** The types of PromQL, and `unknown` where the grammar alone does not tell. */
type Type = 'scalar' | 'vector' | 'range' | 'text' | 'unknown';

const WORDS: Readonly<Record<Type, string>> = {
  scalar: 'a number',
  vector: 'a vector',
  range: 'a range',
  text: 'a text',
  unknown: 'an expression',
};

/** Functions that read a range, beside all that end in `_over_time`. Source: promql/parser/functions.go. */
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

/** Functions whose result is a number. */
const SCALAR_FUNCTIONS: ReadonlySet<string> = new Set(['scalar', 'time', 'pi']);

interface Checking {
  readonly expr: string;
  readonly problems: ExpressionProblem[];
}

const textOf = ({ expr }: Checking, node: SyntaxNode): string => expr.slice(node.from, node.to);

function callType(checking: Checking, node: SyntaxNode): Type {
  const name = textOf(checking, node.getChild('FunctionIdentifier') ?? node);
  const args = childrenOf(node.getChild('FunctionCallBody') ?? node);
  const wanted = rangeArgumentOf(name);
  for (const [i, arg] of args.entries()) {
    const type = typeOf(checking, arg);
    if (i === wanted && (type === 'vector' || type === 'scalar')) {
      checking.problems.push({
        at: arg.from,
        message: `\`${name}\` wants a range, like x[5m], not ${WORDS[type]}`,
      });
    }
    if (i !== wanted && type === 'range') {
      checking.problems.push({ at: arg.from, message: `\`${name}\` wants a value, not a range` });
    }
  }
  return SCALAR_FUNCTIONS.has(name) ? 'scalar' : 'vector';
}

function aggregateType(checking: Checking, node: SyntaxNode): Type {
  const name = textOf(checking, node.getChild('AggregateOp') ?? node);
  const args = childrenOf(node.getChild('FunctionCallBody') ?? node);
  for (const [i, arg] of args.entries()) {
    const type = typeOf(checking, arg);
    const isLast = i === args.length - 1;
    if (type === 'range' || (isLast && type === 'scalar')) {
      checking.problems.push({ at: arg.from, message: `\`${name}\` wants a vector, not ${WORDS[type]}` });
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
  const symbol = textOf(checking, operator).toLowerCase();
  for (const { side, type } of sides) {
    if (type === 'range' || type === 'text') {
      checking.problems.push({ at: side.from, message: `\`${symbol}\` cannot take ${WORDS[type]}` });
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

/** Parentheses, signs, `offset` and `@` have the type of what they hold. */
function wrapperType(checking: Checking, node: SyntaxNode): Type {
  const held = childrenOf(node).find(({ name }) => /(?:Expr|Selector|Call|Literal)$/.test(name));
  return held === undefined ? 'unknown' : typeOf(checking, held);
}

/** Whether a pattern is wrong whoever reads it. What only RE2 knows (flags, \pN, \z, [[:alpha:]]) is left to the server. */
function badRegex(literal: string): boolean {
  const inside = literal.slice(1, -1);
  const pattern = literal.startsWith('`') ? inside : inside.replaceAll('\\\\', '\\');
  if (/\(\?[^:]|\\[pPzAQECx]|\[\[:/.test(pattern)) return false;
  try {
    void new RegExp(pattern);
    return false;
  } catch {
    return true;
  }
}

function regexProblems(expr: string, tree: Tree): readonly ExpressionProblem[] {
  const problems: ExpressionProblem[] = [];
  tree.iterate({
    enter: ({ node }) => {
      const operator = node.name === 'UnquotedLabelMatcher' ? node.getChild('MatchOp') : null;
      const literal = node.getChild('StringLiteral');
      if (operator === null || literal === null || !expr.slice(operator.from, operator.to).includes('~'))
        return;
      const text = expr.slice(literal.from, literal.to);
      if (badRegex(text)) problems.push({ at: literal.from, message: `${text} is not a regular expression` });
    },
  });
  return problems;
}

/**
 * Finds in an expression that parses what the grammar lets through: ranges where values are wanted and the other way
 * round, comparisons of two numbers, regular expressions that are none.
 */
export function typeProblems(expr: string, tree: Tree): readonly ExpressionProblem[] {
  const checking: Checking = { expr, problems: [] };
  const top = tree.topNode.firstChild;
  const type = top === null ? 'unknown' : typeOf(checking, top);
  if (top !== null && checking.problems.length === 0 && (type === 'range' || type === 'text')) {
    checking.problems.push({ at: top.from, message: `a rule wants a vector, not ${WORDS[type]}` });
  }
  return [...checking.problems, ...regexProblems(expr, tree)];
}
