import type { ReactNode } from 'react';
import type { RenderContext } from '../context.ts';
import { PlainText, TextObject } from '../text/text-view.tsx';
import { plainTextOf, record, records, stringOf, textOf, type Wire } from '../wire.ts';

/** Whether a control acts at once (in a message) or waits for its modal to be submitted. */
export type ControlRole = 'action' | 'input';

/** One interactive element and its position. */
export interface ControlProps {
  readonly element: Wire;
  readonly blockId: string;
  readonly role: ControlRole;
  /** Name for assistive technology where the layout shows no label of its own. */
  readonly label?: string;
  readonly context: RenderContext;
}

interface Option {
  readonly value: string;
  readonly label: string;
}

interface OptionGroup {
  readonly label?: string;
  readonly options: readonly Option[];
}

const option = (wire: Wire): Option => ({ value: stringOf(wire['value']), label: plainTextOf(wire['text']) });

/** The options of any select: written out in the block, or the people or channels of the workspace. */
function optionGroups(element: Wire, context: RenderContext): readonly OptionGroup[] {
  const type = stringOf(element['type']).replace(/^multi_/, '');
  if (type === 'users_select') {
    return [{ options: [...context.users.values()].map((user) => ({ value: user.id, label: user.name })) }];
  }
  if (type === 'channels_select' || type === 'conversations_select') {
    const open = [...context.channels.values()].filter((channel) => !channel.isArchived);
    return [{ options: open.map((channel) => ({ value: channel.id, label: `#${channel.name}` })) }];
  }
  if (!Array.isArray(element['option_groups'])) return [{ options: records(element['options']).map(option) }];
  return records(element['option_groups']).map((group) => ({
    label: plainTextOf(group['label']),
    options: records(group['options']).map(option),
  }));
}

/** The values chosen before anybody touched the element. */
function initialValues(element: Wire): readonly string[] {
  const single =
    textOf(element['initial_user']) ??
    textOf(element['initial_channel']) ??
    textOf(element['initial_conversation']);
  if (single !== undefined) return [single];
  const chosen = record(element['initial_option'])['value'];
  return typeof chosen === 'string'
    ? [chosen]
    : records(element['initial_options']).map((o) => option(o).value);
}

/** The attributes by which the browser script and tests find a control. */
export function controlAttributes({
  element,
  blockId,
  role,
}: Omit<ControlProps, 'context' | 'label'>): Record<string, string> {
  const confirm = record(element['confirm']);
  return {
    'data-role': role,
    'data-action-type': stringOf(element['type']),
    'data-action-id': stringOf(element['action_id']),
    'data-block-id': blockId,
    ...(Object.keys(confirm).length === 0 ? {} : { 'data-confirm': JSON.stringify(confirmTexts(confirm)) }),
  };
}

function confirmTexts(confirm: Wire): Record<string, string> {
  return {
    title: plainTextOf(confirm['title']),
    text: plainTextOf(confirm['text']),
    confirm: plainTextOf(confirm['confirm']) || 'Yes',
    deny: plainTextOf(confirm['deny']) || 'Cancel',
    style: stringOf(confirm['style']),
  };
}

function Options({ groups }: { groups: readonly OptionGroup[] }): ReactNode {
  return groups.map((group, index) => {
    const options = group.options.map(({ value, label }) => (
      <option key={value} value={value}>
        {label}
      </option>
    ));
    return group.label === undefined ? (
      options
    ) : (
      <optgroup key={index} label={group.label}>
        {options}
      </optgroup>
    );
  });
}

/** Every kind of select menu, as the browser's own control. */
export function SelectMenu(props: ControlProps): ReactNode {
  const { element, context } = props;
  const placeholder = plainTextOf(element['placeholder']) || 'Choose…';
  const multiple = stringOf(element['type']).startsWith('multi_');
  const initial = initialValues(element);
  return (
    <select
      className="select"
      {...controlAttributes(props)}
      aria-label={props.label ?? placeholder}
      multiple={multiple}
      defaultValue={multiple ? [...initial] : (initial[0] ?? '')}
    >
      {multiple ? null : <option value="">{placeholder}</option>}
      <Options groups={optionGroups(element, context)} />
    </select>
  );
}

/** Radio buttons and checkboxes. `name` keeps the radio buttons of one element together. */
export function ChoiceList(props: ControlProps & { readonly name: string }): ReactNode {
  const { element, context, name } = props;
  const type = element['type'] === 'checkboxes' ? 'checkbox' : 'radio';
  const initial = initialValues(element);
  return (
    <fieldset className="choices" {...controlAttributes(props)}>
      <legend className="visually-hidden">{props.label ?? 'Options'}</legend>
      {records(element['options']).map((wire) => {
        const { value } = option(wire);
        return (
          <label key={value} className="choice">
            <input type={type} name={name} value={value} defaultChecked={initial.includes(value)} />
            <span>
              <TextObject value={wire['text']} context={context} />
              {wire['description'] === undefined ? null : (
                <small>
                  <PlainText text={plainTextOf(wire['description'])} />
                </small>
              )}
            </span>
          </label>
        );
      })}
    </fieldset>
  );
}

/** The "⋯" menu: a disclosure with one button per option. */
export function OverflowMenu(props: ControlProps): ReactNode {
  const attributes = controlAttributes(props);
  return (
    <details className="overflow" data-role="overflow">
      <summary aria-label="More actions">⋯</summary>
      <div className="overflow-menu">
        {records(props.element['options']).map((wire) => (
          <button key={option(wire).value} type="button" {...attributes} data-value={option(wire).value}>
            <PlainText text={option(wire).label} />
          </button>
        ))}
      </div>
    </details>
  );
}
