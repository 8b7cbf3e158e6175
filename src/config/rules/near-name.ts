interface Rows {
  readonly before: readonly number[];
  readonly previous: readonly number[];
}

/** One row of the distance table: how far the first `i` letters of `a` are from each beginning of `b`. */
function nextRow(a: string, b: string, { before, previous }: Rows): number[] {
  const row = [(previous[0] ?? 0) + 1];
  const i = row[0] ?? 0;
  for (let j = 1; j <= b.length; j++) {
    const isSame = a[i - 1] === b[j - 1];
    const isSwapped = j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
    row[j] = Math.min(
      (previous[j] ?? 0) + 1,
      (row[j - 1] ?? 0) + 1,
      (previous[j - 1] ?? 0) + (isSame ? 0 : 1),
      isSwapped ? (before[j - 2] ?? Infinity) + 1 : Infinity,
    );
  }
  return row;
}

/** How many single-letter edits (or swaps of neighbours) lead from one text to the other: optimal string alignment. */
function editDistance(a: string, b: string): number {
  let rows: Rows = { before: [], previous: Array.from({ length: b.length + 1 }, (_, j) => j) };
  for (let i = 1; i <= a.length; i++) rows = { before: rows.previous, previous: nextRow(a, b, rows) };
  return rows.previous[b.length] ?? 0;
}

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
