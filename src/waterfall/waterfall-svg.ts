import { count, durationText } from '../lib/format.ts';
import { type Microseconds, us } from '../lib/units.ts';
import type { Waterfall, WaterfallInterval, WaterfallRow } from '../traces/waterfall.ts';
import {
  drawable,
  escapeXml,
  type Fonts,
  type FontWeight,
  firstDrawable,
  fit,
  fitOperation,
} from './fonts.ts';

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
  /** Visible on a light and on a dark background. */
  frame: '#858e9b',
  bar: '#a9b8cb',
  /** The critical path. */
  path: '#d32f3a',
  /** Stripes over a bar where only network and proxies were at work. */
  hatch: '#ffffff',
  error: '#b3121d',
} as const;

/*
 * Sizes in pixels. Phones show the picture 360 pixels wide: there a font size of 37 is 11 pixels. A row has its names above its
 * bar, so that both have the whole width.
 */
const WIDTH = 1_200;
const MARGIN = 28;
const FONT_SIZE = 37;
const TITLE_SIZE = 44;
const ROW = 92;
const BAR = 28;
/** The baseline of a row's names, and the top of its bar. */
const LABEL_Y = 42;
const BAR_Y = 56;
const HEAD = 236;
const LINE = 48;
const CHART = { left: MARGIN + 16, right: WIDTH - MARGIN - 16 } as const;
const INDENT = 22;
const MAX_INDENTS = 6;
const MIN_BAR = 5;

/** The picture of a waterfall as SVG. Names are measured, cut to size and escaped. */
export function waterfallSvg(waterfall: Waterfall, fonts: Fonts): string {
  const foot = footer(waterfall, fonts);
  const bottom = HEAD + waterfall.rows.length * ROW;
  const height = bottom + foot.length * LINE + 28;
  const namespace = sharedNamespace(waterfall.rows);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="${fonts.family}">`,
    `<defs>${HATCH_PATTERN}</defs>`,
    `<rect x="2" y="2" width="${WIDTH - 4}" height="${height - 4}" rx="16" fill="${COLORS.background}" stroke="${COLORS.frame}" stroke-width="4"/>`,
    ...header(waterfall, fonts),
    ...axis(waterfall, fonts),
    ...waterfall.rows.flatMap((row, index) => [
      ...label({ ...row, service: withoutNamespace(row.service, namespace) }, fonts, HEAD + index * ROW),
      ...bar(row, waterfall.window, HEAD + index * ROW),
    ]),
    ...foot.map((text, index) =>
      textAt(text, { x: MARGIN, y: bottom + (index + 1) * LINE, fill: COLORS.quiet }),
    ),
    '</svg>',
  ].join('\n');
}

const NAMESPACED = /^([^.]+)(\.[^.]+)$/u;

/** The namespace of all services, as `.shop`; empty when they differ: it would only take room from what differs. */
function sharedNamespace(rows: readonly WaterfallRow[]): string {
  const all = new Set(rows.map(({ service }) => NAMESPACED.exec(service)?.[2] ?? ''));
  const [only = ''] = all;
  return all.size === 1 ? only : '';
}

const withoutNamespace = (service: string, namespace: string): string =>
  namespace === '' ? service : service.slice(0, -namespace.length);

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
  const title = { size: TITLE_SIZE, y: 62 } as const;
  const bold = { ...title, weight: 'semibold' } as const;
  const duration = durationText(waterfall.duration);
  const room = WIDTH - 2 * MARGIN - fonts.width(duration, bold) - 30;
  const { service, operation, operationX } = twoNames(waterfall, fonts, { room, size: TITLE_SIZE });
  const durationFill = waterfall.isError ? COLORS.error : COLORS.text;
  return [
    textAt(service, { ...bold, x: MARGIN, fill: COLORS.text }),
    textAt(operation, { ...title, x: MARGIN + operationX, fill: COLORS.quiet }),
    textAt(duration, { ...bold, x: WIDTH - MARGIN, fill: durationFill, anchor: 'end' }),
    ...counts(waterfall, fonts),
    ...legend(fonts),
  ];
}

const COUNTS_Y = 116;
const LEGEND_Y = 168;
const SWATCH = 44;

/** The meaning of colors. */
function legend(fonts: Fonts): readonly string[] {
  let x = MARGIN;
  return [
    { name: 'critical path', fills: [COLORS.path] },
    { name: 'network, proxies', fills: [COLORS.bar, 'url(#hatch)'] },
  ].flatMap(({ name, fills }) => {
    const left = x;
    const text = textAt(name, { x: left + SWATCH + 12, y: LEGEND_Y, fill: COLORS.quiet });
    x += SWATCH + 12 + fonts.width(name, { size: FONT_SIZE, weight: 'regular' }) + 40;
    const box = `x="${round(left)}" y="${LEGEND_Y - 26}" width="${SWATCH}" height="${BAR}" rx="4"`;
    return [...fills.map((fill) => `<rect ${box} fill="${fill}"/>`), text];
  });
}

function counts({ spanCount, serviceCount, errorCount }: Waterfall, fonts: Fonts): readonly string[] {
  const size = `${count(spanCount, 'span')}, ${count(serviceCount, 'service')}`;
  const at = { x: MARGIN, y: COUNTS_Y } as const;
  if (errorCount === 0) return [textAt(size, { ...at, fill: COLORS.quiet })];
  const width = fonts.width(`${size}, `, { size: FONT_SIZE, weight: 'regular' });
  const errors = { y: COUNTS_Y, x: MARGIN + width, fill: COLORS.error, weight: 'semibold' } as const;
  return [textAt(`${size},`, { ...at, fill: COLORS.quiet }), textAt(count(errorCount, 'error'), errors)];
}

/** The position of an instant on the axis, clipped to it. */
function positionOn({ start, end }: WaterfallInterval): (at: number) => number {
  const scale = (CHART.right - CHART.left) / Math.max(1, end - start);
  return (at) => CHART.left + (Math.min(Math.max(at, start), end) - start) * scale;
}

/** The times above the rows, and a line behind each bar. */
function axis({ ticks, rows, window }: Waterfall, fonts: Fonts): readonly string[] {
  const position = positionOn(window);
  return ticks.flatMap((tick) => {
    const x = round(position(tick));
    const text = tickText(tick);
    const half = fonts.width(text, { size: FONT_SIZE, weight: 'regular' }) / 2;
    const inside = Math.min(Math.max(x, MARGIN + half), WIDTH - MARGIN - half);
    const lines = rows.map((_, index) => {
      const top = HEAD + index * ROW + BAR_Y;
      return `<line x1="${x}" y1="${top - 4}" x2="${x}" y2="${top + BAR + 4}" stroke="${COLORS.line}" stroke-width="3"/>`;
    });
    return [...lines, textAt(text, { x: inside, y: HEAD - 14, fill: COLORS.quiet, anchor: 'middle' })];
  });
}

const tickText = (tick: Microseconds): string =>
  tick === 0 ? '0' : tick < 0 ? `−${durationText(us(Math.abs(tick)))}` : durationText(tick);

const MARK = 42;

function label(row: WaterfallRow, fonts: Fonts, top: number): readonly string[] {
  const indent = MARGIN + Math.min(row.depth, MAX_INDENTS) * INDENT;
  const x = indent + (row.isError ? MARK : 0);
  const y = top + LABEL_Y;
  const duration = durationText(row.duration);
  const note = noteOf(row);
  const noteWidth = note === '' ? 0 : fonts.width(`${note} `, { size: FONT_SIZE, weight: 'semibold' });
  const end = WIDTH - MARGIN - fonts.width(duration, { size: FONT_SIZE, weight: 'regular' }) - 24;
  const room = end - x - noteWidth;
  const { service, operation, operationX } = twoNames(row, fonts, { room, size: FONT_SIZE });
  const fill = row.isError ? COLORS.error : COLORS.text;
  return [
    ...(row.isError ? [errorMark(indent, y - 13)] : []),
    textAt(service, { x, y, fill, weight: 'semibold' }),
    textAt(note, { x: x + operationX, y, fill: COLORS.text, weight: 'semibold' }),
    textAt(operation, { x: x + operationX + noteWidth, y, fill: COLORS.quiet }),
    textAt(duration, { x: WIDTH - MARGIN, y, fill, anchor: 'end' }),
  ];
}

function noteOf({ attempt, isUnawaited, isOrphan }: WaterfallRow): string {
  if (attempt !== undefined) return `try ${attempt.number}/${attempt.of}`;
  if (isUnawaited) return 'async';
  return isOrphan ? 'no parent' : '';
}

const errorMark = (x: number, middle: number): string =>
  `<circle cx="${x + 15}" cy="${middle}" r="15" fill="${COLORS.error}"/><path d="M${x + 9} ${middle - 6}l12 12m0 -12l-12 12" stroke="${COLORS.background}" stroke-width="4" stroke-linecap="round"/>`;

const NAME_GAP = 14;
/** The least share of the service name when both names are too long. */
const SERVICE_SHARE = 0.36;

/** A service and an operation side by side: the service gets the room that the operation leaves, and at least its share. */
function twoNames(
  names: Pick<WaterfallRow, 'service' | 'operation' | 'alternative'>,
  fonts: Fonts,
  { room, size }: { readonly room: number; readonly size: number },
): { readonly service: string; readonly operation: string; readonly operationX: number } {
  const bold = { fonts, size, weight: 'semibold' } as const;
  const regular = { fonts, size, weight: 'regular' } as const;
  const { alternative } = names;
  const spanName = `span ${alternative.spanId}`;
  const whole = firstDrawable([names.operation, alternative.operation, spanName], fonts);
  const name = firstDrawable([names.service, alternative.service], fonts);
  const isShort = fonts.width(name, bold) + NAME_GAP + fonts.width(whole, regular) <= room;
  const operation = isShort ? whole : withoutPackage(whole);
  const serviceRoom = Math.max(room * SERVICE_SHARE, room - NAME_GAP - fonts.width(operation, regular));
  const service = fit(name, serviceRoom, bold);
  const operationX = service === '' ? 0 : fonts.width(service, bold) + NAME_GAP;
  return { service, operation: fitOperation(operation, room - operationX, regular), operationX };
}

/** An RPC without the package of its service, which is the same for most: `CurrencyService/Convert`. */
const withoutPackage = (operation: string): string => operation.replace(/^[\w.]+\.(?=\w+\/\w+$)/u, '');

function bar(row: WaterfallRow, window: WaterfallInterval, top: number): readonly string[] {
  const position = positionOn(window);
  const y = top + BAR_Y;
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

function footer({ hiddenSpans, traceId }: Waterfall, fonts: Fonts): readonly string[] {
  const hidden = hiddenSpans === 0 ? [] : [`+ ${count(hiddenSpans, 'span')} not shown`];
  return [...hidden, `trace ${drawable(traceId.slice(0, 32), fonts)}`];
}
