import { parseError } from './errors.ts';
import {
  type BinaryExpression,
  type CallExpression,
  type Expression,
  isComparison,
  isSetOperator,
  type ValueType,
} from './expression.ts';
import { SIGNATURES } from './signatures.ts';

/** The type an expression evaluates to. */
export function typeOf(expression: Expression): ValueType {
  switch (expression.kind) {
    case 'number':
      return 'scalar';
    case 'string':
      return 'string';
    case 'matrix selector':
      return 'range vector';
    case 'call':
      return SIGNATURES[expression.name]?.returns ?? 'instant vector';
    case 'unary':
      return typeOf(expression.operand);
    case 'binary':
      return typeOf(expression.left) === 'scalar' && typeOf(expression.right) === 'scalar'
        ? 'scalar'
        : 'instant vector';
    default:
      return 'instant vector';
  }
}

/** Throws the parse error that Prometheus reports for the first ill-typed part. Source: promql/parser/parse.go checkAST. */
export function checkTypes(source: string, expression: Expression): void {
  const expect = (node: Expression, wanted: ValueType, context: string): void => {
    checkTypes(source, node);
    const found = typeOf(node);
    if (found !== wanted) {
      throw parseError(source, node.from, `expected type ${wanted} in ${context}, got ${found}`);
    }
  };

  switch (expression.kind) {
    case 'aggregate':
      expect(expression.operand, 'instant vector', 'aggregation expression');
      return;
    case 'call':
      checkArgumentCount(source, expression);
      expression.args.forEach((argument, i) => {
        const wanted = SIGNATURES[expression.name]?.args[i] as ValueType;
        expect(argument, wanted, `call to function ${JSON.stringify(expression.name)}`);
      });
      return;
    case 'unary': {
      checkTypes(source, expression.operand);
      const found = typeOf(expression.operand);
      if (found === 'scalar' || found === 'instant vector') return;
      const message = `unary expression only allowed on expressions of type scalar or instant vector, got "${found}"`;
      throw parseError(source, expression.from, message);
    }
    case 'binary':
      checkTypes(source, expression.left);
      checkTypes(source, expression.right);
      checkBinary(source, expression);
      return;
    default:
  }
}

function checkArgumentCount(source: string, { name, args, from }: CallExpression): void {
  const signature = SIGNATURES[name];
  const most = signature?.args.length ?? 0;
  const least = most - (signature?.optional ?? 0);
  const call = `argument(s) in call to ${JSON.stringify(name)}, got ${args.length}`;
  if (most === least && args.length !== most) throw parseError(source, from, `expected ${most} ${call}`);
  if (args.length < least) throw parseError(source, from, `expected at least ${least} ${call}`);
  if (args.length > most) throw parseError(source, from, `expected at most ${most} ${call}`);
}

/** The first thing wrong with a binary expression, in the order Prometheus looks: where, and what. */
function checkBinary(source: string, node: BinaryExpression): void {
  const problem = comparisonError(node) ?? operandError(node) ?? matchingError(node);
  if (problem !== undefined) throw parseError(source, problem.at, problem.message);
}

interface TypeProblem {
  readonly at: number;
  readonly message: string;
}

function comparisonError({
  operator,
  operatorAt,
  returnsBool,
  left,
  right,
}: BinaryExpression): TypeProblem | undefined {
  if (returnsBool && !isComparison(operator)) {
    return { at: operatorAt, message: 'bool modifier can only be used on comparison operators' };
  }
  const scalars = typeOf(left) === 'scalar' && typeOf(right) === 'scalar';
  if (isComparison(operator) && !returnsBool && scalars) {
    return { at: operatorAt, message: 'comparisons between scalars must use BOOL modifier' };
  }
  return undefined;
}

function operandError({ left, right, matching, operatorAt }: BinaryExpression): TypeProblem | undefined {
  const twice = matching.on ? matching.labels.find((label) => matching.include.includes(label)) : undefined;
  if (twice !== undefined) {
    return { at: operatorAt, message: `label "${twice}" must not occur in ON and GROUP clause at once` };
  }
  for (const operand of [left, right]) {
    const type = typeOf(operand);
    if (type === 'scalar' || type === 'instant vector') continue;
    return {
      at: operand.from,
      message: 'binary expression must contain only scalar and instant vector types',
    };
  }
  return undefined;
}

function matchingError({ left, right, operator, matching, from }: BinaryExpression): TypeProblem | undefined {
  if (typeOf(left) !== 'scalar' && typeOf(right) !== 'scalar') {
    return isSetOperator(operator) && matching.cardinality !== 'one-to-one'
      ? { at: from, message: `no grouping allowed for "${operator}" operation` }
      : undefined;
  }
  if (matching.labels.length > 0) {
    return { at: from, message: 'vector matching only allowed between instant vectors' };
  }
  return isSetOperator(operator)
    ? { at: from, message: `set operator "${operator}" not allowed in binary scalar expression` }
    : undefined;
}
