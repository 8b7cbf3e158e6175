import type { SyntaxNode } from '@lezer/common';
import type { Comparison } from '../rule.ts';
import { literalOf } from './literal.ts';
import { childrenOf, parseExpression } from './tree.ts';

export type SetOperator = 'and' | 'or' | 'unless';

/** What an expression is as far as breaches go: filters and how they are combined; everything else is a text. */
export type Shape =
  /** `left > 500`, the literal on the right whichever side it was written on. */
  | {
      readonly kind: 'filter';
      readonly of: Shape;
      readonly comparison: Comparison;
      readonly bound: number;
      readonly text: string;
    }
  | {
      readonly kind: 'set';
      readonly operator: SetOperator;
      /** `on (a)` or `ignoring (b)`, or nothing. */
      readonly matching: string;
      readonly left: Shape;
      readonly right: Shape;
      readonly text: string;
    }
  /** `left > on (a) right`: the elements of one vector that compare so with those of another. */
  | {
      readonly kind: 'match';
      readonly matching: string;
      readonly left: Shape;
      readonly right: Shape;
      readonly text: string;
    }
  | {
      readonly kind: 'plain';
      readonly text: string;
      /** Where the text begins in the expression. */
      readonly from: number;
      readonly node: SyntaxNode;
      /** What its operators connect; itself when it has none. */
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
  const operands = items.filter(isOperand);
  return expr.slice(operands[0]?.from, operands.at(-1)?.to);
}

const isOperand = (item: Item): item is Operand => item.kind === 'operand';

function plainOf(expr: string, items: readonly Item[], node: SyntaxNode): Shape {
  const operands = items.filter(isOperand);
  const text = textOf(expr, items);
  return {
    kind: 'plain',
    text,
    from: operands[0]?.from ?? 0,
    node,
    operands: operands.map((each) => each.node),
  };
}

function single(expr: string, items: readonly Item[]): Shape {
  const text = textOf(expr, items);
  const node = items.find(isOperand)?.node ?? parseExpression(expr).topNode;
  const inner =
    node.name === 'ParenExpr' && text.startsWith('(') && text.endsWith(')') ? node.firstChild : null;
  return inner === null ? plainOf(expr, items, node) : arrange(expr, flatten(expr, inner));
}

/** The value of a side that is a constant. */
const constantOf = (shape: Shape): number | undefined =>
  shape.kind === 'plain' ? literalOf(shape.text) : undefined;

function comparisonOf(
  { symbol, matching }: Operator & { symbol: Comparison },
  { left, right, text }: { readonly left: Shape; readonly right: Shape; readonly text: string },
): Shape {
  const [leftBound, bound] = matching === '' ? [constantOf(left), constantOf(right)] : [];
  if (bound !== undefined) return { kind: 'filter', of: left, comparison: symbol, bound, text };
  if (leftBound !== undefined)
    return { kind: 'filter', of: right, comparison: FLIPPED[symbol], bound: leftBound, text };
  return { kind: 'match', matching, left, right, text };
}

function arrange(expr: string, items: readonly Item[]): Shape {
  const text = textOf(expr, items);
  const at = rootOf(items);
  const root = items[at];
  const { node: first } = items[0] as Operand;
  if (root?.kind !== 'operator')
    return items.length === 1 ? single(expr, items) : plainOf(expr, items, first.parent ?? first);
  const left = arrange(expr, items.slice(0, at));
  const right = arrange(expr, items.slice(at + 1));
  const { symbol, matching } = root;
  if (symbol === 'and' || symbol === 'or' || symbol === 'unless') {
    return { kind: 'set', operator: symbol, matching, left, right, text };
  }
  // With `bool` every element stays, whatever comes of the comparison.
  if (!isComparison(symbol) || root.isBool) return plainOf(expr, items, first.parent ?? first);
  return comparisonOf({ ...root, symbol }, { left, right, text });
}

/** Takes a part of an expression apart. */
export const shapeOfNode = (expr: string, node: SyntaxNode): Shape => arrange(expr, flatten(expr, node));

/** Takes an expression that parses apart into its filters. */
export function shapeOf(expr: string): Shape {
  const { topNode } = parseExpression(expr);
  return shapeOfNode(expr, topNode.firstChild ?? topNode);
}
