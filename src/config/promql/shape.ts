import type { SyntaxNode } from '@lezer/common';
import type { Comparison } from '../../domain/slo/rule.ts';
import { literalOf } from './literal.ts';
import { childrenOf, parseExpression } from './tree.ts';

export type SetOperator = 'and' | 'or' | 'unless';

/** What an expression is as far as breaches go: filters and how they are combined; everything else is a text. */
export type Shape =
  /** `left > 500`, the literal on the right whichever side it was written on. */
  | { readonly kind: 'filter'; readonly of: Shape; readonly comparison: Comparison; readonly bound: number }
  | {
      readonly kind: 'set';
      readonly operator: SetOperator;
      /** `on (a)` or `ignoring (b)`, or nothing. */
      readonly matching: string;
      readonly left: Shape;
      readonly right: Shape;
      readonly text: string;
    }
  | { readonly kind: 'plain'; readonly text: string; readonly node: SyntaxNode };

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

/** How tightly operators bind, as far as filters are concerned. Source: promql/parser/generated_parser.y. */
function bindingOf(symbol: string): number {
  if (symbol === 'or') return 1;
  if (symbol === 'and' || symbol === 'unless') return 2;
  return isComparison(symbol) ? 3 : 4;
}

/** A trailing `offset` or `@`, or a leading sign, belongs to the operand beside it, wherever the grammar hung it. */
function widened(items: readonly Item[], by: SyntaxNode): readonly Item[] {
  return items.map((item, i) => {
    if (item.kind === 'operator') return item;
    const isFirst = i === 0 && by.name === 'UnaryExpr';
    const isLast = i === items.length - 1 && by.name !== 'UnaryExpr';
    return { ...item, from: isFirst ? by.from : item.from, to: isLast ? by.to : item.to };
  });
}

/** An expression as the flat sequence of its operands and operators, parentheses being operands. */
function flatten(expr: string, node: SyntaxNode): readonly Item[] {
  const children = childrenOf(node);
  const [first] = children;
  if (node.name === 'BinaryExpr' && first !== undefined) {
    const last = children.at(-1) ?? first;
    const [sign, ...modifiers] = children.slice(1, -1);
    const text = (part: SyntaxNode | undefined): string =>
      part === undefined ? '' : expr.slice(part.from, part.to);
    const operator: Operator = {
      kind: 'operator',
      symbol: text(sign).toLowerCase(),
      isBool: modifiers.some((modifier) => modifier.name === 'BoolModifier'),
      matching: modifiers
        .filter((modifier) => modifier.name === 'MatchingModifierClause')
        .map(text)
        .join(' '),
    };
    return [...flatten(expr, first), operator, ...flatten(expr, last)];
  }
  if ((node.name === 'OffsetExpr' || node.name === 'StepInvariantExpr') && first !== undefined) {
    return widened(flatten(expr, first), node);
  }
  const inner = children[1];
  if (node.name === 'UnaryExpr' && inner !== undefined) return widened(flatten(expr, inner), node);
  return [{ kind: 'operand', from: node.from, to: node.to, node }];
}

/** The operator that binds least, the last of its kind: all of these group to the left. */
function rootOf(items: readonly Item[]): number {
  let root = -1;
  let least = 4;
  for (const [i, item] of items.entries()) {
    if (item.kind === 'operator' && bindingOf(item.symbol) <= Math.min(least, 3)) {
      root = i;
      least = bindingOf(item.symbol);
    }
  }
  return root;
}

function textOf(expr: string, items: readonly Item[]): string {
  const operands = items.filter((item) => item.kind === 'operand');
  return expr.slice(operands[0]?.from, operands.at(-1)?.to);
}

function single(expr: string, item: Item | undefined, text: string): Shape {
  const node = item?.kind === 'operand' ? item.node : parseExpression(expr).topNode;
  const inner =
    node.name === 'ParenExpr' && text.startsWith('(') && text.endsWith(')') ? node.firstChild : null;
  return inner === null ? { kind: 'plain', text, node } : arrange(expr, flatten(expr, inner));
}

function filterOf(operator: Operator & { symbol: Comparison }, left: Shape, right: Shape): Shape | undefined {
  if (operator.isBool || operator.matching !== '') return undefined;
  const bound = right.kind === 'plain' ? literalOf(right.text) : undefined;
  if (bound !== undefined) return { kind: 'filter', of: left, comparison: operator.symbol, bound };
  const leftBound = left.kind === 'plain' ? literalOf(left.text) : undefined;
  if (leftBound === undefined) return undefined;
  return { kind: 'filter', of: right, comparison: FLIPPED[operator.symbol], bound: leftBound };
}

function arrange(expr: string, items: readonly Item[]): Shape {
  const text = textOf(expr, items);
  const at = rootOf(items);
  const root = items[at];
  if (root?.kind !== 'operator') {
    const only = items[0];
    if (items.length === 1) return single(expr, only, text);
    return { kind: 'plain', text, node: (only as Operand).node.parent ?? (only as Operand).node };
  }
  const left = arrange(expr, items.slice(0, at));
  const right = arrange(expr, items.slice(at + 1));
  const { symbol, matching } = root;
  if (symbol === 'and' || symbol === 'or' || symbol === 'unless') {
    return { kind: 'set', operator: symbol, matching, left, right, text };
  }
  const filter = isComparison(symbol) ? filterOf({ ...root, symbol }, left, right) : undefined;
  const { node } = items[0] as Operand;
  return filter ?? { kind: 'plain', text, node: node.parent ?? node };
}

/** Takes an expression that parses apart into its filters. */
export function shapeOf(expr: string): Shape {
  const top = parseExpression(expr).topNode.firstChild;
  return top === null
    ? { kind: 'plain', text: expr, node: parseExpression(expr).topNode }
    : arrange(expr, flatten(expr, top));
}
