import type { SyntaxNode } from '@lezer/common';
import { parseDuration } from '../../lib/units.ts';
import { withoutNoise } from '../promql.ts';
import type { Comparison } from '../rule.ts';
import { childrenOf, parseExpression, textOf } from './syntax.ts';

/** The filters of an expression and how they are combined. Everything else is a vector. */
export type Shape =
  /** `left > 500`, with the constant on the right whichever side it was written on. */
  | {
      readonly kind: 'filter';
      readonly of: Shape;
      readonly comparison: Comparison;
      readonly bound: number;
      readonly text: string;
    }
  | {
      readonly kind: 'set';
      readonly operator: 'and' | 'or' | 'unless';
      /** `on (a)` or `ignoring (b)`, or empty. */
      readonly matching: string;
      readonly left: Shape;
      readonly right: Shape;
      readonly text: string;
    }
  /** `left > on (a) right`: a comparison of two vectors. */
  | {
      readonly kind: 'match';
      readonly matching: string;
      readonly left: Shape;
      readonly right: Shape;
      readonly text: string;
    }
  | {
      readonly kind: 'vector';
      readonly text: string;
      /** The offset of the text in the expression. */
      readonly from: number;
      readonly node: SyntaxNode;
      /** The operands of its operators; itself when it has none. */
      readonly operands: readonly SyntaxNode[];
    };

interface Operand {
  readonly kind: 'operand';
  readonly from: number;
  readonly to: number;
  readonly node: SyntaxNode;
}

interface Operator {
  readonly kind: 'operator';
  readonly symbol: string;
  readonly isBool: boolean;
  readonly matching: string;
}

type Item = Operand | Operator;

const FLIPPED: Readonly<Record<Comparison, Comparison>> = {
  '>': '<',
  '>=': '<=',
  '<': '>',
  '<=': '>=',
  '==': '==',
  '!=': '!=',
};

const isComparison = (symbol: string): symbol is Comparison => Object.hasOwn(FLIPPED, symbol);

/** The precedence of operators that group to the left; 6 for the others. Source: promql/parser/generated_parser.y. */
function precedenceOf(symbol: string): number {
  if (symbol === 'or') return 1;
  if (symbol === 'and' || symbol === 'unless') return 2;
  if (isComparison(symbol)) return 3;
  if (symbol === '+' || symbol === '-') return 4;
  return symbol === '*' || symbol === '/' ? 5 : 6;
}

/** A trailing `offset` or `@`, or a leading sign, belongs to the operand beside it, wherever the grammar puts it. */
function widened(items: readonly Item[], by: SyntaxNode): readonly Item[] {
  return items.map((item, i) => {
    if (item.kind === 'operator') return item;
    const isFirst = i === 0 && by.name === 'UnaryExpr';
    const isLast = i === items.length - 1 && by.name !== 'UnaryExpr';
    return { ...item, from: isFirst ? by.from : item.from, to: isLast ? by.to : item.to };
  });
}

function operatorOf(expr: string, [sign, ...modifiers]: readonly SyntaxNode[]): Operator {
  return {
    kind: 'operator',
    symbol: textOf(expr, sign).toLowerCase(),
    isBool: modifiers.some(({ name }) => name === 'BoolModifier'),
    matching: modifiers
      .filter(({ name }) => name === 'MatchingModifierClause')
      .map((modifier) => textOf(expr, modifier))
      .join(' '),
  };
}

/** An expression as the flat sequence of its operands and operators. An expression in parentheses is one operand. */
function flatten(expr: string, node: SyntaxNode): readonly Item[] {
  const children = childrenOf(node);
  const [first, second] = children;
  if (node.name === 'BinaryExpr' && first !== undefined) {
    const last = children.at(-1) ?? first;
    return [...flatten(expr, first), operatorOf(expr, children.slice(1, -1)), ...flatten(expr, last)];
  }
  if ((node.name === 'OffsetExpr' || node.name === 'StepInvariantExpr') && first !== undefined)
    return widened(flatten(expr, first), node);
  if (node.name === 'UnaryExpr' && second !== undefined) return widened(flatten(expr, second), node);
  return [{ kind: 'operand', from: node.from, to: node.to, node }];
}

/** The last operator of the lowest precedence, from `least` to `most`: the root of the expression. */
function rootOf(items: readonly Item[], least: number, most: number): number {
  let root = -1;
  let lowest = most;
  for (const [i, item] of items.entries()) {
    const precedence = item.kind === 'operator' ? precedenceOf(item.symbol) : most + 1;
    if (precedence < least) return -1;
    if (precedence > lowest) continue;
    root = i;
    lowest = precedence;
  }
  return root;
}

const isOperand = (item: Item): item is Operand => item.kind === 'operand';

function textOfItems(expr: string, items: readonly Item[]): string {
  const operands = items.filter(isOperand);
  return expr.slice(operands[0]?.from, operands.at(-1)?.to);
}

const NUMBER = /^(?:inf|(?:\d[\d_]*\.?\d*|\.\d+)(?:e[+-]?\d+)?)$/i;

/** A number, or a duration in seconds. */
function numberOf(text: string): number | undefined {
  if (/^inf$/i.test(text)) return Infinity;
  if (NUMBER.test(text)) return Number(text.replaceAll('_', ''));
  const duration = parseDuration(text);
  return duration === undefined ? undefined : duration / 1_000;
}

function constantOperand(expr: string, { from, node }: Operand): number | undefined {
  const text = expr.slice(from, node.to);
  const [signs] = /^[-+\s]*/.exec(text) ?? [''];
  const inner = node.name === 'ParenExpr' ? node.firstChild : null;
  const value = inner === null ? numberOf(text.slice(signs.length)) : valueOf(expr, flatten(expr, inner));
  const isNegative = signs.replaceAll(/[^-]/g, '').length % 2 === 1;
  return value !== undefined && isNegative ? -value : value;
}

const CALCULATIONS: Readonly<Record<string, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
};

function valueOf(expr: string, items: readonly Item[]): number | undefined {
  const [first] = items;
  if (items.length === 1) return first?.kind === 'operand' ? constantOperand(expr, first) : undefined;
  const at = rootOf(items, 4, 5);
  const root = items[at];
  if (root?.kind !== 'operator') return undefined;
  const left = valueOf(expr, items.slice(0, at));
  const right = valueOf(expr, items.slice(at + 1));
  if (left === undefined || right === undefined) return undefined;
  return CALCULATIONS[root.symbol]?.(left, right);
}

/**
 * The value of a constant: a number with its sign, a duration in seconds, or a calculation with them, such as the burn
 * rates that generators write: `(14.4 * 0.001)`. Undefined for anything else.
 */
function constantOf(expr: string, items: readonly Item[]): number | undefined {
  const value = valueOf(expr, items);
  const isNumber = items.length === 1 && NUMBER.test(textOfItems(expr, items));
  return value === undefined || isNumber ? value : withoutNoise(value);
}

/** The value of a node that is a constant. */
export const constantOfNode = (expr: string, node: SyntaxNode): number | undefined =>
  constantOf(expr, flatten(expr, node));

function vectorOf(expr: string, items: readonly Item[], node: SyntaxNode): Shape {
  const operands = items.filter(isOperand);
  return {
    kind: 'vector',
    text: textOfItems(expr, items),
    from: operands[0]?.from ?? 0,
    node,
    operands: operands.map((each) => each.node),
  };
}

/** The shape of one operand: of what is inside its parentheses, unless a sign or a modifier belongs to them. */
function operandShape(expr: string, operand: Operand): Shape {
  const { node, from, to } = operand;
  const inner = node.name === 'ParenExpr' && node.from === from && node.to === to ? node.firstChild : null;
  return inner === null ? vectorOf(expr, [operand], node) : shapeOfItems(expr, flatten(expr, inner));
}

function shapeOfItems(expr: string, items: readonly Item[]): Shape {
  const { node: first } = items[0] as Operand;
  if (items.length === 1) return operandShape(expr, items[0] as Operand);
  const at = rootOf(items, 1, 3);
  const root = items[at];
  const vector = (): Shape => vectorOf(expr, items, first.parent ?? first);
  if (root?.kind !== 'operator') return vector();
  const { symbol, matching } = root;
  const text = textOfItems(expr, items);
  const sides = [items.slice(0, at), items.slice(at + 1)] as const;
  const [left, right] = [shapeOfItems(expr, sides[0]), shapeOfItems(expr, sides[1])];
  if (symbol === 'and' || symbol === 'or' || symbol === 'unless')
    return { kind: 'set', operator: symbol, matching, left, right, text };
  // With `bool` every element stays, whatever the result of the comparison.
  if (!isComparison(symbol) || root.isBool) return vector();
  const [leftBound, bound] = matching === '' ? sides.map((side) => constantOf(expr, side)) : [];
  if (bound !== undefined) return { kind: 'filter', of: left, comparison: symbol, bound, text };
  if (leftBound !== undefined)
    return { kind: 'filter', of: right, comparison: FLIPPED[symbol], bound: leftBound, text };
  return { kind: 'match', matching, left, right, text };
}

/** The shape of a node of an expression. */
export const shapeOfNode = (expr: string, node: SyntaxNode): Shape => shapeOfItems(expr, flatten(expr, node));

/** The shape of an expression that parses. */
export function shapeOf(expr: string): Shape {
  const { topNode } = parseExpression(expr);
  return shapeOfNode(expr, topNode.firstChild ?? topNode);
}

/** The arithmetic of an expression, by precedence. */
export type Calculation =
  | { readonly kind: 'constant'; readonly value: number }
  | {
      readonly kind: 'operation';
      readonly symbol: '+' | '-' | '*' | '/';
      readonly left: Calculation;
      readonly right: Calculation;
    }
  /** Anything else; `node` is one of `expr`. */
  | { readonly kind: 'operand'; readonly expr: string; readonly node: SyntaxNode };

const isArithmetic = (symbol: string): symbol is '+' | '-' | '*' | '/' => Object.hasOwn(CALCULATIONS, symbol);

function operandOf(expr: string, items: readonly Item[]): Calculation {
  const { node, from, to } = items[0] as Operand;
  const isWhole = items.length === 1 && node.from === from && node.to === to;
  const inner = isWhole && node.name === 'ParenExpr' ? node.firstChild : null;
  if (inner !== null) return calculationOfNode(expr, inner);
  return { kind: 'operand', expr, node: isWhole ? node : (node.parent ?? node) };
}

function calculationOfItems(expr: string, items: readonly Item[]): Calculation {
  const value = constantOf(expr, items);
  if (value !== undefined) return { kind: 'constant', value };
  const at = items.length === 1 ? -1 : rootOf(items, 4, 5);
  const root = items[at];
  if (root?.kind !== 'operator' || !isArithmetic(root.symbol)) return operandOf(expr, items);
  const left = calculationOfItems(expr, items.slice(0, at));
  const right = calculationOfItems(expr, items.slice(at + 1));
  return { kind: 'operation', symbol: root.symbol, left, right };
}

/** The arithmetic of a node of an expression. */
export const calculationOfNode = (expr: string, node: SyntaxNode): Calculation =>
  calculationOfItems(expr, flatten(expr, node));

/** The arithmetic of an expression that parses. */
export function calculationOf(expr: string): Calculation {
  const { topNode } = parseExpression(expr);
  return calculationOfNode(expr, topNode.firstChild ?? topNode);
}

/** A value times a constant. */
export interface Scaled {
  readonly of: Calculation;
  readonly factor: number;
}

/** Takes the constant factors out of a product: `100 * a / b` is `a / b` times 100. */
export function scaledOf(given: Calculation): Scaled {
  if (given.kind !== 'operation' || (given.symbol !== '*' && given.symbol !== '/'))
    return { of: given, factor: 1 };
  const { symbol, left, right } = given;
  const inner = scaledOf(left);
  if (right.kind === 'constant') {
    const factor = symbol === '*' ? right.value : 1 / right.value;
    return { of: inner.of, factor: inner.factor * factor };
  }
  if (left.kind === 'constant' && symbol === '*') {
    const other = scaledOf(right);
    return { of: other.of, factor: left.value * other.factor };
  }
  return { of: { ...given, left: inner.of }, factor: inner.factor };
}
