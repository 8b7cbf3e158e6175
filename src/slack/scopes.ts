/*
 * What the bot needs in a Slack workspace. A test compares the manifests in `manifests/slack` with it, and only the Web
 * API methods listed here can be called (`BotMethod`).
 */

/** The Web API methods in use, each with its scopes. */
export const METHOD_SCOPES = {
  'auth.test': [],
  'chat.postMessage': ['chat:write', 'chat:write.public'],
  'chat.update': ['chat:write'],
  'chat.postEphemeral': ['chat:write'],
  'chat.getPermalink': [],
  // The silence form and its result.
  'views.open': [],
  'views.update': [],
  // Finding a message whose outcome is unknown, before it is sent again.
  'conversations.history': ['channels:history', 'groups:history'],
  'conversations.replies': ['channels:history', 'groups:history'],
  // Only members can read the history, while `chat:write.public` allows posts to any public channel.
  'conversations.join': ['channels:join'],
  // Resolving a channel's name before the first post to it.
  'conversations.list': ['channels:read', 'groups:read'],
  // Looking for open messages when the store is new or lost its data.
  'users.conversations': ['channels:read', 'groups:read'],
  // Who may act: guests, people of other organizations, and members of user groups.
  'users.info': ['users:read'],
  'usergroups.users.list': ['usergroups:read'],
  // The pictures of traces.
  'files.getUploadURLExternal': ['files:write'],
  'files.completeUploadExternal': ['files:write'],
  // With the app-level token: `tailwatch doctor` checks it.
  'apps.connections.open': [],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type BotMethod = keyof typeof METHOD_SCOPES;

/** Required for slash commands. */
const COMMAND_SCOPE = 'commands';
/** Required for metadata in the history, even that of the bot's own messages. */
const METADATA_SCOPE = 'metadata.message:read';

/** All bot scopes, sorted. */
export const BOT_SCOPES: readonly string[] = [
  ...new Set<string>([COMMAND_SCOPE, METADATA_SCOPE, ...Object.values(METHOD_SCOPES).flat()]),
].sort();

/** The scope of the app-level token that opens a Socket Mode connection. */
export const APP_TOKEN_SCOPE = 'connections:write';

/** Commands and buttons are not events. Joining a channel is, which needs `channels:read` and `groups:read`. */
export const BOT_EVENTS: readonly string[] = ['member_joined_channel'];

/** Interactivity is required for buttons, menus and forms. */
export const USES_INTERACTIVITY = true;

/** Where Slack sends commands and interactions in HTTP mode. */
export const HTTP_PATH = '/slack/events';
