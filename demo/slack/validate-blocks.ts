import { blocksOf } from './block-kit/blocks.ts';
import {
  below,
  boolean,
  type Check,
  type CheckContext,
  type Fields,
  isFields,
  list,
  object,
  type Place,
  type Problem,
  type Rule,
  refuse,
  refuseRepeats,
  string,
  tagged,
} from './block-kit/check.ts';
import { visibleLength } from './block-kit/length.ts';
import { plainText } from './block-kit/objects.ts';

export type { Problem } from './block-kit/check.ts';

/** Most blocks in a message; a modal and a home tab take 100. */
const MESSAGE_BLOCKS = 50;
const VIEW_BLOCKS = 100;
/** Most visible characters over all blocks of a message. Not documented: measured by others at 13,172 to 13,297 (bolt-js #2509). */
const MESSAGE_BLOCK_CHARACTERS = 13_200;
/** Most characters over all `markdown` blocks of a message. */
const MARKDOWN_CHARACTERS = 12_000;
/** Most `data_visualization` blocks in a message: not documented, found by trial (vercel/chat #696). */
const CHARTS = 2;
const VIEW_BYTES = 250_000;

/** Why a payload is refused: the name of Slack's error, and each rule that was broken. */
export interface Refusal {
  readonly error: string;
  readonly problems: readonly Problem[];
}

type Images = CheckContext['hasImage'];

/** Holds the blocks of a message to Slack's limits. Returns undefined when Slack would take them. */
export function validateMessageBlocks(blocks: unknown, hasImage: Images): Refusal | undefined {
  const place: Place = { pointer: '/blocks', problems: [], context: { surface: 'message', hasImage } };
  list(
    tagged(() => blocksOf.message),
    { min: 0, max: MESSAGE_BLOCKS },
  )(blocks, place);
  if (Array.isArray(blocks)) checkWhole(blocks.filter(isFields), place);
  if (place.problems.length > 0) return { error: 'invalid_blocks', problems: place.problems };
  if (visibleLength(blocks) > MESSAGE_BLOCK_CHARACTERS) return { error: 'msg_blocks_too_long', problems: [] };
  return undefined;
}

/** Holds a view to Slack's limits. Returns undefined when Slack would open it. */
export function validateView(view: unknown, hasImage: Images): Refusal | undefined {
  if (JSON.stringify(view ?? null).length > VIEW_BYTES) return { error: 'view_too_large', problems: [] };
  const surface = isFields(view) && view['type'] === 'home' ? 'home' : 'modal';
  const place: Place = { pointer: '/view', problems: [], context: { surface, hasImage } };
  tagged(() => views)(view, place);
  const blocks = isFields(view) ? view['blocks'] : undefined;
  if (Array.isArray(blocks)) checkWhole(blocks.filter(isFields), below(place, 'blocks'));
  return place.problems.length > 0 ? { error: 'invalid_arguments', problems: place.problems } : undefined;
}

const submitWithInputs: Rule = (fields, place) => {
  const blocks = Array.isArray(fields['blocks']) ? fields['blocks'] : [];
  const hasInput = blocks.some((block) => isFields(block) && block['type'] === 'input');
  if (hasInput && fields['submit'] === undefined)
    refuse(place, 'missing required field: submit', { type: 'required' });
};

const blocksIn = (surface: 'modal' | 'home'): Check =>
  list(
    tagged(() => blocksOf[surface]),
    { min: 0, max: VIEW_BLOCKS },
  );

const common: Record<string, Check> = {
  private_metadata: string({ min: 0, max: 3000 }),
  callback_id: string({ min: 0, max: 255 }),
  external_id: string({ min: 0, max: 255 }),
};

const views: Readonly<Record<string, Check>> = {
  modal: object({
    required: { type: string(), title: plainText(24), blocks: blocksIn('modal') },
    optional: {
      ...common,
      submit: plainText(24),
      close: plainText(24),
      clear_on_close: boolean,
      notify_on_close: boolean,
      submit_disabled: boolean,
    },
    rules: [submitWithInputs],
  }),
  home: object({ required: { type: string(), blocks: blocksIn('home') }, optional: common }),
};

/** Rules about the blocks together: identifiers that repeat, and block types that may stand only so often. */
function checkWhole(blocks: readonly Fields[], place: Place): void {
  const children = blocks.flatMap((block, index) => withChildren(block, below(place, index)));
  refuseRepeats(
    children.flatMap(({ block, at }) =>
      typeof block['block_id'] === 'string'
        ? [{ value: block['block_id'], place: below(at, 'block_id') }]
        : [],
    ),
    'block_id',
  );
  for (const { block, at } of children) refuseRepeats(actionIds(block, at), 'action_id');
  const count = (type: string): number => children.filter(({ block }) => block['type'] === type).length;
  if (count('table') > 1) refuse(place, 'only_one_table_allowed');
  if (count('data_visualization') > CHARTS)
    refuse(place, `no more than ${CHARTS} data_visualization blocks allowed`);
  const markdown = blocks.filter((block) => block['type'] === 'markdown');
  if (visibleLength(markdown) > MARKDOWN_CHARACTERS)
    refuse(place, `markdown blocks must be less than ${MARKDOWN_CHARACTERS + 1} characters together`);
}

interface Located {
  readonly block: Fields;
  readonly at: Place;
}

function withChildren(block: Fields, at: Place): readonly Located[] {
  const children = Array.isArray(block['child_blocks']) ? block['child_blocks'] : [];
  const nested = children.flatMap((child, index): Located[] =>
    isFields(child) ? [{ block: child, at: below(below(at, 'child_blocks'), index) }] : [],
  );
  return [{ block, at }, ...nested];
}

/** Every `action_id` inside a block, those of its child blocks left out: a child block is a scope of its own. */
function actionIds(value: unknown, place: Place): { value: string; place: Place }[] {
  if (Array.isArray(value)) return value.flatMap((entry, index) => actionIds(entry, below(place, index)));
  if (!isFields(value)) return [];
  return Object.entries(value).flatMap(([key, entry]) => {
    if (key === 'child_blocks') return [];
    if (key === 'action_id' && typeof entry === 'string') return [{ value: entry, place: below(place, key) }];
    return actionIds(entry, below(place, key));
  });
}

/** A problem as Slack words it in `response_metadata.messages`. */
export const toMessage = ({ message, pointer }: Problem): string =>
  `[ERROR] ${message} [json-pointer:${pointer}]`;
