import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

export type FontWeight = 'regular' | 'semibold';

export interface TextSize {
  /** Font size in pixels. */
  readonly size: number;
  readonly weight: FontWeight;
}

/** The fonts of the pictures: Inter, and DejaVu Sans for characters that Inter does not have (Arabic, Hebrew, symbols). */
export interface Fonts {
  /** Files for the rasterizer, which reads only TrueType. */
  readonly files: readonly string[];
  /** For `font-family`. */
  readonly family: string;
  /** Width of a text in pixels, without kerning, which only makes it narrower. */
  width(text: string, style: TextSize): number;
  /** Whether any of the fonts has the character. */
  has(character: string): boolean;
}

type FontPaths = Readonly<Record<FontWeight | 'fallback', string>>;

/** The installed font packages. Throws when one is missing. */
function installedFonts(): FontPaths {
  const require = createRequire(import.meta.url);
  const inter = dirname(require.resolve('@expo-google-fonts/inter/package.json'));
  const dejavu = dirname(require.resolve('dejavu-fonts-ttf/package.json'));
  return {
    regular: join(inter, '400Regular/Inter_400Regular.ttf'),
    semibold: join(inter, '600SemiBold/Inter_600SemiBold.ttf'),
    fallback: join(dejavu, 'ttf/DejaVuSans.ttf'),
  };
}

/** Opens the fonts. Throws when one is missing or unreadable: resvg would draw a picture without text, and no error. */
export function openFonts(paths: FontPaths = installedFonts()): Fonts {
  const advances = {
    regular: advancesOf(paths.regular),
    semibold: advancesOf(paths.semibold),
    fallback: advancesOf(paths.fallback),
  };
  const advance = (character: string, weight: FontWeight): number | undefined => {
    const codePoint = character.codePointAt(0) ?? 0;
    return advances[weight](codePoint) ?? advances.fallback(codePoint);
  };
  return {
    files: Object.values(paths),
    family: 'Inter, DejaVu Sans',
    width: (text, { size, weight }) =>
      Array.from(text).reduce((sum, character) => sum + (advance(character, weight) ?? 1) * size, 0),
    has: (character) => advance(character, 'regular') !== undefined,
  };
}

/**
 * Reads the widths of characters from a TrueType file (tables `head`, `hhea`, `hmtx` and `cmap` of OpenType 1.9). The
 * result is for a font size of 1, and undefined for a character that the font does not have.
 * @throws when the file is missing or is not a TrueType font.
 */
function advancesOf(path: string): (codePoint: number) => number | undefined {
  const table = tablesOf(readFileSync(path), path);
  const unitsPerEm = table('head').readUInt16BE(18);
  const metricCount = table('hhea').readUInt16BE(34);
  const widths = table('hmtx');
  const glyphOf = glyphReader(table('cmap'), path);
  return (codePoint) => {
    const glyph = glyphOf(codePoint);
    // Monospaced fonts end the table early: the last entry holds for all further glyphs.
    return glyph === 0 ? undefined : widths.readUInt16BE(Math.min(glyph, metricCount - 1) * 4) / unitsPerEm;
  };
}

function tablesOf(file: Buffer, path: string): (tag: string) => Buffer {
  const tables = new Map<string, Buffer>();
  const version = file.length < 12 ? 0 : file.readUInt32BE(0);
  if (version !== 0x00010000 && version !== 0x4f54544f) throw new Error(`${path} is not a TrueType font.`);
  for (let i = 0; i < file.readUInt16BE(4); i++) {
    const at = 12 + i * 16;
    const [offset, length] = [file.readUInt32BE(at + 8), file.readUInt32BE(at + 12)];
    tables.set(file.toString('latin1', at, at + 4), file.subarray(offset, offset + length));
  }
  return (tag) => {
    const table = tables.get(tag);
    if (table === undefined) throw new Error(`${path} has no table ${tag}.`);
    return table;
  };
}

/** From a character to its glyph, 0 for none, by the Unicode table in format 12 or 4. */
function glyphReader(cmap: Buffer, path: string): (codePoint: number) => number {
  const byFormat = new Map<number, Buffer>();
  for (let i = 0; i < cmap.readUInt16BE(2); i++) {
    const data = cmap.subarray(cmap.readUInt32BE(4 + i * 8 + 4));
    const format = data.readUInt16BE(0);
    if (!byFormat.has(format)) byFormat.set(format, data);
  }
  const [wide, narrow] = [byFormat.get(12), byFormat.get(4)];
  if (wide !== undefined) return (codePoint) => glyphInGroups(wide, codePoint);
  if (narrow === undefined) throw new Error(`${path} has no table of Unicode characters.`);
  return (codePoint) => (codePoint > 0xffff ? 0 : glyphInSegments(narrow, codePoint));
}

/** Format 12: groups of consecutive characters with consecutive glyphs. */
function glyphInGroups(data: Buffer, codePoint: number): number {
  let [low, high] = [0, data.readUInt32BE(12) - 1];
  while (low <= high) {
    const middle = (low + high) >> 1;
    const at = 16 + middle * 12;
    if (codePoint < data.readUInt32BE(at)) high = middle - 1;
    else if (codePoint > data.readUInt32BE(at + 4)) low = middle + 1;
    else return data.readUInt32BE(at + 8) + codePoint - data.readUInt32BE(at);
  }
  return 0;
}

/** Format 4: segments, each with a shift or its own list of glyphs. */
function glyphInSegments(data: Buffer, codePoint: number): number {
  const doubled = data.readUInt16BE(6);
  const [ends, starts] = [14, 16 + doubled];
  const [shifts, ranges] = [starts + doubled, starts + 2 * doubled];
  for (let i = 0; i < doubled; i += 2) {
    if (codePoint > data.readUInt16BE(ends + i)) continue;
    const start = data.readUInt16BE(starts + i);
    if (codePoint < start) return 0;
    const shift = data.readUInt16BE(shifts + i);
    const range = data.readUInt16BE(ranges + i);
    if (range === 0) return (codePoint + shift) & 0xffff;
    const glyph = data.readUInt16BE(ranges + i + range + 2 * (codePoint - start));
    return glyph === 0 ? 0 : (glyph + shift) & 0xffff;
  }
  return 0;
}

/** Stands for what is left out: what does not fit, and characters that no font has. */
const ELLIPSIS = '…';

/** Line breaks, controls, unpaired surrogates, and marks that change the direction of text or join characters. */
const INVISIBLE = /[\s\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}]+/gu;

/** Longer names are cut before they are measured. */
const MAX_LENGTH = 300;

const oneLine = (text: string): string => text.slice(0, MAX_LENGTH).replace(INVISIBLE, ' ').trim();

/** A name as a picture can show it: one line, no control characters, only characters that the fonts have. */
export const drawable = (text: string, fonts: Pick<Fonts, 'has'>): string =>
  Array.from(oneLine(text), (character) => (fonts.has(character) ? character : ELLIPSIS))
    .join('')
    .replaceAll(/…+/gu, ELLIPSIS);

/** The first of several names for one thing whose characters the fonts have, all or most of them; else empty. */
export function firstDrawable(names: readonly string[], fonts: Pick<Fonts, 'has'>): string {
  for (const name of names) {
    const characters = Array.from(oneLine(name));
    const known = characters.filter((character) => fonts.has(character)).length;
    if (characters.length > 0 && known * 4 >= characters.length * 3) return drawable(name, fonts);
  }
  return '';
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Escapes a text for XML. Characters that XML cannot contain must be removed before: see `drawable`. */
export const escapeXml = (text: string): string =>
  text.replace(/[&<>"']/gu, (character) => ENTITIES[character] ?? '');

type FitStyle = TextSize & { readonly fonts: Fonts };

/** As much of a text as fits, with an ellipsis where it was cut; empty when not even one character fits. */
export function fit(text: string, room: number, style: FitStyle): string {
  if (style.fonts.width(text, style) <= room) return text;
  const kept = longestWithin(Array.from(text), room - style.fonts.width(ELLIPSIS, style), style);
  return kept.length === 0 ? '' : `${kept.join('').trimEnd()}${ELLIPSIS}`;
}

/** A method and a path, or the full name of an RPC: the end tells them apart, what precedes it is often the same. */
const PATH_NAME = /^((?:[A-Z]{3,7} )?)(\S*[/.]\S*)$/u;

/** As `fit`, but of a path keeps the end: `…CurrencyService/Convert`, `GET …/items/{id}`. */
export function fitOperation(text: string, room: number, style: FitStyle): string {
  const width = (part: string): number => style.fonts.width(part, style);
  const [, method = '', path = ''] = PATH_NAME.exec(text) ?? [];
  if (path === '' || width(text) <= room) return fit(text, room, style);
  const left = room - width(method) - width(ELLIPSIS);
  const kept = [...longestWithin(Array.from(path).reverse(), left, style)].reverse().join('');
  return kept.length < MIN_KEPT ? fit(text, room, style) : `${method}${ELLIPSIS}${kept}`;
}

/** Fewer characters of an end say nothing. */
const MIN_KEPT = 4;

function longestWithin(characters: readonly string[], room: number, style: FitStyle): readonly string[] {
  let left = room;
  const end = characters.findIndex((character) => {
    left -= style.fonts.width(character, style);
    return left < 0;
  });
  return end < 0 ? characters : characters.slice(0, end);
}
