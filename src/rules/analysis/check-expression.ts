import type { SyntaxNode, Tree } from '@lezer/common';
import { type MatchOperator, matches, regexProblem } from '../../lib/matcher.ts';
import { nearestName } from '../../lib/nearest.ts';
import { matchersOf, type SelectorMatcher } from './selectors.ts';
import { nodesOf, parseExpression, withBlankComments } from './syntax.ts';
import { type ExpressionProblem, typeProblems } from './types.ts';

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

/** The escapes of a string, and what is none: `"\d"`. Source: promql/parser/lex.go, `lexEscape`. */
const ESCAPE = /\\(?:[abfnrtv\\]|x[\da-f]{2}|u[\da-f]{4}|U[\da-f]{8}|[0-7]{3}|(.))/gis;

/** Escapes that Prometheus does not know: those of a regular expression need two backslashes, or backquotes. */
function escapeProblems(expr: string, tree: Tree): readonly ExpressionProblem[] {
  return [...nodesOf(tree)]
    .filter(({ name, from }) => name === 'StringLiteral' && expr[from] !== '`')
    .flatMap(({ from, to }) =>
      [...expr.slice(from + 1, to - 1).matchAll(ESCAPE)]
        .filter(([, other]) => other !== undefined && other !== expr[from])
        .map(({ 0: text, index }) => ({
          at: from + 1 + index,
          message: `\`${text}\` is not an escape of a PromQL string: write \`\\${text}\``,
        })),
    );
}

/** Selectors that select everything, and those that name their metric twice. */
function selectorProblems(expr: string, tree: Tree): readonly ExpressionProblem[] {
  return [...nodesOf(tree)].flatMap((node): readonly ExpressionProblem[] => {
    if (node.name !== 'VectorSelector') return [];
    const matchers = matchersOf(expr, node);
    const isNamed =
      node.getChild('Identifier') ?? node.getChild('LabelMatchers')?.getChild('QuotedLabelName');
    if (isNamed !== null && isNamed !== undefined)
      return matchers.some(({ label, operator }) => label === '__name__' && operator === '=')
        ? [{ at: node.from, message: 'the metric is named twice' }]
        : [];
    return matchers.every(isEmptyMatched)
      ? [{ at: node.from, message: 'the selector needs a matcher that does not match an empty value' }]
      : [];
  });
}

function isEmptyMatched({ label, operator, value }: SelectorMatcher): boolean {
  if (operator === '=') return value === '';
  if (operator === '!=') return value !== '';
  return matches([{ label, operator: operator as MatchOperator, value }], {});
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
  if (problem !== undefined) return [problem];
  const escapes = escapeProblems(expr, tree);
  if (escapes.length > 0) return escapes;
  const patterns = regexProblems(expr, tree);
  return [
    ...typeProblems(expr, tree),
    ...patterns,
    ...(patterns.length > 0 ? [] : selectorProblems(expr, tree)),
  ];
}
