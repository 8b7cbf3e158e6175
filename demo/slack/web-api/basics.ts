import { SlackApiError } from '../api-error.ts';
import { type Args, jsonArg, requiredArg } from '../content.ts';
import type { User } from '../model.ts';
import type { WorkspaceState } from '../state.ts';
import { type Problem, type Refusal, validateMessageBlocks, validateView } from '../validate-blocks.ts';
import { type ApiMethod, type ApiResult, method } from './method.ts';

const authTest = (state: WorkspaceState): ApiResult => ({
  url: `${state.connection.publicUrl}/`,
  team: state.team.name,
  user: state.app.name,
  team_id: state.team.id,
  user_id: state.app.botUserId,
  bot_id: state.app.botId,
  is_enterprise_install: false,
});

function usersInfo(state: WorkspaceState, args: Args): ApiResult {
  const user = state.conversations.user(requiredArg(args, 'user'));
  if (user === undefined) throw new SlackApiError('user_not_found');
  return { user: toWireUser(state, user) };
}

/** The workspace has no user groups. */
function noUserGroup(): never {
  throw new SlackApiError('no_such_subteam');
}

const toWireUser = (state: WorkspaceState, user: User): Record<string, unknown> => ({
  id: user.id,
  team_id: user.kind === 'stranger' ? 'T0OTHERTEAM' : state.team.id,
  is_restricted: user.kind === 'guest',
  is_ultra_restricted: false,
  is_stranger: user.kind === 'stranger',
  name: user.name,
  real_name: user.name,
  deleted: false,
  tz: user.timeZone,
  tz_label: user.timeZone,
  tz_offset: offsetSeconds(user.timeZone, state.clock.now()),
  is_bot: user.isBot,
  profile: { display_name: user.name, real_name: user.name },
});

/** Seconds by which the zone is ahead of UTC at this instant. */
function offsetSeconds(timeZone: string, at: number): number {
  const name = new Intl.DateTimeFormat('en', { timeZone, timeZoneName: 'longOffset' })
    .formatToParts(at)
    .find((part) => part.type === 'timeZoneName')?.value;
  const match = /GMT([+-])(\d\d):(\d\d)/.exec(name ?? '');
  if (match === null) return 0;
  const [, sign, hours, minutes] = match;
  return (sign === '-' ? -1 : 1) * (Number(hours) * 3_600 + Number(minutes) * 60);
}

const VALIDATED = ['blocks', 'message', 'view'] as const;

/** Reports each rule that a payload breaks, with a pointer from the payload's own root. */
function blocksValidate(state: WorkspaceState, args: Args): ApiResult {
  const given = VALIDATED.filter((name) => jsonArg(args, name, 'invalid_arguments') !== undefined);
  const [kind] = given;
  if (kind === undefined || given.length > 1)
    throw new SlackApiError('invalid_arguments', {
      response_metadata: { messages: ['must provide exactly one of `blocks`, `view`, or `message`'] },
    });
  const payload = jsonArg(args, kind, 'invalid_arguments');
  const refusal = validated(state, kind, payload);
  if (refusal === undefined) return {};
  const strip = kind === 'message' ? '' : `/${kind}`;
  throw new SlackApiError(`invalid_${kind}`, {
    errors: refusal.problems.map((problem) => reported(problem, strip)),
  });
}

function validated(
  state: WorkspaceState,
  kind: (typeof VALIDATED)[number],
  payload: unknown,
): Refusal | undefined {
  const { hasImage } = state.files;
  if (kind === 'view') return validateView(payload, hasImage);
  const blocks = kind === 'blocks' ? payload : (payload as { blocks?: unknown }).blocks;
  return validateMessageBlocks(blocks ?? [], hasImage);
}

const reported = ({ message, pointer, constraint }: Problem, strip: string): Record<string, unknown> => ({
  code: constraint?.type === 'required' ? 'missing_required_field' : 'failed_constraint',
  message,
  pointer: pointer.startsWith(strip) ? pointer.slice(strip.length) : pointer,
  ...(constraint === undefined ? {} : { constraint }),
});

export const basicMethods: Readonly<Record<string, ApiMethod>> = {
  'auth.test': method([], 'unlimited', authTest),
  'users.info': method(['users:read'], 'tier-4', usersInfo),
  'usergroups.users.list': method(['usergroups:read'], 'tier-2', noUserGroup),
  'blocks.validate': { scopes: [], tier: 'unlimited', token: 'none', run: blocksValidate },
};
