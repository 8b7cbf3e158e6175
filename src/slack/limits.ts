import type { Rendered } from './blocks/block-kit.ts';
import { truncate } from './blocks/mrkdwn.ts';

/*
 * Slack's limits for one message. Sources: docs.slack.dev, `@slack/types` 3.2 and measurements; where they differ, the
 * lower number. Independent of the demo's Slack, so that a wrong number in one is found by the other.
 */

const MAX_BLOCKS = 50;
/** `chat.update` refuses more with `msg_too_long`; `chat.postMessage` accepts more but does not show it. */
const MAX_TEXT = 4_000;
/** Slack answers `msg_blocks_too_long` from about 13,200 characters in all blocks (bolt-js #2509). */
const MAX_BLOCK_CHARACTERS = 12_000;
const MAX_CHARTS = 2;
const MAX_TABLE_CHARACTERS = 10_000;
/** Not documented: some workspaces refuse a message with more (`metadata_too_large`). */
const MAX_METADATA_BYTES = 2_000;

/** The text of a message without its blocks, for when Slack would refuse or has refused the blocks. */
export const textOnly = (text: string): Rendered => ({ text: truncate(text, MAX_TEXT - 100), blocks: [] });

/** All limits that a message exceeds, each as `place: problem`; empty when Slack would accept it. */
export function violations({ text, blocks }: { readonly text: string; readonly blocks: readonly unknown[] }) {
  return [
    ...string(MAX_TEXT)(text, 'text'),
    ...(blocks.length > MAX_BLOCKS ? [`blocks: ${blocks.length}, at most ${MAX_BLOCKS}`] : []),
    ...blocks.flatMap((each, index) => block(each, `blocks/${index}`)),
    ...messageViolations(blocks.filter(isFields)),
  ];
}

/** Limits on the blocks of a message together. */
function messageViolations(blocks: readonly Fields[]): readonly string[] {
  const count = (type: string): number => blocks.filter((each) => each['type'] === type).length;
  const characters = textLength(blocks);
  return [
    ...(count('table') > 1 ? ['blocks: more than one table'] : []),
    ...(count('data_visualization') > MAX_CHARTS ? [`blocks: more than ${MAX_CHARTS} charts`] : []),
    ...repeated(blocks, 'block_id', 'blocks'),
    ...(characters > MAX_BLOCK_CHARACTERS
      ? [`blocks: ${characters} characters together, at most ${MAX_BLOCK_CHARACTERS}`]
      : []),
  ];
}

/** Whether metadata is small enough and flat: its values are strings, numbers and booleans. */
export function metadataViolations(payload: Readonly<Record<string, unknown>>): readonly string[] {
  const bytes = new TextEncoder().encode(JSON.stringify(payload)).length;
  const nested = Object.entries(payload).filter(([, value]) => typeof value === 'object');
  return [
    ...(bytes > MAX_METADATA_BYTES ? [`metadata: ${bytes} bytes, at most ${MAX_METADATA_BYTES}`] : []),
    ...nested.map(([name]) => `metadata/${name}: must be a string, a number or a boolean`),
  ];
}

type Fields = Readonly<Record<string, unknown>>;

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Values that are not shown and do not count towards the length of a message. */
const NOT_SHOWN = new Set(['type', 'block_id', 'action_id', 'url', 'value', 'style', 'align', 'format']);

/** The length of all shown text in a value, in UTF-16 units. Numbers in a chart are drawn and do not count. */
function textLength(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (Array.isArray(value)) return value.reduce<number>((sum, each) => sum + textLength(each), 0);
  if (!isFields(value)) return 0;
  return Object.entries(value)
    .filter(([name]) => !NOT_SHOWN.has(name))
    .reduce((sum, [, each]) => sum + textLength(each), 0);
}

function repeated(values: readonly Fields[], name: string, place: string): readonly string[] {
  const ids = values.map((each) => each[name]).filter((id) => id !== undefined);
  return new Set(ids).size === ids.length ? [] : [`${place}: ${name} repeats`];
}

/** Checks a value at a place in the message. */
type Check = (value: unknown, place: string) => readonly string[];

const optional =
  (check: Check): Check =>
  (value, place) =>
    value === undefined ? [] : check(value, place);

const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/u;

/** A non-empty string of at most `max` UTF-16 units. */
function string(max = Number.POSITIVE_INFINITY): Check {
  return (value, place) => {
    if (typeof value !== 'string') return [`${place}: must be a string`];
    if (value === '') return [`${place}: must not be empty`];
    if (value.length > max) return [`${place}: ${value.length} characters, at most ${max}`];
    return LONE_SURROGATE.test(value) ? [`${place}: half a character`] : [];
  };
}

/** A list of `min` to `max` members. */
function list(max: number, each: Check, min = 1): Check {
  return (value, place) => {
    if (!Array.isArray(value)) return [`${place}: must be a list`];
    const found = value.flatMap((member: unknown, index) => each(member, `${place}/${index}`));
    return value.length < min || value.length > max
      ? [...found, `${place}: ${value.length} members, ${min} to ${max} allowed`]
      : found;
  };
}

/** An object with these fields; `rule` checks them together. Other fields are not checked. */
function object(fields: Readonly<Record<string, Check>>, rule?: (value: Fields) => readonly string[]): Check {
  return (value, place) => {
    if (!isFields(value)) return [`${place}: must be an object`];
    return [
      ...Object.entries(fields).flatMap(([name, check]) => check(value[name], `${place}/${name}`)),
      ...(rule?.(value) ?? []).map((problem) => `${place}: ${problem}`),
    ];
  };
}

/** An object whose `type` is one of these. */
function byType(what: string, checks: Readonly<Record<string, Check>>): Check {
  return (value, place) => {
    if (!isFields(value)) return [`${place}: must be an object`];
    const check = checks[String(value['type'])];
    return check === undefined ? [`${place}: ${what} of type ${String(value['type'])}`] : check(value, place);
  };
}

/** Markup other than a link with a label, a date, a person, a channel or a user group by id. */
const OTHER_MARKUP =
  /<(?!(?:https?:\/\/[^\s<>|]+\|[^<>|\n]*|!date\^\d+\^[^<>|^]+\|[^<>|]+|@[UW][A-Z0-9]+|#[CG][A-Z0-9]+|!subteam\^S[A-Z0-9]+)>)/u;

const plainText = (max: number): Check =>
  byType('text', {
    plain_text: object({ text: string(max) }, ({ text }) =>
      /<[!@#]/u.test(String(text)) ? ['looks like a mention'] : [],
    ),
  });

const anyText = (max: number): Check =>
  byType('text', {
    plain_text: plainText(max),
    mrkdwn: object({ text: string(max) }, ({ text }) =>
      OTHER_MARKUP.test(String(text)) ? ['markup that is no link and no date'] : [],
    ),
  });

const url: Check = (value, place) => [
  ...string(3_000)(value, place),
  ...(/^https?:\/\//u.test(String(value)) ? [] : [`${place}: no http address`]),
];

const actionId = string(255);
const button = object({
  text: plainText(75),
  action_id: actionId,
  value: optional(string(2_000)),
  url: optional(url),
});
const menu = object({
  action_id: actionId,
  placeholder: optional(plainText(150)),
  options: list(100, object({ text: plainText(75), value: string(75) })),
});
const element = byType('element', { button, static_select: menu });

const wholeNumber: Check = (value, place) =>
  Number.isSafeInteger(value) ? [] : [`${place}: no whole number`];
const finiteNumber: Check = (value, place) => (Number.isFinite(value) ? [] : [`${place}: no number`]);

const richTextElement = byType('rich text element', {
  text: object({ text: string() }),
  link: object({ url: string(3_000), text: optional(string()) }),
  date: object({ timestamp: wholeNumber, format: string() }),
});
const richText = object({
  elements: list(
    100,
    byType('rich text', { rich_text_section: object({ elements: list(1_000, richTextElement) }) }),
  ),
});

const tableCell = byType('cell', { raw_text: object({ text: string() }), rich_text: richText });

function tableRule({ rows }: Fields): readonly string[] {
  if (!Array.isArray(rows)) return [];
  const widths = new Set(rows.map((row: unknown) => (Array.isArray(row) ? row.length : -1)));
  const used = textLength(rows);
  return [
    ...(widths.size > 1 ? ['rows of different length'] : []),
    ...(used > MAX_TABLE_CHARACTERS ? [`${used} characters, at most ${MAX_TABLE_CHARACTERS}`] : []),
  ];
}

const series = object({
  name: string(20),
  data: list(20, object({ label: string(20), value: finiteNumber })),
});

/** Slack draws no gaps: every series has one point for each category. */
function chartRule(chart: Fields): readonly string[] {
  const fields = (value: unknown): readonly Fields[] => (Array.isArray(value) ? value.filter(isFields) : []);
  const all = fields(chart['series']);
  const axis = isFields(chart['axis_config']) ? chart['axis_config'] : {};
  const categories: readonly unknown[] = Array.isArray(axis['categories']) ? axis['categories'] : [];
  const expected = JSON.stringify(categories);
  const fits = all.every(({ data }) => JSON.stringify(fields(data).map(({ label }) => label)) === expected);
  return [
    ...repeated(all, 'name', 'series'),
    ...(new Set(categories).size === categories.length ? [] : ['category repeats']),
    ...(fits ? [] : ['a series has not one point per category']),
  ];
}

const blockId = optional(string(255));
const BLOCKS: Readonly<Record<string, Check>> = {
  header: object({ text: plainText(150) }),
  section: object(
    {
      text: optional(anyText(3_000)),
      fields: optional(list(10, anyText(2_000))),
      accessory: optional(element),
    },
    ({ text, fields }) => (text === undefined && fields === undefined ? ['neither text nor fields'] : []),
  ),
  context: object({ elements: list(10, anyText(3_000)) }),
  actions: object({ elements: list(25, element) }, ({ elements }) =>
    Array.isArray(elements) ? repeated(elements.filter(isFields), 'action_id', 'elements') : [],
  ),
  divider: object({}),
  rich_text: richText,
  table: object(
    {
      rows: list(100, list(20, tableCell)),
      column_settings: optional(list(20, object({}), 0)),
    },
    tableRule,
  ),
  /** An uploaded picture: the bot shows no picture from elsewhere. */
  image: object({
    alt_text: string(2_000),
    slack_file: object({ id: string(255) }),
    title: optional(plainText(2_000)),
  }),
  data_visualization: object({
    title: string(50),
    chart: object(
      {
        series: list(6, series),
        axis_config: object({ x_label: optional(string(50)), y_label: optional(string(50)) }),
      },
      chartRule,
    ),
  }),
};

/** One block. Types of blocks that the bot does not build are refused as well. */
const block: Check = (value, place) => [
  ...byType('block', BLOCKS)(value, place),
  ...(isFields(value) ? blockId(value['block_id'], `${place}/block_id`) : []),
];
