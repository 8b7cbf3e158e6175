import type { Fonts, Weight } from './fonts.ts';

/** Stands for a character that no font has. */
const UNKNOWN = '□';
const ELLIPSIS = '…';

/** Line ends, controls, halves of characters, and marks that turn a line around or join what stands apart. */
const INVISIBLE = /[\s\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}]+/gu;

/** Longer names are cut before anything is measured. */
const LONGEST = 300;

/** A foreign text as it can stand in a picture: one line, no control characters, only characters that the fonts have. */
export function drawable(text: string, fonts: Pick<Fonts, 'has'>): string {
  const line = text.slice(0, LONGEST).replace(INVISIBLE, ' ').trim();
  return Array.from(line, (character) => (fonts.has(character) ? character : UNKNOWN)).join('');
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Escapes a text for XML. What XML cannot hold at all must be gone already: see `drawable`. */
export const escapeXml = (text: string): string =>
  text.replace(/[&<>"']/gu, (character) => ENTITIES[character] ?? '');

/** As much of a text as fits, with an ellipsis where it was cut; nothing when not even one character does. */
export function fit(
  text: string,
  room: number,
  style: { readonly fonts: Fonts; readonly size: number; readonly weight: Weight },
): string {
  const widthOf = (part: string): number => style.fonts.width(part, style);
  if (widthOf(text) <= room) return text;
  let left = room - widthOf(ELLIPSIS);
  let kept = '';
  for (const character of text) {
    left -= widthOf(character);
    if (left < 0) break;
    kept += character;
  }
  return kept === '' ? '' : `${kept.trimEnd()}${ELLIPSIS}`;
}
