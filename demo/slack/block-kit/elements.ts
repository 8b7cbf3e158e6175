import { boolean, type Check, exactlyOne, list, number, object, string } from './check.ts';
import { confirm, image, option, optionGroup, plainText, text } from './objects.ts';
import { richTextBlock } from './rich-text.ts';

/** Interactive elements of Block Kit: docs.slack.dev/reference/block-kit/block-elements, limits as in @slack/types. */

const type = string();
const actionId = string({ max: 255 });
const base = { type, action_id: actionId };
const focus = { focus_on_load: boolean };
const placeholder = { placeholder: plainText(150) };
const style = string({ oneOf: ['primary', 'danger'] });
const label = string({ max: 75 });

const element = (required: Record<string, Check>, optional: Record<string, Check>): Check =>
  object({ required: { type, ...required }, optional: { action_id: actionId, ...optional } });

export const button: Check = element(
  { text: plainText(75) },
  {
    value: string({ max: 2000 }),
    url: string({ max: 3000 }),
    style,
    confirm,
    accessibility_label: label,
    agent_prompt: string(),
    agent_prompt_display: string(),
  },
);

const workflowButton = element(
  { text: plainText(75), workflow: object({ required: { trigger: () => undefined } }) },
  { style, accessibility_label: label },
);

const plainOption = option({ plain: true });
const choice = { confirm, ...focus, ...placeholder };

/** Options given once, either flat or in groups. */
const withOptions = (initial: Record<string, Check>): Check =>
  object({
    required: { type },
    optional: {
      action_id: actionId,
      options: list(plainOption, { max: 100 }),
      option_groups: list(optionGroup, { max: 100 }),
      ...choice,
      ...initial,
    },
    rules: [exactlyOne('options', 'option_groups')],
  });

const filter = object({
  optional: {
    include: list(string({ oneOf: ['im', 'mpim', 'private', 'public'] })),
    exclude_external_shared_channels: boolean,
    exclude_bot_users: boolean,
  },
});
const conversationChoice = { ...choice, default_to_current_conversation: boolean, filter };
const responseUrl = { response_url_enabled: boolean };
const several = { max_selected_items: number({ min: 1, integer: true }) };
const id = string();
const queryLength = { min_query_length: number({ min: 0, integer: true }) };

/** Menus in which one thing is chosen. */
const selects: Readonly<Record<string, Check>> = {
  static_select: withOptions({ initial_option: plainOption }),
  external_select: element({}, { ...choice, ...queryLength, initial_option: plainOption }),
  users_select: element({}, { ...choice, initial_user: id }),
  conversations_select: element({}, { ...conversationChoice, ...responseUrl, initial_conversation: id }),
  channels_select: element({}, { ...choice, ...responseUrl, initial_channel: id }),
};

/** Menus in which several things are chosen. Slack refuses them inside an `actions` block. */
const multiSelects: Readonly<Record<string, Check>> = {
  multi_static_select: withOptions({ initial_options: list(plainOption, { max: 100 }), ...several }),
  multi_external_select: element(
    {},
    { ...choice, ...queryLength, ...several, initial_options: list(plainOption) },
  ),
  multi_users_select: element({}, { ...choice, ...several, initial_users: list(id) }),
  multi_conversations_select: element(
    {},
    { ...conversationChoice, ...several, initial_conversations: list(id) },
  ),
  multi_channels_select: element({}, { ...choice, ...several, initial_channels: list(id) }),
};

const anyOption = option({ plain: false });

/** Elements that stand in `actions`, beside a section, and in an input. */
const pickers: Readonly<Record<string, Check>> = {
  checkboxes: element(
    { options: list(anyOption, { max: 10 }) },
    { initial_options: list(anyOption, { max: 10 }), confirm, ...focus },
  ),
  radio_buttons: element(
    { options: list(anyOption, { max: 10 }) },
    { initial_option: anyOption, confirm, ...focus },
  ),
  datepicker: element({}, { ...choice, initial_date: string({ pattern: /^\d{4}-\d{2}-\d{2}$/ }) }),
  timepicker: element(
    {},
    { ...choice, initial_time: string({ pattern: /^\d{2}:\d{2}$/ }), timezone: string() },
  ),
};

const dateTimePicker = element({}, { confirm, ...focus, initial_date_time: number({ integer: true }) });

const overflow: Check = element(
  { options: list(option({ plain: true, url: true }), { max: 5 }) },
  { confirm },
);

const dispatch = {
  dispatch_action_config: object({
    optional: { trigger_actions_on: list(string({ oneOf: ['on_enter_pressed', 'on_character_entered'] })) },
  }),
};
const typed = { ...focus, ...placeholder, ...dispatch };
const length = number({ min: 0, max: 3000, integer: true });

const richTextInput = element(
  {},
  {
    ...typed,
    initial_value: richTextBlock,
    min_lines: number({ min: 1, max: 100, integer: true }),
    max_lines: number({ min: 1, max: 100, integer: true }),
  },
);

const typedInputs: Readonly<Record<string, Check>> = {
  plain_text_input: element(
    {},
    {
      ...typed,
      initial_value: string({ min: 0, max: 3000 }),
      multiline: boolean,
      min_length: length,
      max_length: length,
    },
  ),
  email_text_input: element({}, { ...typed, initial_value: string({ min: 0 }) }),
  url_text_input: element({}, { ...typed, initial_value: string({ min: 0 }) }),
  number_input: element(
    { is_decimal_allowed: boolean },
    { ...typed, initial_value: string(), min_value: string(), max_value: string() },
  ),
  rich_text_input: richTextInput,
};

const fileInput = element(
  {},
  { filetypes: list(string()), max_files: number({ min: 1, max: 10, integer: true }) },
);

export const actionsElements: Readonly<Record<string, Check>> = {
  button,
  workflow_button: workflowButton,
  overflow,
  ...selects,
  ...pickers,
  datetimepicker: dateTimePicker,
  rich_text_input: richTextInput,
};

export const accessories: Readonly<Record<string, Check>> = {
  button,
  workflow_button: workflowButton,
  overflow,
  image,
  ...selects,
  ...multiSelects,
  ...pickers,
};

export const inputElements: Readonly<Record<string, Check>> = {
  ...selects,
  ...multiSelects,
  ...pickers,
  ...typedInputs,
  datetimepicker: dateTimePicker,
  file_input: fileInput,
};

const feedbackButton = object({
  required: { text: plainText(75), value: string({ max: 2000 }) },
  optional: { accessibility_label: label },
});

export const contextActionsElements: Readonly<Record<string, Check>> = {
  feedback_buttons: element({ positive_button: feedbackButton, negative_button: feedbackButton }, {}),
  icon_button: object({
    required: { type, icon: string(), text: plainText(75) },
    optional: {
      ...base,
      confirm,
      accessibility_label: label,
      value: string({ max: 2000 }),
      visible_to_user_ids: list(id),
    },
  }),
};

/** A text object or a picture: what a `context` block holds. */
export const contextElements: Readonly<Record<string, Check>> = { plain_text: text(), mrkdwn: text(), image };
