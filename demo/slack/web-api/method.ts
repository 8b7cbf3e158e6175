import { SlackApiError } from '../api-error.ts';
import { type Args, requiredArg, textArg } from '../content.ts';
import type { Channel, Message } from '../model.ts';
import type { Tier } from '../rate-limits.ts';
import type { WorkspaceState } from '../state.ts';

export type ApiResult = Readonly<Record<string, unknown>>;

/** One method of the Web API: what it needs, and what it does. `run` throws a SlackApiError to refuse. */
export interface ApiMethod {
  /** Any one of these scopes is enough; none needed when empty. */
  readonly scopes: readonly string[];
  readonly tier: Tier;
  /** Which kind of token it takes. `none` takes any or no token. */
  readonly token: 'bot' | 'app' | 'none';
  readonly run: (state: WorkspaceState, args: Args) => ApiResult;
}

export const method = (scopes: readonly string[], tier: Tier, run: ApiMethod['run']): ApiMethod => ({
  scopes,
  tier,
  token: 'bot',
  run,
});

/** The channel named by the argument. A private channel that the bot is not in does not exist for it. */
export function channelArg(state: WorkspaceState, args: Args): Channel {
  const channel = state.conversations.channel(requiredArg(args, 'channel'));
  if (channel === undefined || (channel.isPrivate === true && !channel.botIsMember))
    throw new SlackApiError('channel_not_found');
  return channel;
}

/** The channel, once the bot may write there: as a member, or in public with chat:write.public. */
export function writableChannel(state: WorkspaceState, args: Args): Channel {
  const channel = channelArg(state, args);
  if (channel.isArchived) throw new SlackApiError('is_archived');
  if (!channel.botIsMember && !state.scopes.has('chat:write.public'))
    throw new SlackApiError('not_in_channel');
  return channel;
}

/** The channel, once the bot is in it: what chat:write.public does not stand in for. */
export function memberChannel(state: WorkspaceState, args: Args): Channel {
  const channel = writableChannel(state, args);
  if (!channel.botIsMember) throw new SlackApiError('not_in_channel');
  return channel;
}

/** The message with this `ts`. Neither an ephemeral message nor a tombstone can be found. */
export function messageArg(state: WorkspaceState, channel: Channel, ts: string): Message {
  const message = state.conversations.find(channel.id, ts);
  if (message === undefined || message.ephemeralFor !== undefined || message.isTombstone === true)
    throw new SlackApiError('message_not_found');
  return message;
}

/**
 * `thread_ts` as the opening message's: a reply's own ts leads to its thread. When there is no such message, because it
 * was deleted, Slack does not refuse the call: it posts at the channel's root, and the answer has no `message.thread_ts`
 * (slack-go #1571, python-slack-events-api #87).
 */
export function threadArg(state: WorkspaceState, channel: Channel, args: Args): string | undefined {
  const message = state.conversations.find(channel.id, textArg(args, 'thread_ts') ?? '');
  if (message === undefined || message.ephemeralFor !== undefined) return undefined;
  return message.threadTs ?? message.ts;
}
