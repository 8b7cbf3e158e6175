import { dataVisualization } from './charts.ts';
import {
  atLeastOne,
  boolean,
  type Check,
  exactlyOne,
  list,
  number,
  object,
  type Rule,
  string,
  tagged,
} from './check.ts';
import {
  accessories,
  actionsElements,
  button,
  contextActionsElements,
  contextElements,
  inputElements,
} from './elements.ts';
import { image, imageSource, markdownText, plainText, text } from './objects.ts';
import { richTextBlock } from './rich-text.ts';
import { dataTable, table } from './tables.ts';

/** Every block type and its limits: docs.slack.dev/reference/block-kit/blocks and @slack/types 3.2. */

const type = string();
const blockId = string({ max: 255 });

const block = (
  required: Record<string, Check>,
  optional: Record<string, Check> = {},
  rules: readonly Rule[] = [],
): Check => object({ required: { type, ...required }, optional: { block_id: blockId, ...optional }, rules });

const imageTable = { image };
const picture = tagged(() => imageTable);
const richTextTable = { rich_text: richTextBlock };
const richText = tagged(() => richTextTable);

const section = block(
  {},
  {
    text: text(3000),
    fields: list(text(2000), { max: 10 }),
    accessory: tagged(() => accessories),
    expand: boolean,
  },
  [atLeastOne('text', 'fields')],
);

const input = block(
  { label: plainText(2000), element: tagged(() => inputElements) },
  { hint: plainText(2000), optional: boolean, dispatch_action: boolean },
);

const imageBlock = block({ alt_text: string({ max: 2000 }) }, { ...imageSource, title: plainText(2000) }, [
  exactlyOne('image_url', 'slack_file'),
]);

const video = block(
  {
    video_url: string({ pattern: /^https:\/\// }),
    thumbnail_url: string({ pattern: /^https:\/\// }),
    alt_text: string({ max: 2000 }),
    title: plainText(199),
  },
  {
    title_url: string({ pattern: /^https:\/\// }),
    author_name: string({ max: 49 }),
    provider_name: string(),
    provider_icon_url: string(),
    description: plainText(199),
  },
);

const buttonTable = { button };
const card = block(
  {},
  {
    hero_image: picture,
    icon: picture,
    slack_icon: () => undefined,
    title: markdownText(150),
    subtitle: markdownText(150),
    subtext: markdownText(150),
    body: markdownText(200),
    actions: list(
      tagged(() => buttonTable),
      { max: 3 },
    ),
  },
  [atLeastOne('hero_image', 'title', 'actions', 'body')],
);
const cardTable = { card };

const taskCard = block(
  {
    task_id: string(),
    title: string(),
    status: string({ oneOf: ['pending', 'in_progress', 'complete', 'error'] }),
  },
  {
    details: richText,
    output: richText,
    sources: list(object({ required: { type, url: string({ max: 3000 }), text: string() } }), { min: 0 }),
  },
);
const taskTable = { task_card: taskCard };

/** What a container may hold, as documented; it takes no container, chart or data table. */
const containerChildren = (): Readonly<Record<string, Check>> => ({
  actions: simple['actions'] as Check,
  context: simple['context'] as Check,
  divider: simple['divider'] as Check,
  file: simple['file'] as Check,
  header: simple['header'] as Check,
  image: imageBlock,
  input,
  rich_text: richTextBlock,
  section,
  table,
  video,
});

const container = block(
  { child_blocks: list(tagged(containerChildren), { max: 10 }) },
  {
    title: plainText(150),
    rich_text_title: richText,
    subtitle: text(150),
    width: string({ oneOf: ['narrow', 'standard', 'wide', 'full'] }),
    icon: picture,
    is_collapsible: boolean,
    default_collapsed: boolean,
    has_header_divider: boolean,
  },
  [atLeastOne('title', 'rich_text_title')],
);

const simple: Readonly<Record<string, Check>> = {
  actions: block({
    elements: list(
      tagged(() => actionsElements),
      { max: 25 },
    ),
  }),
  context: block({
    elements: list(
      tagged(() => contextElements),
      { max: 10 },
    ),
  }),
  context_actions: block({
    elements: list(
      tagged(() => contextActionsElements),
      { max: 5 },
    ),
  }),
  divider: block({}),
  file: block({ source: string({ oneOf: ['remote'] }), external_id: string() }),
  header: block({ text: plainText(150) }, { level: number({ min: 1, max: 6, integer: true }) }),
  markdown: block({ text: string({ max: 12_000 }) }),
  alert: block(
    { text: text(200) },
    { level: string({ oneOf: ['default', 'info', 'warning', 'error', 'success'] }) },
  ),
  plan: block(
    { title: string() },
    {
      tasks: list(
        tagged(() => taskTable),
        { min: 0, max: 50 },
      ),
    },
  ),
};

const everywhere: Readonly<Record<string, Check>> = {
  actions: simple['actions'] as Check,
  context: simple['context'] as Check,
  divider: simple['divider'] as Check,
  header: simple['header'] as Check,
  image: imageBlock,
  input,
  rich_text: richTextBlock,
  section,
  video,
  card,
};

const notInModals: Readonly<Record<string, Check>> = {
  data_visualization: dataVisualization,
  data_table: dataTable,
  table,
  container,
  carousel: block({
    elements: list(
      tagged(() => cardTable),
      { max: 10 },
    ),
  }),
};

const messagesOnly: Readonly<Record<string, Check>> = {
  markdown: simple['markdown'] as Check,
  task_card: taskCard,
  plan: simple['plan'] as Check,
  context_actions: simple['context_actions'] as Check,
  file: simple['file'] as Check,
};

/** The block types that each surface takes. `alert` is for modals only. */
export const blocksOf = {
  message: { ...everywhere, ...notInModals, ...messagesOnly },
  home: { ...everywhere, ...notInModals },
  modal: { ...everywhere, alert: simple['alert'] as Check },
} as const;
