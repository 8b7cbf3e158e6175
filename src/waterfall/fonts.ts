import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { readFontMetrics } from './font-metrics.ts';

/** Thickness of the letters. */
export type Weight = 'regular' | 'semibold';

/** The fonts of the pictures: Inter, and DejaVu Sans for what Inter does not have (Arabic, Hebrew, many signs). */
export interface Fonts {
  /** Files for the rasteriser: it reads TrueType only and looks nowhere else. */
  readonly files: readonly string[];
  /** For `font-family`. */
  readonly family: string;
  /** Width of a text without kerning, which only ever makes it narrower; in pixels at this size. */
  width(text: string, style: { readonly size: number; readonly weight: Weight }): number;
  /** Whether any of the fonts has the character. */
  has(character: string): boolean;
}

/** Where the fonts are installed. Throws when a package is missing. */
const installedFonts = (): Readonly<Record<Weight | 'fallback', string>> => {
  const require = createRequire(import.meta.url);
  const inter = dirname(require.resolve('@expo-google-fonts/inter/package.json'));
  const dejavu = dirname(require.resolve('dejavu-fonts-ttf/package.json'));
  return {
    regular: join(inter, '400Regular/Inter_400Regular.ttf'),
    semibold: join(inter, '600SemiBold/Inter_600SemiBold.ttf'),
    fallback: join(dejavu, 'ttf/DejaVuSans.ttf'),
  };
};

/** Opens the fonts. Throws when one is absent or unreadable: a picture without text is worse than none. */
export function openFonts(paths: Readonly<Record<Weight | 'fallback', string>> = installedFonts()): Fonts {
  const metrics = {
    regular: readFontMetrics(paths.regular),
    semibold: readFontMetrics(paths.semibold),
    fallback: readFontMetrics(paths.fallback),
  };
  const advance = (character: string, weight: Weight): number | undefined => {
    const codePoint = character.codePointAt(0) ?? 0;
    return metrics[weight].advance(codePoint) ?? metrics.fallback.advance(codePoint);
  };
  return {
    files: Object.values(paths),
    family: 'Inter, DejaVu Sans',
    width: (text, { size, weight }) =>
      Array.from(text).reduce((sum, character) => sum + (advance(character, weight) ?? 1) * size, 0),
    has: (character) => advance(character, 'regular') !== undefined,
  };
}
