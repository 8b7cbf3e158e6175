import { count, durationText } from '../lib/format.ts';
import { type Microseconds, us } from '../lib/units.ts';
import type { Waterfall, WaterfallInterval, WaterfallRow } from '../traces/waterfall.ts';
import { drawable, escapeXml, type Fonts, type FontWeight, fit } from './fonts.ts';

/**
 * Slack does not report whether a client is light or dark. The picture has its own background and a frame, as a card on
 * both; every text has a contrast of at least 4.5 to 1 (WCAG 2.2, 1.4.3).
 */
export const COLORS = {
  background: '#ffffff',
  text: '#1b2430',
  /** Operations, ticks, secondary text. */
  quiet: '#566273',
  /** Lines of the grid. */
  line: '#d9dfe7',
  bar: '#a9b8cb',
  /** The critical path. */
  path: '#d32f3a',
  /** Stripes over a bar where only network and proxies were at work. */
  hatch: '#ffffff',
  error: '#b3121d',
} as const;

/*
 * Sizes in pixels. Phones show the picture 360 pixels wide: there a font size of 26 is readable, 12 is not, and neither
 * are more than 14 rows.
 */
const WIDTH = 1_200;
const MARGIN = 24;
const FONT_SIZE = 26;
const TITLE_SIZE = 32;
const ROW = 46;
const BAR = 26;
const HEAD = 150;
const FOOT = 58;
const LABEL_END = 506;
const CHART = { left: 526, right: 1_046 } as const;
const INDENT = 18;
const MAX_INDENTS = 6;
const MIN_BAR = 4;

/** The picture of a waterfall as SVG. Names are measured, cut to size and escaped. */
export function waterfallSvg(waterfall: Waterfall, fonts: Fonts): string {
  const height = HEAD + waterfall.rows.length * ROW + FOOT;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="${fonts.family}">`,
    `<defs>${HATCH_PATTERN}<clipPath id="labels"><rect x="0" y="0" width="${LABEL_END}" height="${height}"/></clipPath></defs>`,
    `<rect x="1" y="1" width="${WIDTH - 2}" height="${height - 2}" rx="14" fill="${COLORS.background}" stroke="${COLORS.line}" stroke-width="2"/>`,
    ...header(waterfall, fonts),
    ...axis(waterfall),
    ...waterfall.rows.flatMap((row, index) => [
      ...label(row, fonts, HEAD + index * ROW),
      ...bar(row, waterfall.window, HEAD + index * ROW),
    ]),
    ...footer(waterfall, fonts, height - MARGIN),
    '</svg>',
  ].join('\n');
}

const HATCH_PATTERN = `<pattern id="hatch" width="9" height="9" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="4.5" height="9" fill="${COLORS.hatch}" fill-opacity="0.8"/></pattern>`;

interface TextStyle {
  readonly x: number;
  readonly y: number;
  readonly fill: string;
  readonly size?: number;
  readonly weight?: FontWeight;
  readonly anchor?: 'start' | 'middle' | 'end';
}

function textAt(
  text: string,
  { x, y, fill, size = FONT_SIZE, weight = 'regular', anchor = 'start' }: TextStyle,
): string {
  if (text === '') return '';
  const bold = weight === 'semibold' ? ' font-weight="600"' : '';
  return `<text x="${round(x)}" y="${round(y)}" font-size="${size}"${bold} fill="${fill}" text-anchor="${anchor}">${escapeXml(text)}</text>`;
}

const round = (value: number): number => Math.round(value * 100) / 100;

function header(waterfall: Waterfall, fonts: Fonts): readonly string[] {
  const title = { size: TITLE_SIZE, y: 50 } as const;
  const bold = { ...title, weight: 'semibold' } as const;
  const duration = durationText(waterfall.duration);
  const room = WIDTH - 2 * MARGIN - fonts.width(duration, bold) - 30;
  const { service, operation, operationX } = twoNames(waterfall, fonts, { room, size: TITLE_SIZE });
  const durationFill = waterfall.isError ? COLORS.error : COLORS.text;
  return [
    textAt(service, { ...bold, x: MARGIN, fill: COLORS.text }),
    textAt(operation, { ...title, x: MARGIN + operationX, fill: COLORS.quiet }),
    textAt(duration, { ...bold, x: WIDTH - MARGIN, fill: durationFill, anchor: 'end' }),
    ...legend(fonts),
    ...counts(waterfall, fonts),
  ];
}

const SWATCH = 34;
const LEGEND_Y = 90;

/** The meaning of colors, from the right edge to the left. */
function legend(fonts: Fonts): readonly string[] {
  let x = WIDTH - MARGIN;
  return [
    { name: 'network, proxies', fills: [COLORS.bar, 'url(#hatch)'] },
    { name: 'critical path', fills: [COLORS.path] },
  ].flatMap(({ name, fills }) => {
    const text = textAt(name, { x, y: LEGEND_Y, fill: COLORS.quiet, anchor: 'end' });
    const left = x - fonts.width(name, { size: FONT_SIZE, weight: 'regular' }) - 10 - SWATCH;
    x = left - 28;
    const box = `x="${round(left)}" y="${LEGEND_Y - 19}" width="${SWATCH}" height="20" rx="4"`;
    return [text, ...fills.map((fill) => `<rect ${box} fill="${fill}"/>`)];
  });
}

function counts({ spanCount, serviceCount, errorCount }: Waterfall, fonts: Fonts): readonly string[] {
  const size = `${count(spanCount, 'span')}, ${count(serviceCount, 'service')}`;
  const at = { x: MARGIN, y: LEGEND_Y } as const;
  if (errorCount === 0) return [textAt(size, { ...at, fill: COLORS.quiet })];
  const width = fonts.width(`${size}, `, { size: FONT_SIZE, weight: 'regular' });
  const errors = { y: LEGEND_Y, x: MARGIN + width, fill: COLORS.error, weight: 'semibold' } as const;
  return [textAt(`${size},`, { ...at, fill: COLORS.quiet }), textAt(count(errorCount, 'error'), errors)];
}

/** The position of an instant on the axis, clipped to it. */
function positionOn({ start, end }: WaterfallInterval): (at: number) => number {
  const scale = (CHART.right - CHART.left) / Math.max(1, end - start);
  return (at) => CHART.left + (Math.min(Math.max(at, start), end) - start) * scale;
}

function axis({ ticks, rows, window }: Waterfall): readonly string[] {
  const position = positionOn(window);
  const bottom = HEAD + rows.length * ROW;
  return ticks.flatMap((tick) => {
    const x = round(position(tick));
    return [
      `<line x1="${x}" y1="${HEAD - 10}" x2="${x}" y2="${bottom}" stroke="${COLORS.line}" stroke-width="2"/>`,
      textAt(tickText(tick), { x, y: HEAD - 18, fill: COLORS.quiet, anchor: 'middle' }),
    ];
  });
}

const tickText = (tick: Microseconds): string =>
  tick === 0 ? '0' : tick < 0 ? `−${durationText(us(Math.abs(tick)))}` : durationText(tick);

const MARK = 30;

function label(row: WaterfallRow, fonts: Fonts, top: number): readonly string[] {
  const indent = MARGIN + Math.min(row.depth, MAX_INDENTS) * INDENT;
  const x = indent + (row.isError ? MARK : 0);
  const y = top + 32;
  const note = noteOf(row);
  const noteWidth = note === '' ? 0 : fonts.width(`${note} `, { size: FONT_SIZE, weight: 'semibold' });
  const room = LABEL_END - x - noteWidth;
  const { service, operation, operationX } = twoNames(row, fonts, { room, size: FONT_SIZE });
  const fill = row.isError ? COLORS.error : COLORS.text;
  return [
    ...(row.isError ? [errorMark(indent, top + ROW / 2)] : []),
    '<g clip-path="url(#labels)">',
    textAt(service, { x, y, fill, weight: 'semibold' }),
    textAt(note, { x: x + operationX, y, fill: COLORS.text, weight: 'semibold' }),
    textAt(operation, { x: x + operationX + noteWidth, y, fill: COLORS.quiet }),
    '</g>',
    textAt(durationText(row.duration), { x: WIDTH - MARGIN, y, fill, anchor: 'end' }),
    `<line x1="${MARGIN}" y1="${top + ROW}" x2="${WIDTH - MARGIN}" y2="${top + ROW}" stroke="${COLORS.line}" stroke-width="1"/>`,
  ];
}

function noteOf({ attempt, isUnawaited, isOrphan }: WaterfallRow): string {
  if (attempt !== undefined) return `try ${attempt.number}/${attempt.of}`;
  if (isUnawaited) return 'async';
  return isOrphan ? 'no parent' : '';
}

const errorMark = (x: number, middle: number): string =>
  `<circle cx="${x + 11}" cy="${middle}" r="11" fill="${COLORS.error}"/><path d="M${x + 6.5} ${middle - 4.5}l9 9m0 -9l-9 9" stroke="${COLORS.background}" stroke-width="3.2" stroke-linecap="round"/>`;

const NAME_GAP = 12;
/** The share of the service name when both names are too long. */
const SERVICE_SHARE = 0.68;

/** A service and an operation side by side: the service gets the room that the operation leaves, and at least its share. */
function twoNames(
  names: { readonly service: string; readonly operation: string },
  fonts: Fonts,
  { room, size }: { readonly room: number; readonly size: number },
): { readonly service: string; readonly operation: string; readonly operationX: number } {
  const [bold, regular] = [{ size, weight: 'semibold' } as const, { size, weight: 'regular' } as const];
  const operation = drawable(names.operation, fonts);
  const serviceRoom = Math.max(room * SERVICE_SHARE, room - NAME_GAP - fonts.width(operation, regular));
  const service = fit(drawable(names.service, fonts), serviceRoom, { fonts, ...bold });
  const operationX = fonts.width(service, bold) + NAME_GAP;
  return { service, operation: fit(operation, room - operationX, { fonts, ...regular }), operationX };
}

function bar(row: WaterfallRow, window: WaterfallInterval, top: number): readonly string[] {
  const position = positionOn(window);
  const y = top + (ROW - BAR) / 2;
  const whole = { start: row.start, end: us(row.start + row.duration) };
  const rect = ({ start, end }: WaterfallInterval, fill: string, minWidth = 0): string => {
    const left = position(start);
    const width = Math.max(position(end) - left, minWidth);
    const x = Math.min(left, CHART.right - width);
    return width < 0.5
      ? ''
      : `<rect x="${round(x)}" y="${y}" width="${round(width)}" height="${BAR}" fill="${fill}"/>`;
  };
  const outline = rect(whole, COLORS.bar, MIN_BAR);
  return [
    row.isUnawaited ? outline.replace('/>', ' fill-opacity="0.55"/>') : outline,
    ...row.onPath.map((interval) => rect(interval, COLORS.path, MIN_BAR / 2)),
    ...row.gaps.map((interval) => rect(interval, 'url(#hatch)')),
    ...(whole.start < window.start ? [arrow('left', y)] : []),
    ...(whole.end > window.end ? [arrow('right', y)] : []),
  ];
}

/** Shows that a row continues outside the picture. */
function arrow(side: 'left' | 'right', y: number): string {
  const [x, length] = side === 'left' ? [CHART.left - 4, -11] : [CHART.right + 4, 11];
  return `<path d="M${x} ${y + 4}l${length} ${BAR / 2 - 4}l${-length} ${BAR / 2 - 4}z" fill="${COLORS.quiet}"/>`;
}

function footer({ hiddenSpans, traceId }: Waterfall, fonts: Fonts, y: number): readonly string[] {
  const hidden = hiddenSpans === 0 ? '' : `+ ${count(hiddenSpans, 'span')} not shown`;
  const trace = `trace ${drawable(traceId.slice(0, 40), fonts)}`;
  return [
    textAt(hidden, { x: MARGIN, y, fill: COLORS.text }),
    textAt(trace, { x: WIDTH - MARGIN, y, fill: COLORS.quiet, anchor: 'end' }),
  ];
}
