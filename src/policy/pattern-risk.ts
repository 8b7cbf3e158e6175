/** Quoting hides from the look below what it is that is repeated. */
const QUOTED = /\\Q/;

/** A group that is repeated: with it a pattern can take time that doubles with every letter. */
const REPEATED_GROUP = /\)[*+{]/;

const LONGEST = 300;

/** So many ways a repetition has through a text: as many as a name in Kubernetes has letters, and one. */
const WAYS_OF_REPETITION = 64;

/** As many as three repetitions have together: all are tried within a few thousandths of a second. */
export const MOST_WAYS: number = WAYS_OF_REPETITION ** 3;

/** The pattern without what is escaped and what stands in classes, where nothing is repeated. */
const skeletonOf = (pattern: string): string =>
  pattern.replaceAll(/\\./gs, '_').replaceAll(/\[[^\]]*\]/g, '_');

/** A repetition by count has one way, and a question mark that opens a group none of its own. */
const choicesOf = (skeleton: string): string =>
  skeleton
    .replaceAll(/\{\d+\}/g, '')
    .replaceAll('(?', '(')
    .replaceAll(/[^()|?*+{]/g, '');

/**
 * In how many ways a pattern without repeated groups can be tried on a text, at most: what stands behind a choice is
 * tried anew for each way of it, and alternatives one after the other.
 *
 *     a?(b|c)d*     2 x (1 + 1) x 64
 */
function waysThrough(skeleton: string): number {
  const groups = [{ before: 0, now: 1 }];
  for (const sign of choicesOf(skeleton)) {
    const group = groups.at(-1) ?? { before: 0, now: 1 };
    if (sign === '(') groups.push({ before: 0, now: 1 });
    else if (sign === '|') {
      group.before += group.now;
      group.now = 1;
    } else if (sign === ')') {
      groups.pop();
      const around = groups.at(-1);
      if (around !== undefined) around.now *= group.before + group.now;
    } else group.now *= sign === '?' ? 2 : WAYS_OF_REPETITION;
  }
  return groups.reduce((sum, { before, now }) => sum + before + now, 0);
}

/**
 * Why a pattern that anybody in the workspace may send is not run, or undefined: it is held against every label at every
 * evaluation, by an engine that tries everything. Pure.
 */
export function patternRisk(pattern: string): string | undefined {
  if (pattern.length > LONGEST) return `is longer than ${LONGEST} characters`;
  if (QUOTED.test(pattern)) return String.raw`quotes with \Q: write a backslash before each sign`;
  const skeleton = skeletonOf(pattern);
  if (REPEATED_GROUP.test(skeleton)) return 'repeats a group: write the alternatives without repeating them';
  return waysThrough(skeleton) > MOST_WAYS
    ? 'can be tried in too many ways: repeat at most three times, with fewer alternatives and question marks'
    : undefined;
}
