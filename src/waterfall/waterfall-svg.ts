import { count, durationText } from '../lib/format.ts';
import { type Microseconds, us } from '../lib/units.ts';
import type { Stretch, Waterfall, WaterfallRow } from '../traces/waterfall.ts';
import type { Fonts, Weight } from './fonts.ts';
import { drawable, escapeXml, fit } from './text.ts';
import type { Theme } from './theme.ts';

/** What a picture is drawn with. */
export interface Brush {
  readonly fonts: Fonts;
  readonly theme: Theme;
}

/**
 * Where things stand, in pixels. The picture is shown 360 pixels wide on a telephone: type of 26 is still readable there, type
 * of 12 is not, and neither are more than 14 rows.
 */
const WIDTH = 1_200;
const MARGIN = 24;
const TYPE = 26;
const TITLE = 32;
const ROW = 46;
const BAR = 26;
const HEAD = 150;
const FOOT = 58;
const LABEL_END = 506;
const CHART = { left: 526, right: 1_046 } as const;
const INDENT = 18;
const DEEPEST = 6;
const SMALLEST_BAR = 4;

interface TextStyle {
  readonly x: number;
  readonly y: number;
  readonly fill: string;
  readonly size?: number;
  readonly weight?: Weight;
  readonly anchor?: 'start' | 'middle' | 'end';
}

/** The picture of a waterfall as SVG, every foreign text measured, cut and escaped. */
export function waterfallSvg(waterfall: Waterfall, brush: Brush): string {
  const { theme } = brush;
  const height = HEAD + waterfall.rows.length * ROW + FOOT;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}">`,
    `<defs>${hatchPattern(theme)}<clipPath id="labels"><rect x="0" y="0" width="${LABEL_END}" height="${height}"/></clipPath></defs>`,
    `<rect x="1" y="1" width="${WIDTH - 2}" height="${height - 2}" rx="14" fill="${theme.background}" stroke="${theme.line}" stroke-width="2"/>`,
    ...header(waterfall, brush),
    ...axis(waterfall, brush),
    ...waterfall.rows.flatMap((row, index) => rowParts(row, { waterfall, brush, top: HEAD + index * ROW })),
    ...footer(waterfall, { brush, y: height - MARGIN }),
    '</svg>',
  ].join('\n');
}

const hatchPattern = ({ hatch }: Theme): string =>
  `<pattern id="hatch" width="9" height="9" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="4.5" height="9" fill="${hatch}" fill-opacity="0.8"/></pattern>`;

/** A piece of text that fits already. */
function textAt(
  shown: string,
  { fonts }: Brush,
  { x, y, fill, size = TYPE, weight = 'regular', anchor = 'start' }: TextStyle,
): string {
  if (shown === '') return '';
  const bold = weight === 'semibold' ? ' font-weight="600"' : '';
  return `<text x="${round(x)}" y="${round(y)}" font-family="${fonts.family}" font-size="${size}"${bold} fill="${fill}" text-anchor="${anchor}">${escapeXml(shown)}</text>`;
}

const round = (value: number): number => Math.round(value * 100) / 100;

function header(waterfall: Waterfall, brush: Brush): readonly string[] {
  const { fonts, theme } = brush;
  const duration = durationText(waterfall.duration);
  const style = { fonts, size: TITLE };
  const room = WIDTH - 2 * MARGIN - fonts.width(duration, { size: TITLE, weight: 'semibold' }) - 30;
  const { service, operation, operationX } = twoNames(waterfall, { room, style });
  return [
    textAt(service, brush, { x: MARGIN, y: 50, fill: theme.text, size: TITLE, weight: 'semibold' }),
    textAt(operation, brush, { x: MARGIN + operationX, y: 50, fill: theme.quiet, size: TITLE }),
    textAt(duration, brush, {
      x: WIDTH - MARGIN,
      y: 50,
      fill: waterfall.isError ? theme.error : theme.text,
      size: TITLE,
      weight: 'semibold',
      anchor: 'end',
    }),
    ...legend(brush),
    ...counts(waterfall, brush),
  ];
}

const LEGEND = [
  { name: 'critical path', isHatched: false },
  { name: 'network, proxies', isHatched: true },
] as const;
const SWATCH = 34;
const LEGEND_Y = 90;

/** The meaning of red and of stripes, from the right edge to the left. */
function legend(brush: Brush): readonly string[] {
  const { fonts, theme } = brush;
  let x = WIDTH - MARGIN;
  return [...LEGEND].reverse().flatMap(({ name, isHatched }) => {
    const width = fonts.width(name, { size: TYPE, weight: 'regular' });
    const text = textAt(name, brush, { x, y: LEGEND_Y, fill: theme.quiet, anchor: 'end' });
    const left = x - width - 10 - SWATCH;
    x = left - 28;
    const box = `x="${round(left)}" y="${LEGEND_Y - 19}" width="${SWATCH}" height="20" rx="4"`;
    return isHatched
      ? [text, `<rect ${box} fill="${theme.bar}"/>`, `<rect ${box} fill="url(#hatch)"/>`]
      : [text, `<rect ${box} fill="${theme.path}"/>`];
  });
}

function counts(waterfall: Waterfall, brush: Brush): readonly string[] {
  const { theme, fonts } = brush;
  const { spanCount, serviceCount, errorCount } = waterfall;
  const size = `${count(spanCount, 'span')}, ${count(serviceCount, 'service')}`;
  const width = fonts.width(`${size}, `, { size: TYPE, weight: 'regular' });
  const errors = errorCount === 0 ? '' : count(errorCount, 'error');
  return [
    textAt(errors === '' ? size : `${size},`, brush, { x: MARGIN, y: LEGEND_Y, fill: theme.quiet }),
    textAt(errors, brush, { x: MARGIN + width, y: LEGEND_Y, fill: theme.error, weight: 'semibold' }),
  ];
}

/** From an instant to its place on the axis, kept inside it. */
function placeOn({ start, end }: Stretch): (at: number) => number {
  const scale = (CHART.right - CHART.left) / Math.max(1, end - start);
  return (at) => CHART.left + (Math.min(Math.max(at, start), end) - start) * scale;
}

function axis({ ticks, rows, window }: Waterfall, brush: Brush): readonly string[] {
  const { theme } = brush;
  const place = placeOn(window);
  const bottom = HEAD + rows.length * ROW;
  return ticks.flatMap((tick) => {
    const x = round(place(tick));
    return [
      `<line x1="${x}" y1="${HEAD - 10}" x2="${x}" y2="${bottom}" stroke="${theme.line}" stroke-width="2"/>`,
      textAt(tickText(tick), brush, { x, y: HEAD - 18, fill: theme.quiet, anchor: 'middle' }),
    ];
  });
}

const tickText = (tick: Microseconds): string =>
  tick === 0 ? '0' : tick < 0 ? `−${durationText(us(Math.abs(tick)))}` : durationText(tick);

interface RowScene {
  readonly waterfall: Waterfall;
  readonly brush: Brush;
  readonly top: number;
}

function rowParts(row: WaterfallRow, scene: RowScene): readonly string[] {
  const { brush, top } = scene;
  const { theme } = brush;
  return [
    ...label(row, scene),
    ...bar(row, scene),
    textAt(durationText(row.duration), brush, {
      x: WIDTH - MARGIN,
      y: top + 32,
      fill: row.isError ? theme.error : theme.text,
      anchor: 'end',
    }),
    `<line x1="${MARGIN}" y1="${top + ROW}" x2="${WIDTH - MARGIN}" y2="${top + ROW}" stroke="${theme.line}" stroke-width="1"/>`,
  ];
}

const MARK = 30;

function label(row: WaterfallRow, { brush, top }: RowScene): readonly string[] {
  const { fonts, theme } = brush;
  const style = { fonts, size: TYPE };
  const indent = MARGIN + Math.min(row.depth, DEEPEST) * INDENT;
  const x = indent + (row.isError ? MARK : 0);
  const y = top + 32;
  const note = noteOf(row);
  const noteWidth = note === '' ? 0 : fonts.width(`${note} `, { size: TYPE, weight: 'semibold' });
  const { service, operation, operationX } = twoNames(row, { room: LABEL_END - x - noteWidth, style });
  return [
    ...(row.isError ? [errorMark(indent, top + ROW / 2, theme)] : []),
    '<g clip-path="url(#labels)">',
    textAt(service, brush, { x, y, fill: row.isError ? theme.error : theme.text, weight: 'semibold' }),
    textAt(note, brush, { x: x + operationX, y, fill: theme.text, weight: 'semibold' }),
    textAt(operation, brush, { x: x + operationX + noteWidth, y, fill: theme.quiet }),
    '</g>',
  ];
}

/** What has to be known of a row besides its names. */
function noteOf({ attempt, isUnawaited, isOrphan }: WaterfallRow): string {
  if (attempt !== undefined) return `try ${attempt.number}/${attempt.of}`;
  if (isUnawaited) return 'async';
  return isOrphan ? 'no parent' : '';
}

const errorMark = (x: number, middle: number, { error, background }: Theme): string =>
  `<circle cx="${x + 11}" cy="${middle}" r="11" fill="${error}"/><path d="M${x + 6.5} ${middle - 4.5}l9 9m0 -9l-9 9" stroke="${background}" stroke-width="3.2" stroke-linecap="round"/>`;

const NAME_GAP = 12;
/** Of the room, when both names are too long for it. */
const SERVICE_SHARE = 0.68;

/** A service and an operation side by side: the service keeps what the operation does not need, and at least its share. */
function twoNames(
  names: { readonly service: string; readonly operation: string },
  {
    room,
    style,
  }: { readonly room: number; readonly style: { readonly fonts: Fonts; readonly size: number } },
): { readonly service: string; readonly operation: string; readonly operationX: number } {
  const { fonts } = style;
  const wanted = { service: drawable(names.service, fonts), operation: drawable(names.operation, fonts) };
  const operationWidth = fonts.width(wanted.operation, { ...style, weight: 'regular' });
  const serviceRoom = Math.max(room * SERVICE_SHARE, room - NAME_GAP - operationWidth);
  const service = fit(wanted.service, serviceRoom, { ...style, weight: 'semibold' });
  const operationX = fonts.width(service, { ...style, weight: 'semibold' }) + NAME_GAP;
  return {
    service,
    operation: fit(wanted.operation, room - operationX, { ...style, weight: 'regular' }),
    operationX,
  };
}

function bar(row: WaterfallRow, { waterfall, brush, top }: RowScene): readonly string[] {
  const { theme } = brush;
  const { window } = waterfall;
  const place = placeOn(window);
  const y = top + (ROW - BAR) / 2;
  const end = row.start + row.duration;
  const whole = { start: row.start, end: end as Microseconds };
  const rect = (stretch: Stretch, fill: string, least = 0): string => {
    const left = place(stretch.start);
    const width = Math.max(place(stretch.end) - left, least);
    const x = Math.min(left, CHART.right - width);
    return width < 0.5
      ? ''
      : `<rect x="${round(x)}" y="${y}" width="${round(width)}" height="${BAR}" fill="${fill}"/>`;
  };
  return [
    row.isUnawaited
      ? rect(whole, theme.bar, SMALLEST_BAR).replace('/>', ' fill-opacity="0.55"/>')
      : rect(whole, theme.bar, SMALLEST_BAR),
    ...row.onPath.map((stretch) => rect(stretch, theme.path, SMALLEST_BAR / 2)),
    ...row.gaps.map((stretch) => rect(stretch, 'url(#hatch)')),
    ...(row.start < window.start ? [arrow('left', y, theme)] : []),
    ...(end > window.end ? [arrow('right', y, theme)] : []),
  ].filter((part) => part !== '');
}

/** The row goes on where the picture ends. */
function arrow(side: 'left' | 'right', y: number, { quiet }: Theme): string {
  const [x, length] = side === 'left' ? [CHART.left - 4, -11] : [CHART.right + 4, 11];
  return `<path d="M${x} ${y + 4}l${length} ${BAR / 2 - 4}l${-length} ${BAR / 2 - 4}z" fill="${quiet}"/>`;
}

function footer(
  { hiddenSpans, traceId }: Waterfall,
  { brush, y }: { readonly brush: Brush; readonly y: number },
): readonly string[] {
  const { theme } = brush;
  const hidden = hiddenSpans === 0 ? '' : `+ ${count(hiddenSpans, 'span')} not shown`;
  return [
    textAt(hidden, brush, { x: MARGIN, y, fill: theme.text }),
    textAt(`trace ${drawable(traceId.slice(0, 40), brush.fonts)}`, brush, {
      x: WIDTH - MARGIN,
      y,
      fill: theme.quiet,
      anchor: 'end',
    }),
  ];
}
