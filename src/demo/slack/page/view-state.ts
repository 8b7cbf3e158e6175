import type { OpenView } from '../model.ts';
import { record, records, stringOf, type Wire } from './wire.ts';

/** What the browser read from the controls of a modal: by block, then by action; a list where several may be chosen. */
export type FormValues = Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;

/** The input elements of a view with the block each stands in. */
function elementsOf(block: Wire): readonly Wire[] {
  switch (block['type']) {
    case 'input':
      return [record(block['element'])];
    case 'actions':
      return records(block['elements']);
    case 'section':
      return block['accessory'] === undefined ? [] : [record(block['accessory'])];
    default:
      return [];
  }
}

function allOptions(element: Wire): readonly Wire[] {
  return [
    ...records(element['options']),
    ...records(element['option_groups']).flatMap((group) => records(group['options'])),
  ];
}

function chosen(element: Wire, values: readonly string[]): readonly Wire[] {
  return allOptions(element).filter((option) => values.includes(stringOf(option['value'])));
}

type StateField = (element: Wire, values: readonly string[]) => Record<string, unknown>;

const single =
  (field: string): StateField =>
  (_, [value = '']) => ({ [field]: value === '' ? null : value });
const several =
  (field: string): StateField =>
  (_, values) => ({ [field]: values });
const oneOption: StateField = (element, values) => ({ selected_option: chosen(element, values)[0] ?? null });
const manyOptions: StateField = (element, values) => ({ selected_options: chosen(element, values) });

/** The field of `view.state.values` that each element type fills. Source: docs.slack.dev, "Block elements". */
const STATE: Readonly<Record<string, StateField>> = {
  plain_text_input: single('value'),
  email_text_input: single('value'),
  url_text_input: single('value'),
  number_input: single('value'),
  static_select: oneOption,
  radio_buttons: oneOption,
  multi_static_select: manyOptions,
  checkboxes: manyOptions,
  datepicker: single('selected_date'),
  timepicker: single('selected_time'),
  users_select: single('selected_user'),
  channels_select: single('selected_channel'),
  conversations_select: single('selected_conversation'),
  multi_users_select: several('selected_users'),
  multi_channels_select: several('selected_channels'),
  multi_conversations_select: several('selected_conversations'),
  datetimepicker: (_, [value = '']) => ({
    selected_date_time: value === '' ? null : Math.floor(Date.parse(`${value}Z`) / 1_000),
  }),
};

/**
 * The values of a submitted view in the wire form of `view.state.values`. Elements that hold no value are left out, and so is
 * everything that the browser sent but the view does not have.
 */
export function viewStateValues(open: OpenView, form: FormValues): Record<string, Record<string, unknown>> {
  const entries = records(open.view['blocks']).flatMap((block) => {
    const blockId = stringOf(block['block_id']);
    const fields = elementsOf(block).flatMap((element) => {
      const type = stringOf(element['type']);
      const state = STATE[type];
      const actionId = stringOf(element['action_id']);
      const raw = form[blockId]?.[actionId] ?? [];
      const values = typeof raw === 'string' ? [raw] : raw;
      return state === undefined ? [] : [[actionId, { type, ...state(element, values) }] as const];
    });
    return fields.length === 0 ? [] : [[blockId, Object.fromEntries(fields)] as const];
  });
  return Object.fromEntries(entries);
}
