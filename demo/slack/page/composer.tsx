import type { ReactNode } from 'react';
import type { Channel } from '../model.ts';
import { channelTitle } from './context.ts';

/** A slash command as the composer offers it. */
export interface CommandHint {
  /** With its slash: `/trace`. */
  readonly command: string;
  readonly description: string;
  /** What may follow the command: `slowest <service> [last 30m]`. */
  readonly usageHint?: string;
}

function CommandList({ commands, id }: { commands: readonly CommandHint[]; id: string }): ReactNode {
  return (
    <ul
      className="command-list"
      id={id}
      role="listbox"
      aria-label="Slash commands"
      data-role="command-list"
      hidden
    >
      {commands.map(({ command, description, usageHint }) => (
        <li
          key={command}
          id={`${id}${command.replace('/', '-')}`}
          role="option"
          aria-selected={false}
          data-command={command}
        >
          <span className="command-line">
            <strong>{command}</strong> <span className="usage">{usageHint}</span>
          </span>
          <span className="muted">{description}</span>
        </li>
      ))}
    </ul>
  );
}

interface ComposerProps {
  readonly channel: Channel;
  readonly threadTs?: string;
  readonly commands: readonly CommandHint[];
}

/** The box to write in: with slash commands in a channel, without in a thread, where Slack has none. */
export function Composer({ channel, threadTs, commands }: ComposerProps): ReactNode {
  if (channel.isArchived)
    return <p className="composer-closed">You are viewing {channelTitle(channel)}, an archived channel.</p>;
  const label = threadTs === undefined ? `Message ${channelTitle(channel)}` : 'Reply…';
  const listId = threadTs === undefined ? 'commands' : undefined;
  return (
    <form
      className="composer"
      data-role={threadTs === undefined ? 'composer' : 'thread-composer'}
      data-channel={channel.id}
      data-thread-ts={threadTs}
    >
      {listId === undefined ? null : <CommandList commands={commands} id={listId} />}
      <textarea
        data-role="composer-input"
        rows={1}
        aria-label={label}
        placeholder={threadTs === undefined ? `${label}, or type / for commands` : label}
        autoComplete="off"
        spellCheck={false}
        {...(listId === undefined
          ? {}
          : {
              role: 'combobox',
              'aria-autocomplete': 'list',
              'aria-controls': listId,
              'aria-expanded': false,
            })}
      />
      <div className="composer-error" data-role="composer-error" role="alert" />
      <button type="submit" className="send" aria-label="Send" data-role="composer-send">
        <svg viewBox="0 0 20 20" aria-hidden="true">
          <path d="M3 3.5 17.5 10 3 16.5l1.8-5.2L11 10 4.8 8.7z" fill="currentColor" />
        </svg>
      </button>
    </form>
  );
}
