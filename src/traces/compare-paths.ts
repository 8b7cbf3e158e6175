import { type Microseconds, us } from '../lib/units.ts';
import { type PathPart, type PathSubject, partKey } from './path-parts.ts';

/** What two requests spent on the same thing, of their critical paths. */
export interface PartDifference extends PathSubject {
  readonly a: Microseconds;
  readonly b: Microseconds;
  /** How much more the second spent; below zero when it spent less. */
  readonly difference: number;
  /** In how many spans each spent it; 0 where it does not occur. */
  readonly spans: { readonly a: number; readonly b: number };
}

/**
 * The critical paths of two requests, thing by thing, the largest difference first. Since the parts of a path sum to the
 * duration of its root, the differences sum to the difference of the two durations: nothing is explained twice and
 * nothing is left over.
 */
export function comparePaths(a: readonly PathPart[], b: readonly PathPart[]): readonly PartDifference[] {
  const found = new Map<string, Found>();
  for (const part of a) found.set(partKey(part), { subject: part, a: part });
  for (const part of b) {
    const key = partKey(part);
    found.set(key, { ...(found.get(key) ?? { subject: part }), b: part });
  }
  return [...found.values()].map(differenceOf).sort(byDifference);
}

interface Found {
  readonly subject: PathSubject;
  readonly a?: PathPart;
  readonly b?: PathPart;
}

/** What both were asked for, or the one that has the part at all. */
function askedOf({ subject, a, b }: Found): Pick<PathSubject, 'asked'> {
  const { asked } = subject;
  const isCommon = a === undefined || b === undefined || a.asked === b.asked;
  return isCommon && asked !== undefined ? { asked } : {};
}

function differenceOf(found: Found): PartDifference {
  const { kind, service, operation, peer } = found.subject;
  const [a, b] = [found.a?.time ?? us(0), found.b?.time ?? us(0)];
  return {
    kind,
    service,
    operation,
    ...askedOf(found),
    peer,
    a,
    b,
    difference: b - a,
    spans: { a: found.a?.spans ?? 0, b: found.b?.spans ?? 0 },
  };
}

const byDifference = (x: PartDifference, y: PartDifference): number =>
  Math.abs(y.difference) - Math.abs(x.difference) || (partKey(x) < partKey(y) ? -1 : 1);
