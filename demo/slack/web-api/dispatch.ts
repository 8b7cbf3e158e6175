import { SlackApiError } from '../api-error.ts';
import type { WorkspaceState } from '../state.ts';
import { basicMethods } from './basics.ts';
import { chatMethods } from './chat.ts';
import { conversationMethods } from './conversations.ts';
import { fileMethods } from './files.ts';
import type { ApiMethod, ApiResult } from './method.ts';
import { viewMethods } from './views.ts';

export const webApiMethods: Readonly<Record<string, ApiMethod>> = {
  ...basicMethods,
  ...chatMethods,
  ...conversationMethods,
  ...viewMethods,
  ...fileMethods,
};

/** Refuses a token that is absent, unknown, revoked, of the wrong kind, or without the scope. */
export function authorize(state: WorkspaceState, api: ApiMethod, token: string | undefined): void {
  if (api.token === 'none') return;
  if (token === undefined || token === '') throw new SlackApiError('not_authed');
  if (state.revoked.has(token)) throw new SlackApiError('token_revoked');
  const kind = token === state.tokens.bot ? 'bot' : token === state.tokens.app ? 'app' : undefined;
  if (kind === undefined) throw new SlackApiError('invalid_auth');
  if (kind !== api.token) throw new SlackApiError('not_allowed_token_type');
  const [needed] = api.scopes;
  if (needed !== undefined && kind === 'bot' && !api.scopes.some((scope) => state.scopes.has(scope)))
    throw new SlackApiError('missing_scope', { needed, provided: [...state.scopes].join(',') });
}

/** Runs a call to its end, as the JSON that answers it. A refusal is an answer too. */
export function answer(act: () => ApiResult): { ok: boolean; [field: string]: unknown } {
  try {
    return { ok: true, ...act() };
  } catch (error) {
    if (!(error instanceof SlackApiError)) throw error;
    return { ok: false, error: error.code, ...error.details };
  }
}
