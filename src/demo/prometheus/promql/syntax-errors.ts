import type { SyntaxNode, Tree } from '@lezer/common';
import { parseError, type QueryError } from './errors.ts';

const TOKEN =
  /^(?:"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|`[^`]*`?|[a-zA-Z_:][\w:]*|\d[\w.]*|==|!=|<=|>=|=~|!~|[^])/;
const OPERATOR = /^(?:==|!=|<=|>=|=~|!~|[-+*/%^<>@=])$/;

/** A token in the words of Prometheus's messages: `identifier "x"`, `number "5"`, `"}"`, `end of input`. */
function describe(token: string): string {
  if (token === '') return 'end of input';
  if (/^["'`]/.test(token)) return `string ${JSON.stringify(token)}`;
  if (/^[a-zA-Z_:]/.test(token)) return `identifier ${JSON.stringify(token)}`;
  if (/^\d/.test(token)) return `number ${JSON.stringify(token)}`;
  return OPERATOR.test(token) ? `<op:${token}>` : JSON.stringify(token);
}

/** Where in the grammar an error lies, as Prometheus words it. */
const CONTEXTS: Readonly<Record<string, string>> = {
  LabelMatchers: 'label matching',
  UnquotedLabelMatcher: 'label matching',
  GroupingLabels: 'grouping opts',
  AggregateExpr: 'aggregation',
  MatrixSelector: 'subquery selector',
  SubqueryExpr: 'subquery or range selector',
  OffsetExpr: 'offset',
};

function firstError(tree: Tree): SyntaxNode | undefined {
  let found: SyntaxNode | undefined;
  tree.iterate({
    enter(node) {
      if (found === undefined && node.type.isError) found = node.node;
      return found === undefined;
    },
  });
  return found;
}

/** A name directly before a parenthesis that the grammar did not take for a function. */
function unknownFunction(source: string, position: number): QueryError | undefined {
  const before = source.slice(0, position);
  const after = /^\s*\(/.test(source.slice(position));
  const name = /([a-zA-Z_:][\w:]*)\s*$/.exec(before);
  if (!after || name === null) return undefined;
  return parseError(source, name.index, `unknown function with name ${JSON.stringify(name[1])}`);
}

/** Where the mistake is: behind the blanks and comments at the place where the grammar stopped. */
const mistakeAt = (source: string, { from }: SyntaxNode): number =>
  from + (/^(?:\s|#[^\n]*)*/.exec(source.slice(from))?.[0].length ?? 0);

/** The first syntax error of a parsed query as Prometheus reports it, or undefined when there is none. */
export function syntaxErrorOf(source: string, tree: Tree): QueryError | undefined {
  if (source.trim() === '') return parseError(source, 0, 'no expression found in input');
  const node = firstError(tree);
  return node === undefined ? undefined : describeError(source, node);
}

function describeError(source: string, node: SyntaxNode): QueryError {
  const position = mistakeAt(source, node);
  const token = TOKEN.exec(source.slice(position))?.[0] ?? '';
  const unknown = unknownFunction(source, position);
  if (unknown !== undefined) return unknown;
  if (token === '' && unclosed(source)) return parseError(source, position, 'unclosed left parenthesis');
  const context = CONTEXTS[node.parent?.name ?? ''];
  const where = context === undefined ? '' : ` in ${context}`;
  return parseError(source, position, `unexpected ${describe(token)}${where}`);
}

/** Whether a parenthesis outside strings is never closed. */
function unclosed(source: string): boolean {
  let depth = 0;
  for (let rest = source; rest !== ''; ) {
    const token = TOKEN.exec(rest)?.[0] as string;
    if (token === '(') depth++;
    if (token === ')') depth--;
    rest = rest.slice(token.length);
  }
  return depth > 0;
}
