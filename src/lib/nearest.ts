/** Longer texts are compared by their first characters. */
const MAX_COMPARED = 64;

/**
 * Damerau-Levenshtein distance (optimal string alignment): the insertions, deletions, substitutions and swaps of adjacent
 * characters that turn one text into the other. Compares at most the first 64 characters.
 */
export function editDistance(one: string, other: string): number {
  const a = one.slice(0, MAX_COMPARED);
  const b = other.slice(0, MAX_COMPARED);
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  const at = (i: number, j: number): number => rows[i]?.[j] ?? i + j;
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= b.length; j += 1) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row[j] = Math.min(
        at(i - 1, j) + 1,
        at(i, j - 1) + 1,
        at(i - 1, j - 1) + cost,
        isSwap ? at(i - 2, j - 2) + 1 : Number.POSITIVE_INFINITY,
      );
    }
  }
  return at(a.length, b.length);
}

/** The maximum distance for a word of this length: 1 for `top`, 3 for `checkout`. */
const maxDistance = (length: number): number => Math.max(1, Math.floor(length / 3) + (length >= 6 ? 1 : 0));

/** A prefix of at least this length has a distance of 1: `slow` of `slowest`. */
const MIN_PREFIX = 3;

/** The distance of a word from the typed text; infinite when it is too large for a typo. */
function distanceOf(typed: string, word: string): number {
  if (typed.length >= MIN_PREFIX && word.startsWith(typed)) return 1;
  const distance = editDistance(typed, word);
  return distance <= maxDistance(Math.min(typed.length, word.length)) ? distance : Number.POSITIVE_INFINITY;
}

/**
 * The candidates nearest to the typed text, nearest first, at most `count`, without those that are too far for a typo. A
 * candidate is compared in all its forms.
 */
export function nearest(
  typed: string,
  candidates: readonly string[],
  options: { readonly count?: number; readonly formsOf?: (candidate: string) => readonly string[] } = {},
): readonly string[] {
  const { count = 1, formsOf = (candidate) => [candidate] } = options;
  const wanted = typed.toLowerCase();
  return candidates
    .map((candidate) => ({
      candidate,
      distance: Math.min(...formsOf(candidate).map((form) => distanceOf(wanted, form.toLowerCase()))),
    }))
    .filter(({ distance }) => distance < Number.POSITIVE_INFINITY)
    .sort((a, b) => a.distance - b.distance || (a.candidate < b.candidate ? -1 : 1))
    .slice(0, count)
    .map(({ candidate }) => candidate);
}

/**
 * The nearest known name, without regard to case and to `-` for `_`. At most `most` characters differ; by default a third of
 * the name.
 */
export function nearestName(name: string, known: Iterable<string>, most?: number): string | undefined {
  const normalized = (text: string): string => text.toLowerCase().replaceAll('-', '_');
  let best: { readonly name: string; readonly distance: number } | undefined;
  for (const candidate of known) {
    const distance = editDistance(normalized(name), normalized(candidate));
    const isNear = distance <= (most ?? Math.max(1, Math.floor(candidate.length / 3)));
    if (isNear && (best === undefined || distance < best.distance)) best = { name: candidate, distance };
  }
  return best?.name;
}
