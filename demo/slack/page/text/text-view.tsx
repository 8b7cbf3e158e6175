import type { ReactNode } from 'react';
import { type EpochMs, epochMs } from '../../../../src/lib/units.ts';
import { channelPath, type RenderContext } from '../context.ts';
import { record, safeHref, stringOf } from '../wire.ts';
import { formatSlackDate, fullTimestamp } from './dates.ts';
import { type Inline, type Passage, parseMrkdwn, parsePlainText, type SlackDate } from './mrkdwn.ts';

/** A link that opens in a new tab; an address with a scheme that must not be followed shows as its text. */
export function ExternalLink({ href, children }: { href: string; children: ReactNode }): ReactNode {
  const safe = safeHref(href);
  if (safe === undefined) return <>{children}</>;
  return (
    <a href={safe} target="_blank" rel="noopener noreferrer">
      {children}
    </a>
  );
}

function isRealInstant(instant: EpochMs): boolean {
  return !Number.isNaN(new Date(instant).getTime());
}

/** An instant in the reader's zone, or its fallback text when the format cannot be filled. */
export function DateView({ date, context }: { date: SlackDate; context: RenderContext }): ReactNode {
  const text = formatSlackDate(date, context) ?? date.fallback;
  const instant = epochMs(date.seconds * 1_000);
  const time = isRealInstant(instant) ? (
    <time dateTime={new Date(instant).toISOString()} title={fullTimestamp(instant, context.timeZone)}>
      {text}
    </time>
  ) : (
    text
  );
  return date.href === undefined ? time : <ExternalLink href={date.href}>{time}</ExternalLink>;
}

/** A mention of a person; a broader colour when it is the reader. */
export function UserMention({
  id,
  label,
  context,
}: {
  id: string;
  label: string;
  context: RenderContext;
}): ReactNode {
  const name = context.users.get(id)?.name ?? (label || id);
  return <span className={id === context.readerId ? 'mention mention-me' : 'mention'}>@{name}</span>;
}

/** A mention of a channel: a link to its page when the workspace has it. */
export function ChannelMention({
  id,
  label,
  context,
}: {
  id: string;
  label: string;
  context: RenderContext;
}): ReactNode {
  const channel = context.channels.get(id);
  if (channel === undefined) return <span className="mention">#{label || id}</span>;
  return (
    <a className="mention" href={channelPath(id)}>
      #{channel.name}
    </a>
  );
}

/** One emoji as a real character, named for screen readers. */
export function EmojiView({ name, character }: { name: string; character: string }): ReactNode {
  return (
    <span className="emoji" role="img" aria-label={name.replaceAll('_', ' ')} title={`:${name}:`}>
      {character}
    </span>
  );
}

function InlineView({ node, context }: { node: Inline; context: RenderContext }): ReactNode {
  switch (node.kind) {
    case 'text':
      return node.text;
    case 'code':
      return <code>{node.text}</code>;
    case 'bold':
      return <strong>{inlines(node.children, context)}</strong>;
    case 'italic':
      return <em>{inlines(node.children, context)}</em>;
    case 'strike':
      return <s>{inlines(node.children, context)}</s>;
    case 'link':
      return <ExternalLink href={node.href}>{node.label}</ExternalLink>;
    case 'user':
      return <UserMention id={node.id} label={node.label} context={context} />;
    case 'channel':
      return <ChannelMention id={node.id} label={node.label} context={context} />;
    case 'broadcast':
      return <span className="mention mention-me">{node.label}</span>;
    case 'emoji':
      return <EmojiView name={node.name} character={node.character} />;
    default:
      return <DateView date={node} context={context} />;
  }
}

// Nodes never move within a text, so their position is their identity.
function inlines(nodes: readonly Inline[], context: RenderContext): ReactNode {
  return nodes.map((node, index) => <InlineView key={index} node={node} context={context} />);
}

function PassageView({ passage, context }: { passage: Passage; context: RenderContext }): ReactNode {
  switch (passage.kind) {
    case 'preformatted':
      return <pre>{passage.text}</pre>;
    case 'quote':
      return <blockquote className="text">{inlines(passage.children, context)}</blockquote>;
    default:
      return <div className="text">{inlines(passage.children, context)}</div>;
  }
}

/** A text in mrkdwn. */
export function MrkdwnView({ text, context }: { text: string; context: RenderContext }): ReactNode {
  return parseMrkdwn(text).map((passage, index) => (
    <PassageView key={index} passage={passage} context={context} />
  ));
}

/** A plain text on one line of layout: emoji shown, nothing else interpreted. */
export function PlainText({ text, emoji = true }: { text: string; emoji?: boolean }): ReactNode {
  return parsePlainText(text, { emoji }).map((node, index) =>
    node.kind === 'emoji' ? (
      <EmojiView key={index} name={node.name} character={node.character} />
    ) : node.kind === 'text' ? (
      node.text
    ) : null,
  );
}

/** A text object: `{ type: "mrkdwn" | "plain_text", text }`. */
export function TextObject({ value, context }: { value: unknown; context: RenderContext }): ReactNode {
  const object = record(value);
  const text = stringOf(object['text']);
  if (object['type'] === 'mrkdwn') return <MrkdwnView text={text} context={context} />;
  return (
    <div className="text">
      <PlainText text={text} emoji={object['emoji'] !== false} />
    </div>
  );
}
