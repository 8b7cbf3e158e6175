import type { SyntaxNode, Tree } from '@lezer/common';
import { nearestName } from '../../lib/nearest.ts';
import { type ExpressionProblem, nodesOf, parseExpression } from './tree.ts';
import { typeProblems } from './types.ts';

/** Longer expressions are refused: parsing time grows faster than their length when parentheses nest. */
const MAX_LENGTH = 20_000;

/** The functions and aggregations that the grammar knows, by their names in PromQL. */
const FUNCTIONS: readonly string[] = [
  ...'abs absent absent_over_time acos acosh asin asinh atan atanh avg avg_over_time bottomk ceil changes clamp'.split(
    ' ',
  ),
  ...'clamp_max clamp_min cos cosh count count_over_time count_values day_of_month day_of_week day_of_year'.split(
    ' ',
  ),
  ...'days_in_month deg delta deriv exp floor group histogram_avg histogram_count histogram_fraction'.split(
    ' ',
  ),
  ...'histogram_quantile histogram_stddev histogram_stdvar histogram_sum hour idelta increase irate'.split(
    ' ',
  ),
  ...'label_join label_replace last_over_time limitk limit_ratio ln log10 log2 mad_over_time max max_over_time'.split(
    ' ',
  ),
  ...'min min_over_time minute month pi predict_linear present_over_time quantile quantile_over_time rad rate'.split(
    ' ',
  ),
  ...'resets round scalar sgn sin sinh sort sort_by_label sort_by_label_desc sort_desc sqrt stddev'.split(
    ' ',
  ),
  ...'stddev_over_time stdvar stdvar_over_time sum sum_over_time tan tanh time timestamp topk vector year'.split(
    ' ',
  ),
];

const DURATION = /^\d[\w.]*/;

/** What a duration that cannot be read looks like from its first digit on. */
function badDuration(expr: string, error: SyntaxNode): ExpressionProblem | undefined {
  const before = error.prevSibling;
  if (before === null || !/Duration/.test(before.name)) return undefined;
  const text = DURATION.exec(expr.slice(before.from))?.[0] ?? expr.slice(before.from, error.to);
  return {
    at: before.from,
    message: `${JSON.stringify(text)} is not a duration: write one like 30s, 5m or 1h30m`,
  };
}

/** A name with an opening parenthesis is meant as a function; the grammar reports the parenthesis. */
function unknownFunction(expr: string, error: SyntaxNode): ExpressionProblem | undefined {
  const name = /[A-Za-z_][\w:]*\s*$/.exec(expr.slice(0, error.from))?.[0];
  if (name === undefined || !expr.slice(error.from).startsWith('(')) return undefined;
  const plain = name.trimEnd();
  if (FUNCTIONS.includes(plain)) return undefined;
  const near = nearestName(plain, FUNCTIONS);
  const hint = near === undefined ? '' : `, did you mean \`${near}\``;
  return { at: error.from - name.length, message: `\`${plain}\` is not a PromQL function${hint}` };
}

function unexpected(expr: string, error: SyntaxNode): ExpressionProblem {
  if (expr.slice(error.from).trim() === '') {
    return { at: expr.trimEnd().length, message: 'the expression ends where more is expected' };
  }
  const token = /^\s*(\w+|"[^"]*"?|'[^']*'?|[^\w\s])/.exec(expr.slice(error.from));
  const at = error.from + (token === null ? 0 : token[0].length - (token[1]?.length ?? 0));
  return { at, message: `${JSON.stringify(token?.[1] ?? '')} is not expected here` };
}

function syntaxProblems(expr: string, tree: Tree): readonly ExpressionProblem[] {
  const problems: ExpressionProblem[] = [];
  for (const node of nodesOf(tree)) {
    if (!node.type.isError) continue;
    problems.push(badDuration(expr, node) ?? unknownFunction(expr, node) ?? unexpected(expr, node));
    // What follows the first error is read on a guess: its errors are mostly echoes.
    break;
  }
  return problems;
}

/** What is wrong with an expression; empty when nothing is. The last word has the server. */
export function checkExpression(expr: string): readonly ExpressionProblem[] {
  if (expr.trim() === '') return [{ at: 0, message: 'the expression is empty' }];
  if (expr.length > MAX_LENGTH) {
    return [
      { at: 0, message: `the expression is longer than ${MAX_LENGTH} characters: use a recording rule` },
    ];
  }
  const tree = parseExpression(expr);
  const wrong = syntaxProblems(expr, tree);
  return wrong.length > 0 ? wrong : typeProblems(expr, tree);
}
