import type { ReactNode } from 'react';
import { numberOf, record, records, stringOf, type Wire } from '../wire.ts';
import { axisLabel, axisMarks, labelledIndexes } from './chart-scale.ts';

interface Series {
  readonly name: string;
  readonly colour: string;
  /** A flat series beside another one is a bound, such as an SLO: drawn dashed. */
  readonly isBound: boolean;
  readonly values: readonly (number | undefined)[];
}

/** Distinguishable for most color-blind readers, and dark enough on white for thin lines. */
const COLOURS = [
  '#1264a3',
  '#d1495b',
  '#2a9d6f',
  '#e09f3e',
  '#7b4fa3',
  '#3d8b9e',
  '#8d6e63',
  '#5c6b73',
] as const;

/** The drawing's own units; it is stretched to the width it gets, and text lies outside of it. */
const WIDTH = 1_000;
const HEIGHT = 400;

function readSeries(chart: Wire, categories: readonly string[]): readonly Series[] {
  const all = records(chart['series']);
  return all.map((wire, index) => {
    const points = records(wire['data']);
    const byLabel = new Map(points.map((point) => [stringOf(point['label']), numberOf(point['value'])]));
    const values = categories.map((category, i) =>
      byLabel.has(category) ? byLabel.get(category) : numberOf(points[i]?.['value']),
    );
    const isBound = all.length > 1 && values.length > 1 && new Set(values).size === 1;
    const colour = COLOURS[index % COLOURS.length] ?? COLOURS[0];
    return { name: stringOf(wire['name']), colour, isBound, values };
  });
}

interface Plot {
  readonly type: string;
  readonly categories: readonly string[];
  readonly series: readonly Series[];
  readonly marks: readonly number[];
}

/** The position of a category, 0..1: bars need half a step on both sides, lines run from edge to edge. */
function position({ type, categories }: Plot, index: number): number {
  const count = categories.length;
  if (type === 'bar') return (index + 0.5) / count;
  return count > 1 ? index / (count - 1) : 0.5;
}

function height({ marks }: Plot, value: number): number {
  const low = marks[0] ?? 0;
  const high = marks.at(-1) ?? 1;
  return (value - low) / (high - low);
}

const x = (plot: Plot, index: number): number => Math.round(position(plot, index) * WIDTH * 10) / 10;
const y = (plot: Plot, value: number): number => Math.round((1 - height(plot, value)) * HEIGHT * 10) / 10;

interface Point {
  readonly index: number;
  readonly value: number;
}

const pointsOf = (series: Series): readonly Point[] =>
  series.values.flatMap((value, index) => (value === undefined ? [] : [{ index, value }]));

function Line({ plot, series }: { plot: Plot; series: Series }): ReactNode {
  const points = pointsOf(series);
  const path = points.map((p, i) => `${i === 0 ? 'M' : 'L'}${x(plot, p.index)} ${y(plot, p.value)}`).join('');
  const [first, last] = [points[0], points.at(-1)];
  const ground = y(plot, Math.max(0, plot.marks[0] ?? 0));
  return (
    <g>
      {plot.type === 'area' && !series.isBound && first !== undefined && last !== undefined ? (
        <path
          d={`${path}L${x(plot, last.index)} ${ground}L${x(plot, first.index)} ${ground}Z`}
          fill={series.colour}
          opacity={0.15}
        />
      ) : null}
      <path
        className="chart-line"
        d={path}
        stroke={series.colour}
        strokeDasharray={series.isBound ? '6 5' : undefined}
      />
      {series.isBound ? null : points.map((p) => <Dot key={p.index} plot={plot} series={series} point={p} />)}
    </g>
  );
}

/** A dot is a line of no length with round ends: it stays round however the drawing is stretched. */
function Dot({ plot, series, point }: { plot: Plot; series: Series; point: Point }): ReactNode {
  const d = `M${x(plot, point.index)} ${y(plot, point.value)}h0`;
  return (
    <g className="chart-point">
      <path className="chart-target" d={d} />
      <path className="chart-dot" d={d} stroke={series.colour} />
      <title>{`${plot.categories[point.index] ?? ''} · ${series.name}: ${axisLabel(point.value)}`}</title>
    </g>
  );
}

function Bars({ plot, series, place }: { plot: Plot; series: Series; place: number }): ReactNode {
  const slot = (WIDTH / plot.categories.length) * 0.7;
  const width = slot / plot.series.length;
  return pointsOf(series).map(({ index, value }) => {
    const [top, ground] = [y(plot, Math.max(0, value)), y(plot, Math.min(0, value))];
    const left = x(plot, index) - slot / 2 + place * width;
    return (
      <rect
        key={index}
        x={left}
        y={top}
        width={width * 0.92}
        height={Math.max(1, ground - top)}
        fill={series.colour}
      >
        <title>{`${plot.categories[index] ?? ''} · ${series.name}: ${axisLabel(value)}`}</title>
      </rect>
    );
  });
}

/** What the picture says, in words. */
function describe(plot: Plot, title: string): string {
  const parts = plot.series.map((series) => {
    const values = pointsOf(series).map((p) => p.value);
    if (values.length === 0) return `${series.name}: no values`;
    if (series.isBound) return `${series.name}: ${axisLabel(values[0] ?? 0)} throughout`;
    const [low, high] = [axisLabel(Math.min(...values)), axisLabel(Math.max(...values))];
    return `${series.name}: from ${low} to ${high}, last ${axisLabel(values.at(-1) ?? 0)}`;
  });
  return `${plot.type} chart, ${title}. ${parts.join('. ')}.`;
}

function Drawing({ plot, title }: { plot: Plot; title: string }): ReactNode {
  return (
    <svg
      className="chart-plot"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={describe(plot, title)}
    >
      {plot.marks.map((mark) => (
        <path
          key={mark}
          className={mark === 0 ? 'chart-zero' : 'chart-grid'}
          d={`M0 ${y(plot, mark)}H${WIDTH}`}
        />
      ))}
      {plot.series.map((series, place) =>
        plot.type === 'bar' ? (
          <Bars key={series.name} plot={plot} series={series} place={place} />
        ) : (
          <Line key={series.name} plot={plot} series={series} />
        ),
      )}
    </svg>
  );
}

function Legend({ series }: { series: readonly Series[] }): ReactNode {
  return (
    <ul className="chart-legend" aria-label="Legend">
      {series.map(({ name, colour, isBound }) => (
        <li key={name}>
          <svg width="22" height="8" aria-hidden="true">
            <path
              className="chart-line"
              d="M1 4H21"
              stroke={colour}
              strokeDasharray={isBound ? '5 4' : undefined}
            />
          </svg>
          {name}
        </li>
      ))}
    </ul>
  );
}

const percent = (share: number): string => `${Math.round(share * 10_000) / 100}%`;

/** A `data_visualization` block with a line, area or bar chart. Text keeps its size at every width; only the plot stretches. */
export function ChartBlock({ block }: { block: Wire }): ReactNode {
  const chart = record(block['chart']);
  const axes = record(chart['axis_config']);
  const categories = Array.isArray(axes['categories']) ? axes['categories'].map(stringOf) : [];
  const series = readSeries(chart, categories);
  const marks = axisMarks(series.flatMap((s) => pointsOf(s).map((p) => p.value)));
  const plot: Plot = { type: stringOf(chart['type']), categories, series, marks };
  const title = stringOf(block['title']);
  return (
    <figure className="chart" data-role="chart">
      <figcaption>{title}</figcaption>
      <Legend series={series} />
      <div className="chart-y-label">{stringOf(axes['y_label'])}</div>
      <div className="chart-body">
        <div className="chart-y" aria-hidden="true">
          {/* The widest mark, invisible, gives the column its width. */}
          <span className="chart-y-room">
            {marks.map(axisLabel).reduce((a, b) => (b.length > a.length ? b : a), '')}
          </span>
          {marks.map((mark) => (
            <span key={mark} style={{ bottom: percent(height(plot, mark)) }}>
              {axisLabel(mark)}
            </span>
          ))}
        </div>
        <Drawing plot={plot} title={title} />
        <div className="chart-x" aria-hidden="true">
          {labelledIndexes(categories.length).map((index, nth) => (
            <span
              key={index}
              className={nth % 2 === 1 ? 'is-minor' : undefined}
              style={{ left: percent(position(plot, index)) }}
            >
              {categories[index]}
            </span>
          ))}
        </div>
      </div>
      <div className="chart-x-label">{stringOf(axes['x_label'])}</div>
    </figure>
  );
}
