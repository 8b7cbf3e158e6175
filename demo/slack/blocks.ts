import type { Ids } from './ids.ts';
import type { WireBlock } from './model.ts';

type Fields = Readonly<Record<string, unknown>>;

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Element types that carry an `action_id`. */
const INTERACTIVE =
  /^(?:button|workflow_button|overflow|checkboxes|radio_buttons|icon_button|feedback_buttons|(?:multi_)?(?:static|external|users|conversations|channels)_select|(?:date|time|datetime)picker|(?:plain|email|url)_text_input|number_input|rich_text_input|file_input)$/;

/**
 * Gives each block a `block_id` and each interactive element an `action_id` where the app gave none, as Slack does.
 * Slack does not keep the `block_id` of a markdown block, so one is made anew.
 */
export function withIds(blocks: readonly WireBlock[], ids: Ids): readonly WireBlock[] {
  return blocks.map((block) => ({ ...block, ...(blockFields(block, ids) as WireBlock) }));
}

function blockFields(block: Fields, ids: Ids): Fields {
  const kept = block['type'] === 'markdown' ? undefined : block['block_id'];
  const inner = Object.fromEntries(
    Object.entries(block).map(([key, value]) => [
      key,
      key === 'child_blocks' ? children(value, ids) : elements(value, ids),
    ]),
  );
  return { ...inner, block_id: kept ?? ids.hex(5) };
}

const children = (value: unknown, ids: Ids): unknown =>
  Array.isArray(value)
    ? value.map((child: unknown) => (isFields(child) ? blockFields(child, ids) : child))
    : value;

function elements(value: unknown, ids: Ids): unknown {
  if (Array.isArray(value)) return value.map((entry: unknown) => elements(entry, ids));
  if (!isFields(value)) return value;
  const inner = Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, elements(entry, ids)]));
  const needsId =
    typeof value['type'] === 'string' && INTERACTIVE.test(value['type']) && value['action_id'] === undefined;
  return needsId ? { ...inner, action_id: ids.hex(5) } : inner;
}

/** An interactive element, and its block. */
export interface LocatedElement {
  readonly blockId: string;
  readonly element: Fields;
}

/** Every interactive element of the blocks, in reading order. */
export function interactiveElements(blocks: readonly unknown[]): readonly LocatedElement[] {
  return blocks.filter(isFields).flatMap((block) => {
    const blockId = typeof block['block_id'] === 'string' ? block['block_id'] : '';
    const nested = Array.isArray(block['child_blocks']) ? interactiveElements(block['child_blocks']) : [];
    const own = Object.entries(block).flatMap(([key, value]) =>
      key === 'child_blocks' ? [] : within(value),
    );
    return [...own.map((element) => ({ blockId, element })), ...nested];
  });
}

function within(value: unknown): readonly Fields[] {
  if (Array.isArray(value)) return value.flatMap((entry: unknown) => within(entry));
  if (!isFields(value)) return [];
  if (typeof value['action_id'] === 'string') return [value];
  return Object.values(value).flatMap((entry) => within(entry));
}
