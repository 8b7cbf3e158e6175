import type { SyntaxNode, Tree } from '@lezer/common';
import { parseError, type QueryError } from './errors.ts';

/**
 * Says where and why an expression cannot be parsed, in the words of Prometheus's own parser, which clients show to people and
 * match on. The place comes from the grammar package, the wording from prometheus/prometheus promql/parser (lex.go, generated_parser.y).
 */

const TOKEN =
  /^(?:"(?:[^"\\]|\\[^])*"?|'(?:[^'\\]|\\[^])*'?|`[^`]*`?|#[^\n]*|[a-zA-Z_:][\w:]*|\.?\d[\w.]*|==|!=|<=|>=|=~|!~|[^])/u;
const OPERATOR = /^(?:==|!=|<=|>=|=~|!~|[-+*/%^<>@]|and|or|unless|atan2)$/i;
const AGGREGATION = /^(?:sum|avg|count|min|max|group|stddev|stdvar|topk|bottomk|count_values|quantile)$/i;
const KEYWORD = /^(?:offset|by|without|on|ignoring|group_left|group_right|bool)$/i;

/** A token as Prometheus names it: `identifier "x"`, `<aggr:sum>`, `<op:+>`, `"}"`, `end of input`. */
function describe(token: string): string {
  if (token === '') return 'end of input';
  if (KEYWORD.test(token)) return `<${token}>`;
  if (OPERATOR.test(token)) return `<op:${token}>`;
  if (AGGREGATION.test(token)) return `<aggr:${token}>`;
  if (/^["'`]/.test(token)) return `string ${JSON.stringify(token)}`;
  if (/^[a-zA-Z_:]/.test(token)) return `identifier ${JSON.stringify(token)}`;
  if (/^\.?\d/.test(token)) return `number ${JSON.stringify(token)}`;
  return JSON.stringify(token);
}

/** What was expected after the text before a error, by how that text ends. */
const EXPECTATIONS: readonly (readonly [RegExp, string])[] = [
  [/\b(?:by|without|on|ignoring)$/i, 'in grouping opts, expected "("'],
  [/\boffset$/i, 'in offset, expected duration'],
  [/@$/, 'in @, expected timestamp'],
  [/\)\s*(?:by|without)?\s*\([^()]*$/i, 'in grouping opts, expected "," or ")"'],
];

const INSIDE_BRACES: readonly (readonly [RegExp, string])[] = [
  [/(?:=|!=|=~|!~)$/, 'in label matching, expected string'],
  [/[{,]$/, 'in label matching, expected identifier or "}"'],
  [/["'`]$/, 'in label matching, expected "," or "}"'],
  [/[\w]$/, 'in label matching, expected label matching operator'],
];

interface Brackets {
  readonly parentheses: number;
  readonly braces: number;
  readonly square: number;
}

/** How many brackets are open at the end of a text, those in strings and comments aside. */
function openIn(text: string): Brackets {
  const open: Record<string, number> = {};
  for (let rest = text; rest !== ''; ) {
    const token = TOKEN.exec(rest)?.[0] as string;
    open[token] = (open[token] ?? 0) + 1;
    rest = rest.slice(token.length);
  }
  const depth = (left: string, right: string): number => (open[left] ?? 0) - (open[right] ?? 0);
  return { parentheses: depth('(', ')'), braces: depth('{', '}'), square: depth('[', ']') };
}

/** What follows `unexpected ...`: in which part of the grammar, and what would have been right. */
function expectation(before: string, open: Brackets): string {
  const table = open.braces > 0 ? INSIDE_BRACES : EXPECTATIONS;
  const found = table.find(([ending]) => ending.test(before));
  return found === undefined ? '' : ` ${found[1]}`;
}

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
  const name = /([a-zA-Z_:][\w:]*)\s*$/.exec(source.slice(0, position));
  if (source[position] !== '(' || name === null || KEYWORD.test(name[1] as string)) return undefined;
  return parseError(source, name.index, `unknown function with name ${JSON.stringify(name[1])}`);
}

/** What the lexer of Prometheus refuses before its grammar gets to see it. */
function lexicalError(token: string, next: string): string | undefined {
  if (token === '!') return `unexpected character after '!': '${next}'`;
  if (token === '=~') return `unexpected character after '=': '~'`;
  return /^[^\x20-\x7e]|^[$&;?\\|~]/u.test(token) ? `unexpected character: '${token}'` : undefined;
}

function endOfInput(open: Brackets): string | undefined {
  if (open.braces > 0) return 'unexpected end of input inside braces';
  if (open.square > 0) return 'unclosed left bracket';
  return open.parentheses > 0 ? 'unclosed left parenthesis' : undefined;
}

/** A closing bracket without an opening one. The lexer notices a parenthesis only once it has passed it: one column later. */
function strayBracket(source: string, position: number, open: Brackets): QueryError | undefined {
  if (source[position] === ')' && open.parentheses <= 0) {
    return parseError(source, position + 1, "unexpected right parenthesis ')'");
  }
  const stray = source[position] === ']' && open.square <= 0;
  return stray ? parseError(source, position, "unexpected right bracket ']'") : undefined;
}

function describeError(source: string, node: SyntaxNode): QueryError {
  const blank = /^(?:\s|#[^\n]*)*/.exec(source.slice(node.from))?.[0].length ?? 0;
  const position = node.from + blank;
  const before = source.slice(0, position).trimEnd();
  const token = TOKEN.exec(source.slice(position))?.[0] ?? '';
  const open = openIn(before);
  const message =
    token === '' ? endOfInput(open) : lexicalError(token, source.slice(position + token.length)[0] ?? '');
  return (
    unknownFunction(source, position) ??
    strayBracket(source, position, open) ??
    parseError(source, position, message ?? `unexpected ${describe(token)}${expectation(before, open)}`)
  );
}

/** The first syntax error of a parsed query, or undefined when there is none. */
export function syntaxErrorOf(source: string, tree: Tree): QueryError | undefined {
  if (/^(?:\s|#[^\n]*)*$/.test(source)) return parseError(source, 0, 'no expression found in input');
  const node = firstError(tree);
  return node === undefined ? undefined : describeError(source, node);
}
