import { BlockList } from '../../../../../demo/slack/page/blocks/blocks.tsx';
import { createRenderContext, type RenderContext } from '../../../../../demo/slack/page/context.ts';
import { renderFragment } from '../../../../../demo/slack/page/fragment.ts';
import { MrkdwnView } from '../../../../../demo/slack/page/text/text-view.tsx';
import { epochMs } from '../../../../../src/lib/units.ts';
import { ADA, createFakeWorkspace } from './fake-workspace.ts';

/** Saturday, 2026-11-21 14:12:00 UTC: 15:12 for Ada in Berlin. */
export const NOW = epochMs(Date.parse('2026-11-21T14:12:00Z'));

/** A `ts` so many seconds before or after now. */
export const tsAt = (seconds: number, n = 1): string =>
  `${NOW / 1_000 + seconds}.${String(n).padStart(6, '0')}`;

export const contextOfAda = (): RenderContext => createRenderContext(createFakeWorkspace(), ADA.id, NOW);

/** A text in mrkdwn as Ada's browser gets it. */
export const mrkdwnHtml = (text: string): string =>
  renderFragment(MrkdwnView({ text, context: contextOfAda() }));

/** One block as Ada's browser gets it, without the box around it. */
export function blockHtml(block: Record<string, unknown>): string {
  const html = renderFragment(BlockList({ blocks: [block], context: contextOfAda(), role: 'action' }));
  return html.replace(/^<div class="block [^>]*>/, '').replace(/<\/div>$/, '');
}
