import { SlackApiError } from '../api-error.ts';
import { type Args, flagArg, requiredArg, textArg } from '../content.ts';
import { toWireMessage } from '../message-json.ts';
import type { Channel, Message } from '../model.ts';
import type { WorkspaceState } from '../state.ts';
import { type ApiMethod, type ApiResult, channelArg, messageArg, method } from './method.ts';

const PAGE = 100;
const LARGEST_PAGE = 999;

function limitArg(args: Args): number {
  const limit = Number(textArg(args, 'limit') ?? PAGE);
  if (!Number.isInteger(limit) || limit < 1 || limit > LARGEST_PAGE) throw new SlackApiError('invalid_limit');
  return limit;
}

/** Cuts a page from the list. The cursor is opaque to callers; inside it is the key of the next item. */
function paginate<Item>(items: readonly Item[], args: Args, keyOf: (item: Item) => string): Page<Item> {
  const cursor = textArg(args, 'cursor');
  const key = cursor === undefined ? undefined : Buffer.from(cursor, 'base64url').toString('utf8');
  const start = key === undefined ? 0 : items.findIndex((item) => `next:${keyOf(item)}` === key);
  if (start === -1) throw new SlackApiError('invalid_cursor');
  const end = start + limitArg(args);
  const next = items[end];
  return {
    page: items.slice(start, end),
    nextCursor: next === undefined ? '' : Buffer.from(`next:${keyOf(next)}`).toString('base64url'),
  };
}

interface Page<Item> {
  readonly page: readonly Item[];
  readonly nextCursor: string;
}

/** `oldest` and `latest` bound the messages; the bounds themselves are in only when `inclusive` is set. */
function withinBounds(args: Args): (message: Message) => boolean {
  const [oldest, latest] = [textArg(args, 'oldest'), textArg(args, 'latest')];
  const inclusive = flagArg(args, 'inclusive');
  for (const bound of [oldest, latest])
    if (bound !== undefined && !Number.isFinite(Number(bound)))
      throw new SlackApiError(bound === oldest ? 'invalid_ts_oldest' : 'invalid_ts_latest');
  return ({ ts }) => {
    const at = Number(ts);
    const isNewEnough = oldest === undefined || at > Number(oldest) || (inclusive && at === Number(oldest));
    const isOldEnough = latest === undefined || at < Number(latest) || (inclusive && at === Number(latest));
    return isNewEnough && isOldEnough;
  };
}

function readableChannel(state: WorkspaceState, args: Args): Channel {
  const channel = channelArg(state, args);
  if (!channel.botIsMember) throw new SlackApiError('not_in_channel');
  return channel;
}

const isPublic = (message: Message): boolean => message.ephemeralFor === undefined;

function messagesPage(state: WorkspaceState, args: Args, messages: readonly Message[]): ApiResult {
  const { page, nextCursor } = paginate(messages, args, ({ ts }) => ts);
  const withMetadata = flagArg(args, 'include_all_metadata');
  return {
    messages: page.map((message) => toWireMessage(state, message, { withMetadata })),
    has_more: nextCursor !== '',
    response_metadata: { next_cursor: nextCursor },
  };
}

/** Newest first, replies left out unless they were broadcast. */
function history(state: WorkspaceState, args: Args): ApiResult {
  const channel = readableChannel(state, args);
  const messages = state.conversations
    .all(channel.id)
    .filter(isPublic)
    .filter((message) => message.threadTs === undefined || message.isBroadcast === true)
    .filter(withinBounds(args))
    .reverse();
  return messagesPage(state, args, messages);
}

/** The opening message, then its replies, oldest first. */
function replies(state: WorkspaceState, args: Args): ApiResult {
  const channel = readableChannel(state, args);
  const found = state.conversations.find(channel.id, requiredArg(args, 'ts'));
  if (found === undefined || !isPublic(found)) throw new SlackApiError('thread_not_found');
  const threadTs = found.threadTs ?? found.ts;
  const inBounds = withinBounds(args);
  const messages = state.conversations
    .all(channel.id)
    .filter(isPublic)
    .filter((message) => message.ts === threadTs || (message.threadTs === threadTs && inBounds(message)));
  return messagesPage(state, args, messages);
}

const toWireChannel = (channel: Channel): Record<string, unknown> => ({
  id: channel.id,
  name: channel.name,
  name_normalized: channel.name,
  is_channel: channel.isPrivate !== true,
  is_group: channel.isPrivate === true,
  is_im: false,
  is_mpim: false,
  is_private: channel.isPrivate === true,
  is_archived: channel.isArchived,
  is_member: channel.botIsMember,
});

function list(state: WorkspaceState, args: Args): ApiResult {
  const types = new Set((textArg(args, 'types') ?? 'public_channel').split(',').map((type) => type.trim()));
  const channels = state.conversations
    .channels()
    .filter((channel) => types.has(channel.isPrivate === true ? 'private_channel' : 'public_channel'))
    .filter((channel) => channel.isPrivate !== true || channel.botIsMember)
    .filter((channel) => !flagArg(args, 'exclude_archived') || !channel.isArchived);
  const { page, nextCursor } = paginate(channels, args, ({ id }) => id);
  return { channels: page.map(toWireChannel), response_metadata: { next_cursor: nextCursor } };
}

/** The channels that the bot is a member of. */
function ofBot(state: WorkspaceState, args: Args): ApiResult {
  const types = new Set((textArg(args, 'types') ?? 'public_channel').split(',').map((type) => type.trim()));
  const channels = state.conversations
    .channels()
    .filter((channel) => types.has(channel.isPrivate === true ? 'private_channel' : 'public_channel'))
    .filter(({ botIsMember }) => botIsMember)
    .filter((channel) => !flagArg(args, 'exclude_archived') || !channel.isArchived);
  const { page, nextCursor } = paginate(channels, args, ({ id }) => id);
  return { channels: page.map(toWireChannel), response_metadata: { next_cursor: nextCursor } };
}

const info = (state: WorkspaceState, args: Args): ApiResult => ({
  channel: toWireChannel(channelArg(state, args)),
});

function join(state: WorkspaceState, args: Args): ApiResult {
  const channel = channelArg(state, args);
  if (channel.isArchived) throw new SlackApiError('is_archived');
  if (channel.isPrivate === true) throw new SlackApiError('method_not_supported_for_channel_type');
  if (channel.botIsMember)
    return {
      channel: toWireChannel(channel),
      warning: 'already_in_channel',
      response_metadata: { warnings: ['already_in_channel'] },
    };
  const joined = { ...channel, botIsMember: true };
  state.conversations.changeChannel(joined);
  return { channel: toWireChannel(joined) };
}

function addReaction(state: WorkspaceState, args: Args): ApiResult {
  const channel = channelArg(state, args);
  if (!channel.botIsMember) throw new SlackApiError('not_in_channel');
  if (channel.isArchived) throw new SlackApiError('is_archived');
  const name = requiredArg(args, 'name').replaceAll(':', '');
  if (!/^[a-z0-9_+'-]+(?:::skin-tone-[2-6])?$/.test(name)) throw new SlackApiError('invalid_name');
  const message = messageArg(state, channel, requiredArg(args, 'timestamp'));
  const userId = state.app.botUserId;
  if (state.conversations.reactions(message).some((each) => each.name === name && each.userId === userId))
    throw new SlackApiError('already_reacted');
  state.conversations.react(message, { name, userId });
  return {};
}

export const conversationMethods: Readonly<Record<string, ApiMethod>> = {
  'conversations.history': method(['channels:history', 'groups:history'], 'tier-3', history),
  'conversations.replies': method(['channels:history', 'groups:history'], 'tier-3', replies),
  'conversations.list': method(['channels:read', 'groups:read'], 'tier-2', list),
  'users.conversations': method(['channels:read', 'groups:read'], 'tier-3', ofBot),
  'conversations.info': method(['channels:read', 'groups:read'], 'tier-3', info),
  'conversations.join': method(['channels:join'], 'tier-3', join),
  'reactions.add': method(['reactions:write'], 'tier-3', addReaction),
};
