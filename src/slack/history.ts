import { before, type EpochMs, MINUTE } from '../lib/units.ts';
import { type CallData, type CallOutcome, type Calls, reasonOf } from './calls.ts';
import { nextCursor, propertyOf } from './channels.ts';

/** Metadata of every message of this bot: what a message is found by when nobody knows whether it was posted. */
export const EVENT_TYPE = 'tailwatch_alert';

/** 200 is the most that Slack recommends; 20 pages are 4,000 messages since the attempt. */
const PAGE = 200;
const MOST_PAGES = 20;
/** Clocks differ: look from a little before the attempt. */
const MARGIN = MINUTE;

export type Found =
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
 * Looks for the message that carries `key`, newest first: in the channel, or in a thread of it. Absent is only said
 * when everything since the attempt has been read. A public channel that the bot may post to but not read is joined.
 */
export async function findByKey(calls: Calls, query: KeyQuery): Promise<Found> {
  const found = await read(calls, query);
  if (found !== 'not a member') return found;
  const joined = await calls.call('conversations.join', { channel: query.channelId });
  if (joined.kind !== 'done') return notReadable(reasonOf(joined));
  const again = await read(calls, query);
  return again === 'not a member' ? notReadable('not_in_channel') : again;
}

const notReadable = (reason: string): Found => ({
  kind: 'unknown',
  reason: `the bot is no member of the channel and cannot look into it (${reason}): /invite it`,
});

async function read(calls: Calls, query: KeyQuery): Promise<Found | 'not a member'> {
  const { channelId, key, since, threadTs } = query;
  const method = threadTs === undefined ? 'conversations.history' : 'conversations.replies';
  let cursor: string | undefined;
  for (let pages = 0; pages < MOST_PAGES; pages += 1) {
    const outcome = await calls.call(method, {
      channel: channelId,
      ts: threadTs,
      oldest: (before(since, MARGIN) / 1_000).toFixed(6),
      include_all_metadata: true,
      limit: PAGE,
      cursor,
    });
    // Where the bot cannot even name the channel or the thread, it has posted nothing either.
    if (outcome.kind === 'message-gone' || isChannelError(outcome, 'channel_not_found'))
      return { kind: 'absent' };
    if (isChannelError(outcome, 'not_in_channel')) return 'not a member';
    if (outcome.kind !== 'done') return { kind: 'unknown', reason: `${method}: ${reasonOf(outcome)}` };
    const messageTs = carrierOf(outcome.data, key);
    if (messageTs !== undefined) return { kind: 'found', messageTs };
    cursor = nextCursor(outcome.data);
    if (cursor === undefined) return { kind: 'absent' };
  }
  return { kind: 'unknown', reason: `more than ${PAGE * MOST_PAGES} messages since the attempt` };
}

const isChannelError = (outcome: CallOutcome, code: string): boolean =>
  outcome.kind === 'channel-refused' && outcome.code === code;

function carrierOf(data: CallData, key: string): string | undefined {
  const messages: readonly unknown[] = Array.isArray(data['messages']) ? data['messages'] : [];
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
