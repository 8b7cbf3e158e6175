import type { SyntaxNode } from '@lezer/common';
import { parseError, type QueryError } from './errors.ts';

/** The query being read, and how its regular expressions are. */
export interface Reader {
  readonly source: string;
  readonly dotMatchesNewline: boolean;
}

export const textOf = (reader: Reader, node: SyntaxNode): string => reader.source.slice(node.from, node.to);

export const childNamed = (node: SyntaxNode, name: string): SyntaxNode | undefined =>
  node.getChild(name) ?? undefined;

export const childrenNamed = (node: SyntaxNode, name: string): readonly SyntaxNode[] =>
  node.getChildren(name);

/** The error for a string literal that `unquote` refuses. */
export function malformedString(reader: Reader, node: SyntaxNode): QueryError {
  const text = textOf(reader, node);
  const closed = text.length > 1 && text.at(-1) === text[0];
  const message = closed ? `unknown escape sequence in ${text}` : 'unterminated quoted string';
  return parseError(reader.source, node.from, message);
}
