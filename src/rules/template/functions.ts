import { errorMessage } from '../../lib/errors.ts';
import { utcTime } from '../../lib/instant.ts';
import { epochMs } from '../../lib/units.ts';
import { fourDigits, sprintf, type Value } from './go-format.ts';

const text = (value: string): Value => ({ type: 'string', text: value });
const bool = (value: boolean): Value => ({ type: 'bool', bool: value });

/** `+Inf` and `NaN`, in any case. Source: strconv.ParseFloat. */
const SPECIAL = /^(?:([+-]?)(inf(?:inity)?)|nan)$/i;

/** A number, or a text in the form of a number. Source: prometheus/common helpers/templates.ConvertToFloat. */
function toFloat(value: Value): number {
  if (value.type === 'float' || value.type === 'int') return value.number;
  const isNumeric = value.type === 'string' && /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(value.text);
  if (isNumeric) return Number(value.text);
  const special = value.type === 'string' ? SPECIAL.exec(value.text) : null;
  if (special !== null) return special[2] === undefined ? Number.NaN : Number(`${special[1]}Infinity`);
  if (value.type === 'string')
    throw new Error(`strconv.ParseFloat: parsing ${JSON.stringify(value.text)}: invalid syntax`);
  throw new Error(`can't convert ${value.type} to float`);
}

const isNotFinite = (value: number): boolean => !Number.isFinite(value);

interface Scale {
  readonly prefixes: readonly string[];
  readonly step: (value: number) => number;
  readonly isDone: (size: number) => boolean;
}

/** Scales a number step by step and adds the prefix of the last step. */
function scaled(value: number, { prefixes, step, isDone }: Scale): string {
  let number = value;
  let prefix = '';
  for (const next of prefixes) {
    if (isDone(Math.abs(number))) break;
    prefix = next;
    number = step(number);
  }
  return fourDigits(number) + prefix;
}

const PREFIXES = ['k', 'M', 'G', 'T', 'P', 'E', 'Z', 'Y'] as const;

const LARGE: Scale = { prefixes: PREFIXES, step: (value) => value / 1_000, isDone: (size) => size < 1_000 };
const BINARY: Scale = {
  prefixes: PREFIXES.map((prefix) => `${prefix}i`),
  step: (value) => value / 1_024,
  isDone: (size) => size < 1_024,
};
const SMALL: Scale = {
  prefixes: ['m', 'u', 'n', 'p', 'f', 'a', 'z', 'y'],
  step: (value) => value * 1_000,
  isDone: (size) => size >= 1,
};

function humanize(value: number): string {
  if (value === 0 || isNotFinite(value)) return fourDigits(value);
  return scaled(value, Math.abs(value) >= 1 ? LARGE : SMALL);
}

function humanize1024(value: number): string {
  return Math.abs(value) <= 1 || isNotFinite(value) ? fourDigits(value) : scaled(value, BINARY);
}

/** Seconds as days, hours, minutes and seconds. Source: prometheus/common helpers/templates.HumanizeDuration. */
function humanizeDuration(value: number): string {
  if (isNotFinite(value)) return fourDigits(value);
  if (value === 0) return `${fourDigits(value)}s`;
  if (Math.abs(value) < 1) return `${scaled(value, SMALL)}s`;
  const sign = value < 0 ? '-' : '';
  const size = Math.abs(value);
  const whole = Math.trunc(size);
  const parts = [
    Math.floor(whole / 86_400),
    Math.floor(whole / 3_600) % 24,
    Math.floor(whole / 60) % 60,
    whole % 60,
  ];
  const first = parts.findIndex((part) => part !== 0);
  if (first === 3) return `${sign}${fourDigits(size)}s`;
  const units = ['d', 'h', 'm', 's'];
  return (
    sign +
    parts
      .map((part, i) => `${part}${units[i] ?? ''}`)
      .slice(first)
      .join(' ')
  );
}

/** The limit of Go's int64, in nanoseconds. */
const NANOSECONDS_LIMIT = 2 ** 63;

/** `2026-11-20 14:05:00.25 +0000 UTC`. Source: prometheus/common helpers/templates.HumanizeTimestamp; it counts milliseconds. */
function humanizeTimestamp(value: number): string {
  if (isNotFinite(value)) return fourDigits(value);
  if (Math.abs(value * 1e9) >= NANOSECONDS_LIMIT)
    throw new Error(`${value} cannot be represented as a nanoseconds timestamp since it overflows int64`);
  // Through whole nanoseconds, as Go does, whose rounding is visible: 0.25 s after midnight may read .249.
  const milliseconds = Number(BigInt(Math.trunc(value * 1e9)) / 1_000_000n);
  const rest = ((milliseconds % 1_000) + 1_000) % 1_000;
  const fraction = rest === 0 ? '' : `.${String(rest).padStart(3, '0').replace(/0+$/, '')}`;
  return `${utcTime(epochMs(milliseconds))}${fraction} +0000 UTC`;
}

/** A host without its port; anything else is unchanged. Source: Go's net.SplitHostPort. */
function stripPort(address: string): string {
  const [, bracketed, host] = /^(?:\[([^\][]*)\]|([^:\][]*)):[^:\][]*$/.exec(address) ?? [];
  return bracketed ?? host ?? address;
}

/** Go's strings.Title: the first letter of each word, a word being letters, digits and underscores. */
const title = (value: string): string =>
  value.replaceAll(
    /(^|[^\p{L}\p{N}_])(\p{L})/gu,
    (_, before: string, letter: string) => before + letter.toUpperCase(),
  );

/** Whether `if` takes a value as true: anything but zero and empty. Source: text/template IsTrue. */
export function isTrue(value: Value): boolean {
  switch (value.type) {
    case 'float':
    case 'int':
      return value.number !== 0;
    case 'string':
      return value.text !== '';
    case 'bool':
      return value.bool;
    case 'labels':
      return Object.keys(value.labels).length > 0;
  }
}

type Basic = string | number | boolean;

function basic(value: Value): Basic {
  if (value.type === 'labels') throw new Error('invalid type for comparison');
  if (value.type === 'string') return value.text;
  return value.type === 'bool' ? value.bool : value.number;
}

/** Go compares only values of one type: `gt $value 1` is an error, `gt $value 1.0` is not. */
function pair(a: Value, b: Value): readonly [Basic, Basic] {
  const values = [basic(a), basic(b)] as const;
  if (a.type !== b.type) throw new Error('incompatible types for comparison');
  return values;
}

function isEqual(a: Value, b: Value): boolean {
  const [one, other] = pair(a, b);
  return one === other;
}

function ordered(compare: (a: string | number, b: string | number) => boolean): Call {
  return ([first, second]) => {
    const [a, b] = pair(first ?? text(''), second ?? text(''));
    if (typeof a === 'boolean' || typeof b === 'boolean') throw new Error('invalid type for comparison');
    return bool(compare(a, b));
  };
}

type Call = (args: readonly Value[]) => Value;

const onNumber =
  (write: (value: number) => string): Call =>
  ([value]) =>
    text(write(toFloat(value ?? text(''))));

const onText =
  (write: (value: string) => string): Call =>
  ([value]) => {
    if (value?.type !== 'string')
      throw new Error(
        `wrong type for value; expected string; got ${value?.type === 'float' ? 'float64' : (value?.type ?? 'nothing')}`,
      );
    return text(write(value.text));
  };

interface Func {
  readonly least: number;
  /** Absent: any number of arguments. */
  readonly most?: number;
  readonly call: Call;
}

const one = (each: Call): Func => ({ least: 1, most: 1, call: each });
const two = (each: Call): Func => ({ least: 2, most: 2, call: each });
const many = (least: number, each: Call): Func => ({ least, call: each });

/** The functions of Go's text/template and of Prometheus (template/template.go) that need only the alert. */
export const FUNCTIONS: Readonly<Record<string, Func>> = {
  printf: many(1, ([format, ...values]) => {
    if (format?.type !== 'string') throw new Error('wrong type for value; expected string');
    return text(sprintf(format.text, values));
  }),
  humanize: one(onNumber(humanize)),
  humanize1024: one(onNumber(humanize1024)),
  humanizeDuration: one(onNumber(humanizeDuration)),
  humanizePercentage: one(onNumber((value) => `${fourDigits(value * 100)}%`)),
  humanizeTimestamp: one(onNumber(humanizeTimestamp)),
  stripPort: one(onText(stripPort)),
  title: one(onText(title)),
  toUpper: one(onText((value) => value.toUpperCase())),
  toLower: one(onText((value) => value.toLowerCase())),
  eq: many(2, ([first = text(''), ...others]) => bool(others.some((other) => isEqual(first, other)))),
  ne: two(([first = text(''), second = text('')]) => bool(!isEqual(first, second))),
  gt: two(ordered((a, b) => a > b)),
  ge: two(ordered((a, b) => a >= b)),
  lt: two(ordered((a, b) => a < b)),
  le: two(ordered((a, b) => a <= b)),
  and: many(1, (args) => args.find((arg) => !isTrue(arg)) ?? args.at(-1) ?? bool(false)),
  or: many(1, (args) => args.find(isTrue) ?? args.at(-1) ?? bool(false)),
  not: one(([value = bool(false)]) => bool(!isTrue(value))),
};

/**
 * Calls a function by its name.
 * @throws Error in Go's words when the arguments do not fit.
 */
export function call(name: string, args: readonly Value[]): Value {
  const found = FUNCTIONS[name];
  if (found === undefined) throw new Error(`function ${JSON.stringify(name)} not defined`);
  try {
    return found.call(args);
  } catch (error) {
    const reason = errorMessage(error);
    throw new Error(`error calling ${name}: ${reason}`, { cause: error });
  }
}
