import { SlackApiError } from '../api-error.ts';
import {
  type Args,
  type Content,
  flagArg,
  readContent,
  readMetadata,
  requiredArg,
  textArg,
} from '../content.ts';
import type { MessageChange } from '../conversations.ts';
import { toWireMessage } from '../message-json.ts';
import type { Message } from '../model.ts';
import type { WorkspaceState } from '../state.ts';
import {
  type ApiMethod,
  type ApiResult,
  channelArg,
  memberChannel,
  messageArg,
  method,
  threadArg,
  writableChannel,
} from './method.ts';

/** chat.update refuses longer texts, where chat.postMessage cuts them at 40,000 (docs.slack.dev, chat.update errors). */
const UPDATE_CHARACTERS = 4_000;

const TRUNCATED = { warning: 'message_truncated', response_metadata: { warnings: ['message_truncated'] } };

function refuseEmpty({ text, blocks }: Content): void {
  if (text === '' && (blocks ?? []).length === 0) throw new SlackApiError('no_text');
}

/** A user's id in place of a channel means the direct messages with that user (docs.slack.dev, chat.postMessage). */
function addressed(state: WorkspaceState, args: Args): Args {
  const user = state.conversations.user(requiredArg(args, 'channel'));
  if (user === undefined) return args;
  if (user.isBot) throw new SlackApiError('cannot_dm_bot');
  if (!state.takesDirectMessages) throw new SlackApiError('messages_tab_disabled');
  return { ...args, channel: state.conversations.direct(user.id).id };
}

/**
 * A message that the app posts shares the files it shows with the channel. Edits, ephemeral messages and answers to a
 * response_url are not known to do so, and do not here (bolt-python #1018, node-slack-sdk #1790).
 */
function shareFiles(state: WorkspaceState, { channelId, blocks }: Message): void {
  for (const { slack_file: reference } of blocks) {
    const file =
      typeof reference === 'object' && reference !== null ? state.files.named(reference) : undefined;
    if (file !== undefined) state.files.share(file.id, channelId);
  }
}

function postMessage(state: WorkspaceState, args: Args): ApiResult {
  const channel = writableChannel(state, addressed(state, args));
  const content = readContent(args, state);
  refuseEmpty(content);
  const metadata = readMetadata(args);
  const threadTs = threadArg(state, channel, args);
  const message = state.conversations.post({
    channelId: channel.id,
    userId: state.app.botUserId,
    text: content.text,
    blocks: content.blocks ?? [],
    ...(threadTs === undefined ? {} : { threadTs }),
    ...(threadTs !== undefined && flagArg(args, 'reply_broadcast') ? { isBroadcast: true } : {}),
    ...(metadata === undefined || metadata === null ? {} : { metadata }),
  });
  shareFiles(state, message);
  return {
    channel: channel.id,
    ts: message.ts,
    message: toWireMessage(state, message, { withMetadata: true }),
    ...(content.isTruncated ? TRUNCATED : {}),
  };
}

/** What the call does not speak of is kept: blocks and metadata stay until they are replaced or emptied. */
function update(state: WorkspaceState, args: Args): ApiResult {
  const channel = channelArg(state, args);
  if (channel.isArchived) throw new SlackApiError('is_inactive');
  const before = messageArg(state, channel, requiredArg(args, 'ts'));
  refuseEdit(state, before, 'cant_update_message');
  const message = state.conversations.change(before, readUpdate(state, args, before));
  const wire = toWireMessage(state, message, { withMetadata: true });
  return { channel: channel.id, ts: message.ts, text: message.text, message: wire };
}

function readUpdate(state: WorkspaceState, args: Args, before: Message): MessageChange {
  const text = textArg(args, 'text');
  if (text !== undefined && text.length > UPDATE_CHARACTERS) throw new SlackApiError('msg_too_long');
  const { blocks } = readContent(args, state);
  const isEmptied = text === undefined && before.text === '' && blocks?.length === 0;
  if ((text === undefined && blocks === undefined) || isEmptied) throw new SlackApiError('no_text');
  const metadata = readMetadata(args);
  return {
    ...(text === undefined ? {} : { text }),
    ...(blocks === undefined ? {} : { blocks }),
    ...(metadata === undefined ? {} : { metadata }),
  };
}

function refuseEdit(state: WorkspaceState, message: Message, code: string): void {
  if (message.userId !== state.app.botUserId) throw new SlackApiError(code);
  const age = state.clock.now() - Number(message.ts) * 1_000;
  if (code === 'cant_update_message' && state.editWindow !== undefined && age > state.editWindow)
    throw new SlackApiError('edit_window_closed');
}

function remove(state: WorkspaceState, args: Args): ApiResult {
  const channel = channelArg(state, args);
  const message = messageArg(state, channel, requiredArg(args, 'ts'));
  refuseEdit(state, message, 'cant_delete_message');
  state.conversations.remove(message);
  return { channel: channel.id, ts: message.ts };
}

/** In a thread it shows only when the thread has replies (docs.slack.dev, chat.postEphemeral, `thread_ts`). */
function postEphemeral(state: WorkspaceState, args: Args): ApiResult {
  const channel = memberChannel(state, args);
  const user = state.conversations.user(requiredArg(args, 'user'));
  if (user === undefined) throw new SlackApiError('user_not_in_channel');
  const content = readContent(args, state);
  refuseEmpty(content);
  const threadTs = threadArg(state, channel, args);
  const message = state.conversations.post({
    channelId: channel.id,
    userId: state.app.botUserId,
    text: content.text,
    blocks: content.blocks ?? [],
    ephemeralFor: user.id,
    ...(threadTs === undefined ? {} : { threadTs }),
  });
  const isActive = state.conversations
    .all(channel.id)
    .some((each) => each.threadTs === threadTs && each.ephemeralFor === undefined);
  if (threadTs !== undefined && !isActive) state.conversations.remove(message);
  return { message_ts: message.ts, ...(content.isTruncated ? TRUNCATED : {}) };
}

function getPermalink(state: WorkspaceState, args: Args): ApiResult {
  const channel = channelArg(state, args);
  const message = messageArg(state, channel, requiredArg(args, 'message_ts'));
  const thread = message.threadTs === undefined ? '' : `?thread_ts=${message.threadTs}&cid=${channel.id}`;
  const path = `/archives/${channel.id}/p${message.ts.replace('.', '')}${thread}`;
  return { channel: channel.id, permalink: state.connection.publicUrl + path };
}

export const chatMethods: Readonly<Record<string, ApiMethod>> = {
  'chat.postMessage': method(['chat:write'], 'message', postMessage),
  'chat.update': method(['chat:write'], 'tier-3', update),
  'chat.delete': method(['chat:write'], 'tier-3', remove),
  'chat.postEphemeral': method(['chat:write'], 'tier-4', postEphemeral),
  'chat.getPermalink': method([], 'unlimited', getPermalink),
};
