import { createModals } from './modals.ts';
import type { Message, Workspace } from './model.ts';
import { createPeople } from './people.ts';
import { createState, type SlackWorkspaceOptions, type WorkspaceState } from './state.ts';
import { filePath } from './web-api/files.ts';

export type { SlackWorkspaceOptions } from './state.ts';

/** The workspace with what only its server and the tests' fault scripts touch. */
export interface SlackWorkspace extends Workspace {
  readonly state: WorkspaceState;
  /** From now on every call with this token is refused with `token_revoked`. */
  readonly revokeToken: (token: string) => void;
}

/**
 * A Slack workspace with one app installed: channels, people, messages, modals, files. It holds all state and no
 * socket; `createSlackServer` puts it on the network.
 */
export function createSlackWorkspace(options: SlackWorkspaceOptions): SlackWorkspace {
  const state = createState(options);
  const { conversations, views } = state;
  const seen = (readerId: string) => (message: Message) =>
    conversations.isOpenTo(message.channelId, readerId) &&
    (message.ephemeralFor === undefined || message.ephemeralFor === readerId);
  return {
    state,
    channels: conversations.channels,
    users: conversations.users,
    messages: (channelId, readerId) =>
      conversations
        .all(channelId)
        .filter((message) => message.threadTs === undefined || message.isBroadcast === true)
        .filter(seen(readerId)),
    thread: (channelId, threadTs, readerId) =>
      conversations
        .all(channelId)
        .filter((message) => message.ts === threadTs || message.threadTs === threadTs)
        .filter(seen(readerId)),
    picture: (reference, readerId) => {
      const file = state.files.named(reference);
      const isShared = [...(file?.sharedIn ?? [])].some((id) => conversations.isOpenTo(id, readerId));
      return file !== undefined && isShared ? filePath(state, file) : undefined;
    },
    openViews: (userId) => views.stack(userId),
    subscribe: conversations.subscribe,
    ...createPeople(state),
    ...createModals(state),
    deleteMessage: (channelId, ts) => {
      const message = conversations.find(channelId, ts);
      if (message !== undefined) conversations.remove(message);
    },
    archiveChannel: (channelId) => {
      const channel = conversations.channel(channelId);
      if (channel !== undefined) conversations.changeChannel({ ...channel, isArchived: true });
    },
    revokeToken: (token) => {
      state.revoked.add(token);
    },
  };
}
