import { editDistance } from '../../domain/nearest.ts';

/**
 * The known name that was probably meant, case and `-` for `_` aside: at most `most` letters differ, or a third of them
 * where nothing is said.
 */
export function nearestName(name: string, known: Iterable<string>, most?: number): string | undefined {
  const plain = (text: string): string => text.toLowerCase().replaceAll('-', '_');
  let best: { readonly name: string; readonly distance: number } | undefined;
  for (const candidate of known) {
    const distance = editDistance(plain(name), plain(candidate));
    const isNear = distance <= (most ?? Math.max(1, Math.floor(candidate.length / 3)));
    if (isNear && (best === undefined || distance < best.distance)) best = { name: candidate, distance };
  }
  return best?.name;
}
