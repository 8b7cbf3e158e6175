import type { Message } from './model.ts';
import type { WorkspaceState } from './state.ts';

/** A message as the Web API and the interaction payloads carry it. */
export function toWireMessage(
  state: WorkspaceState,
  message: Message,
  { withMetadata }: { withMetadata: boolean },
): Record<string, unknown> {
  const isOwn = message.userId === state.app.botUserId;
  return {
    type: 'message',
    user: message.userId,
    ts: message.ts,
    text: message.text,
    team: state.team.id,
    ...(isOwn ? ownership(state) : {}),
    ...(message.blocks.length === 0 ? {} : { blocks: message.blocks }),
    ...(message.editedAt === undefined
      ? {}
      : { edited: { user: message.userId, ts: `${Math.floor(message.editedAt / 1_000)}.000000` } }),
    ...(message.threadTs === undefined ? thread(state, message) : { thread_ts: message.threadTs }),
    ...(message.isTombstone === true ? { subtype: 'tombstone', hidden: true } : {}),
    ...(message.isBroadcast === true ? { subtype: 'thread_broadcast' } : {}),
    ...(message.ephemeralFor === undefined ? {} : { is_ephemeral: true }),
    ...(withMetadata && message.metadata !== undefined ? { metadata: message.metadata } : {}),
    ...reactions(state, message),
  };
}

const ownership = ({ app, team }: WorkspaceState): Record<string, unknown> => ({
  bot_id: app.botId,
  app_id: app.id,
  bot_profile: { id: app.botId, app_id: app.id, name: app.name, deleted: false, team_id: team.id },
});

/** What the opening message of a thread says about its replies. */
function thread(state: WorkspaceState, message: Message): Record<string, unknown> {
  const replies = state.conversations
    .all(message.channelId)
    .filter((each) => each.threadTs === message.ts && each.ephemeralFor === undefined);
  if (replies.length === 0) return {};
  return {
    thread_ts: message.ts,
    reply_count: replies.length,
    reply_users: [...new Set(replies.map((reply) => reply.userId))],
    latest_reply: replies.at(-1)?.ts,
  };
}

function reactions(state: WorkspaceState, message: Message): Record<string, unknown> {
  const given = state.conversations.reactions(message);
  if (given.length === 0) return {};
  const names = [...new Set(given.map(({ name }) => name))];
  return {
    reactions: names.map((name) => {
      const users = given.filter((reaction) => reaction.name === name).map((reaction) => reaction.userId);
      return { name, users, count: users.length };
    }),
  };
}
