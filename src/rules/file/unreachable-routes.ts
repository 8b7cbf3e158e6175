import { type Matcher, matchersText, matches } from '../../lib/matcher.ts';
import type { RouteInput } from './policy-fields.ts';
import type { Path } from './yaml-document.ts';

/** A route that no alert can come to, and why. */
export interface Unreachable {
  readonly path: Path;
  readonly reason: string;
}

const isSame = (a: Matcher, b: Matcher): boolean =>
  a.label === b.label && a.operator === b.operator && a.value === b.value;

/** Whether an alert that meets `given` certainly meets the matcher: it is among them, or a value that is given meets it. */
function isImplied(matcher: Matcher, given: readonly Matcher[]): boolean {
  return given.some(
    (one) =>
      isSame(one, matcher) ||
      (one.label === matcher.label && one.operator === '=' && matches([matcher], { [one.label]: one.value })),
  );
}

/** A matcher that no alert can meet that meets the others: a value is given, and it does not fit. */
function contradictionIn(matchers: readonly Matcher[]): string | undefined {
  for (const given of matchers.filter(({ operator }) => operator === '=')) {
    const labels = { [given.label]: given.value };
    const other = matchers.find((one) => one.label === given.label && !matches([one], labels));
    if (other !== undefined)
      return `${matchersText([given])} and ${matchersText([other])} never hold together`;
  }
  return undefined;
}

/** An earlier sibling that takes every alert this one would match. */
function takenBy(siblings: readonly RouteInput[], matchers: readonly Matcher[]): RouteInput | undefined {
  return siblings.find(
    (earlier) =>
      earlier.continue !== 'true' &&
      (earlier.matchers ?? []).every((matcher) => isImplied(matcher, matchers)),
  );
}

function reasonOf(earlier: readonly RouteInput[], matchers: readonly Matcher[]): string | undefined {
  const contradiction = contradictionIn(matchers);
  if (contradiction !== undefined) return contradiction;
  const taker = takenBy(earlier, matchers);
  if (taker === undefined) return undefined;
  const own = taker.matchers ?? [];
  const what = own.length === 0 ? 'without matchers' : `of ${matchersText(own)}`;
  return `the route ${what} before it takes them all; put this one first, or write \`continue: true\` there`;
}

/** Where a route stands in the tree, and what holds of every alert that comes to it. */
interface Above {
  readonly path: Path;
  readonly matchers: readonly Matcher[];
}

/** Routes below `route` that no alert can come to. Inside an unreachable one it is not looked further. */
export function unreachableRoutes(
  route: RouteInput,
  above: Above = { path: [], matchers: [] },
): readonly Unreachable[] {
  const children = route.routes ?? [];
  return children.flatMap((child, index) => {
    const path = [...above.path, 'routes', index];
    const matchers = [...above.matchers, ...(child.matchers ?? [])];
    const reason = reasonOf(children.slice(0, index), matchers);
    return reason === undefined ? unreachableRoutes(child, { path, matchers }) : [{ path, reason }];
  });
}
