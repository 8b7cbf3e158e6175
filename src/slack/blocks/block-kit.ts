import type {
  ActionsBlock,
  Block,
  Button,
  ContextBlock,
  HeaderBlock,
  KnownBlock,
  RichTextBlock,
  SectionBlock,
} from '@slack/types';
import type { ChartView } from '../../latency/figures.ts';
import { utcTime } from '../../lib/instant.ts';
import type { Link } from '../../lib/links.ts';
import type { EpochMs } from '../../lib/units.ts';
import { escape, isLinkable, literal, oneLine, truncateMrkdwn } from './mrkdwn.ts';

/** Small parts that every message is put together from. Each keeps to the limits of its own kind of block. */

/** A headline; foreign text in it has no effect, since a header reads no markup. */
export const header = (text: string): HeaderBlock => ({
  type: 'header',
  text: { type: 'plain_text', text: literal(text, 150), emoji: false },
});

/** Stands where a text came out empty: Slack refuses an empty one. */
const DASH = '–';

/** A paragraph of mrkdwn whose foreign parts are escaped already. Cut only as a last resort: callers bound their parts. */
export const section = (mrkdwn: string): SectionBlock => ({
  type: 'section',
  text: { type: 'mrkdwn', text: truncateMrkdwn(mrkdwn, 3_000) || DASH, verbatim: true },
});

/** Named values in two columns, at most ten; nothing when there are none. */
export function fields(pairs: readonly (readonly [string, string])[]): readonly SectionBlock[] {
  if (pairs.length === 0) return [];
  const shown = pairs.slice(0, 10).map(([name, value]) => ({
    type: 'mrkdwn' as const,
    text: truncateMrkdwn(`*${escape(name, 100)}*\n${value}`, 2_000),
    verbatim: true,
  }));
  return [{ type: 'section', fields: shown }];
}

/** Small print: at most ten lines of mrkdwn, or nothing when all are empty. */
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

/** Whether a command can travel in a button: a button without its whole command would ask something else. */
export const isButtonValue = (command: string): boolean =>
  command !== '' && command.length <= 2_000 && oneLine(command) === command;

/** A button that the bot answers. `value` comes back to the handler of `actionId`. */
export const button = (label: string, actionId: string, value: string): Button => ({
  type: 'button',
  text: { type: 'plain_text', text: literal(label, 75), emoji: false },
  action_id: actionId,
  value,
});

/** Slack tells the app of a pressed link as well; this prefix lets one handler acknowledge them all. */
export const OPEN_LINK = 'open_link';

/** Buttons that open addresses; what is no address for a browser is left out. */
export function linkButtons(links: readonly Link[]): Button[] {
  return links
    .filter(({ url, label }) => isLinkable(url) && literal(label, 75) !== '')
    .slice(0, 10)
    .map(({ label, url }, index) => ({
      type: 'button',
      text: { type: 'plain_text', text: literal(label, 75), emoji: false },
      action_id: `${OPEN_LINK}_${index}`,
      url,
    }));
}

/** A row of buttons, or nothing when there are none. */
export const actions = (elements: ActionsBlock['elements']): readonly ActionsBlock[] =>
  elements.length === 0 ? [] : [{ type: 'actions', elements: elements.slice(0, 25) }];

type Run = Extract<RichTextBlock['elements'][number], { type: 'rich_text_section' }>['elements'][number];

/** A table cell that holds more than plain text. */
export const richCell = (...elements: Run[]): RichTextBlock => ({
  type: 'rich_text',
  elements: [{ type: 'rich_text_section', elements }],
});

/** A table cell of plain text; an empty one is refused by Slack, so it becomes a dash. */
export const cell = (text: string, max = 100): { type: 'raw_text'; text: string } => {
  const shown = literal(text, max);
  return { type: 'raw_text', text: shown === '' ? DASH : shown };
};

/** An instant in the reader's own time: `raw_text` cells cannot hold one, the `date` element of `rich_text` can. */
export const dateRun = (at: EpochMs, format = '{date_short_pretty} {time_secs}'): Run => ({
  type: 'date',
  timestamp: Math.floor(at / 1_000),
  format,
  fallback: `${utcTime(at)} UTC`,
});

/** A link, or its text alone where it has no address that may be linked. */
export const linkRun = (url: string | undefined, text: string): Run =>
  url !== undefined && isLinkable(url) ? { type: 'link', url, text } : { type: 'text', text };

/** The beginning of a trace id, enough to tell it from others: an id of 64 bits has only zeros in its first half. */
export const shortTraceId = (traceId: string): string =>
  literal(traceId.replace(/^0{16}(?=[0-9a-f]{16}$)/i, '').slice(0, 8), 8) || DASH;

/** One point of a chart. */
export interface ChartPoint {
  readonly label: string;
  readonly value: number;
}

/**
 * Slack's native chart, on the platform since 2026-06-16 and not in `@slack/types` 3.2: every series has exactly one
 * point per category (docs.slack.dev/reference/block-kit/blocks/data-visualization-block).
 */
export interface ChartBlock extends Block {
  type: 'data_visualization';
  title: string;
  chart: {
    type: 'line';
    series: { name: string; data: ChartPoint[] }[];
    axis_config: { categories: string[]; x_label?: string; y_label?: string };
  };
}

export type SlackBlock = KnownBlock | ChartBlock;

/** What Slack is asked to show: `text` for notifications and screen readers, `blocks` for the eye. */
export interface Rendered {
  readonly text: string;
  readonly blocks: readonly SlackBlock[];
}

export const CHART = 'data_visualization';

const MOST_POINTS = 20;
/** The platform began with six series; newer documentation says twelve. */
const MOST_SERIES = 6;
const NAME_LENGTH = 20;
const TITLE_LENGTH = 50;

/**
 * A line chart as Slack draws it, or undefined when fewer than two instants have a value in every series: Slack takes
 * no gaps. The axis is in UTC, since a category is plain text and cannot follow the reader's time zone.
 */
export function chartBlock(chart: ChartView): ChartBlock | undefined {
  const series = chart.series.slice(0, MOST_SERIES);
  const complete = chart.at
    .map((at, index) => ({ at, index }))
    .filter(({ index }) => series.every(({ values }) => isDrawable(values[index])))
    .slice(-MOST_POINTS);
  if (series.length === 0 || complete.length < 2) return undefined;
  const categories = categoryLabels(complete.map(({ at }) => at));
  const names = distinct(series.map(({ name }) => name));
  return {
    type: 'data_visualization',
    title: literal(chart.title, TITLE_LENGTH) || 'Latency',
    chart: {
      type: 'line',
      series: series.map(({ values }, which) => ({
        name: names[which] ?? String(which),
        data: complete.map(({ index }, position) => ({
          label: categories[position] ?? String(position),
          value: rounded(values[index] ?? 0),
        })),
      })),
      axis_config: { categories, x_label: 'UTC', y_label: literal(chart.unit, TITLE_LENGTH) || 'value' },
    },
  };
}

/** Beyond this a value is no latency, and rounding it could make it infinite. */
const LARGEST = 1e15;
const isDrawable = (value: number | undefined): boolean => value !== undefined && Math.abs(value) <= LARGEST;

const rounded = (value: number): number => Number(value.toPrecision(4));

/** The shortest form of the times that tells them apart: `14:05`, `14:05:30`, `11-20 14:05`. */
function categoryLabels(instants: readonly EpochMs[]): string[] {
  const forms: ((text: string) => string)[] = [
    (text) => text.slice(11, 16),
    (text) => text.slice(11),
    (text) => text.slice(5, 16),
    (text) => text,
  ];
  for (const form of forms) {
    const labels = instants.map((at) => form(utcTime(at)));
    if (new Set(labels).size === labels.length) return labels;
  }
  return instants.map((_, index) => String(index + 1));
}

/** Names within their length, made different by a number where two would be equal. */
function distinct(names: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map((name, index) => {
    const short = literal(name, NAME_LENGTH) || `series ${index + 1}`;
    const unique = taken.has(short) ? `${literal(short, NAME_LENGTH - 3)} ${index + 1}` : short;
    taken.add(unique);
    return unique;
  });
}
