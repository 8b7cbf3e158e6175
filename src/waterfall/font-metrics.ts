import { readFileSync } from 'node:fs';

/** How wide the characters of a font are, in parts of its size: from the file itself, not by guess. */
export interface FontMetrics {
  /** Width of a character for a type size of 1; undefined when the font does not have it. */
  advance(codePoint: number): number | undefined;
}

/**
 * Reads a TrueType file: the tables `head`, `hhea`, `hmtx` and `cmap` of the OpenType specification 1.9.
 * @throws when the file is absent or no TrueType font: without it resvg would draw a picture without any text, and say nothing.
 */
export function readFontMetrics(path: string): FontMetrics {
  const file = readFileSync(path);
  const table = tablesOf(file, path);
  const unitsPerEm = table('head').readUInt16BE(18);
  const metricCount = table('hhea').readUInt16BE(34);
  const widths = table('hmtx');
  const glyphOf = glyphReader(table('cmap'), path);
  return {
    advance(codePoint) {
      const glyph = glyphOf(codePoint);
      if (glyph === 0) return undefined;
      // Fonts of one width end the table early: the last entry holds for all further glyphs.
      return widths.readUInt16BE(Math.min(glyph, metricCount - 1) * 4) / unitsPerEm;
    },
  };
}

function tablesOf(file: Buffer, path: string): (tag: string) => Buffer {
  const places = new Map<string, { offset: number; length: number }>();
  const version = file.length < 12 ? 0 : file.readUInt32BE(0);
  if (version !== 0x00010000 && version !== 0x4f54544f) throw new Error(`${path} is no TrueType font.`);
  for (let i = 0; i < file.readUInt16BE(4); i++) {
    const at = 12 + i * 16;
    places.set(file.toString('latin1', at, at + 4), {
      offset: file.readUInt32BE(at + 8),
      length: file.readUInt32BE(at + 12),
    });
  }
  return (tag) => {
    const place = places.get(tag);
    if (place === undefined) throw new Error(`${path} has no table ${tag}.`);
    return file.subarray(place.offset, place.offset + place.length);
  };
}

/** From a character to its glyph, 0 for none: the widest of the Unicode tables, in format 12 or 4. */
function glyphReader(cmap: Buffer, path: string): (codePoint: number) => number {
  const tables: { readonly format: number; readonly data: Buffer }[] = [];
  for (let i = 0; i < cmap.readUInt16BE(2); i++) {
    const data = cmap.subarray(cmap.readUInt32BE(4 + i * 8 + 4));
    tables.push({ format: data.readUInt16BE(0), data });
  }
  const wide = tables.find(({ format }) => format === 12);
  if (wide !== undefined) return (codePoint) => glyphInGroups(wide.data, codePoint);
  const narrow = tables.find(({ format }) => format === 4);
  if (narrow === undefined) throw new Error(`${path} has no table of Unicode characters.`);
  return (codePoint) => (codePoint > 0xffff ? 0 : glyphInSegments(narrow.data, codePoint));
}

/** Format 12: groups of characters that follow each other, and so do their glyphs. */
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

/** Format 4: segments, each with a shift or a list of glyphs of its own. */
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
