import type { EpochMs } from '../../src/lib/units.ts';
import type { Channel, Message, User, WireBlock, WorkspaceEvent } from './model.ts';

/** What is new about a message; the rest stays. */
export interface MessageChange {
  readonly text?: string;
  readonly blocks?: readonly WireBlock[];
  /** `null` takes the metadata away. */
  readonly metadata?: NonNullable<Message['metadata']> | null;
}

export interface NewMessage {
  readonly channelId: string;
  readonly userId: string;
  readonly text: string;
  readonly blocks?: readonly WireBlock[];
  readonly threadTs?: string;
  readonly isBroadcast?: boolean;
  readonly ephemeralFor?: string;
  readonly metadata?: NonNullable<Message['metadata']>;
}

export interface Reaction {
  readonly name: string;
  readonly userId: string;
}

/** Channels, people and messages, and the events of their changes. */
export interface Conversations {
  readonly channels: () => readonly Channel[];
  readonly channel: (idOrName: string) => Channel | undefined;
  readonly changeChannel: (channel: Channel) => void;
  /** The direct messages between the app and a user, opened by the first of them. */
  readonly direct: (userId: string) => Channel;
  /** Whether a channel exists for a reader: everybody here is in every channel, but in no direct messages of others. */
  readonly isOpenTo: (channelId: string, readerId: string) => boolean;
  readonly users: () => readonly User[];
  readonly user: (id: string) => User | undefined;
  /** All messages of a channel, ephemerals and replies too, oldest first. */
  readonly all: (channelId: string) => readonly Message[];
  readonly find: (channelId: string, ts: string) => Message | undefined;
  readonly post: (message: NewMessage) => Message;
  readonly change: (message: Message, change: MessageChange) => Message;
  /** Takes a message away; one that has replies leaves a tombstone until the last of them is gone. */
  readonly remove: (message: Message) => void;
  readonly reactions: (message: Message) => readonly Reaction[];
  readonly react: (message: Message, reaction: Reaction) => void;
  readonly emit: (event: WorkspaceEvent) => void;
  readonly subscribe: (listener: (event: WorkspaceEvent) => void) => () => void;
}

/** Slack's own voice. */
export const SLACKBOT_ID = 'USLACKBOT';

export interface ConversationsOptions {
  readonly clock: { now(): EpochMs };
  readonly channels: readonly Channel[];
  readonly users: readonly User[];
  /** What direct messages with the app are called. */
  readonly appName?: string;
}

export function createConversations({ clock, ...initial }: ConversationsOptions): Conversations {
  const channels = new Map(initial.channels.map((channel) => [channel.id, channel]));
  const users = new Map(initial.users.map((user) => [user.id, user]));
  const reactions = new Map<string, readonly Reaction[]>();
  const events = createEvents();
  const changeChannel = (channel: Channel): void => {
    channels.set(channel.id, channel);
    events.emit({ kind: 'channel-changed', channel });
  };
  const key = (message: Message): string => `${message.channelId}/${message.ts}`;
  return {
    channels: () => [...channels.values()],
    channel: (name) =>
      channels.get(name) ?? [...channels.values()].find((channel) => channel.name === name.replace(/^#/, '')),
    changeChannel,
    direct: (userId) => {
      const id = `D${userId.slice(1)}`;
      const known = channels.get(id);
      if (known !== undefined) return known;
      const name = initial.appName ?? 'app';
      const opened = { id, name, isArchived: false, botIsMember: true, isPrivate: true, direct: userId };
      changeChannel(opened);
      return opened;
    },
    isOpenTo: (channelId, readerId) => (channels.get(channelId)?.direct ?? readerId) === readerId,
    users: () => [...users.values()],
    user: (id) => users.get(id),
    reactions: (message) => reactions.get(key(message)) ?? [],
    react: (message, reaction) => {
      reactions.set(key(message), [...(reactions.get(key(message)) ?? []), reaction]);
    },
    ...createMessages(clock, events.emit),
    ...events,
  };
}

type Messages = Pick<Conversations, 'all' | 'find' | 'post' | 'change' | 'remove'>;

function createMessages(clock: { now(): EpochMs }, emit: Conversations['emit']): Messages {
  const messages = new Map<string, Message[]>();
  const nextTs = createTimestamps(clock);
  const inChannel = (channelId: string): Message[] => {
    const list = messages.get(channelId) ?? [];
    messages.set(channelId, list);
    return list;
  };
  const replace = (previous: Message, message: Message): Message => {
    const list = inChannel(previous.channelId);
    list[list.findIndex(({ ts }) => ts === previous.ts)] = message;
    emit({ kind: 'message-changed', message, previous });
    return message;
  };
  const cut = (message: Message): void => {
    const list = inChannel(message.channelId);
    list.splice(
      list.findIndex(({ ts }) => ts === message.ts),
      1,
    );
    emit({ kind: 'message-deleted', message });
  };
  const hasReplies = ({ channelId, ts }: Message): boolean =>
    inChannel(channelId).some((each) => each.threadTs === ts && each.ephemeralFor === undefined);
  return {
    all: (channelId) => [...inChannel(channelId)],
    find: (channelId, ts) => inChannel(channelId).find((message) => message.ts === ts),
    post: (draft) => {
      const message: Message = { blocks: [], ...draft, ts: nextTs(draft.channelId) };
      inChannel(draft.channelId).push(message);
      emit({ kind: 'message-posted', message });
      return message;
    },
    change: (previous, changes) => replace(previous, changed(previous, changes, clock.now())),
    remove: (message) => {
      if (hasReplies(message)) {
        replace(message, tombstoneOf(message));
        return;
      }
      cut(message);
      const opening = inChannel(message.channelId).find(({ ts }) => ts === message.threadTs);
      if (opening?.isTombstone === true && !hasReplies(opening)) cut(opening);
    },
  };
}

function changed(previous: Message, changes: MessageChange, editedAt: EpochMs): Message {
  const { metadata, ...rest } = { ...previous, ...changes, editedAt };
  return { ...rest, ...(metadata === null || metadata === undefined ? {} : { metadata }) };
}

/** Slack keeps the place of a deleted message that has replies, so that they stay in a thread. */
const tombstoneOf = ({ channelId, ts }: Message): Message => ({
  channelId,
  ts,
  userId: SLACKBOT_ID,
  text: 'This message was deleted.',
  blocks: [],
  isTombstone: true,
});

function createEvents(): Pick<Conversations, 'emit' | 'subscribe'> {
  const listeners = new Set<(event: WorkspaceEvent) => void>();
  return {
    emit: (event) => {
      for (const listener of listeners) listener(event);
    },
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** Message ids: the clock's microsecond, or the one after the channel's last id if the clock has not moved. */
function createTimestamps(clock: { now(): EpochMs }): (channelId: string) => string {
  const last = new Map<string, number>();
  return (channelId) => {
    const micros = Math.max(Math.floor(clock.now()) * 1_000, (last.get(channelId) ?? 0) + 1);
    last.set(channelId, micros);
    return `${Math.floor(micros / 1_000_000)}.${String(micros % 1_000_000).padStart(6, '0')}`;
  };
}
