import type { Clock } from '../lib/clock.ts';
import { after, type EpochMs, HOUR } from '../lib/units.ts';
import type { CheckedChannels } from '../messages/notifier.ts';
import { type CallData, type Calls, reasonOf } from './calls.ts';
import { listIn, NO_LIST, nextCursor, PAGE_SIZE, propertyOf } from './history.ts';

/** 10,000 channels. */
const MAX_CHANNEL_PAGES = 50;

export type ChannelId =
  | { readonly kind: 'id'; readonly id: string }
  | { readonly kind: 'missing' }
  | { readonly kind: 'unknown'; readonly reason: string };

/** `missing` includes a private channel that the bot was not invited to. */
type ChannelState = 'missing' | 'archived' | 'member' | 'not-member';

type ChannelStates =
  | { readonly kind: 'read'; readonly states: ReadonlyMap<string, ChannelState> }
  | { readonly kind: 'unknown'; readonly reason: string };

export interface Channels {
  /** The id of a channel given by id or `#name`. Calls Slack only for a name that is not known. */
  idOf(channel: string): Promise<ChannelId>;
  /** The state of each channel, direct messages left out. */
  states(channels: readonly string[]): Promise<ChannelStates>;
  /** Finds those of the channels that are missing or archived. */
  check(channels: readonly string[]): Promise<CheckedChannels>;
  /** Ids of the channels that the bot is a member of; undefined when Slack does not say. */
  joined(): Promise<readonly string[] | undefined>;
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
    states: (channels) => statesOf(calls, channels),
    async check(channels) {
      const read = await statesOf(calls, channels);
      if (read.kind === 'unknown') return read;
      const problems = [...read.states].flatMap(([channel, state]) =>
        state === 'missing' || state === 'archived' ? [{ channel, problem: state }] : [],
      );
      return { kind: 'checked', problems };
    },
    async joined() {
      const found: string[] = [];
      const read = await eachPage(calls, 'users.conversations', (listed) => {
        found.push(...listed.map(({ id }) => id));
        return false;
      });
      return read.kind === 'read' ? found : undefined;
    },
    nameOf: (channel) => names.get(channel) ?? bare(channel),
    async idOf(channel) {
      if (isId(channel)) return { kind: 'id', id: channel };
      let found = known(channel);
      if (found !== undefined) return found;
      const read = await eachPage(calls, 'conversations.list', (listed) => {
        for (const { name, id } of listed) remember(name, id);
        found = known(channel);
        return found !== undefined;
      });
      return found ?? (read.kind === 'read' ? { kind: 'missing' } : read);
    },
  };
}

async function statesOf(calls: Calls, channels: readonly string[]): Promise<ChannelStates> {
  const wanted = channels.filter((channel) => !channel.startsWith('D'));
  const left = new Set(wanted.map(bare));
  const found = new Map<string, ChannelState>();
  const read = await eachPage(calls, 'conversations.list', (listed) => {
    for (const { name, id, isArchived, isMember } of listed)
      for (const key of [name, id])
        if (left.delete(key)) found.set(key, isArchived ? 'archived' : isMember ? 'member' : 'not-member');
    return left.size === 0;
  });
  if (read.kind === 'unknown') return read;
  return {
    kind: 'read',
    states: new Map(wanted.map((channel) => [channel, found.get(bare(channel)) ?? 'missing'])),
  };
}

/** No direct messages. */
const CHANNELS_ONLY = { types: 'public_channel,private_channel' };

const TOO_MANY = `more than ${PAGE_SIZE * MAX_CHANNEL_PAGES} channels to search. Configure the channel by its id`;

interface ListedChannel {
  readonly name: string;
  readonly id: string;
  readonly isArchived: boolean;
  readonly isMember: boolean;
}

/** Reads a list of channels page by page until `visit` returns true or it ends. */
async function eachPage(
  calls: Calls,
  method: 'conversations.list' | 'users.conversations',
  visit: (listed: readonly ListedChannel[]) => boolean,
): Promise<{ readonly kind: 'read' } | { readonly kind: 'unknown'; readonly reason: string }> {
  let cursor: string | undefined;
  for (let page = 0; page < MAX_CHANNEL_PAGES; page += 1) {
    const outcome = await calls.call(method, { ...CHANNELS_ONLY, limit: PAGE_SIZE, cursor });
    if (outcome.kind !== 'done') return { kind: 'unknown', reason: `${method}: ${reasonOf(outcome)}` };
    const listed = channelsOf(outcome.data);
    if (listed === undefined) return { kind: 'unknown', reason: `${method}: ${NO_LIST}` };
    if (visit(listed)) return { kind: 'read' };
    cursor = nextCursor(outcome.data);
    if (cursor === undefined) return { kind: 'read' };
  }
  return { kind: 'unknown', reason: TOO_MANY };
}

const channelsOf = (data: CallData): readonly ListedChannel[] | undefined =>
  listIn(data, 'channels')?.flatMap((each) => {
    const [name, id] = [propertyOf(each, 'name'), propertyOf(each, 'id')];
    const isArchived = propertyOf(each, 'is_archived') === true;
    const isMember = propertyOf(each, 'is_member') === true;
    return typeof name === 'string' && typeof id === 'string' ? [{ name, id, isArchived, isMember }] : [];
  });
