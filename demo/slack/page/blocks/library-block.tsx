import type { ReactNode } from 'react';
import { type Block, Message } from 'slack-blocks-to-jsx';
import type { RenderContext } from '../context.ts';
import { renderFragment } from '../fragment.ts';
import { ExternalLink } from '../text/text-view.tsx';
import type { Wire } from '../wire.ts';

/**
 * A block that slack-blocks-to-jsx draws. The library gives every message the same element id and buttons the id of their action; ids
 * must be unique in a page, so they are taken out and the library's style sheet is served with the class in place of the id.
 */
export function LibraryBlock({ block, context }: { block: Wire; context: RenderContext }): ReactNode {
  const users = [...context.users.values()].map(({ id, name }) => ({ id, name, avatar: '' }));
  const markup = renderFragment(
    <Message
      blocks={[block as unknown as Block]}
      logo=""
      name=""
      theme="light"
      withoutWrapper
      data={{ users, channels: [...context.channels.values()].map(({ id, name }) => ({ id, name })) }}
      hooks={{ link: ({ href, children }) => <ExternalLink href={href}>{children}</ExternalLink> }}
    />,
  );
  // React escapes quotes in text, so ` id="` occurs in attributes only.
  const html = markup.replace(/ id="[^"]*"/g, '');
  return <div className="library-block" dangerouslySetInnerHTML={{ __html: html }} />;
}
