import type { NoisePolicy } from '../../policy/suppress.ts';
import { defined } from './defined.ts';
import { count } from './fields.ts';
import type { RuleFileError } from './source.ts';
import type { Part, Shape } from './validate.ts';
import { validate } from './validate.ts';

/** How much is told: numbers that hold for all rules. */
export const LIMIT_KEYS = ['storm', 'flap'] as const;
type Limit = (typeof LIMIT_KEYS)[number];

const SHAPES: Readonly<Record<Limit, Shape<number>>> = {
  /** More than so many alerts of one rule that begin together share a message. */
  storm: { schema: count, keys: {} },
  /** So many firings and ends of one alert are told in an hour. */
  flap: {
    schema: count.refine((limit) => limit !== 1, {
      error: 'is 1, which leaves no room for a firing and its end: write 2 or more, or 0 for no limit',
    }),
    keys: {},
  },
};

/** The limits a file sets, and where each stands. */
export interface FileLimits {
  readonly limits: Pick<NoisePolicy, Limit>;
  readonly places: Readonly<Partial<Record<Limit, RuleFileError>>>;
}

const errorAt = ({ source, document, path }: Part, message: string): RuleFileError =>
  source.at(document.offsetOf(path), message);

function readLimit(limit: Limit, parts: readonly Part[]) {
  const [first, ...others] = parts;
  const errors = others.map((other) => errorAt(other, `a second \`${limit}\`: there is one for all rules.`));
  if (first === undefined) return { errors };
  const checked = validate(SHAPES[limit], first);
  if (!checked.ok) return { errors: [...checked.errors, ...errors] };
  return { value: checked.value, place: errorAt(first, ''), errors };
}

/** Reads the limits of a file; `partsOf` gives what stands under a key at the top of its documents. Mistakes are added to `errors`. */
export function readLimits(partsOf: (key: string) => readonly Part[], errors: RuleFileError[]): FileLimits {
  const storm = readLimit('storm', partsOf('storm'));
  const flap = readLimit('flap', partsOf('flap'));
  errors.push(...storm.errors, ...flap.errors);
  return {
    limits: defined({ storm: storm.value, flap: flap.value }),
    places: defined({ storm: storm.place, flap: flap.place }),
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
      return place === undefined ? [] : [{ value: limits[limit], place }];
    });
    const where = first?.place.file ?? 'another file';
    const errors = others.map(({ place }) => ({
      ...place,
      message: `\`${limit}\` stands in ${where} already: there is one for all rules.`,
    }));
    return { value: first?.value, errors };
  });
  const [storm, flap] = merged;
  return {
    limits: defined({ storm: storm?.value, flap: flap?.value }),
    errors: merged.flatMap(({ errors }) => errors),
  };
}
