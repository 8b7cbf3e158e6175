import type { SyntaxNode, Tree } from '@lezer/common';
import { type MatchOperator, matches, regexProblem } from '../../lib/matcher.ts';
import { nearestName } from '../../lib/nearest.ts';
import {
  childrenOf,
  matchersOf,
  nodesOf,
  parseExpression,
  type SelectorMatcher,
  textOf,
  withBlankComments,
} from './syntax.ts';

/** An error in an expression, at an offset of its text. */
export interface ExpressionProblem {
  readonly at: number;
  readonly message: string;
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

/**
 * The arguments of functions by the first letter of their types: `?` marks the optional ones, `*` any number of them. A
 * function that is not here is checked for ranges only. Source: promql/parser/functions.go.
 */
const ARGUMENTS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    '': 'pi time',
    'v?': 'day_of_month day_of_week day_of_year days_in_month hour minute month year',
    v: `abs absent acos acosh asin asinh atan atanh ceil cos cosh deg exp floor histogram_avg histogram_count
      histogram_stddev histogram_stdvar histogram_sum ln log10 log2 rad scalar sgn sin sinh sort sort_desc sqrt tan tanh
      timestamp`,
    r: `absent_over_time avg_over_time changes count_over_time delta deriv first_over_time idelta increase irate
      last_over_time mad_over_time max_over_time min_over_time present_over_time rate resets stddev_over_time
      stdvar_over_time sum_over_time`,
    s: 'vector',
    vs: 'clamp_max clamp_min',
    'vs?': 'round',
    vss: 'clamp',
    sv: 'histogram_quantile',
    ssv: 'histogram_fraction',
    sr: 'quantile_over_time',
    rs: 'predict_linear',
    rss: 'double_exponential_smoothing holt_winters',
    vtttt: 'label_replace',
    'vttt*': 'label_join',
    'vt*': 'sort_by_label sort_by_label_desc',
  }).flatMap(([types, names]) => names.split(/\s+/).map((name) => [name, types] as const)),
);

/** Those of aggregations; all others aggregate a vector alone. */
const AGGREGATED: Readonly<Record<string, string>> = {
  bottomk: 'sv',
  count_values: 'tv',
  limit_ratio: 'sv',
  limitk: 'sv',
  quantile: 'sv',
  topk: 'sv',
};

const LETTERS: Readonly<Record<string, Type>> = { r: 'range', s: 'scalar', t: 'text', v: 'vector' };

interface Signature {
  readonly types: readonly Type[];
  readonly least: number;
  readonly most: number;
}

/** The types of all arguments, and how many of them there may be. */
function signatureOf(text: string): Signature {
  const types = text
    .replace(/[?*]/, '')
    .split('')
    .map((letter) => LETTERS[letter] ?? 'unknown');
  const least = text.endsWith('?') || text.endsWith('*') ? types.length - 1 : types.length;
  return { types, least, most: text.endsWith('*') ? Number.POSITIVE_INFINITY : types.length };
}

/** Functions that return a number. */
const SCALAR_FUNCTIONS: ReadonlySet<string> = new Set(['scalar', 'time', 'pi']);

interface Checking {
  readonly expr: string;
  readonly problems: ExpressionProblem[];
}

const EXPECTED: Readonly<Record<Type, string>> = { ...TYPE_NAMES, range: 'a range, like x[5m]' };

/** Checks the arguments of a call or an aggregation against its signature, if that is known. */
function checkArguments(checking: Checking, node: SyntaxNode, { name, signature }: Called): void {
  const args = childrenOf(node.getChild('FunctionCallBody') ?? node);
  const given = args.map((arg) => ({ at: arg.from, type: typeOf(checking, arg) }));
  if (signature === undefined) return;
  const { types, least, most } = signatureOf(signature);
  const report = (at: number, expected: string): void => {
    checking.problems.push({ at, message: `\`${name}\` expects ${expected}` });
  };
  if (args.length < least || args.length > most)
    return report(node.from, `${countText(least, most)}: found ${args.length}`);
  for (const [i, { at, type }] of given.entries()) {
    const expected = types[Math.min(i, types.length - 1)];
    if (expected !== undefined && type !== 'unknown' && type !== expected)
      report(at, `${EXPECTED[expected]}, not ${TYPE_NAMES[type]}`);
  }
}

interface Called {
  readonly name: string;
  readonly signature: string | undefined;
}

function countText(least: number, most: number): string {
  if (most === Number.POSITIVE_INFINITY) return `${least} arguments or more`;
  if (least !== most) return `${least} or ${most} arguments`;
  return least === 1 ? '1 argument' : `${least} arguments`;
}

function callType(checking: Checking, node: SyntaxNode): Type {
  const name = textOf(checking.expr, node.getChild('FunctionIdentifier') ?? node);
  checkArguments(checking, node, { name, signature: ARGUMENTS.get(name) });
  return SCALAR_FUNCTIONS.has(name) ? 'scalar' : 'vector';
}

function aggregateType(checking: Checking, node: SyntaxNode): Type {
  const name = textOf(checking.expr, node.getChild('AggregateOp') ?? node).toLowerCase();
  checkArguments(checking, node, { name, signature: AGGREGATED[name] ?? 'v' });
  return 'vector';
}

const isComparison = (operator: string): boolean => /^(?:[<>]=?|[=!]=)$/.test(operator);
const isSetOperator = (operator: string): boolean => /^(?:and|or|unless)$/.test(operator);

function binaryType(checking: Checking, node: SyntaxNode): Type {
  const parts = childrenOf(node);
  const [left, operator] = parts;
  const right = parts.at(-1);
  if (left === undefined || operator === undefined || right === undefined) return 'unknown';
  const sides = [left, right].map((side) => ({ side, type: typeOf(checking, side) }));
  const symbol = textOf(checking.expr, operator).toLowerCase();
  const isSet = isSetOperator(symbol);
  for (const { side, type } of sides) {
    if (type === 'range' || type === 'text' || (isSet && type === 'scalar')) {
      checking.problems.push({ at: side.from, message: `\`${symbol}\` does not accept ${TYPE_NAMES[type]}` });
    }
  }
  checkMatching(checking, node, { isSet, hasNumber: sides.some(({ type }) => type === 'scalar') });
  const isScalar = sides.every(({ type }) => type === 'scalar');
  checkBool(checking, node, { symbol, isScalar });
  return isScalar ? 'scalar' : 'vector';
}

/** `bool` belongs to comparisons, and a comparison of two numbers needs it. */
function checkBool(
  { problems }: Checking,
  node: SyntaxNode,
  { symbol, isScalar }: { readonly symbol: string; readonly isScalar: boolean },
): void {
  const isBool = node.getChild('BoolModifier') !== null;
  if (isBool && !isComparison(symbol))
    problems.push({ at: node.from, message: `\`${symbol}\` accepts no \`bool\`` });
  if (isScalar && isComparison(symbol) && !isBool)
    problems.push({ at: node.from, message: `\`${symbol}\` compares two numbers, which needs \`bool\`` });
}

/** `on`, `ignoring`, `group_left` and `group_right`. */
function checkMatching(
  { expr, problems }: Checking,
  node: SyntaxNode,
  { isSet, hasNumber }: { readonly isSet: boolean; readonly hasNumber: boolean },
): void {
  const matching = node.getChild('MatchingModifierClause');
  if (matching === null) return;
  const group = matching.getChild('GroupLeft') ?? matching.getChild('GroupRight');
  if (hasNumber)
    problems.push({
      at: matching.from,
      message: `\`${textOf(expr, matching.firstChild)}\` needs a vector on both sides`,
    });
  else if (isSet && group !== null)
    problems.push({
      at: group.from,
      message: `\`and\`, \`or\` and \`unless\` accept no \`${textOf(expr, group)}\``,
    });
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
    case 'SubqueryExpr':
      return rangeType(checking, node);
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

/** `x[5m]` and `x[1h:5m]`. */
function rangeType(checking: Checking, node: SyntaxNode): Type {
  const [of, duration] = childrenOf(node);
  if (of !== undefined) typeOf(checking, of);
  if (node.name === 'MatrixSelector' && of !== undefined && of.name !== 'VectorSelector')
    checking.problems.push({ at: of.from, message: '`offset` and `@` belong after the range' });
  if (duration !== undefined && /^(?:0+[a-z]*$|-)/i.test(textOf(checking.expr, duration)))
    checking.problems.push({ at: duration.from, message: 'a range needs a duration above zero' });
  return 'range';
}

/** Parentheses, signs, `offset` and `@` have the type of the expression inside. */
function wrapperType(checking: Checking, node: SyntaxNode): Type {
  const inner = childrenOf(node).find(({ name }) => /(?:Expr|Selector|Call|Literal)$/.test(name));
  if (inner === undefined) return 'unknown';
  const isShifted = node.name === 'OffsetExpr' || node.name === 'StepInvariantExpr';
  if (isShifted && /^(?:FunctionCall|AggregateExpr|ParenExpr)$/.test(inner.name))
    checking.problems.push({
      at: inner.from,
      message: '`offset` and `@` need a selector before them: write them inside the parentheses',
    });
  return typeOf(checking, inner);
}

/** Errors in the types of an expression: numbers, vectors, ranges and texts where others are expected. */
function typeProblems(expr: string, tree: Tree): readonly ExpressionProblem[] {
  const checking: Checking = { expr, problems: [] };
  const top = tree.topNode.firstChild;
  const type = top === null ? 'unknown' : typeOf(checking, top);
  if (top !== null && checking.problems.length === 0 && (type === 'range' || type === 'text'))
    checking.problems.push({ at: top.from, message: `a rule needs a vector, not ${TYPE_NAMES[type]}` });
  return checking.problems;
}

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
