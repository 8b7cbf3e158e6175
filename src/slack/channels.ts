import type { Clock } from '../lib/clock.ts';
import { after, type EpochMs, HOUR } from '../lib/units.ts';
import { type CallData, type Calls, reasonOf } from './calls.ts';
import { listIn, NO_LIST, nextCursor, PAGE_SIZE, propertyOf } from './history.ts';

/** 10,000 channels. */
const MAX_CHANNEL_PAGES = 50;
export type ChannelId =
  | { readonly kind: 'id'; readonly id: string }
  | { readonly kind: 'missing' }
  | { readonly kind: 'unknown'; readonly reason: string };

export interface Channels {
  /** The id of a channel given by id or `#name`. Calls Slack only for a name that is not known. */
  idOf(channel: string): Promise<ChannelId>;
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
    async joined() {
      const found: string[] = [];
      let cursor: string | undefined;
      for (let page = 0; page < MAX_CHANNEL_PAGES; page += 1) {
        const outcome = await calls.call('users.conversations', {
          ...CHANNELS_ONLY,
          limit: PAGE_SIZE,
          cursor,
        });
        if (outcome.kind !== 'done') return undefined;
        found.push(...(channelsOf(outcome.data) ?? []).map(({ id }) => id));
        cursor = nextCursor(outcome.data);
        if (cursor === undefined) break;
      }
      return found;
    },
    nameOf: (channel) => names.get(channel) ?? bare(channel),
    async idOf(channel) {
      if (isId(channel)) return { kind: 'id', id: channel };
      let found = known(channel);
      let cursor: string | undefined;
      for (let page = 0; page < MAX_CHANNEL_PAGES && found === undefined; page += 1) {
        const outcome = await calls.call('conversations.list', {
          ...CHANNELS_ONLY,
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

/** No direct messages. */
const CHANNELS_ONLY = { types: 'public_channel,private_channel' };

const TOO_MANY = `more than ${PAGE_SIZE * MAX_CHANNEL_PAGES} channels to search. Configure the channel by its id`;

function channelsOf(data: CallData): { name: string; id: string }[] | undefined {
  return listIn(data, 'channels')?.flatMap((each) => {
    const [name, id] = [propertyOf(each, 'name'), propertyOf(each, 'id')];
    return typeof name === 'string' && typeof id === 'string' ? [{ name, id }] : [];
  });
}
