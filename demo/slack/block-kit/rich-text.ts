import { boolean, type Check, list, number, object, string, tagged } from './check.ts';

/** `rich_text`: docs.slack.dev/reference/block-kit/blocks/rich-text-block. */

const style = object({
  optional: {
    bold: boolean,
    code: boolean,
    italic: boolean,
    strike: boolean,
    underline: boolean,
    highlight: boolean,
    client_highlight: boolean,
    unlink: boolean,
  },
});

const inline = (required: Record<string, Check>, optional: Record<string, Check> = {}): Check =>
  object({ required: { type: string(), ...required }, optional: { style, ...optional } });

const id = string();
const plainRun = inline({ text: string() });
const link = inline({ url: string({ max: 3000 }) }, { text: string(), unsafe: boolean });

const inlines: Readonly<Record<string, Check>> = {
  text: plainRun,
  link,
  user: inline({ user_id: id }),
  usergroup: inline({ usergroup_id: id }),
  channel: inline({ channel_id: id }),
  team: inline({ team_id: id }),
  emoji: inline({ name: string() }, { unicode: string(), url: string() }),
  broadcast: inline({ range: string({ oneOf: ['here', 'channel', 'everyone'] }) }),
  color: inline({ value: string() }),
  date: inline(
    { timestamp: number({ integer: true }), format: string() },
    { url: string(), fallback: string() },
  ),
};

const run = list(
  tagged(() => inlines),
  { min: 0 },
);
const border = { border: number({ min: 0, max: 1, integer: true }) };

const section = object({ required: { type: string(), elements: run } });

const sectionTable = { rich_text_section: section };
const codeTable = { text: plainRun, link };

const parts: Readonly<Record<string, Check>> = {
  rich_text_section: section,
  rich_text_list: object({
    required: {
      type: string(),
      elements: list(tagged(() => sectionTable)),
      style: string({ oneOf: ['bullet', 'ordered'] }),
    },
    optional: {
      indent: number({ min: 0, max: 8, integer: true }),
      offset: number({ min: 0, integer: true }),
      ...border,
    },
  }),
  rich_text_quote: object({ required: { type: string(), elements: run }, optional: border }),
  rich_text_preformatted: object({
    required: {
      type: string(),
      elements: list(
        tagged(() => codeTable),
        { min: 0 },
      ),
    },
    optional: { ...border, language: string() },
  }),
};

export const richTextBlock: Check = object({
  required: { type: string({ oneOf: ['rich_text'] }), elements: list(tagged(() => parts)) },
  optional: { block_id: string({ max: 255 }) },
});
