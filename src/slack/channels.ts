import type { Clock } from '../lib/clock.ts';
import { after, before, type EpochMs, HOUR, MINUTE, type Milliseconds } from '../lib/units.ts';
import { type CallData, type CallOutcome, type Calls, reasonOf } from './calls.ts';

/** The largest page that Slack recommends. */
const PAGE_SIZE = 200;
/** 10,000 channels. */
const MAX_CHANNEL_PAGES = 50;
/** 4,000 messages. */
const MAX_MESSAGE_PAGES = 20;
/** Clocks differ: a search starts this long before the attempt. */
const MARGIN: Milliseconds = MINUTE;

export type ChannelId =
  | { readonly kind: 'id'; readonly id: string }
  | { readonly kind: 'missing' }
  | { readonly kind: 'unknown'; readonly reason: string };

export interface Channels {
  /** The id of a channel given by id or `#name`. Calls Slack only for a name that is not known. */
  idOf(channel: string): Promise<ChannelId>;
  /** One stable name for a channel given by id or name, so that its calls share one queue: the name of its first post. */
  nameOf(channel: string): string;
  /** Records the id from Slack's answer to a post. */
  learn(channel: string, id: string): void;
}

const isId = (channel: string): boolean => /^[CGD][A-Z0-9]{5,}$/u.test(channel);
const bare = (channel: string): string => channel.replace(/^#/u, '');

/**
 * Resolves channel names, which `chat.postMessage` accepts and `conversations.history` does not. Scopes:
 * `channels:read`, and `groups:read` for private channels.
 */
export function createChannels({ calls, clock }: { calls: Calls; clock: Clock }): Channels {
  const ids = new Map<string, { readonly id: string; readonly until: EpochMs }>();
  const names = new Map<string, string>();
  const remember = (channel: string, id: string): void => {
    ids.set(bare(channel), { id, until: after(clock.now(), HOUR) });
  };

  function known(channel: string): ChannelId | undefined {
    const entry = ids.get(bare(channel));
    return entry !== undefined && entry.until > clock.now() ? { kind: 'id', id: entry.id } : undefined;
  }

  return {
    learn(channel, id) {
      remember(channel, id);
      if (!names.has(id)) names.set(id, bare(channel));
    },
    nameOf: (channel) => names.get(channel) ?? bare(channel),
    async idOf(channel) {
      if (isId(channel)) return { kind: 'id', id: channel };
      let found = known(channel);
      let cursor: string | undefined;
      for (let page = 0; page < MAX_CHANNEL_PAGES && found === undefined; page += 1) {
        const outcome = await calls.call('conversations.list', {
          types: 'public_channel,private_channel',
          limit: PAGE_SIZE,
          cursor,
        });
        if (outcome.kind !== 'done')
          return { kind: 'unknown', reason: `conversations.list: ${reasonOf(outcome)}` };
        const listed = channelsOf(outcome.data);
        if (listed === undefined) return { kind: 'unknown', reason: `conversations.list: ${NO_LIST}` };
        for (const { name, id } of listed) remember(name, id);
        found = known(channel);
        cursor = nextCursor(outcome.data);
        if (cursor === undefined) return found ?? { kind: 'missing' };
      }
      return found ?? { kind: 'unknown', reason: TOO_MANY };
    },
  };
}

const TOO_MANY = `more than ${PAGE_SIZE * MAX_CHANNEL_PAGES} channels to search. Configure the channel by its id`;

/** The cursor of the next page, if there is one. */
function nextCursor(data: CallData): string | undefined {
  const cursor = propertyOf(data['response_metadata'], 'next_cursor');
  return typeof cursor === 'string' && cursor !== '' ? cursor : undefined;
}

/** A property of a value that may be no object. */
const propertyOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;

/** Without its list an answer does not show that a channel or message is absent. */
const NO_LIST = 'response without a list';

const listIn = (data: CallData, name: string): readonly unknown[] | undefined =>
  Array.isArray(data[name]) ? data[name] : undefined;

function channelsOf(data: CallData): { name: string; id: string }[] | undefined {
  return listIn(data, 'channels')?.flatMap((each) => {
    const [name, id] = [propertyOf(each, 'name'), propertyOf(each, 'id')];
    return typeof name === 'string' && typeof id === 'string' ? [{ name, id }] : [];
  });
}

/** Event type of the metadata of this bot's messages, by which a message of an unknown outcome is found. */
export const EVENT_TYPE = 'tailwatch_alert';

type FoundMessage =
  | { readonly kind: 'found'; readonly messageTs: string }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unknown'; readonly reason: string };

interface KeyQuery {
  readonly channelId: string;
  readonly key: string;
  readonly since: EpochMs;
  readonly threadTs?: string;
}

/**
 * Searches a channel or a thread for the message with this key in its metadata, newest first. The result is `absent` only
 * when all messages since the attempt were read. The bot joins a public channel that it is not a member of.
 */
export async function findByKey(calls: Calls, query: KeyQuery): Promise<FoundMessage> {
  const found = await searchFor(calls, query);
  if (found !== 'not a member') return found;
  const joined = await calls.call('conversations.join', { channel: query.channelId });
  if (joined.kind !== 'done') return notReadable(reasonOf(joined));
  const again = await searchFor(calls, query);
  return again === 'not a member' ? notReadable('not_in_channel') : again;
}

const notReadable = (reason: string): FoundMessage => ({
  kind: 'unknown',
  reason: `the bot is not a member of the channel and cannot search it (${reason}). /invite it`,
});

async function searchFor(calls: Calls, query: KeyQuery): Promise<FoundMessage | 'not a member'> {
  const { channelId, key, since, threadTs } = query;
  const method = threadTs === undefined ? 'conversations.history' : 'conversations.replies';
  let cursor: string | undefined;
  for (let pages = 0; pages < MAX_MESSAGE_PAGES; pages += 1) {
    const outcome = await calls.call(method, {
      channel: channelId,
      ts: threadTs,
      oldest: (before(since, MARGIN) / 1_000).toFixed(6),
      include_all_metadata: true,
      limit: PAGE_SIZE,
      cursor,
    });
    // A message cannot be in a channel or thread that does not exist.
    if (outcome.kind === 'message-gone' || isChannelError(outcome, 'channel_not_found'))
      return { kind: 'absent' };
    if (isChannelError(outcome, 'not_in_channel')) return 'not a member';
    if (outcome.kind !== 'done') return { kind: 'unknown', reason: `${method}: ${reasonOf(outcome)}` };
    const messages = listIn(outcome.data, 'messages');
    if (messages === undefined) return { kind: 'unknown', reason: `${method}: ${NO_LIST}` };
    const messageTs = messageWith(messages, key);
    if (messageTs !== undefined) return { kind: 'found', messageTs };
    cursor = nextCursor(outcome.data);
    if (cursor === undefined) return { kind: 'absent' };
  }
  return { kind: 'unknown', reason: `more than ${PAGE_SIZE * MAX_MESSAGE_PAGES} messages since the attempt` };
}

const isChannelError = (outcome: CallOutcome, code: string): boolean =>
  outcome.kind === 'channel-refused' && outcome.code === code;

function messageWith(messages: readonly unknown[], key: string): string | undefined {
  for (const message of messages) if (keyOf(message) === key) return tsOf(message);
  return undefined;
}

function keyOf(message: unknown): unknown {
  const metadata = propertyOf(message, 'metadata');
  if (propertyOf(metadata, 'event_type') !== EVENT_TYPE) return undefined;
  return propertyOf(propertyOf(metadata, 'event_payload'), 'key');
}

function tsOf(message: unknown): string | undefined {
  const ts = propertyOf(message, 'ts');
  return typeof ts === 'string' ? ts : undefined;
}
