import { type EpochMs, type Milliseconds, ms } from '../../src/lib/units.ts';
import { type Conversations, createConversations, SLACKBOT_ID } from './conversations.ts';
import { type AppDelivery, dispatchFailed } from './delivery.ts';
import { createFiles, type Files } from './files.ts';
import { createIds, type Ids } from './ids.ts';
import type { Channel, User } from './model.ts';
import { createResponseUrls, createTriggers, type ResponseUrls, type Triggers } from './tickets.ts';
import { createViews, type Views } from './views.ts';

export interface Clock {
  now(): EpochMs;
}

export interface Team {
  readonly id: string;
  readonly domain: string;
  readonly name: string;
}

/** The one app that is installed in the workspace. */
export interface InstalledApp {
  readonly id: string;
  readonly name: string;
  readonly botId: string;
  readonly botUserId: string;
}

export interface Tokens {
  readonly bot: string;
  readonly app: string;
}

export interface SlackWorkspaceOptions {
  /** The clock for messages, rate limits, triggers and response URLs; virtual in tests. */
  readonly clock: Clock;
  /** The same seed gives the same identifiers. */
  readonly seed?: number;
  readonly team?: Team;
  readonly app?: InstalledApp;
  readonly tokens?: Tokens;
  /** Signs what is sent to the app over HTTP. */
  readonly signingSecret?: string;
  /** The scopes of the bot token; by default all that such a bot needs. */
  readonly scopes?: readonly string[];
  readonly channels?: readonly Channel[];
  readonly users?: readonly User[];
  /** The slash commands of the app's manifest, with their slash. */
  readonly commands?: readonly string[];
  /**
   * Whether the text of a slash command comes with `&`, `<` and `>` written as entities, as the text of a message does;
   * false by default. Slack's documentation leaves it open, so an app should bear both.
   */
  readonly escapesCommands?: boolean;
  /** How long an upload is worked on before an image block can show it. */
  readonly fileProcessing?: Milliseconds;
  /** For how long a message can be edited; for ever by default. */
  readonly editWindow?: Milliseconds;
  /** Whether the app's Messages tab is on, so that it may write to people directly; true by default. */
  readonly takesDirectMessages?: boolean;
}

/** Everything the workspace knows. The Web API and the people's side both stand on it. */
export interface WorkspaceState {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly team: Team;
  readonly app: InstalledApp;
  readonly tokens: Tokens;
  readonly signingSecret: string;
  readonly verificationToken: string;
  readonly scopes: ReadonlySet<string>;
  readonly commands: ReadonlySet<string>;
  readonly editWindow: Milliseconds | undefined;
  readonly escapesCommands: boolean;
  readonly takesDirectMessages: boolean;
  readonly conversations: Conversations;
  readonly views: Views;
  readonly files: Files;
  readonly triggers: Triggers;
  readonly responseUrls: ResponseUrls;
  /** Tokens that no longer work: calls with them are refused with `token_revoked`. */
  readonly revoked: Set<string>;
  /** What people have chosen in the menus of a message: by message, block and action. */
  readonly chosen: Map<string, Record<string, Record<string, unknown>>>;
  /** Where the workspace is served, and how its app is reached. */
  connection: { readonly publicUrl: string; readonly delivery: AppDelivery };
}

export const SLACKBOT: User = { id: SLACKBOT_ID, name: 'slackbot', timeZone: 'UTC', isBot: true };

const DEFAULT_TEAM: Team = { id: 'T0MESHSHOP', domain: 'mesh-shop', name: 'Mesh Shop' };
export const DEFAULT_APP: InstalledApp = {
  id: 'A0TAILWATCH',
  name: 'tailwatch',
  botId: 'B0TAILWATCH',
  botUserId: 'U0TAILWATCH',
};
export const DEFAULT_TOKENS: Tokens = {
  bot: 'xoxb-demo-1111111111-tailwatch',
  app: 'xapp-1-demo-2222222222-tailwatch',
};
export const DEFAULT_SIGNING_SECRET = 'demo-signing-secret-of-tailwatch';

const DEFAULT_CHANNELS: readonly Channel[] = [
  { id: 'C0INCIDENTS', name: 'incidents', isArchived: false, botIsMember: true },
  { id: 'C0GENERAL00', name: 'general', isArchived: false, botIsMember: false },
];

const DEFAULT_USERS: readonly User[] = [
  { id: 'U0ALICE0000', name: 'alice', timeZone: 'Europe/Berlin', isBot: false },
  { id: 'U0BOB000000', name: 'bob', timeZone: 'America/New_York', isBot: false },
];

export const ALL_SCOPES: readonly string[] = [
  'channels:history',
  'channels:join',
  'channels:read',
  'chat:write',
  'chat:write.public',
  'commands',
  'files:write',
  'groups:history',
  'groups:read',
  'metadata.message:read',
  'reactions:write',
  'usergroups:read',
  'users:read',
];

const NOT_CONNECTED: WorkspaceState['connection'] = {
  publicUrl: 'http://127.0.0.1',
  delivery: { deliver: () => Promise.resolve(dispatchFailed('no app is connected')) },
};

/** What differs from workspace to workspace. */
const mannersOf = ({
  editWindow,
  escapesCommands = false,
  takesDirectMessages = true,
}: SlackWorkspaceOptions): Pick<
  WorkspaceState,
  'editWindow' | 'escapesCommands' | 'takesDirectMessages'
> => ({ editWindow, escapesCommands, takesDirectMessages });

export function createState(options: SlackWorkspaceOptions): WorkspaceState {
  const { clock, team = DEFAULT_TEAM, app = DEFAULT_APP } = options;
  const ids = createIds(options.seed ?? 1);
  const bot: User = { id: app.botUserId, name: app.name, timeZone: 'UTC', isBot: true };
  const conversations = createConversations({
    clock,
    channels: options.channels ?? DEFAULT_CHANNELS,
    users: [...(options.users ?? DEFAULT_USERS), bot, SLACKBOT],
    appName: app.name,
  });
  return {
    clock,
    ids,
    team,
    app,
    tokens: options.tokens ?? DEFAULT_TOKENS,
    signingSecret: options.signingSecret ?? DEFAULT_SIGNING_SECRET,
    verificationToken: ids.hex(24),
    scopes: new Set(options.scopes ?? ALL_SCOPES),
    commands: new Set(options.commands ?? []),
    ...mannersOf(options),
    conversations,
    views: createViews({ clock, ids, team, app, emit: conversations.emit }),
    files: createFiles({ clock, ids, processing: options.fileProcessing ?? ms(0) }),
    triggers: createTriggers({ clock, ids }),
    responseUrls: createResponseUrls({ clock, ids, teamId: team.id }),
    revoked: new Set(),
    chosen: new Map(),
    connection: NOT_CONNECTED,
  };
}
