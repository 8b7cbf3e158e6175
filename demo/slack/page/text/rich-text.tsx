import { Fragment, type ReactNode } from 'react';
import type { RenderContext } from '../context.ts';
import { numberOf, record, records, stringOf, textOf, type Wire } from '../wire.ts';
import { emojiCharacter } from './emoji.ts';
import { ChannelMention, DateView, EmojiView, ExternalLink, UserMention } from './text-view.tsx';

interface Props {
  readonly element: Wire;
  readonly context: RenderContext;
}

const INLINE: Readonly<Record<string, (props: Props) => ReactNode>> = {
  text: ({ element }) => stringOf(element['text']),
  link: ({ element }) => {
    const href = stringOf(element['url']);
    return <ExternalLink href={href}>{textOf(element['text']) ?? href}</ExternalLink>;
  },
  emoji: ({ element }) => {
    const name = stringOf(element['name']);
    const character = emojiCharacter(name) ?? fromCodePoints(stringOf(element['unicode']));
    return character === undefined ? `:${name}:` : <EmojiView name={name} character={character} />;
  },
  user: ({ element, context }) => (
    <UserMention id={stringOf(element['user_id'])} label="" context={context} />
  ),
  channel: ({ element, context }) => (
    <ChannelMention id={stringOf(element['channel_id'])} label="" context={context} />
  ),
  usergroup: ({ element }) => <span className="mention">@{stringOf(element['usergroup_id'])}</span>,
  broadcast: ({ element }) => <span className="mention mention-me">@{stringOf(element['range'])}</span>,
  color: ({ element }) => <code>{stringOf(element['value'])}</code>,
  date: ({ element, context }) => {
    const href = textOf(element['url']);
    const date = {
      kind: 'date',
      seconds: numberOf(element['timestamp']) ?? Number.NaN,
      format: stringOf(element['format']),
      fallback: stringOf(element['fallback']),
    } as const;
    return <DateView date={href === undefined ? date : { ...date, href }} context={context} />;
  },
};

/** Emoji outside our own list carry their code points: `1f6a8` or `2194-fe0f`. */
function fromCodePoints(unicode: string): string | undefined {
  const points = unicode.split('-').map((hex) => Number.parseInt(hex, 16));
  return points.every((point) => point > 0 && point <= 0x10ffff)
    ? String.fromCodePoint(...points)
    : undefined;
}

/** The styles from the innermost outwards. */
const STYLES: readonly (readonly [string, (children: ReactNode) => ReactNode])[] = [
  ['code', (children) => <code>{children}</code>],
  ['strike', (children) => <s>{children}</s>],
  ['italic', (children) => <em>{children}</em>],
  ['bold', (children) => <strong>{children}</strong>],
];

function InlineElement({ element, context }: Props): ReactNode {
  const render = INLINE[stringOf(element['type'])];
  const style = record(element['style']);
  const plain = render === undefined ? stringOf(element['text']) : render({ element, context });
  return STYLES.reduce((inner, [name, wrap]) => (style[name] === true ? wrap(inner) : inner), plain);
}

function Inlines({ element, context }: Props): ReactNode {
  return records(element['elements']).map((child, index) => (
    <InlineElement key={index} element={child} context={context} />
  ));
}

function ListElement({ element, context }: Props): ReactNode {
  const items = records(element['elements']).map((child, index) => (
    <li key={index}>
      <Inlines element={child} context={context} />
    </li>
  ));
  const className = `rich-list rich-indent-${Math.min(8, numberOf(element['indent']) ?? 0)}`;
  if (element['style'] !== 'ordered') return <ul className={className}>{items}</ul>;
  return (
    <ol className={className} start={(numberOf(element['offset']) ?? 0) + 1}>
      {items}
    </ol>
  );
}

const BOXES: Readonly<Record<string, (props: Props) => ReactNode>> = {
  rich_text_section: (props) => (
    <div className="text">
      <Inlines {...props} />
    </div>
  ),
  rich_text_list: (props) => <ListElement {...props} />,
  rich_text_quote: (props) => (
    <blockquote className="text">
      <Inlines {...props} />
    </blockquote>
  ),
  rich_text_preformatted: (props) => (
    <pre>
      <Inlines {...props} />
    </pre>
  ),
};

/** A `rich_text` block, also as the content of a table cell or a title. Its texts are literal: no mrkdwn, no entities. */
export function RichText({ block, context }: { block: Wire; context: RenderContext }): ReactNode {
  return records(block['elements']).map((element, index) => (
    <Fragment key={index}>{BOXES[stringOf(element['type'])]?.({ element, context })}</Fragment>
  ));
}
