import { nodesOf, parseExpression } from './tree.ts';

/** The metrics that an expression names, each once, in order. */
export function metricsOf(expr: string): readonly string[] {
  const names = new Set<string>();
  for (const node of nodesOf(parseExpression(expr))) {
    if (node.name !== 'VectorSelector') continue;
    const identifier =
      node.getChild('Identifier') ?? node.getChild('LabelMatchers')?.getChild('QuotedLabelName');
    if (identifier === null || identifier === undefined) continue;
    names.add(expr.slice(identifier.from, identifier.to).replaceAll(/^["'`]|["'`]$/g, ''));
  }
  return [...names];
}
