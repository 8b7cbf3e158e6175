import type { Matcher } from '../matcher.ts';

/** The four types a PromQL expression can have, in the words of Prometheus's messages. */
export type ValueType = 'scalar' | 'instant vector' | 'range vector' | 'string';

export type ArithmeticOperator = '+' | '-' | '*' | '/' | '%' | '^' | 'atan2';
export type ComparisonOperator = '==' | '!=' | '>' | '<' | '>=' | '<=';
export type SetOperator = 'and' | 'or' | 'unless';
export type BinaryOperator = ArithmeticOperator | ComparisonOperator | SetOperator;

export type Aggregation = 'sum' | 'avg' | 'min' | 'max' | 'count' | 'group';

/** Which side of a vector match may have several series for one signature. */
export type Cardinality = 'one-to-one' | 'many-to-one' | 'one-to-many' | 'many-to-many';

export interface VectorMatching {
  /** `on(labels)`: only these labels are compared; otherwise all but these (`ignoring`). */
  readonly on: boolean;
  readonly labels: readonly string[];
  readonly cardinality: Cardinality;
  /** Labels that `group_left(...)` or `group_right(...)` takes from the "one" side. */
  readonly include: readonly string[];
}

interface Node {
  /** Where the expression starts and ends in the query, in UTF-16 units. */
  readonly from: number;
  readonly to: number;
}

export interface NumberLiteral extends Node {
  readonly kind: 'number';
  readonly value: number;
}

export interface StringLiteral extends Node {
  readonly kind: 'string';
  readonly value: string;
}

export interface VectorSelector extends Node {
  readonly kind: 'vector selector';
  readonly matchers: readonly Matcher[];
  /** How far the selector looks into the past, in ms; negative looks ahead. */
  readonly offset: number;
  /** `@`: an instant in ms since the epoch, or the first or last instant of the query. */
  readonly at?: number | 'start' | 'end';
}

export interface MatrixSelector extends Node {
  readonly kind: 'matrix selector';
  readonly selector: VectorSelector;
  /** Length of the range in ms. */
  readonly range: number;
}

export interface AggregateExpression extends Node {
  readonly kind: 'aggregate';
  readonly operator: Aggregation;
  readonly operand: Expression;
  readonly grouping: readonly string[];
  readonly without: boolean;
}

export interface UnaryExpression extends Node {
  readonly kind: 'unary';
  readonly operator: '+' | '-';
  readonly operand: Expression;
}

export interface BinaryExpression extends Node {
  readonly kind: 'binary';
  readonly operator: BinaryOperator;
  readonly left: Expression;
  readonly right: Expression;
  /** `bool`: a comparison answers 0 or 1 instead of filtering. */
  readonly returnsBool: boolean;
  /** What `on`, `ignoring`, `group_left` and `group_right` say; the default when none was written. */
  readonly matching: VectorMatching;
  /** The position of the operator, for error messages. */
  readonly operatorAt: number;
}

export interface CallExpression extends Node {
  readonly kind: 'call';
  readonly name: string;
  readonly args: readonly Expression[];
}

/** A parsed PromQL expression. Parentheses leave no node: they only decide the shape. */
export type Expression =
  | NumberLiteral
  | StringLiteral
  | VectorSelector
  | MatrixSelector
  | AggregateExpression
  | UnaryExpression
  | BinaryExpression
  | CallExpression;

const SET_OPERATORS: ReadonlySet<string> = new Set<SetOperator>(['and', 'or', 'unless']);
const COMPARISONS: ReadonlySet<string> = new Set<ComparisonOperator>(['==', '!=', '>', '<', '>=', '<=']);

export const isSetOperator = (operator: BinaryOperator): operator is SetOperator =>
  SET_OPERATORS.has(operator);

export const isComparison = (operator: BinaryOperator): operator is ComparisonOperator =>
  COMPARISONS.has(operator);
