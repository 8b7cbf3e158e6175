import { formatMetric } from '../labels.ts';
import type { ResultSeries } from '../promql/query.ts';
import { formatValue } from './wire.ts';

const MOST_LINES = 20;
const COLOURS = ['#e6522c', '#2c7be5', '#2ca25f', '#8856a7', '#b8860b', '#d01c8b', '#4d4d4d', '#1b9e9e'];

export const escapeHtml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

const colourOf = (index: number): string => COLOURS[index % COLOURS.length] as string;

interface Frame {
  readonly start: number;
  readonly end: number;
  readonly low: number;
  readonly high: number;
}

/** Positions in percent of the plot, from its upper left corner. */
const x = ({ start, end }: Frame, t: number): number => (100 * (t - start)) / (end - start || 1);

const y = ({ low, high }: Frame, value: number): number => 100 * (1 - (value - low) / (high - low || 1));

/** A path that breaks where samples are missing (further apart than `step`) or are no finite numbers. */
function pathOf(frame: Frame, { points }: ResultSeries, step: number): string {
  let path = '';
  let previous = -Infinity;
  for (const { t, value } of points) {
    if (!Number.isFinite(value)) continue;
    path += `${t - previous > step * 1.5 ? 'M' : 'L'}${x(frame, t).toFixed(2)} ${y(frame, value).toFixed(2)}`;
    previous = t;
  }
  return path;
}

/** Room above the highest point, so that no line runs along the edge. */
const HEADROOM = 1.08;

function frameOf(series: readonly ResultSeries[], { start, end, threshold }: ChartWindow): Frame {
  let low = threshold ?? Infinity;
  let high = threshold ?? -Infinity;
  for (const { points } of series) {
    for (const { value } of points) {
      if (!Number.isFinite(value)) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  if (low > high) return { start, end, low: 0, high: 1 };
  // Latencies and rates are read against zero.
  return { start, end, low: Math.min(0, low), high: high <= 0 ? high + 1 : high * HEADROOM };
}

const clock = (t: number): string => new Date(t).toISOString().slice(11, 19);

const numberText = (value: number): string => formatValue(Number(value.toPrecision(3)));

function axes(frame: Frame): { readonly rows: string; readonly times: string } {
  const values = [0, 0.25, 0.5, 0.75, 1].map((share) => frame.low + share * (frame.high - frame.low));
  const rows = values.map(
    (value) => `<i style="top:${y(frame, value).toFixed(2)}%">${numberText(value)}</i>`,
  );
  const times = [0, 0.25, 0.5, 0.75, 1].map((share) => frame.start + share * (frame.end - frame.start));
  return { rows: rows.join(''), times: times.map((t) => `<span>${clock(t)}</span>`).join('') };
}

export interface ChartWindow {
  /** ms since the epoch. */
  readonly start: number;
  readonly end: number;
  /** Distance of two points, in ms. */
  readonly step: number;
  /** What the result is compared with, drawn as a line. */
  readonly threshold?: number;
}

/**
 * A line chart of a range query's result, with a legend below. Times are UTC. The lines are SVG that is stretched, the texts
 * HTML, so that they can be read at any width.
 */
export function chartHtml(series: readonly ResultSeries[], window: ChartWindow): string {
  if (series.length === 0) return '<p>No data in this range.</p>';
  const drawn = series.slice(0, MOST_LINES);
  const frame = frameOf(drawn, window);
  const { rows, times } = axes(frame);
  const lines = drawn.map(
    (one, i) =>
      `<path d="${pathOf(frame, one, window.step)}" fill="none" stroke="${colourOf(i)}" stroke-width="1.75" vector-effect="non-scaling-stroke"/>`,
  );
  const { threshold } = window;
  const line =
    threshold === undefined
      ? ''
      : `<u style="top:${y(frame, threshold).toFixed(2)}%"><span>threshold ${numberText(threshold)}</span></u>`;
  const legend = drawn.map(
    ({ labels }, i) =>
      `<li><span style="color:${colourOf(i)}">&#9632;</span> ${escapeHtml(formatMetric(labels))}</li>`,
  );
  const more = series.length > drawn.length ? `<li>${series.length - drawn.length} more not drawn</li>` : '';
  return `<div class="plot">${rows}${line}<svg viewBox="0 0 100 100" preserveAspectRatio="none" role="img" aria-label="Result over time">${lines.join('')}</svg></div><div class="times">${times}</div><ul class="legend">${legend.join('')}${more}</ul>`;
}
