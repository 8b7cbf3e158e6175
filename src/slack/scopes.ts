/**
 * What this bot asks of a Slack workspace, in one place: the manifests in `manifests/slack` must hold exactly this.
 * A Web API method that is not named here cannot be called (`BotMethod`).
 */

/** The Web API methods in use, each with the scopes any of which Slack wants for it. */
export const METHOD_SCOPES = {
  'auth.test': [],
  'chat.postMessage': ['chat:write', 'chat:write.public'],
  'chat.update': ['chat:write'],
  'chat.postEphemeral': ['chat:write'],
  'chat.getPermalink': [],
  // The form of a silence, and what came of it.
  'views.open': [],
  'views.update': [],
  // Finding a message whose fate is not known, before anything is sent again.
  'conversations.history': ['channels:history', 'groups:history'],
  'conversations.replies': ['channels:history', 'groups:history'],
  // The history is for members only, while `chat:write.public` posts to any public channel.
  'conversations.join': ['channels:join'],
  // From a channel's name to its id, as long as nothing has been posted to it.
  'conversations.list': ['channels:read', 'groups:read'],
  // The pictures of traces.
  'files.getUploadURLExternal': ['files:write'],
  'files.completeUploadExternal': ['files:write'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type BotMethod = keyof typeof METHOD_SCOPES;

/** Slack wants it for the slash commands themselves. */
const COMMAND_SCOPE = 'commands';
/** Without it a bot gets no metadata of messages from the history, not even of its own. */
const METADATA_SCOPE = 'metadata.message:read';

/** All bot scopes, sorted. */
export const BOT_SCOPES: readonly string[] = [
  ...new Set<string>([COMMAND_SCOPE, METADATA_SCOPE, ...Object.values(METHOD_SCOPES).flat()]),
].sort();

/** The scope of the app-level token that opens a Socket Mode connection. */
export const APP_TOKEN_SCOPE = 'connections:write';

/** Events the bot subscribes to: none. Commands and buttons are no events. */
export const BOT_EVENTS: readonly string[] = [];

/** Whether the app needs interactivity: buttons and menus answer through it. */
export const USES_INTERACTIVITY = true;

/** Where Slack sends commands and interactions in HTTP mode. */
export const HTTP_PATH = '/slack/events';
