/** What RE2, and so Alertmanager, has no way to say: a look around, a reference back. */
const NOT_RE2 = /\(\?<?[=!]|\\[1-9]|\\k</;

/** A group that is repeated: with it a pattern can take time that doubles with every letter. */
const REPEATED_GROUP = /\)[*+{]/;

/** Without repeated groups n repetitions take a time that grows with the n-th power of the text's length. */
const MOST_REPETITIONS = 4;
const LONGEST = 300;

/** The pattern without what is escaped and what stands in classes, where nothing is repeated. */
const skeletonOf = (pattern: string): string =>
  pattern.replaceAll(/\\./gs, '_').replaceAll(/\[[^\]]*\]/g, '_');

/**
 * Why a pattern that anybody in the workspace may send is not run, or undefined: it is held against every label at every
 * evaluation, by an engine that tries everything. Pure.
 */
export function patternRisk(pattern: string): string | undefined {
  if (pattern.length > LONGEST) return `is longer than ${LONGEST} characters`;
  if (NOT_RE2.test(pattern)) return 'looks around or refers back, which Alertmanager has not either';
  const skeleton = skeletonOf(pattern);
  if (REPEATED_GROUP.test(skeleton)) return 'repeats a group: write the alternatives without repeating them';
  const repetitions = skeleton.match(/[*+{]/g)?.length ?? 0;
  return repetitions > MOST_REPETITIONS ? `repeats something more than ${MOST_REPETITIONS} times` : undefined;
}
