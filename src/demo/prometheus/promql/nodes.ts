import type { SyntaxNode } from '@lezer/common';

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
