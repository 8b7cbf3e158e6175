import type { NoisePolicy } from '../../policy/suppress.ts';
import { count } from './fields.ts';
import type { RuleFileError } from './source.ts';
import type { Part, Shape } from './validate.ts';
import { validate } from './validate.ts';

/** How much is notified: numbers that hold for all rules. */
export const LIMIT_KEYS = ['group_threshold', 'flap_threshold'] as const;
type LimitKey = (typeof LIMIT_KEYS)[number];
type Limits = Pick<NoisePolicy, 'groupThreshold' | 'flapThreshold'>;

const SHAPES: Readonly<Record<LimitKey, Shape<number>>> = {
  /** More than so many alerts of one rule that begin together share a message. */
  group_threshold: { schema: count, keys: {} },
  /** So many firings and ends of one alert are notified in an hour. */
  flap_threshold: {
    schema: count.refine((limit) => limit !== 1, {
      error: 'is 1, which leaves no room for a firing and its end: write 2 or more, or 0 for no limit',
    }),
    keys: {},
  },
};

/** The limits a file sets, and where each stands. */
export interface FileLimits {
  readonly limits: Limits;
  readonly places: Readonly<Partial<Record<LimitKey, RuleFileError>>>;
}

const errorAt = ({ source, document, path }: Part, message: string): RuleFileError =>
  source.at(document.offsetOf(path), message);

function readLimit(limit: LimitKey, parts: readonly Part[]) {
  const [first, ...others] = parts;
  const errors = others.map((other) => errorAt(other, `a second \`${limit}\`: there is one for all rules.`));
  if (first === undefined) return { errors };
  const checked = validate(SHAPES[limit], first);
  if (!checked.ok) return { errors: [...checked.errors, ...errors] };
  return { value: checked.value, place: errorAt(first, ''), errors };
}

/** Reads the limits of a file; `partsOf` gives what stands under a key at the top of its documents. Mistakes are added to `errors`. */
export function readLimits(partsOf: (key: string) => readonly Part[], errors: RuleFileError[]): FileLimits {
  const group = readLimit('group_threshold', partsOf('group_threshold'));
  const flap = readLimit('flap_threshold', partsOf('flap_threshold'));
  errors.push(...group.errors, ...flap.errors);
  return {
    limits: { groupThreshold: group.value, flapThreshold: flap.value },
    places: { group_threshold: group.place, flap_threshold: flap.place },
  };
}

/** The limits of all files; each may stand in one of them only. */
export function mergeLimits(files: readonly FileLimits[]): {
  readonly limits: FileLimits['limits'];
  readonly errors: readonly RuleFileError[];
} {
  const merged = LIMIT_KEYS.map((limit) => {
    const [first, ...others] = files.flatMap(({ limits, places }) => {
      const place = places[limit];
      const value = limit === 'group_threshold' ? limits.groupThreshold : limits.flapThreshold;
      return place === undefined ? [] : [{ value, place }];
    });
    const where = first?.place.file ?? 'another file';
    const errors = others.map(({ place }) => ({
      ...place,
      message: `\`${limit}\` stands in ${where} already: there is one for all rules.`,
    }));
    return { value: first?.value, errors };
  });
  const [group, flap] = merged;
  return {
    limits: { groupThreshold: group?.value, flapThreshold: flap?.value },
    errors: merged.flatMap(({ errors }) => errors),
  };
}
