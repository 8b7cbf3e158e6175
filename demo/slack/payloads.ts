import { interactiveElements } from './blocks.ts';
import { toWireMessage } from './message-json.ts';
import type { Channel, ElementAction, Message, OpenView, User } from './model.ts';
import type { WorkspaceState } from './state.ts';

type Fields = Readonly<Record<string, unknown>>;

/** The form fields of a slash command: docs.slack.dev/interactivity/implementing-slash-commands. */
export function commandPayload(
  state: WorkspaceState,
  person: { user: User; channel: Channel },
  line: { command: string; text: string; responseUrl: string },
): Record<string, string> {
  return {
    token: state.verificationToken,
    team_id: state.team.id,
    team_domain: state.team.domain,
    channel_id: person.channel.id,
    channel_name: person.channel.name,
    user_id: person.user.id,
    user_name: person.user.name,
    command: line.command,
    text: line.text,
    api_app_id: state.app.id,
    is_enterprise_install: 'false',
    response_url: line.responseUrl,
    trigger_id: state.triggers.issue(person.user.id),
  };
}

/** What every interaction payload says about who, where and which app. */
const envelope = (state: WorkspaceState, user: User): Record<string, unknown> => ({
  user: { id: user.id, username: user.name, name: user.name, team_id: state.team.id },
  api_app_id: state.app.id,
  token: state.verificationToken,
  team: { id: state.team.id, domain: state.team.domain },
  enterprise: null,
  is_enterprise_install: false,
});

export interface Press {
  readonly action: ElementAction;
  readonly user: User;
  readonly channel: Channel;
  readonly message: Message;
  readonly element: Fields;
}

/** A `block_actions` payload: docs.slack.dev/reference/interaction-payloads/block_actions-payload. */
export function actionPayload(
  state: WorkspaceState,
  press: Press,
  responseUrl: string,
): Record<string, unknown> {
  const { action, user, channel, message, element } = press;
  const chosen = choice(element, action.selectedValue);
  const { action_id: actionId, type, text, value } = element;
  return {
    type: 'block_actions',
    ...envelope(state, user),
    container: {
      type: 'message',
      message_ts: message.ts,
      channel_id: channel.id,
      is_ephemeral: message.ephemeralFor !== undefined,
      ...(message.threadTs === undefined ? {} : { thread_ts: message.threadTs }),
    },
    trigger_id: state.triggers.issue(user.id),
    channel: { id: channel.id, name: channel.name },
    message: toWireMessage(state, message, { withMetadata: true }),
    state: { values: state.chosen.get(`${channel.id}/${message.ts}`) ?? {} },
    response_url: responseUrl,
    actions: [
      {
        action_id: actionId,
        block_id: action.blockId,
        type,
        ...(text === undefined ? {} : { text }),
        ...(value === undefined ? {} : { value }),
        ...chosen,
        action_ts: (state.clock.now() / 1_000).toFixed(6),
      },
    ],
  };
}

/** Which field of an action or of a state value holds what was chosen, by element type. */
const CHOSEN: Readonly<Record<string, string>> = {
  users_select: 'selected_user',
  conversations_select: 'selected_conversation',
  channels_select: 'selected_channel',
  datepicker: 'selected_date',
  timepicker: 'selected_time',
  multi_users_select: 'selected_users',
  multi_conversations_select: 'selected_conversations',
  multi_channels_select: 'selected_channels',
};
const ONE_OPTION = new Set(['static_select', 'external_select', 'overflow', 'radio_buttons']);
const SEVERAL_OPTIONS = new Set(['multi_static_select', 'multi_external_select', 'checkboxes']);

/** What a person chose in an element, in the wire form of its type. Several values are separated by commas. */
export function choice(element: Fields, given: string | undefined): Record<string, unknown> {
  const type = String(element['type']);
  if (type === 'button' || type === 'workflow_button') return {};
  if (ONE_OPTION.has(type)) return { selected_option: given === undefined ? null : optionOf(element, given) };
  const values = (given ?? '').split(',').filter((each) => each !== '');
  if (SEVERAL_OPTIONS.has(type)) return { selected_options: values.map((each) => optionOf(element, each)) };
  if (type === 'datetimepicker') return { selected_date_time: given === undefined ? null : Number(given) };
  const field = CHOSEN[type] ?? 'value';
  return { [field]: type.startsWith('multi_') ? values : (given ?? null) };
}

function optionOf(element: Fields, value: string): unknown {
  const groups = Array.isArray(element['option_groups']) ? (element['option_groups'] as Fields[]) : [];
  const all = [element['options'], ...groups.map((group) => group['options'])].flat() as (
    | Fields
    | undefined
  )[];
  const found = all.find((option) => option?.['value'] === value);
  return found ?? { text: { type: 'plain_text', text: value, emoji: true }, value };
}

/** The submitted values in wire form: what the person gave is taken as such, or read as text by the element's type. */
export function stateValues(
  open: OpenView,
  values: Record<string, Record<string, unknown>>,
): Record<string, Record<string, unknown>> {
  const blocks = Array.isArray(open.view['blocks']) ? open.view['blocks'] : [];
  const result: Record<string, Record<string, unknown>> = {};
  for (const { blockId, element } of interactiveElements(blocks)) {
    const type = String(element['type']);
    if (type === 'button' || type === 'overflow') continue;
    const actionId = String(element['action_id']);
    const given = values[blockId]?.[actionId];
    const typed = typeof given === 'string' && given !== '' ? given : undefined;
    const wire =
      typeof given === 'object' && given !== null ? { type, ...given } : { type, ...choice(element, typed) };
    result[blockId] = { ...result[blockId], [actionId]: wire };
  }
  return result;
}

/** A `view_submission` payload: docs.slack.dev/reference/interaction-payloads/view-interactions-payload. */
export const submissionPayload = (
  state: WorkspaceState,
  user: User,
  submitted: { open: OpenView; values: Record<string, Record<string, unknown>> },
): Record<string, unknown> => ({
  type: 'view_submission',
  ...envelope(state, user),
  trigger_id: state.triggers.issue(user.id),
  view: { ...submitted.open.view, state: { values: submitted.values } },
  response_urls: [],
});

export const closedPayload = (
  state: WorkspaceState,
  user: User,
  open: OpenView,
): Record<string, unknown> => ({
  type: 'view_closed',
  ...envelope(state, user),
  view: open.view,
  is_cleared: false,
});

/** The event that a person invited the bot: docs.slack.dev/reference/events/member_joined_channel. */
export const joinedPayload = (
  state: WorkspaceState,
  { channel, inviter }: { readonly channel: Channel; readonly inviter: User },
): Record<string, unknown> => ({
  token: state.verificationToken,
  team_id: state.team.id,
  api_app_id: state.app.id,
  type: 'event_callback',
  event_id: `Ev${state.ids.hex(10).toUpperCase()}`,
  event_time: Math.floor(state.clock.now() / 1_000),
  authorizations: [
    {
      enterprise_id: null,
      team_id: state.team.id,
      user_id: state.app.botUserId,
      is_bot: true,
      is_enterprise_install: false,
    },
  ],
  event: {
    type: 'member_joined_channel',
    user: state.app.botUserId,
    channel: channel.id,
    channel_type: channel.isPrivate === true ? 'G' : 'C',
    team: state.team.id,
    inviter: inviter.id,
    event_ts: (state.clock.now() / 1_000).toFixed(6),
  },
});
