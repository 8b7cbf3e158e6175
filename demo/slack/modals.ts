import { SlackApiError } from './api-error.ts';
import type { AppAnswer } from './delivery.ts';
import type { DeliveryOutcome, OpenView, Workspace } from './model.ts';
import { closedPayload, stateValues, submissionPayload } from './payloads.ts';
import type { WorkspaceState } from './state.ts';
import { validateView } from './validate-blocks.ts';

type Submission = Parameters<Workspace['submitView']>[0];
type Fields = Readonly<Record<string, unknown>>;

const DONE: DeliveryOutcome = { ok: true };
const failed = (detail: string): DeliveryOutcome => ({ ok: false, error: 'dispatch_unknown_error', detail });

/** What people do with modals. */
export function createModals(state: WorkspaceState): Pick<Workspace, 'submitView' | 'closeView'> {
  return { submitView: (input) => submit(state, input), closeView: (input) => close(state, input) };
}

async function submit(state: WorkspaceState, input: Submission): Promise<DeliveryOutcome> {
  const open = state.views.find(input.viewId);
  const user = state.conversations.user(input.userId);
  if (open === undefined || user === undefined || open.userId !== user.id) return failed('view_not_found');
  const values = stateValues(open, input.values);
  const missing = missingInputs(open, values);
  if (Object.keys(missing).length > 0) {
    state.views.setErrors(open.viewId, missing);
    return DONE;
  }
  const payload = submissionPayload(state, user, { open, values });
  const reply = await state.connection.delivery.deliver({ kind: 'interactive', payload });
  if (!reply.ok) return reply;
  try {
    return respond(state, open, reply.answer);
  } catch (error) {
    return failed(error instanceof SlackApiError ? error.code : 'invalid_view_response');
  }
}

/** Slack's client asks for every input that is not optional before it sends anything. */
function missingInputs(
  open: OpenView,
  values: Record<string, Record<string, unknown>>,
): Record<string, string> {
  const blocks = (Array.isArray(open.view['blocks']) ? open.view['blocks'] : []) as readonly Fields[];
  const needed = blocks.filter((block) => block['type'] === 'input' && block['optional'] !== true);
  const empty = needed.filter((block) =>
    Object.values(values[String(block['block_id'])] ?? {}).every(isEmpty),
  );
  return Object.fromEntries(
    empty.map((block) => [String(block['block_id']), 'Please complete this required field.']),
  );
}

function isEmpty(value: unknown): boolean {
  const { type: _type, ...chosen } = value as Fields;
  return Object.values(chosen).every(
    (each) => each === null || each === '' || (Array.isArray(each) && each.length === 0),
  );
}

/** Does what the app's answer says: close this view, close all, show errors, replace it, or push another. */
function respond(state: WorkspaceState, open: OpenView, answer: AppAnswer): DeliveryOutcome {
  const { response_action: action, view, errors } = typeof answer === 'object' ? answer : ({} as Fields);
  if (action === undefined) {
    state.views.close(open.viewId);
    return DONE;
  }
  if (action === 'clear') state.views.closeAll(open.userId);
  else if (action === 'errors') state.views.setErrors(open.viewId, knownErrors(open, errors));
  else if (action === 'update') state.views.update(open.viewId, checkedView(state, view));
  else if (action === 'push') state.views.push(open.userId, checkedView(state, view));
  else return failed('invalid_response_action');
  return DONE;
}

function checkedView(state: WorkspaceState, view: unknown): Fields {
  const refusal = validateView(view, state.files.hasImage);
  if (refusal !== undefined) throw new SlackApiError(refusal.error);
  return view as Fields;
}

/** Errors are shown under input blocks; one that names no input block is a error of the app. */
function knownErrors(open: OpenView, errors: unknown): Record<string, string> {
  const blocks = (Array.isArray(open.view['blocks']) ? open.view['blocks'] : []) as readonly Fields[];
  const inputs = new Set(
    blocks.filter((block) => block['type'] === 'input').map((block) => block['block_id']),
  );
  const entries = Object.entries((errors ?? {}) as Record<string, unknown>);
  if (entries.length === 0 || entries.some(([id, text]) => !inputs.has(id) || typeof text !== 'string'))
    throw new SlackApiError('invalid_view_errors');
  return Object.fromEntries(entries) as Record<string, string>;
}

async function close(
  state: WorkspaceState,
  input: { viewId: string; userId: string },
): Promise<DeliveryOutcome> {
  const open = state.views.find(input.viewId);
  const user = state.conversations.user(input.userId);
  if (open === undefined || user === undefined || open.userId !== user.id) return failed('view_not_found');
  if (open.view['clear_on_close'] === true) state.views.closeAll(user.id);
  else state.views.close(open.viewId);
  if (open.view['notify_on_close'] !== true) return DONE;
  const reply = await state.connection.delivery.deliver({
    kind: 'interactive',
    payload: closedPayload(state, user, open),
  });
  return reply.ok ? DONE : reply;
}
