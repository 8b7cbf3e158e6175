import type { EpochMs } from '../../../src/lib/units.ts';
import type { Channel, Message, Workspace } from '../model.ts';
import { createRenderContext, type RenderContext } from './context.ts';
import { arrange, compareTs, type Entry, isReply, type ThreadSummary } from './message.tsx';
import type { ThreadState } from './page.tsx';
import type { ListedChannel } from './sidebar.tsx';

/** The workspace as one reader sees it now, ready to be rendered. */
export interface ReaderState {
  context(): RenderContext;
  channel(channelId: string): Channel | undefined;
  /** The channel that is shown by default: the first one that is open. */
  firstChannel(): Channel | undefined;
  channels(): readonly ListedChannel[];
  /** The newest messages of a channel, at most `most` of them. */
  entries(channelId: string, most: number): readonly Entry[];
  /** How many messages the channel has. */
  count(channelId: string): number;
  thread(channelId: string, threadTs: string): ThreadState | undefined;
  /** A top-level message with what is known of its thread. */
  entryOf(message: Message): Entry;
  isUnread(channelId: string): boolean;
  /** Everything in the channel so far counts as read. */
  markRead(channelId: string): void;
  /** Whether the reader may see the message: somebody else's ephemeral is none of theirs. */
  sees(message: Message): boolean;
}

export interface ReaderStateOptions {
  readonly workspace: Workspace;
  readonly readerId: string;
  readonly clock: { now(): EpochMs };
}

export function createReaderState({ workspace, readerId, clock }: ReaderStateOptions): ReaderState {
  const lastRead = new Map<string, string>();
  const context = (): RenderContext => createRenderContext(workspace, readerId, clock.now());
  const isOpen = ({ direct }: Channel): boolean => (direct ?? readerId) === readerId;
  const open = (): readonly Channel[] => workspace.channels().filter(isOpen);
  const channel = (id: string): Channel | undefined => open().find((each) => each.id === id);
  const topLevel = (channelId: string): readonly Message[] => workspace.messages(channelId, readerId);

  const summary = (message: Message): ThreadSummary | undefined => {
    if (message.ephemeralFor !== undefined || isReply(message)) return undefined;
    const replies = workspace
      .thread(message.channelId, message.ts, readerId)
      .filter((reply) => reply.ts !== message.ts && reply.ephemeralFor === undefined);
    const last = replies.at(-1);
    if (last === undefined) return undefined;
    return {
      replies: replies.length,
      lastReplyTs: last.ts,
      repliers: [...new Set(replies.map((r) => r.userId))],
    };
  };

  const isUnread = (channelId: string): boolean =>
    topLevel(channelId).some(
      (message) =>
        message.userId !== readerId &&
        message.ephemeralFor === undefined &&
        compareTs(message.ts, lastRead.get(channelId) ?? '') > 0,
    );

  return {
    context,
    channel,
    firstChannel: () => open().find((each) => !each.isArchived) ?? open()[0],
    channels: () => open().map((each) => ({ channel: each, isUnread: isUnread(each.id) })),
    entries: (channelId, most) => arrange(topLevel(channelId).slice(-most), context(), summary),
    count: (channelId) => topLevel(channelId).length,
    thread: (channelId, threadTs) => {
      const found = channel(channelId);
      if (found === undefined) return undefined;
      const messages = workspace.thread(channelId, threadTs, readerId);
      return { channel: found, threadTs, entries: arrange(messages, context(), () => undefined) };
    },
    entryOf: (message) => {
      const thread = summary(message);
      const entry = { message, startsDay: false, continues: false };
      return thread === undefined ? entry : { ...entry, thread };
    },
    isUnread,
    markRead: (channelId) => {
      const newest = topLevel(channelId).at(-1);
      if (newest !== undefined) lastRead.set(channelId, newest.ts);
    },
    sees: (message) =>
      channel(message.channelId) !== undefined &&
      (message.ephemeralFor === undefined || message.ephemeralFor === readerId),
  };
}
