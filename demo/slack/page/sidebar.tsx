import type { ReactNode } from 'react';
import type { Channel } from '../model.ts';
import { channelPath, type RenderContext, SLACKBOT_ID } from './context.ts';
import { renderFragment } from './fragment.ts';

/** A channel in the left bar. */
export interface ListedChannel {
  readonly channel: Channel;
  readonly isUnread: boolean;
}

interface SidebarProps {
  readonly title: string;
  readonly channels: readonly ListedChannel[];
  readonly currentId: string;
  readonly context: RenderContext;
}

function ChannelLink({
  channel,
  isUnread,
  isCurrent,
}: {
  channel: Channel;
  isUnread: boolean;
  isCurrent: boolean;
}): ReactNode {
  return (
    <li data-role="channel" data-channel={channel.id} className={isUnread ? 'is-unread' : undefined}>
      <a href={channelPath(channel.id)} aria-current={isCurrent ? 'page' : undefined}>
        <span className="hash" aria-hidden="true">
          {channel.direct === undefined ? '#' : '@'}
        </span>
        <span className="channel-name">{channel.name}</span>
        {channel.isArchived ? <span className="muted">archived</span> : null}
        <span className="unread-dot" data-role="unread-dot">
          <span className="visually-hidden">unread</span>
        </span>
      </a>
    </li>
  );
}

/** The left bar: channels, apps, and who is reading. */
export function Sidebar({ title, channels, currentId, context }: SidebarProps): ReactNode {
  const reader = context.users.get(context.readerId);
  const apps = [...context.users.values()].filter((user) => user.isBot && user.id !== SLACKBOT_ID);
  return (
    <nav className="sidebar" id="sidebar" aria-label="Channels">
      <div className="workspace-name">{title}</div>
      <h2>Channels</h2>
      <ul data-role="channels">
        {channels.map(({ channel, isUnread }) => (
          <ChannelLink
            key={channel.id}
            channel={channel}
            isUnread={isUnread}
            isCurrent={channel.id === currentId}
          />
        ))}
      </ul>
      {apps.length === 0 ? null : <h2>Apps</h2>}
      <ul className="apps">
        {apps.map((app) => (
          <li key={app.id}>
            <span className="presence" aria-hidden="true" />
            {app.name}
          </li>
        ))}
      </ul>
      <div className="reader">
        <strong>{reader?.name ?? context.readerId}</strong>
        <span>{context.timeZone}</span>
      </div>
    </nav>
  );
}

/** One channel of the left bar. */
export function renderChannelLink(channel: Channel, isUnread: boolean): string {
  return renderFragment(<ChannelLink channel={channel} isUnread={isUnread} isCurrent={false} />);
}
