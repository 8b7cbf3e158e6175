import { utcTime } from '../../lib/instant.ts';
import { epochMs } from '../../lib/units.ts';
import { fourDigits, sprintf } from './go-format.ts';
import type { Value } from './syntax.ts';

const text = (value: string): Value => ({ type: 'string', text: value });
const bool = (value: boolean): Value => ({ type: 'bool', bool: value });

/** A number, or a text that is one. Source: prometheus/common helpers/templates.ConvertToFloat. */
function toFloat(value: Value): number {
  if (value.type === 'float' || value.type === 'int') return value.number;
  const isNumeric = value.type === 'string' && /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(value.text);
  if (isNumeric) return Number(value.text);
  if (value.type === 'string')
    throw new Error(`strconv.ParseFloat: parsing ${JSON.stringify(value.text)}: invalid syntax`);
  throw new Error(`can't convert ${value.type} to float`);
}

const isOdd = (value: number): boolean => Number.isNaN(value) || !Number.isFinite(value);

interface Scale {
  readonly prefixes: readonly string[];
  readonly step: (value: number) => number;
  readonly isDone: (size: number) => boolean;
}

/** Scales a number step by step until it is in reach of a reader, and says by a prefix how far. */
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
  if (value === 0 || isOdd(value)) return fourDigits(value);
  return scaled(value, Math.abs(value) >= 1 ? LARGE : SMALL);
}

function humanize1024(value: number): string {
  return Math.abs(value) <= 1 || isOdd(value) ? fourDigits(value) : scaled(value, BINARY);
}

/** Seconds as days, hours, minutes and seconds. Source: prometheus/common helpers/templates.HumanizeDuration. */
function humanizeDuration(value: number): string {
  if (isOdd(value)) return fourDigits(value);
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

/** The largest and smallest nanosecond that Go's int64 holds. */
const NANOSECONDS_LIMIT = 2 ** 63;

/** `2026-11-20 14:05:00.25 +0000 UTC`. Source: prometheus/common helpers/templates.HumanizeTimestamp; it counts milliseconds. */
function humanizeTimestamp(value: number): string {
  if (isOdd(value)) return fourDigits(value);
  if (Math.abs(value * 1e9) >= NANOSECONDS_LIMIT)
    throw new Error(`${value} cannot be represented as a nanoseconds timestamp since it overflows int64`);
  // Through whole nanoseconds, whose rounding shows: 0.25 s after midnight may read .249.
  const milliseconds = Number(BigInt(Math.trunc(value * 1e9)) / 1_000_000n);
  const rest = ((milliseconds % 1_000) + 1_000) % 1_000;
  const fraction = rest === 0 ? '' : `.${String(rest).padStart(3, '0').replace(/0+$/, '')}`;
  return `${utcTime(epochMs(milliseconds))}${fraction} +0000 UTC`;
}

/** A host without its port; anything else as it is. Source: Go's net.SplitHostPort. */
function stripPort(address: string): string {
  const [, bracketed, plain] = /^(?:\[([^\][]*)\]|([^:\][]*)):[^:\][]*$/.exec(address) ?? [];
  return bracketed ?? plain ?? address;
}

/** Go's strings.Title: the first letter of each word, a word being letters, digits and underscores. */
const title = (value: string): string =>
  value.replaceAll(
    /(^|[^\p{L}\p{N}_])(\p{L})/gu,
    (_, before: string, letter: string) => before + letter.toUpperCase(),
  );

/** What counts as true in `if`: anything but zero and empty. Source: text/template IsTrue. */
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

/** Go compares like with like only: `gt $value 1` is an error, `gt $value 1.0` is not. */
function pair(a: Value, b: Value): readonly [Basic, Basic] {
  const values = [basic(a), basic(b)] as const;
  if (a.type !== b.type) throw new Error('incompatible types for comparison');
  return values;
}

function ordered(holds: (a: string | number, b: string | number) => boolean): Call {
  return ([first, second]) => {
    const [a, b] = pair(first ?? text(''), second ?? text(''));
    if (typeof a === 'boolean' || typeof b === 'boolean') throw new Error('invalid type for comparison');
    return bool(holds(a, b));
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

const CALLS: Readonly<Record<string, Call>> = {
  printf: ([format, ...values]) => {
    if (format?.type !== 'string') throw new Error('wrong type for value; expected string');
    return text(sprintf(format.text, values));
  },
  humanize: onNumber(humanize),
  humanize1024: onNumber(humanize1024),
  humanizeDuration: onNumber(humanizeDuration),
  humanizePercentage: onNumber((value) => `${fourDigits(value * 100)}%`),
  humanizeTimestamp: onNumber(humanizeTimestamp),
  stripPort: onText(stripPort),
  title: onText(title),
  toUpper: onText((value) => value.toUpperCase()),
  toLower: onText((value) => value.toLowerCase()),
  eq: ([first = text(''), ...others]) =>
    bool(
      others.some((other) => {
        const [a, b] = pair(first, other);
        return a === b;
      }),
    ),
  ne: ([first = text(''), second = text('')]) => {
    const [a, b] = pair(first, second);
    return bool(a !== b);
  },
  gt: ordered((a, b) => a > b),
  ge: ordered((a, b) => a >= b),
  lt: ordered((a, b) => a < b),
  le: ordered((a, b) => a <= b),
  and: (args) => args.find((arg) => !isTrue(arg)) ?? args.at(-1) ?? bool(false),
  or: (args) => args.find(isTrue) ?? args.at(-1) ?? bool(false),
  not: ([value = bool(false)]) => bool(!isTrue(value)),
};

/** Calls a function by its name; throws an `Error` in the words of Go when the arguments do not fit. */
export function call(name: string, args: readonly Value[]): Value {
  const found = CALLS[name];
  if (found === undefined) throw new Error(`function ${JSON.stringify(name)} not defined`);
  try {
    return found(args);
  } catch (error) {
    throw new Error(`error calling ${name}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}
