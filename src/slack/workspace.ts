import type { CallData } from './calls.ts';

/** The workspace that the bot token belongs to, or the organization with all its workspaces. */
export interface Workspace {
  readonly teamId: string;
  /** Set when the app is installed for the whole organization (Enterprise Grid). */
  readonly enterpriseId?: string;
}

const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;

const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;

/** Reads the response of `auth.test`; undefined when it names no workspace. */
export function workspaceOf(data: CallData): Workspace | undefined {
  const teamId = textOf(data['team_id']);
  if (teamId === undefined) return undefined;
  const enterpriseId = data['is_enterprise_install'] === true ? textOf(data['enterprise_id']) : undefined;
  return { teamId, enterpriseId };
}

/**
 * Whether a request of Slack comes from the workspace. A command has `team_id` and `enterprise_id`, an interaction `team`
 * and `enterprise`. The signature alone does not show it: an app that is distributed has one secret for all workspaces.
 */
export function isFrom({ teamId, enterpriseId }: Workspace, body: unknown): boolean {
  const team = textOf(fieldOf(body, 'team_id')) ?? textOf(fieldOf(fieldOf(body, 'team'), 'id'));
  if (team === teamId) return true;
  const enterprise =
    textOf(fieldOf(body, 'enterprise_id')) ??
    textOf(fieldOf(fieldOf(body, 'enterprise'), 'id')) ??
    textOf(fieldOf(fieldOf(body, 'team'), 'enterprise_id'));
  return enterpriseId !== undefined && enterprise === enterpriseId;
}
