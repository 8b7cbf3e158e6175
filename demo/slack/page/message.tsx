import type { ReactNode } from 'react';
import { type EpochMs, epochMs } from '../../../src/lib/units.ts';
import type { Message, User } from '../model.ts';
import { BlockList } from './blocks/blocks.tsx';
import { type RenderContext, SLACKBOT_ID, threadPath } from './context.ts';
import { clockTime, dayKey, dayLabel, fullTimestamp } from './text/dates.ts';
import { MrkdwnView } from './text/text-view.tsx';

/** What a channel shows under a message that has a thread. */
export interface ThreadSummary {
  readonly replies: number;
  readonly lastReplyTs: string;
  /** Ids of those who replied, in the order of their first reply. */
  readonly repliers: readonly string[];
}

/** A message in its place among the others. */
export interface Entry {
  readonly message: Message;
  readonly thread?: ThreadSummary;
  /** The first message of its day: a divider is above it. */
  readonly startsDay: boolean;
  /** Goes on what the same person said just before: shown without name and picture. */
  readonly continues: boolean;
}

/** The instant inside a message's `ts`. */
function instantOf(ts: string): EpochMs {
  return epochMs(Math.floor(Number(ts) * 1_000));
}

/** Orders two `ts` without turning them into floating numbers, which would lose the last decimals. */
export function compareTs(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}

/** Whether the message answers another one in a thread. */
export function isReply(message: Message): boolean {
  return message.threadTs !== undefined && message.threadTs !== message.ts;
}

const AVATAR_COLOURS = ['#2f6f8f', '#8a4f7d', '#3d7a4e', '#a0592b', '#54569c', '#8f3f4a'] as const;

function Avatar({ user, userId }: { user: User | undefined; userId: string }): ReactNode {
  if (isApp(user)) {
    return (
      <svg className="avatar" viewBox="0 0 36 36" aria-hidden="true">
        <rect width="36" height="36" rx="8" fill="#14213d" />
        <path
          d="M6 24h6l3-5 4 7 4-17 4 15h3"
          fill="none"
          stroke="#fca311"
          strokeWidth="2.4"
          strokeLinejoin="round"
          strokeLinecap="round"
        />
      </svg>
    );
  }
  const sum = Array.from(userId).reduce((total, character) => total + (character.codePointAt(0) ?? 0), 0);
  const background = userId === SLACKBOT_ID ? '#616061' : AVATAR_COLOURS[sum % AVATAR_COLOURS.length];
  return (
    <span className="avatar avatar-letter" style={{ background }} aria-hidden="true">
      {nameOf(user, userId).slice(0, 1).toUpperCase()}
    </span>
  );
}

/** Slackbot is a bot and no app: it has no badge. */
function isApp(user: User | undefined): boolean {
  return user?.isBot === true && user.id !== SLACKBOT_ID;
}

function nameOf(user: User | undefined, userId: string): string {
  return userId === SLACKBOT_ID ? 'Slackbot' : (user?.name ?? userId);
}

function Time({ ts, context }: { ts: string; context: RenderContext }): ReactNode {
  const instant = instantOf(ts);
  return (
    <time dateTime={new Date(instant).toISOString()} title={fullTimestamp(instant, context.timeZone)}>
      {clockTime(instant, context.timeZone)}
    </time>
  );
}

function Body({ message, context }: { message: Message; context: RenderContext }): ReactNode {
  const edited =
    message.editedAt === undefined ? null : (
      <span className="edited" data-role="edited" title={fullTimestamp(message.editedAt, context.timeZone)}>
        (edited)
      </span>
    );
  return (
    <div className="message-body" data-role="message-body">
      {message.blocks.length > 0 ? (
        <BlockList blocks={message.blocks} context={context} role="action" />
      ) : (
        <MrkdwnView text={message.text} context={context} />
      )}
      {edited}
    </div>
  );
}

function ThreadFooter({
  message,
  thread,
  context,
}: {
  message: Message;
  thread: ThreadSummary;
  context: RenderContext;
}): ReactNode {
  const instant = instantOf(thread.lastReplyTs);
  const day = dayLabel(instant, context.timeZone, context.now)
    .replace('Today', 'today')
    .replace('Yesterday', 'yesterday');
  return (
    <a
      className="thread-footer"
      data-role="thread-open"
      data-thread-ts={message.ts}
      href={threadPath(message.channelId, message.ts)}
    >
      {thread.repliers.slice(0, 4).map((id) => (
        <Avatar key={id} user={context.users.get(id)} userId={id} />
      ))}
      <strong>{thread.replies === 1 ? '1 reply' : `${thread.replies} replies`}</strong>
      <span className="muted">
        Last reply {day} at {clockTime(instant, context.timeZone)}
      </span>
    </a>
  );
}

function BroadcastNote({ message }: { message: Message }): ReactNode {
  if (message.isBroadcast !== true || message.threadTs === undefined) return null;
  return (
    <div className="broadcast-note">
      replied to{' '}
      <a
        data-role="thread-open"
        data-thread-ts={message.threadTs}
        href={threadPath(message.channelId, message.threadTs)}
      >
        a thread
      </a>
    </div>
  );
}

function ReplyLink({ message }: { message: Message }): ReactNode {
  return (
    <a
      className="reply-link"
      data-role="thread-start"
      data-thread-ts={message.ts}
      href={threadPath(message.channelId, message.ts)}
    >
      Reply in thread
    </a>
  );
}

function entryClass({ startsDay, continues, message }: Entry): string {
  const classes = ['entry'];
  if (startsDay) classes.push('starts-day');
  if (continues) classes.push('continues');
  if (message.ephemeralFor !== undefined) classes.push('is-ephemeral');
  return classes.join(' ');
}

/** One message with everything a reader can see of it and everything the browser script and tests find it by. */
export function EntryView({ entry, context }: { entry: Entry; context: RenderContext }): ReactNode {
  const { message, thread } = entry;
  const user = context.users.get(message.userId);
  const instant = instantOf(message.ts);
  return (
    <div
      className={entryClass(entry)}
      data-message-ts={message.ts}
      data-channel={message.channelId}
      data-user={message.userId}
      data-thread-ts={message.threadTs}
      data-ephemeral={message.ephemeralFor === undefined ? undefined : 'true'}
      data-day={dayKey(instant, context.timeZone)}
      data-groups={canGroup(message)}
    >
      <div className="day-divider" data-role="day-divider">
        <span>{dayLabel(instant, context.timeZone, context.now)}</span>
      </div>
      <article className="message">
        <Avatar user={user} userId={message.userId} />
        <div className="message-main">
          {message.ephemeralFor === undefined ? null : (
            <div className="ephemeral-note" data-role="ephemeral-note">
              Only visible to you
            </div>
          )}
          <header className="message-head">
            <strong className="author">{nameOf(user, message.userId)}</strong>
            {isApp(user) ? <span className="app-badge">APP</span> : null}
            <Time ts={message.ts} context={context} />
          </header>
          <BroadcastNote message={message} />
          <Body message={message} context={context} />
          <div className="action-error" data-role="action-error" role="alert" />
          {thread === undefined ? null : <ThreadFooter message={message} thread={thread} context={context} />}
        </div>
        {isReply(message) || message.ephemeralFor !== undefined ? null : <ReplyLink message={message} />}
      </article>
    </div>
  );
}

/** Whether a message may stand under its predecessor without a name of its own: plain words only. */
function canGroup(message: Message): boolean {
  return message.blocks.length === 0 && message.ephemeralFor === undefined;
}

const GROUPING_MS = 5 * 60_000;

function continuesFrom(previous: Message | undefined, message: Message): boolean {
  if (previous === undefined || previous.userId !== message.userId) return false;
  return (
    canGroup(previous) && canGroup(message) && instantOf(message.ts) - instantOf(previous.ts) < GROUPING_MS
  );
}

/** Puts messages in their places. The browser script applies the same two rules when a message arrives. */
export function arrange(
  messages: readonly Message[],
  context: RenderContext,
  threadOf: (message: Message) => ThreadSummary | undefined,
): readonly Entry[] {
  return messages.map((message, index) => {
    const previous = messages[index - 1];
    const day = (each: Message): string => dayKey(instantOf(each.ts), context.timeZone);
    const startsDay = previous === undefined || day(previous) !== day(message);
    const thread = threadOf(message);
    const place = { message, startsDay, continues: !startsDay && continuesFrom(previous, message) };
    return thread === undefined ? place : { ...place, thread };
  });
}
