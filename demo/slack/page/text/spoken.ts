import type { RenderContext } from '../context.ts';
import { formatSlackDate } from './dates.ts';
import { type Inline, parseMrkdwn } from './mrkdwn.ts';

function nameBehind(
  node: Extract<Inline, { readonly kind: 'user' | 'channel' }>,
  context: RenderContext,
): string {
  const named = node.kind === 'user' ? context.users.get(node.id) : context.channels.get(node.id);
  return named?.name ?? (node.label || node.id);
}

function words(node: Inline, context: RenderContext): string {
  if ('text' in node) return node.text;
  if ('children' in node) return node.children.map((child) => words(child, context)).join('');
  if (node.kind === 'user' || node.kind === 'channel') return nameBehind(node, context);
  if (node.kind === 'emoji') return node.name.replaceAll('_', ' ');
  if (node.kind === 'date') return formatSlackDate(node, context) ?? node.fallback;
  return node.label;
}

/** A text in mrkdwn as a screen reader should say it: without marks, ids and addresses. */
export function spokenText(text: string, context: RenderContext): string {
  return parseMrkdwn(text)
    .map((passage) =>
      passage.kind === 'preformatted'
        ? passage.text
        : passage.children.map((node) => words(node, context)).join(''),
    )
    .join(' ')
    .replace(/\s+/g, ' ')
    .trim();
}
