import { SlackApiError } from '../api-error.ts';
import { type Args, asError, jsonArg, requiredArg, textArg } from '../content.ts';
import type { OpenView } from '../model.ts';
import type { WorkspaceState } from '../state.ts';
import { validateView } from '../validate-blocks.ts';
import { type ApiMethod, type ApiResult, method } from './method.ts';

function viewArg(state: WorkspaceState, args: Args): Readonly<Record<string, unknown>> {
  const view = jsonArg(args, 'view', 'invalid_arguments');
  if (view === undefined) requiredArg(args, 'view');
  const refusal = validateView(view, state.files.hasImage);
  if (refusal !== undefined) throw asError(refusal);
  // A home tab is published, not opened.
  if ((view as { type?: unknown }).type !== 'modal')
    throw asError({
      error: 'invalid_arguments',
      problems: [{ pointer: '/view/type', message: 'unsupported type: home' }],
    });
  return view as Readonly<Record<string, unknown>>;
}

const result = ({ view }: OpenView): ApiResult => ({ view });

/** The trigger is spent by a sound view only: Slack looks at the view first. */
function open(state: WorkspaceState, args: Args): ApiResult {
  const view = viewArg(state, args);
  return result(state.views.open(state.triggers.exchange(triggerArg(args)), view));
}

function push(state: WorkspaceState, args: Args): ApiResult {
  const view = viewArg(state, args);
  return result(state.views.push(state.triggers.exchange(triggerArg(args)), view));
}

const triggerArg = (args: Args): string =>
  textArg(args, 'trigger_id') ?? requiredArg(args, 'interactivity_pointer');

function update(state: WorkspaceState, args: Args): ApiResult {
  const view = viewArg(state, args);
  const externalId = textArg(args, 'external_id');
  const viewId = textArg(args, 'view_id');
  const before = viewId === undefined ? state.views.findExternal(externalId ?? '') : state.views.find(viewId);
  if (before === undefined) throw new SlackApiError('not_found');
  const hash = textArg(args, 'hash');
  if (hash !== undefined && hash !== before.view['hash']) throw new SlackApiError('hash_conflict');
  return result(state.views.update(before.viewId, view));
}

export const viewMethods: Readonly<Record<string, ApiMethod>> = {
  'views.open': method([], 'tier-4', open),
  'views.push': method([], 'tier-4', push),
  'views.update': method([], 'tier-4', update),
};
