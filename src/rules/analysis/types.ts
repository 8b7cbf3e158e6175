import type { SyntaxNode, Tree } from '@lezer/common';
import { childrenOf, textOf } from './syntax.ts';

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
  if (duration !== undefined && /^0+[a-z]*$/i.test(textOf(checking.expr, duration)))
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
export function typeProblems(expr: string, tree: Tree): readonly ExpressionProblem[] {
  const checking: Checking = { expr, problems: [] };
  const top = tree.topNode.firstChild;
  const type = top === null ? 'unknown' : typeOf(checking, top);
  if (top !== null && checking.problems.length === 0 && (type === 'range' || type === 'text'))
    checking.problems.push({ at: top.from, message: `a rule needs a vector, not ${TYPE_NAMES[type]}` });
  return checking.problems;
}
