import type { ChartView } from '../../latency/figures.ts';
import { utcTime } from '../../lib/instant.ts';
import type { EpochMs } from '../../lib/units.ts';
import type { ChartBlock } from './block.ts';
import { literal } from './mrkdwn.ts';

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
