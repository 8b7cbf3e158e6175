import type {
  ActionsBlock,
  Block,
  Button,
  ContextBlock,
  HeaderBlock,
  KnownBlock,
  PlainTextElement,
  RichTextBlock,
  SectionBlock,
} from '@slack/types';
import type { ChartView } from '../../latency/figures.ts';
import { count, grouped } from '../../lib/format.ts';
import type { Link } from '../../lib/links.ts';
import type { EpochMs } from '../../lib/units.ts';
import { utcTime } from '../../lib/units.ts';
import { escape, isLinkable, literal, oneLine, truncateMrkdwn } from './mrkdwn.ts';

/*
 * Builders of Block Kit blocks. Each keeps to Slack's limits for its type. Arguments named `mrkdwn` and `lines` are mrkdwn
 * in which foreign text is escaped; all others are plain text.
 */

/** A message for Slack: `text` for notifications and screen readers, `blocks` for display. */
export interface Rendered {
  readonly text: string;
  readonly blocks: readonly SlackBlock[];
}

export type SlackBlock = KnownBlock | ChartBlock;

/** Slack reads no markup in plain text. */
export const plainText = (text: string, max: number): PlainTextElement => ({
  type: 'plain_text',
  text: literal(text, max),
  emoji: false,
});

export const header = (text: string): HeaderBlock => ({ type: 'header', text: plainText(text, 150) });

/** Replaces an empty text, which Slack refuses. */
const DASH = '–';

/** A paragraph. A text over Slack's limit is truncated; callers limit their parts instead. */
export const section = (mrkdwn: string): SectionBlock => ({
  type: 'section',
  text: { type: 'mrkdwn', text: truncateMrkdwn(mrkdwn, 3_000) || DASH, verbatim: true },
});

/** Named values in two columns, at most ten. */
export function fields(pairs: readonly (readonly [string, string])[]): readonly SectionBlock[] {
  if (pairs.length === 0) return [];
  const shown = pairs.slice(0, 10).map(([name, value]) => ({
    type: 'mrkdwn' as const,
    text: truncateMrkdwn(`*${escape(name, 100)}*\n${value}`, 2_000),
    verbatim: true,
  }));
  return [{ type: 'section', fields: shown }];
}

/** Small grey text: at most ten lines. */
export function context(lines: readonly string[]): readonly ContextBlock[] {
  const shown = lines.filter((line) => line.trim() !== '').slice(0, 10);
  if (shown.length === 0) return [];
  const elements = shown.map((line) => ({
    type: 'mrkdwn' as const,
    text: truncateMrkdwn(line, 2_000),
    verbatim: true,
  }));
  return [{ type: 'context', elements }];
}

/** Notices in small grey text, at most `max`. */
export const notices = (texts: readonly string[], max: number): readonly ContextBlock[] =>
  context(texts.slice(0, max).map((text) => escape(oneLine(text), 400)));

/** `and 3 more`, or with a noun `and 3 shorter spans`; empty for none. */
export const andMore = (amount: number, noun?: string): readonly string[] =>
  amount > 0 ? [`and ${noun === undefined ? `${grouped(amount)} more` : count(amount, noun)}`] : [];

/** A title with a line for each of at most `max` rows, and the number of all others. Empty without rows. */
export function list<T>(
  title: string,
  { rows, hidden = 0 }: { readonly rows: readonly T[]; readonly hidden?: number },
  form: { readonly max: number; readonly line: (row: T) => string; readonly noun?: string },
): readonly SectionBlock[] {
  const shown = rows.slice(0, form.max);
  if (shown.length === 0) return [];
  const more = andMore(hidden + rows.length - shown.length, form.noun);
  return [section([title, ...shown.map(form.line), ...more].join('\n'))];
}

/** Whether a button can hold this command in full: a truncated one would be another command. */
export const isButtonValue = (command: string): boolean =>
  command !== '' && command.length <= 2_000 && oneLine(command) === command;

/** A button that sends `value` to the handler of `actionId`. */
export const button = (label: string, actionId: string, value: string): Button => ({
  type: 'button',
  text: plainText(label, 75),
  action_id: actionId,
  value,
});

/** Action id of links, which Slack reports too: one handler acknowledges all with this prefix. */
export const OPEN_LINK = 'open_link';

/** Buttons that open URLs. A link that is no http(s) URL is left out. */
export function linkButtons(links: readonly Link[]): Button[] {
  return links
    .filter(({ url, label }) => isLinkable(url) && literal(label, 75) !== '')
    .slice(0, 10)
    .map(({ label, url }, index) => ({
      type: 'button',
      text: plainText(label, 75),
      action_id: `${OPEN_LINK}_${index}`,
      url,
    }));
}

/** A row of buttons and menus. */
export const actions = (elements: ActionsBlock['elements']): readonly ActionsBlock[] =>
  elements.length === 0 ? [] : [{ type: 'actions', elements: elements.slice(0, 25) }];

type RichTextElement = Extract<
  RichTextBlock['elements'][number],
  { type: 'rich_text_section' }
>['elements'][number];

/** A table cell with links or dates. */
export const richCell = (...elements: RichTextElement[]): RichTextBlock => ({
  type: 'rich_text',
  elements: [{ type: 'rich_text_section', elements }],
});

/** A table cell of plain text. */
export const cell = (text: string, max = 100): { type: 'raw_text'; text: string } => ({
  type: 'raw_text',
  text: literal(text, max) || DASH,
});

/** An instant in the reader's time zone, for a rich cell. */
export const dateRun = (at: EpochMs, format = '{date_short_pretty} {time_secs}'): RichTextElement => ({
  type: 'date',
  timestamp: Math.floor(at / 1_000),
  format,
  fallback: `${utcTime(at)} UTC`,
});

/** A link for a rich cell, or its text alone without a URL that can be linked. */
export const linkRun = (url: string | undefined, text: string): RichTextElement =>
  url !== undefined && isLinkable(url) ? { type: 'link', url, text } : { type: 'text', text };

/** The first eight characters of a trace id, without the zeros that a 64-bit id starts with. */
export const shortTraceId = (traceId: string): string =>
  literal(traceId.replace(/^0{16}(?=[0-9a-f]{16}$)/i, '').slice(0, 8), 8) || DASH;

/**
 * Slack's chart block, available since 2026-06-16 and not in `@slack/types` 3.2. Each series has exactly one point per
 * category. Source: docs.slack.dev/reference/block-kit/blocks/data-visualization-block.
 */
export interface ChartBlock extends Block {
  type: 'data_visualization';
  title: string;
  chart: {
    type: 'line';
    series: { name: string; data: { label: string; value: number }[] }[];
    axis_config: { categories: string[]; x_label?: string; y_label?: string };
  };
}

export const CHART = 'data_visualization';

const MAX_POINTS = 20;
/** Six in the first documentation, twelve in later versions. */
const MAX_SERIES = 6;
const MAX_NAME = 20;
const MAX_TITLE = 50;

/**
 * A line chart, or undefined when fewer than two instants have a value in every series: Slack accepts no gaps. The axis is
 * in UTC: a category is plain text, which Slack does not convert to the reader's time zone.
 */
export function chartBlock(chart: ChartView): ChartBlock | undefined {
  const series = chart.series.slice(0, MAX_SERIES);
  const complete = chart.at
    .map((at, index) => ({ at, index }))
    .filter(({ index }) => series.every(({ values }) => isDrawable(values[index])))
    .slice(-MAX_POINTS);
  if (series.length === 0 || complete.length < 2) return undefined;
  const categories = distinctTimes(complete.map(({ at }) => at));
  const names = distinctNames(series.map(({ name }) => name));
  return {
    type: 'data_visualization',
    title: literal(chart.title, MAX_TITLE) || 'Latency',
    chart: {
      type: 'line',
      series: series.map(({ values }, which) => ({
        name: names[which] ?? String(which),
        data: complete.map(({ index }, position) => ({
          label: categories[position] ?? String(position),
          value: rounded(values[index] ?? 0),
        })),
      })),
      axis_config: { categories, x_label: 'UTC', y_label: literal(chart.unit, MAX_TITLE) || 'value' },
    },
  };
}

/** Rounding a larger value could make it infinite. */
const MAX_VALUE = 1e15;
const isDrawable = (value: number | undefined): boolean =>
  value !== undefined && Math.abs(value) <= MAX_VALUE;

const rounded = (value: number): number => Number(value.toPrecision(4));

/** The times in the shortest format in which they differ: `14:05`, `14:05:30`, `11-20 14:05`. */
function distinctTimes(instants: readonly EpochMs[]): string[] {
  const formats: ((text: string) => string)[] = [
    (text) => text.slice(11, 16),
    (text) => text.slice(11),
    (text) => text.slice(5, 16),
    (text) => text,
  ];
  for (const format of formats) {
    const labels = instants.map((at) => format(utcTime(at)));
    if (new Set(labels).size === labels.length) return labels;
  }
  return instants.map((_, index) => String(index + 1));
}

/** The names within their limit, with a number where two would be equal. */
function distinctNames(names: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map((name, index) => {
    const short = literal(name, MAX_NAME) || `series ${index + 1}`;
    const unique = taken.has(short) ? `${literal(short, MAX_NAME - 3)} ${index + 1}` : short;
    taken.add(unique);
    return unique;
  });
}
