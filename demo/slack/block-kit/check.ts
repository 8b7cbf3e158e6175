/** One reason why Slack would refuse a payload. `pointer` is a JSON pointer (RFC 6901) to the offending value. */
export interface Problem {
  readonly pointer: string;
  readonly message: string;
  /** The kind of rule that failed, as `blocks.validate` reports it. */
  readonly constraint?: { readonly type: string; readonly expected?: unknown };
}

export type Surface = 'message' | 'modal' | 'home';

/** What a check may ask of the workspace. */
export interface CheckContext {
  readonly surface: Surface;
  /** Whether a `slack_file` reference names an image that the app may show. */
  readonly hasImage: (reference: { id?: string; url?: string }) => boolean;
}

/** The position of a check in the payload, and its report. */
export interface Place {
  readonly pointer: string;
  readonly problems: Problem[];
  readonly context: CheckContext;
}

export type Check = (value: unknown, place: Place) => void;
export type Fields = Readonly<Record<string, unknown>>;
/** A rule about an object as a whole, run only when its fields are sound. */
export type Rule = (fields: Fields, place: Place) => void;

export const below = (place: Place, key: string | number): Place => ({
  ...place,
  pointer: `${place.pointer}/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`,
});

export function refuse(place: Place, message: string, constraint?: Problem['constraint']): void {
  place.problems.push({
    pointer: place.pointer,
    message,
    ...(constraint === undefined ? {} : { constraint }),
  });
}

export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export interface StringRules {
  readonly min?: number;
  readonly max?: number;
  readonly oneOf?: readonly string[];
  readonly pattern?: RegExp;
}

/** A string between `min` (1 by default) and `max` UTF-16 units, the stricter way to count an emoji. */
export const string =
  (rules: StringRules = {}): Check =>
  (value, place) => {
    if (typeof value !== 'string') {
      refuse(place, 'must be a string', { type: 'type', expected: 'string' });
      return;
    }
    const { min = 1, max, oneOf, pattern } = rules;
    if (value.length < min)
      refuse(place, `must be more than ${min - 1} characters`, bound('min_length', min));
    if (max !== undefined && value.length > max)
      refuse(place, `must be less than ${max + 1} characters`, bound('max_length', max));
    if (oneOf !== undefined && !oneOf.includes(value))
      refuse(place, 'must be a valid enum value', { type: 'enum', expected: oneOf });
    if (pattern !== undefined && !pattern.test(value))
      refuse(place, 'must match the format', { type: 'format' });
  };

const bound = (type: string, expected: number): { type: string; expected: number } => ({ type, expected });

export const boolean: Check = (value, place) => {
  if (typeof value !== 'boolean') refuse(place, 'must be a boolean', { type: 'type', expected: 'boolean' });
};

export const number =
  (rules: { min?: number; max?: number; integer?: boolean } = {}): Check =>
  (value, place) => {
    if (
      typeof value !== 'number' ||
      !Number.isFinite(value) ||
      (rules.integer === true && !Number.isInteger(value))
    ) {
      refuse(place, rules.integer === true ? 'must be an integer' : 'must be a number', { type: 'type' });
      return;
    }
    if (rules.min !== undefined && value < rules.min)
      refuse(place, `must be at least ${rules.min}`, bound('minimum', rules.min));
    if (rules.max !== undefined && value > rules.max)
      refuse(place, `must be at most ${rules.max}`, bound('maximum', rules.max));
  };

/** An array of `min` (1 by default) to `max` items, each checked by `item`. */
export const list =
  (item: Check, rules: { min?: number; max?: number } = {}): Check =>
  (value, place) => {
    if (!Array.isArray(value)) {
      refuse(place, 'must be an array', { type: 'type', expected: 'array' });
      return;
    }
    const { min = 1, max } = rules;
    if (value.length < min) refuse(place, `no fewer than ${min} items allowed`, bound('min_items', min));
    if (max !== undefined && value.length > max)
      refuse(place, `no more than ${max} items allowed`, bound('max_items', max));
    value.forEach((entry, index) => item(entry, below(place, index)));
  };

export interface ObjectShape {
  readonly required?: Readonly<Record<string, Check>>;
  readonly optional?: Readonly<Record<string, Check>>;
  readonly rules?: readonly Rule[];
}

/** An object with exactly these fields: a missing one and an unknown one are both refused, as Slack does. */
export const object =
  ({ required = {}, optional = {}, rules = [] }: ObjectShape): Check =>
  (value, place) => {
    if (!isFields(value)) {
      refuse(place, 'must be an object', { type: 'type', expected: 'object' });
      return;
    }
    const before = place.problems.length;
    for (const name of Object.keys(required))
      if (value[name] === undefined) refuse(place, `missing required field: ${name}`, { type: 'required' });
    for (const [name, entry] of Object.entries(value)) checkField(name, entry, { place, required, optional });
    if (place.problems.length === before) for (const rule of rules) rule(value, place);
  };

function checkField(
  name: string,
  entry: unknown,
  shape: {
    place: Place;
    required: Readonly<Record<string, Check>>;
    optional: Readonly<Record<string, Check>>;
  },
): void {
  if (entry === undefined) return;
  const check = Object.hasOwn(shape.required, name)
    ? shape.required[name]
    : Object.hasOwn(shape.optional, name)
      ? shape.optional[name]
      : undefined;
  if (check === undefined)
    refuse(shape.place, `invalid additional property: ${name}`, { type: 'additional_property' });
  else check(entry, below(shape.place, name));
}

/** An object whose `type` says which of the checks applies. The table is read late, so that blocks may nest. */
export const tagged =
  (table: () => Readonly<Record<string, Check>>): Check =>
  (value, place) => {
    if (!isFields(value)) {
      refuse(place, 'must be an object', { type: 'type', expected: 'object' });
      return;
    }
    const { type } = value;
    if (type === undefined) {
      refuse(place, 'missing required field: type', { type: 'required' });
      return;
    }
    const checks = table();
    const check = typeof type === 'string' && Object.hasOwn(checks, type) ? checks[type] : undefined;
    if (check !== undefined) check(value, place);
    else
      refuse(below(place, 'type'), `unsupported type: ${typeof type === 'string' ? type : typeof type}`, {
        type: 'enum',
        expected: Object.keys(checks),
      });
  };

/** Refuses an object that has none, or more than one, of the named fields. */
export const exactlyOne =
  (...names: string[]): Rule =>
  (fields, place) => {
    const given = names.filter((name) => fields[name] !== undefined);
    if (given.length !== 1)
      refuse(place, `must define exactly one of: ${names.join(', ')}`, { type: 'one_of', expected: names });
  };

/** Refuses an object that has none of the named fields. */
export const atLeastOne =
  (...names: string[]): Rule =>
  (fields, place) => {
    if (names.every((name) => fields[name] === undefined))
      refuse(place, `must define at least one of: ${names.join(', ')}`, { type: 'any_of', expected: names });
  };

/** Refuses two equal values; `what` names them in the message. */
export function refuseRepeats(values: readonly { value: string; place: Place }[], what: string): void {
  const seen = new Set<string>();
  for (const { value, place } of values) {
    if (seen.has(value)) refuse(place, `${what} must be unique: ${value}`, { type: 'unique' });
    seen.add(value);
  }
}
