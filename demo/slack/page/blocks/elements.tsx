import type { ReactNode } from 'react';
import type { RenderContext } from '../context.ts';
import { PlainText, TextObject } from '../text/text-view.tsx';
import { plainTextOf, safeHref, safeImage, stringOf, textOf, type Wire } from '../wire.ts';
import { ChoiceList, type ControlProps, controlAttributes, OverflowMenu, SelectMenu } from './choices.tsx';

function Button(props: ControlProps): ReactNode {
  const { element } = props;
  const style =
    element['style'] === 'primary' || element['style'] === 'danger' ? ` button-${element['style']}` : '';
  const shared = {
    className: `button${style}`,
    ...controlAttributes(props),
    'aria-label': textOf(element['accessibility_label']),
  };
  const text = <PlainText text={plainTextOf(element['text'])} />;
  const href = safeHref(element['url']);
  if (href === undefined) {
    return (
      <button type="button" {...shared} data-value={stringOf(element['value'])}>
        {text}
      </button>
    );
  }
  return (
    <a {...shared} href={href} target="_blank" rel="noopener noreferrer">
      {text}
    </a>
  );
}

/** A picture inside a text or as an accessory. */
export function ImageElement({ element }: { element: Wire }): ReactNode {
  const source = safeImage(element['image_url']);
  const alt = stringOf(element['alt_text']);
  return source === undefined ? (
    <span className="muted">{alt}</span>
  ) : (
    <img className="image-element" src={source} alt={alt} />
  );
}

const FIELDS: Readonly<Record<string, { readonly type: string; readonly initial: string }>> = {
  datepicker: { type: 'date', initial: 'initial_date' },
  timepicker: { type: 'time', initial: 'initial_time' },
  plain_text_input: { type: 'text', initial: 'initial_value' },
  email_text_input: { type: 'email', initial: 'initial_value' },
  url_text_input: { type: 'url', initial: 'initial_value' },
  number_input: { type: 'number', initial: 'initial_value' },
  datetimepicker: { type: 'datetime-local', initial: '' },
};

function Field(props: ControlProps & { readonly required?: boolean }): ReactNode {
  const { element, label } = props;
  const field = FIELDS[stringOf(element['type'])] ?? { type: 'text', initial: 'initial_value' };
  const shared = {
    className: 'field',
    ...controlAttributes(props),
    'aria-label': label ?? (plainTextOf(element['placeholder']) || field.type),
    placeholder: plainTextOf(element['placeholder']),
    defaultValue: stringOf(element[field.initial]),
    autoFocus: element['focus_on_load'] === true,
    ...(typeof element['max_length'] === 'number' ? { maxLength: element['max_length'] } : {}),
  };
  if (element['multiline'] === true) return <textarea {...shared} rows={4} />;
  return (
    <input {...shared} type={field.type} step={element['is_decimal_allowed'] === true ? 'any' : undefined} />
  );
}

function Choices(props: ControlProps): ReactNode {
  return <ChoiceList {...props} name={`${props.blockId}:${stringOf(props.element['action_id'])}`} />;
}

/** Elements that hold a value or send one. Everything that ends in `_select` is a menu. */
function controlFor(type: string): ((props: ControlProps) => ReactNode) | undefined {
  if (type === 'button' || type === 'workflow_button') return Button;
  if (type === 'overflow') return OverflowMenu;
  if (type === 'radio_buttons' || type === 'checkboxes') return Choices;
  if (type.endsWith('_select') && !type.endsWith('external_select')) return SelectMenu;
  return Object.hasOwn(FIELDS, type) ? Field : undefined;
}

interface ElementProps {
  readonly element: Wire;
  readonly blockId: string;
  readonly role?: ControlProps['role'];
  readonly label?: string;
  readonly context: RenderContext;
}

/** One element of an `actions`, `context`, `input` or `section` block. An unknown type shows its name, never nothing. */
export function ElementView({ element, blockId, role = 'action', label, context }: ElementProps): ReactNode {
  const type = stringOf(element['type']);
  if (type === 'mrkdwn' || type === 'plain_text') return <TextObject value={element} context={context} />;
  if (type === 'image') return <ImageElement element={element} />;
  const Control = controlFor(type);
  if (Control === undefined) return <span className="unsupported">[{type || 'element without a type'}]</span>;
  return (
    <Control
      element={element}
      blockId={blockId}
      role={role}
      context={context}
      {...(label === undefined ? {} : { label })}
    />
  );
}
