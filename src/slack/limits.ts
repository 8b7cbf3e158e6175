/**
 * Slack's limits for one message, from docs.slack.dev, `@slack/types` 3.2 and what others measured; where the sources
 * differ, the lower number. Written apart from any stand-in for Slack, so that neither can hide the other's mistakes.
 */
const BLOCKS = 50;
/** `chat.update` refuses more with `msg_too_long`; `chat.postMessage` takes more but shows no more. */
const TEXT = 4_000;
/** `msg_blocks_too_long` sets in at about 13,200 characters over all blocks (bolt-js #2509); this keeps clear of it. */
const MESSAGE_CHARACTERS = 12_000;
const CHARTS = 2;

/** Everything Slack would refuse in a message, each as `place: what is wrong`; empty when it would take it. */
export function violations(message: {
  readonly text: string;
  readonly blocks: readonly unknown[];
}): readonly string[] {
  const found = [...length('text', message.text, { max: TEXT })];
  const blocks = message.blocks.filter(isFields);
  if (blocks.length !== message.blocks.length) found.push('blocks: must all be objects');
  if (blocks.length > BLOCKS) found.push(`blocks: ${blocks.length}, at most ${BLOCKS}`);
  blocks.forEach((block, index) => found.push(...blockViolations(`blocks/${index}`, block)));
  return [...found, ...together(blocks)];
}

/** Rules about the blocks of a message together. */
function together(blocks: readonly Fields[]): readonly string[] {
  const found: string[] = [];
  const count = (type: string): number => blocks.filter((block) => block['type'] === type).length;
  if (count('table') > 1) found.push('blocks: more than one table');
  if (count('data_visualization') > CHARTS) found.push(`blocks: more than ${CHARTS} charts`);
  const ids = blocks.map((block) => block['block_id']).filter((id) => id !== undefined);
  if (new Set(ids).size !== ids.length) found.push('blocks: block_id repeats');
  const characters = blocks.reduce((sum, block) => sum + textLength(block), 0);
  if (characters > MESSAGE_CHARACTERS)
    found.push(`blocks: ${characters} characters together, at most ${MESSAGE_CHARACTERS}`);
  return found;
}

/** Slack names no number for metadata; a message with more than this is refused by some workspaces (`metadata_too_large`). */
const METADATA_BYTES = 2_000;

/** Whether metadata is small enough and flat: values may be strings, numbers and booleans. */
export function metadataViolations(payload: Readonly<Record<string, unknown>>): readonly string[] {
  const bytes = new TextEncoder().encode(JSON.stringify(payload)).length;
  const nested = Object.entries(payload).filter(([, value]) => typeof value === 'object');
  return [
    ...(bytes > METADATA_BYTES ? [`metadata: ${bytes} bytes, at most ${METADATA_BYTES}`] : []),
    ...nested.map(([name]) => `metadata/${name}: must be a string, a number or a boolean`),
  ];
}

type Check = (place: string, block: Fields) => readonly string[];

const optional = (value: unknown, check: (value: unknown) => readonly string[]): readonly string[] =>
  value === undefined ? [] : check(value);

const section: Check = (place, { text, fields, accessory }) => [
  ...(text === undefined && fields === undefined ? [`${place}: neither text nor fields`] : []),
  ...optional(text, (value) => textObject(`${place}/text`, value, { max: 3_000 })),
  ...optional(fields, (value) =>
    members(`${place}/fields`, value, {
      max: 10,
      each: (at, field) => textObject(at, field, { max: 2_000 }),
    }),
  ),
  ...optional(accessory, (value) => (isFields(value) ? element(`${place}/accessory`, value) : [])),
];

const element: Check = (place, value) => {
  const check = elements[String(value['type'])];
  return check === undefined
    ? [`${place}: element of type ${String(value['type'])}`]
    : [...check(place, value), ...length(`${place}/action_id`, value['action_id'], { max: 255 })];
};

const button: Check = (place, { text, value, url }) => [
  ...textObject(`${place}/text`, text, { max: 75, plain: true }),
  ...optional(value, (it) => length(`${place}/value`, it, { max: 2_000 })),
  ...optional(url, (it) => [
    ...length(`${place}/url`, it, { max: 3_000 }),
    ...(/^https?:\/\//u.test(String(it)) ? [] : [`${place}/url: no http address`]),
  ]),
];

const select: Check = (place, { placeholder, options }) => [
  ...optional(placeholder, (it) => textObject(`${place}/placeholder`, it, { max: 150, plain: true })),
  ...members(`${place}/options`, options, {
    max: 100,
    each: (at, { text, value }) => [
      ...textObject(`${at}/text`, text, { max: 75, plain: true }),
      ...length(`${at}/value`, value, { max: 75 }),
    ],
  }),
];

const elements: Readonly<Record<string, Check>> = { button, static_select: select };

const actions: Check = (place, block) => {
  const ids = Array.isArray(block['elements'])
    ? block['elements'].filter(isFields).map((each) => each['action_id'])
    : [];
  return [
    ...members(`${place}/elements`, block['elements'], { max: 25, each: element }),
    ...(new Set(ids).size === ids.length ? [] : [`${place}: action_id repeats`]),
  ];
};

const run: Check = (place, value) => {
  switch (value['type']) {
    case 'text':
      return length(`${place}/text`, value['text']);
    case 'link':
      return [
        ...length(`${place}/url`, value['url'], { max: 3_000 }),
        ...optional(value['text'], (it) => length(`${place}/text`, it)),
      ];
    case 'date':
      return [
        ...(Number.isSafeInteger(value['timestamp']) ? [] : [`${place}/timestamp: no whole number`]),
        ...length(`${place}/format`, value['format']),
      ];
    default:
      return [`${place}: run of type ${String(value['type'])}`];
  }
};

const richText: Check = (place, { elements: parts }) =>
  members(`${place}/elements`, parts, {
    max: 100,
    each: (at, part) =>
      part['type'] === 'rich_text_section'
        ? members(`${at}/elements`, part['elements'], { max: 1_000, each: run })
        : [`${at}: part of type ${String(part['type'])}`],
  });

const tableCell: Check = (place, value) => {
  if (value['type'] === 'raw_text') return length(`${place}/text`, value['text']);
  return value['type'] === 'rich_text'
    ? richText(place, value)
    : [`${place}: cell of type ${String(value['type'])}`];
};

const COLUMNS = 20;
const TABLE_CHARACTERS = 10_000;

const table: Check = (place, block) => {
  const rows: readonly unknown[] = Array.isArray(block['rows']) ? block['rows'] : [];
  const widths = new Set(rows.map((row) => (Array.isArray(row) ? row.length : -1)));
  const used = textLength(rows);
  return [
    ...(rows.length < 1 || rows.length > 100 ? [`${place}/rows: ${rows.length} rows, 1 to 100 allowed`] : []),
    ...(widths.size > 1 ? [`${place}/rows: of different length`] : []),
    ...rows.flatMap((row, index) =>
      members(`${place}/rows/${index}`, row, { max: COLUMNS, each: tableCell }),
    ),
    ...(used > TABLE_CHARACTERS ? [`${place}: ${used} characters, at most ${TABLE_CHARACTERS}`] : []),
    ...optional(block['column_settings'], (it) =>
      members(`${place}/column_settings`, it, { min: 0, max: COLUMNS, each: () => [] }),
    ),
  ];
};

const series: Check = (place, { name, data }) => [
  ...length(`${place}/name`, name, { max: 20 }),
  ...members(`${place}/data`, data, {
    max: 20,
    each: (at, { label, value }) => [
      ...length(`${at}/label`, label, { max: 20 }),
      ...(Number.isFinite(value) ? [] : [`${at}/value: no number`]),
    ],
  }),
];

const list = (value: unknown): readonly Fields[] => (Array.isArray(value) ? value.filter(isFields) : []);

const chart: Check = (place, { title, chart: drawn }) => {
  if (!isFields(drawn) || !isFields(drawn['axis_config']))
    return [`${place}/chart: must have series and axes`];
  const { categories, x_label: xLabel, y_label: yLabel } = drawn['axis_config'];
  const names = list(drawn['series']).map((each) => each['name']);
  const wanted = JSON.stringify(categories);
  const fits = list(drawn['series']).every(
    (each) => JSON.stringify(list(each['data']).map(({ label }) => label)) === wanted,
  );
  const labels: readonly unknown[] = Array.isArray(categories) ? categories : [];
  return [
    ...length(`${place}/title`, title, { max: 50 }),
    ...members(`${place}/chart/series`, drawn['series'], { max: 6, each: series }),
    ...(new Set(names).size === names.length ? [] : [`${place}: series name repeats`]),
    ...(new Set(labels).size === labels.length ? [] : [`${place}: category repeats`]),
    ...(fits ? [] : [`${place}: a series has not one point per category`]),
    ...optional(xLabel, (it) => length(`${place}/x_label`, it, { max: 50 })),
    ...optional(yLabel, (it) => length(`${place}/y_label`, it, { max: 50 })),
  ];
};

/** An uploaded picture; the bot links to no picture elsewhere. */
const image: Check = (place, { alt_text: altText, slack_file: file, title }) => [
  ...length(`${place}/alt_text`, altText, { max: 2_000 }),
  ...(isFields(file)
    ? length(`${place}/slack_file/id`, file['id'], { max: 255 })
    : [`${place}/slack_file: missing`]),
  ...optional(title, (it) => textObject(`${place}/title`, it, { max: 2_000, plain: true })),
];

const blocks: Readonly<Record<string, Check>> = {
  header: (place, { text }) => textObject(`${place}/text`, text, { max: 150, plain: true }),
  section,
  context: (place, block) =>
    members(`${place}/elements`, block['elements'], {
      max: 10,
      each: (at, each) => textObject(at, each, { max: 3_000 }),
    }),
  actions,
  divider: () => [],
  rich_text: richText,
  table,
  image,
  data_visualization: chart,
};

/** What Slack would refuse in one block. A kind that the bot does not build is refused too. */
function blockViolations(place: string, block: Fields): readonly string[] {
  const check = blocks[String(block['type'])];
  if (check === undefined) return [`${place}: block of type ${String(block['type'])}`];
  return [
    ...check(place, block),
    ...optional(block['block_id'], (it) => length(`${place}/block_id`, it, { max: 255 })),
  ];
}

export type Fields = Readonly<Record<string, unknown>>;

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Values a reader does not see: they do not count towards the length of a message. */
const UNSEEN = new Set(['type', 'block_id', 'action_id', 'url', 'value', 'style', 'align', 'format']);

/** Characters of all the text in a value, in UTF-16 units. A number in a chart is drawn, not written. */
function textLength(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (Array.isArray(value)) return value.reduce<number>((sum, each) => sum + textLength(each), 0);
  if (!isFields(value)) return 0;
  return Object.entries(value)
    .filter(([name]) => !UNSEEN.has(name))
    .reduce((sum, [, each]) => sum + textLength(each), 0);
}

/** A string of `min` (1 unless notified) to `max` UTF-16 units. */
function length(
  place: string,
  value: unknown,
  { min = 1, max = Number.POSITIVE_INFINITY }: { min?: number; max?: number } = {},
): readonly string[] {
  if (typeof value !== 'string') return [`${place}: must be a string`];
  if (value.length < min) return [`${place}: must not be empty`];
  if (value.length > max) return [`${place}: ${value.length} characters, at most ${max}`];
  return /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/u.test(value)
    ? [`${place}: half a character`]
    : [];
}

/** A list of `min` (1 unless notified) to `max` members, each checked by `each`. */
function members(
  place: string,
  value: unknown,
  rule: { min?: number; max: number; each: (place: string, member: Fields) => readonly string[] },
): readonly string[] {
  if (!Array.isArray(value)) return [`${place}: must be a list`];
  const { min = 1, max, each } = rule;
  const found = value.flatMap((member: unknown, index) =>
    isFields(member) ? each(`${place}/${index}`, member) : [`${place}/${index}: must be an object`],
  );
  if (value.length < min || value.length > max)
    return [...found, `${place}: ${value.length} members, ${min} to ${max} allowed`];
  return found;
}

/** Something to do to a text that Slack would read as more than text. */
const MARKUP =
  /<(?!(?:https?:\/\/[^\s<>|]+\|[^<>|\n]*|!date\^\d+\^[^<>|^]+\|[^<>|]+|@[UW][A-Z0-9]+|#[CG][A-Z0-9]+|!subteam\^S[A-Z0-9]+)>)/u;

/** A text object within `max` characters; in mrkdwn only links, dates, channels, persons and user groups by id may stand. */
function textObject(
  place: string,
  value: unknown,
  { max, plain = false }: { max: number; plain?: boolean },
): readonly string[] {
  if (!isFields(value)) return [`${place}: must be a text object`];
  const { type, text } = value;
  if (type !== 'plain_text' && (plain || type !== 'mrkdwn'))
    return [`${place}: text of type ${String(type)}`];
  const found = length(`${place}/text`, text, { max });
  if (found.length > 0 || typeof text !== 'string') return found;
  if (type === 'mrkdwn' && MARKUP.test(text)) return [`${place}/text: markup that is no link and no date`];
  return /<[!@#]/u.test(text) && type === 'plain_text' ? [`${place}/text: looks like a mention`] : [];
}
