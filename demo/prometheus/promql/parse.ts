import type { SyntaxNode } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';
import { checkTypes } from './check-types.ts';
import { notKnown, parseError } from './errors.ts';
import type { BinaryOperator, Expression, VectorMatching } from './expression.ts';
import { parseLength, parseNumber, unquote } from './literals.ts';
import { childNamed, childrenNamed, malformedString, type Reader, textOf } from './nodes.ts';
import { arrange, type Item, type OperatorItem } from './precedence.ts';
import { vectorSelector } from './selector-syntax.ts';
import { isKnownAggregation, SIGNATURES } from './signatures.ts';
import { withAt, withOffset, withRange } from './suffixes.ts';
import { syntaxErrorOf } from './syntax-errors.ts';

export interface ParseOptions {
  /** Whether `.` in a label's regular expression matches a line break (Prometheus 3: yes). */
  readonly dotMatchesNewline?: boolean;
}

/** Queries beyond this length are refused: the parser's cost grows faster than the text. */
const LONGEST_QUERY = 20_000;

/** Quoted text, or a comment. */
const QUOTED_OR_COMMENT = /("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)|#[^\r\n]*/g;

/** Blanks in place of comments: the positions in error messages stay the same. */
const withBlankComments = (source: string): string =>
  source.replaceAll(QUOTED_OR_COMMENT, (text, quoted?: string) => quoted ?? ' '.repeat(text.length));

/**
 * Parses and type-checks a PromQL expression.
 * Throws QueryError: bad_data with `line:column: parse error: ...` for error, execution for what this evaluator does not know.
 */
export function parseExpression(given: string, options: ParseOptions = {}): Expression {
  const source = withBlankComments(given);
  if (source.length > LONGEST_QUERY) throw notKnown(`expressions longer than ${LONGEST_QUERY} characters`);
  const tree = parser.parse(source);
  const problem = syntaxErrorOf(source, tree);
  if (problem !== undefined) throw problem;
  const reader: Reader = { source, dotMatchesNewline: options.dotMatchesNewline ?? true };
  const expression = build(reader, tree.topNode.firstChild as SyntaxNode);
  checkTypes(source, expression);
  return expression;
}

function build(reader: Reader, node: SyntaxNode): Expression {
  return arrange(flatten(reader, node));
}

/** The operands and operators of a node in the order of the text; suffixes end up on the last operand, where they belong. */
function flatten(reader: Reader, node: SyntaxNode): readonly Item[] {
  switch (node.name) {
    case 'BinaryExpr':
      return [
        ...flatten(reader, node.firstChild as SyntaxNode),
        operatorOf(reader, node),
        ...flatten(reader, node.lastChild as SyntaxNode),
      ];
    case 'UnaryExpr': {
      const sign = node.firstChild as SyntaxNode;
      return [signItem(reader, sign.from), ...flatten(reader, node.lastChild as SyntaxNode)];
    }
    case 'NumberDurationLiteral':
      return numberItems(reader, node);
    case 'OffsetExpr':
    case 'StepInvariantExpr':
    case 'MatrixSelector':
      return suffixed(reader, node);
    default:
      return [{ kind: 'operand', expression: primary(reader, node) }];
  }
}

const signItem = (reader: Reader, at: number): Item => ({
  kind: 'sign',
  operator: reader.source[at] === '-' ? '-' : '+',
  at,
});

/** The grammar takes a sign into the number; its place among the operators is decided by `arrange`. */
function numberItems(reader: Reader, node: SyntaxNode): readonly Item[] {
  const text = textOf(reader, node);
  const signed = /^[+-]\s*/.exec(text)?.[0] ?? '';
  const value = parseNumber(text.slice(signed.length));
  if (value === undefined) {
    throw parseError(reader.source, node.from, `error parsing number: ${JSON.stringify(text)}`);
  }
  const from = node.from + signed.length;
  const literal: Item = { kind: 'operand', expression: { kind: 'number', value, from, to: node.to } };
  return signed === '' ? [literal] : [signItem(reader, node.from), literal];
}

function suffixed(reader: Reader, node: SyntaxNode): readonly Item[] {
  const items = flatten(reader, node.firstChild as SyntaxNode);
  const last = items.at(-1);
  if (last?.kind !== 'operand') throw new TypeError('an operand is expected before a suffix');
  return [...items.slice(0, -1), { kind: 'operand', expression: applySuffix(reader, node, last.expression) }];
}

function applySuffix(reader: Reader, node: SyntaxNode, operand: Expression): Expression {
  const parenthesised = node.firstChild?.name === 'ParenExpr';
  const target = { reader, operand, parenthesised, to: node.to };
  if (node.name === 'OffsetExpr') return withOffset(target, lengthOf(reader, node.lastChild as SyntaxNode));
  if (node.name === 'MatrixSelector')
    return withRange(target, lengthOf(reader, node.lastChild as SyntaxNode));
  return withAt(target, instantOf(reader, node));
}

/** The length in ms of a range or offset. Arithmetic on durations is an experiment of Prometheus 3, off by default there too. */
function lengthOf(reader: Reader, node: SyntaxNode): number {
  const text = (node.name === 'DurationExpr' && node.to === node.from ? '' : textOf(reader, node)).trim();
  const sign = /^[+-]\s*/.exec(text)?.[0] ?? '';
  const length = parseLength(text.slice(sign.length).trim());
  if (length === undefined) {
    if (/[-+*/%^()]/.test(text)) throw notKnown(`arithmetic on durations (${text})`);
    throw parseError(reader.source, node.from, `bad number or duration syntax: ${JSON.stringify(text)}`);
  }
  return sign.startsWith('-') ? -length : length;
}

function instantOf(reader: Reader, node: SyntaxNode): number | 'start' | 'end' {
  const preprocessor = childNamed(node, 'AtModifierPreprocessors');
  if (preprocessor !== undefined) return textOf(reader, preprocessor) === 'start' ? 'start' : 'end';
  const text = textOf(reader, node.lastChild as SyntaxNode);
  const negative = text.startsWith('-');
  const seconds = parseNumber(text.replace(/^[+-]\s*/, ''));
  if (seconds === undefined || !Number.isFinite(seconds)) {
    throw parseError(reader.source, node.from, `timestamp out of bounds for @ modifier: ${text}`);
  }
  return Math.round((negative ? -seconds : seconds) * 1_000);
}

function primary(reader: Reader, node: SyntaxNode): Expression {
  switch (node.name) {
    case 'ParenExpr':
      return { ...build(reader, node.firstChild as SyntaxNode), from: node.from, to: node.to };
    case 'StringLiteral':
      return { kind: 'string', value: stringOf(reader, node), from: node.from, to: node.to };
    case 'VectorSelector':
      return vectorSelector(reader, node);
    case 'FunctionCall':
      return call(reader, node);
    case 'AggregateExpr':
      return aggregate(reader, node);
    case 'SubqueryExpr':
      throw notKnown(`subqueries (${textOf(reader, node)})`);
    default:
      throw notKnown(`${node.name} (${textOf(reader, node)})`);
  }
}

function stringOf(reader: Reader, node: SyntaxNode): string {
  const text = unquote(textOf(reader, node));
  if (text !== undefined) return text;
  throw malformedString(reader, node);
}

const argumentsOf = (reader: Reader, node: SyntaxNode): readonly Expression[] => {
  const args: Expression[] = [];
  for (let child = childNamed(node, 'FunctionCallBody')?.firstChild; child; child = child.nextSibling) {
    args.push(build(reader, child));
  }
  return args;
};

function call(reader: Reader, node: SyntaxNode): Expression {
  const name = textOf(reader, childNamed(node, 'FunctionIdentifier') as SyntaxNode);
  if (SIGNATURES[name] === undefined) throw notKnown(`the function ${name}`);
  return { kind: 'call', name, args: argumentsOf(reader, node), from: node.from, to: node.to };
}

function aggregate(reader: Reader, node: SyntaxNode): Expression {
  const operator = textOf(reader, childNamed(node, 'AggregateOp') as SyntaxNode).toLowerCase();
  if (!isKnownAggregation(operator)) throw notKnown(`the aggregation ${operator}`);
  const args = argumentsOf(reader, node);
  const [operand] = args;
  if (operand === undefined) {
    throw parseError(reader.source, node.from, 'no arguments for aggregate expression provided');
  }
  if (args.length > 1) {
    const message = `wrong number of arguments for aggregate expression provided, expected 1, got ${args.length}`;
    throw parseError(reader.source, node.from, message);
  }
  const modifier = childNamed(node, 'AggregateModifier');
  const grouping = modifier === undefined ? [] : labelNames(reader, childNamed(modifier, 'GroupingLabels'));
  const without = modifier !== undefined && childNamed(modifier, 'Without') !== undefined;
  return { kind: 'aggregate', operator, operand, grouping, without, from: node.from, to: node.to };
}

function labelNames(reader: Reader, node: SyntaxNode | undefined): readonly string[] {
  if (node === undefined) return [];
  const names: string[] = [];
  for (let child = node.firstChild; child; child = child.nextSibling) {
    names.push(child.name === 'QuotedLabelName' ? stringOf(reader, child) : textOf(reader, child));
  }
  return names;
}

function operatorOf(reader: Reader, node: SyntaxNode): OperatorItem {
  const sign = node.firstChild?.nextSibling as SyntaxNode;
  const operator = textOf(reader, sign).toLowerCase();
  if (operator === '</' || operator === '>/') throw notKnown(`the operator ${operator}`);
  if (childNamed(node, 'FillModifier') !== undefined)
    throw notKnown('the fill modifiers of binary operators');
  const clause = childNamed(node, 'MatchingModifierClause');
  return {
    kind: 'operator',
    operator: operator as BinaryOperator,
    returnsBool: childNamed(node, 'BoolModifier') !== undefined,
    matching: clause === undefined ? DEFAULT_MATCHING : matchingOf(reader, clause),
    at: sign.from,
  };
}

const DEFAULT_MATCHING: VectorMatching = { on: false, labels: [], cardinality: 'one-to-one', include: [] };

function matchingOf(reader: Reader, clause: SyntaxNode): VectorMatching {
  const [compared, included] = childrenNamed(clause, 'GroupingLabels');
  const left = childNamed(clause, 'GroupLeft') !== undefined;
  const right = childNamed(clause, 'GroupRight') !== undefined;
  return {
    on: childNamed(clause, 'On') !== undefined,
    labels: labelNames(reader, compared),
    cardinality: left ? 'many-to-one' : right ? 'one-to-many' : 'one-to-one',
    include: labelNames(reader, included),
  };
}
