import type { Clock } from '../lib/clock.ts';
import { before, type EpochMs, MINUTE, type Milliseconds, ms } from '../lib/units.ts';
import type { OpenMessage } from '../messages/notifier.ts';
import { type CallData, type CallOutcome, type Calls, reasonOf } from './calls.ts';

/* Reading channels and threads for messages of this bot, by their metadata. */

/** The largest page that Slack recommends. */
export const PAGE_SIZE = 200;
/** 4,000 messages. */
const MAX_SEARCH_PAGES = 20;
/** 20,000 messages. */
const MAX_READ_PAGES = 100;
/** Clocks differ: a search starts this long before the attempt. */
const MARGIN: Milliseconds = MINUTE;

/** The cursor of the next page, if there is one. */
export function nextCursor(data: CallData): string | undefined {
  const cursor = propertyOf(data['response_metadata'], 'next_cursor');
  return typeof cursor === 'string' && cursor !== '' ? cursor : undefined;
}

/** A property of a value that may be no object. */
export const propertyOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;

/** Without its list an answer does not show that a channel or message is absent. */
export const NO_LIST = 'response without a list';

export const listIn = (data: CallData, name: string): readonly unknown[] | undefined =>
  Array.isArray(data[name]) ? data[name] : undefined;

/** Event type of the metadata of this bot's messages, by which they are found. */
export const EVENT_TYPE = 'tailwatch_alert';

/** The metadata of one of this bot's messages. */
const payloadOf = (message: unknown): unknown => {
  const metadata = propertyOf(message, 'metadata');
  return propertyOf(metadata, 'event_type') === EVENT_TYPE
    ? propertyOf(metadata, 'event_payload')
    : undefined;
};

const textIn = (value: unknown, name: string): string | undefined => {
  const text = propertyOf(value, name);
  return typeof text === 'string' ? text : undefined;
};

/** What to read: a channel, or a thread in it, from `oldest` on. */
interface Place {
  readonly channelId: string;
  readonly threadTs?: string;
  readonly oldest?: EpochMs;
}

/** Why a channel or thread could not be read to its end. */
export interface NotRead {
  readonly kind: 'unknown';
  readonly reason: string;
  /** Another attempt gives the same result until a person changes something. */
  readonly isFinal: boolean;
  readonly retryAfter: Milliseconds;
}

type PagesRead =
  | { readonly kind: 'read' }
  | { readonly kind: 'gone' }
  | { readonly kind: 'not-member' }
  | NotRead;

type Call = Calls['call'];

const notRead = (method: string, outcome: Exclude<CallOutcome, { kind: 'done' }>): NotRead => ({
  kind: 'unknown',
  reason: `${method}: ${reasonOf(outcome)}`,
  isFinal: outcome.kind === 'refused' || outcome.kind === 'channel-refused',
  retryAfter: outcome.kind === 'not-sent' ? outcome.retryAfter : ms(0),
});

const isChannelError = (outcome: CallOutcome, code: string): boolean =>
  outcome.kind === 'channel-refused' && outcome.code === code;

/** Reads a place page by page, a channel newest first, until `visit` returns true or it ends. */
async function readPages(
  call: Call,
  { channelId, threadTs, oldest }: Place,
  { visit, maxPages }: { visit: (messages: readonly unknown[]) => boolean; maxPages: number },
): Promise<PagesRead> {
  const method = threadTs === undefined ? 'conversations.history' : 'conversations.replies';
  let cursor: string | undefined;
  for (let pages = 0; pages < maxPages; pages += 1) {
    const outcome = await call(method, {
      channel: channelId,
      ts: threadTs,
      oldest: oldest === undefined ? undefined : (oldest / 1_000).toFixed(6),
      include_all_metadata: true,
      limit: PAGE_SIZE,
      cursor,
    });
    if (outcome.kind === 'message-gone' || isChannelError(outcome, 'channel_not_found'))
      return { kind: 'gone' };
    if (isChannelError(outcome, 'not_in_channel')) return { kind: 'not-member' };
    if (outcome.kind !== 'done') return notRead(method, outcome);
    const messages = listIn(outcome.data, 'messages');
    if (messages === undefined)
      return { kind: 'unknown', reason: `${method}: ${NO_LIST}`, isFinal: false, retryAfter: ms(0) };
    if (visit(messages)) return { kind: 'read' };
    cursor = nextCursor(outcome.data);
    if (cursor === undefined) return { kind: 'read' };
  }
  const reason = `more than ${PAGE_SIZE * maxPages} messages`;
  return { kind: 'unknown', reason, isFinal: true, retryAfter: ms(0) };
}

/** The same for a channel that the bot may not be a member of: it joins a public one. */
async function readAsMember(
  call: Call,
  place: Place,
  how: Parameters<typeof readPages>[2],
): Promise<Exclude<PagesRead, { kind: 'not-member' }>> {
  const first = await readPages(call, place, how);
  if (first.kind !== 'not-member') return first;
  const joined = await call('conversations.join', { channel: place.channelId });
  if (joined.kind !== 'done') return notMember(notRead('conversations.join', joined), reasonOf(joined));
  const again = await readPages(call, place, how);
  if (again.kind !== 'not-member') return again;
  return notMember({ kind: 'unknown', reason: '', isFinal: true, retryAfter: ms(0) }, 'not_in_channel');
}

const notMember = (failure: NotRead, reason: string): NotRead => ({
  ...failure,
  reason: `the bot is not a member of the channel and cannot search it (${reason}). /invite it`,
});

type FoundMessage =
  | { readonly kind: 'found'; readonly messageTs: string }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unknown'; readonly reason: string };

/**
 * Searches a channel or a thread for the message with this key in its metadata, newest first. The result is `absent` only
 * when all messages since the attempt were read. The bot joins a public channel that it is not a member of.
 */
export async function findByKey(
  calls: Calls,
  { key, since, ...place }: Place & { readonly key: string; readonly since: EpochMs },
): Promise<FoundMessage> {
  let messageTs: string | undefined;
  const visit = (messages: readonly unknown[]): boolean => {
    const found = messages.find((message) => propertyOf(payloadOf(message), 'key') === key);
    messageTs = textIn(found, 'ts');
    return messageTs !== undefined;
  };
  const read = await readAsMember(
    (method, args) => calls.call(method, args),
    { ...place, oldest: before(since, MARGIN) },
    { visit, maxPages: MAX_SEARCH_PAGES },
  );
  if (messageTs !== undefined) return { kind: 'found', messageTs };
  // A message cannot be in a channel or thread that does not exist.
  if (read.kind === 'read' || read.kind === 'gone') return { kind: 'absent' };
  return { kind: 'unknown', reason: read.reason };
}

/** How often a call that is rate limited is repeated. */
const LIMITED_ATTEMPTS = 10;

/** Reading changes nothing, so that it waits for Slack's rate limits and goes on. */
const patient =
  (calls: Calls, clock: Pick<Clock, 'sleep'>): Call =>
  async (method, args) => {
    for (let attempt = 1; ; attempt += 1) {
      const outcome = await calls.call(method, args);
      const isLimited = outcome.kind === 'not-sent' && outcome.limited;
      if (!isLimited || attempt >= LIMITED_ATTEMPTS) return outcome;
      await clock.sleep(outcome.retryAfter);
    }
  };

/** A message with a restore point, before its thread is read. */
type Opened = Omit<OpenMessage, 'channelId' | 'lineKeys'> & { readonly hasReplies: boolean };

function openedBy(installation: string, message: unknown): readonly Opened[] {
  const payload = payloadOf(message);
  if (propertyOf(payload, 'installation') !== installation) return [];
  const key = textIn(payload, 'key');
  const restorePoint = textIn(payload, 'restore');
  const messageTs = textIn(message, 'ts');
  if (key === undefined || restorePoint === undefined || messageTs === undefined) return [];
  return [{ key, messageTs, restorePoint, hasReplies: propertyOf(message, 'reply_count') !== undefined }];
}

/** Reads the open messages of an installation in a channel, with the replies of their threads that are open as well. */
export async function readOpenMessages(
  parts: { readonly calls: Calls; readonly clock: Pick<Clock, 'sleep'> },
  query: { readonly channelId: string; readonly since: EpochMs; readonly installation: string },
): Promise<{ readonly kind: 'read'; readonly messages: readonly OpenMessage[] } | NotRead> {
  const { channelId, since: oldest, installation } = query;
  const call = patient(parts.calls, parts.clock);
  const opened: Opened[] = [];
  const visit = (messages: readonly unknown[]): boolean => {
    opened.push(...messages.flatMap((message) => openedBy(installation, message)));
    return false;
  };
  const read = await readAsMember(call, { channelId, oldest }, { visit, maxPages: MAX_READ_PAGES });
  if (read.kind === 'unknown') return read;
  const messages: OpenMessage[] = [];
  for (const { hasReplies, ...message } of opened) {
    const replies: unknown[] = [];
    const visitThread = (page: readonly unknown[]): boolean => {
      replies.push(...page.filter((reply) => textIn(reply, 'ts') !== message.messageTs));
      return false;
    };
    const place = { channelId, threadTs: message.messageTs };
    const thread = hasReplies
      ? await readPages(call, place, { visit: visitThread, maxPages: MAX_SEARCH_PAGES })
      : { kind: 'read' as const };
    if (thread.kind === 'unknown') return thread;
    const lineKeys = replies.flatMap((reply) => textIn(payloadOf(reply), 'key') ?? []);
    messages.push({ ...message, channelId, lineKeys });
    const details = replies.flatMap((reply) => openedBy(installation, reply));
    for (const { hasReplies: _none, ...detail } of details)
      messages.push({ ...detail, channelId, lineKeys: [] });
  }
  return { kind: 'read', messages };
}
