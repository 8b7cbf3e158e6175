import type { Clock } from '../lib/clock.ts';
import { after, type EpochMs, HOUR } from '../lib/units.ts';
import { type CallData, type Calls, reasonOf } from './calls.ts';

/** Slack's recommended page; 50 of them hold 10,000 channels, and a workspace with more must name channels by id. */
const PAGE = 200;
const MOST_PAGES = 50;

export type ChannelId =
  | { readonly kind: 'id'; readonly id: string }
  | { readonly kind: 'missing' }
  | { readonly kind: 'unknown'; readonly reason: string };

export interface Channels {
  /** The id of a channel given by id or by `#name`. Asks Slack only for a name that no post has taught. */
  idOf(channel: string): Promise<ChannelId>;
  /**
   * One name for a channel, by whatever name it is given: the one of its first post. It never changes, so that what is
   * counted by it stays together.
   */
  nameOf(channel: string): string;
  /** Remembers the id that Slack answered a post with. */
  learn(channel: string, id: string): void;
}

const isId = (channel: string): boolean => /^[CGD][A-Z0-9]{5,}$/u.test(channel);
const bare = (channel: string): string => channel.replace(/^#/u, '');

/**
 * Finds channels by name: posting by name works, looking into the history does not. Needs `channels:read`, and
 * `groups:read` for private channels.
 */
export function createChannels({ calls, clock }: { calls: Calls; clock: Clock }): Channels {
  const known = new Map<string, { readonly id: string; readonly until: EpochMs }>();
  const names = new Map<string, string>();
  const note = (channel: string, id: string): void => {
    known.set(bare(channel), { id, until: after(clock.now(), HOUR) });
  };
  const learn = (channel: string, id: string): void => {
    note(channel, id);
    if (!names.has(id)) names.set(id, bare(channel));
  };

  async function page(cursor: string): Promise<{ next: string } | { reason: string }> {
    const outcome = await calls.call('conversations.list', {
      types: 'public_channel,private_channel',
      limit: PAGE,
      cursor: cursor === '' ? undefined : cursor,
    });
    if (outcome.kind !== 'done') return { reason: reasonOf(outcome) };
    for (const { name, id } of channelsOf(outcome.data)) note(name, id);
    return { next: nextCursor(outcome.data) };
  }

  return {
    learn,
    nameOf: (channel) => names.get(channel) ?? bare(channel),
    async idOf(channel) {
      if (isId(channel)) return { kind: 'id', id: channel };
      const cached = known.get(bare(channel));
      if (cached !== undefined && cached.until > clock.now()) return { kind: 'id', id: cached.id };
      let cursor = '';
      for (let pages = 0; pages < MOST_PAGES; pages += 1) {
        const answer = await page(cursor);
        if ('reason' in answer) return { kind: 'unknown', reason: `conversations.list: ${answer.reason}` };
        const found = known.get(bare(channel));
        if (found !== undefined && found.until > clock.now()) return { kind: 'id', id: found.id };
        if (answer.next === '') return { kind: 'missing' };
        cursor = answer.next;
      }
      return { kind: 'unknown', reason: 'too many channels to look through: name the channel by its id' };
    },
  };
}

/** The cursor of the next page; empty when there is none. */
export function nextCursor(data: CallData): string {
  const metadata = data['response_metadata'];
  const cursor =
    typeof metadata === 'object' && metadata !== null && 'next_cursor' in metadata
      ? metadata.next_cursor
      : undefined;
  return typeof cursor === 'string' ? cursor : '';
}

function channelsOf(data: CallData): { name: string; id: string }[] {
  const list: readonly unknown[] = Array.isArray(data['channels']) ? data['channels'] : [];
  return list.flatMap((each) =>
    typeof each === 'object' &&
    each !== null &&
    'name' in each &&
    'id' in each &&
    typeof each.name === 'string' &&
    typeof each.id === 'string'
      ? [{ name: each.name, id: each.id }]
      : [],
  );
}
