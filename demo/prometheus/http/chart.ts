import { formatMetric } from '../labels.ts';
import type { ResultSeries } from '../promql/query.ts';
import { formatValue } from './wire.ts';

const WIDTH = 900;
const HEIGHT = 260;
const LEFT = 70;
const BOTTOM = 24;
const TOP = 10;
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

const x = ({ start, end }: Frame, t: number): number =>
  LEFT + ((t - start) / (end - start || 1)) * (WIDTH - LEFT);

const y = ({ low, high }: Frame, value: number): number =>
  TOP + (1 - (value - low) / (high - low || 1)) * (HEIGHT - TOP - BOTTOM);

/** A path that breaks where samples are missing (further apart than `step`) or are no finite numbers. */
function pathOf(frame: Frame, { points }: ResultSeries, step: number): string {
  let path = '';
  let previous = -Infinity;
  for (const { t, value } of points) {
    if (!Number.isFinite(value)) continue;
    path += `${t - previous > step * 1.5 ? 'M' : 'L'}${x(frame, t).toFixed(1)} ${y(frame, value).toFixed(1)}`;
    previous = t;
  }
  return path;
}

function frameOf(series: readonly ResultSeries[], start: number, end: number): Frame {
  let low = Infinity;
  let high = -Infinity;
  for (const { points } of series) {
    for (const { value } of points) {
      if (!Number.isFinite(value)) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  if (low > high) return { start, end, low: 0, high: 1 };
  // Latencies and rates are read against zero.
  return { start, end, low: Math.min(0, low), high: high === low ? low + 1 : high };
}

const clock = (t: number): string => new Date(t).toISOString().slice(11, 19);

function axes(frame: Frame): string {
  const values = [0, 0.25, 0.5, 0.75, 1].map((share) => frame.low + share * (frame.high - frame.low));
  const rows = values.map((value) => {
    const at = y(frame, value).toFixed(1);
    const label = formatValue(Number(value.toPrecision(3)));
    return `<line x1="${LEFT}" x2="${WIDTH}" y1="${at}" y2="${at}" stroke="#ddd"/><text x="${LEFT - 6}" y="${at}" text-anchor="end" dominant-baseline="middle">${label}</text>`;
  });
  const times = [0, 0.25, 0.5, 0.75, 1].map((share) => frame.start + share * (frame.end - frame.start));
  const columns = times.map((t, i) => {
    const anchor = i === 0 ? 'start' : i === 4 ? 'end' : 'middle';
    return `<text x="${x(frame, t).toFixed(1)}" y="${HEIGHT - 6}" text-anchor="${anchor}">${clock(t)}</text>`;
  });
  return rows.join('') + columns.join('');
}

/** A line chart of a range query's result as inline SVG, with a legend below. Times are UTC. */
export function chartSvg(
  series: readonly ResultSeries[],
  { start, end, step }: { readonly start: number; readonly end: number; readonly step: number },
): string {
  if (series.length === 0) return '<p>No data in this range.</p>';
  const drawn = series.slice(0, MOST_LINES);
  const frame = frameOf(drawn, start, end);
  const lines = drawn.map(
    (one, i) =>
      `<path d="${pathOf(frame, one, step)}" fill="none" stroke="${colourOf(i)}" stroke-width="1.5"/>`,
  );
  const legend = drawn.map(
    ({ labels }, i) =>
      `<li><span style="color:${colourOf(i)}">&#9632;</span> ${escapeHtml(formatMetric(labels))}</li>`,
  );
  const more = series.length > drawn.length ? `<li>${series.length - drawn.length} more not drawn</li>` : '';
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Result over time">${axes(frame)}${lines.join('')}</svg><ul class="legend">${legend.join('')}${more}</ul>`;
}
