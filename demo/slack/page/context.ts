import type { EpochMs } from '../../../src/lib/units.ts';
import type { Channel, User, Workspace } from '../model.ts';

/** What rendering needs besides the thing itself: who reads, when, and the names behind the ids. */
export interface RenderContext {
  readonly readerId: string;
  readonly timeZone: string;
  readonly now: EpochMs;
  readonly users: ReadonlyMap<string, User>;
  readonly channels: ReadonlyMap<string, Channel>;
  /** Where the reader gets an uploaded file; undefined when it is none of theirs. */
  picture(file: { readonly id?: unknown; readonly url?: unknown }): string | undefined;
}

/** Slack's own voice in a channel, for lines that no app wrote. */
export const SLACKBOT_ID = 'USLACKBOT';

const byId = <T extends { readonly id: string }>(items: readonly T[]): ReadonlyMap<string, T> =>
  new Map(items.map((item) => [item.id, item]));

/** The context of one reader at one instant. A reader the workspace does not know reads in UTC. */
export function createRenderContext(workspace: Workspace, readerId: string, now: EpochMs): RenderContext {
  const users = byId(workspace.users());
  return {
    readerId,
    timeZone: users.get(readerId)?.timeZone ?? 'UTC',
    now,
    users,
    channels: byId(workspace.channels()),
    picture: (file) => workspace.picture(file, readerId),
  };
}

/** A channel's name as Slack writes it: direct messages carry the other's name. */
export const channelTitle = ({ name, direct }: Channel): string =>
  direct === undefined ? `#${name}` : `@${name}`;

/** The path of a channel's page. */
export function channelPath(channelId: string): string {
  return `/c/${encodeURIComponent(channelId)}`;
}

/** The path of a channel's page with one thread open. */
export function threadPath(channelId: string, threadTs: string): string {
  return `${channelPath(channelId)}?thread=${encodeURIComponent(threadTs)}`;
}
