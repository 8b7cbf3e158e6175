import { print, quotedForScript, sprintf } from './go-format.ts';
import { bool, GO_TYPES, int, isTrue, sizeOf, text, type Value } from './value.ts';

/* The functions of Go's text/template. Source: text/template/funcs.go. */

/** A function of templates and how many arguments it takes. */
export interface TemplateFunction<Context = unknown> {
  readonly least: number;
  /** Absent: any number. */
  readonly most?: number;
  readonly call: (args: readonly Value[], context: Context) => Value;
}

type Basic = string | number | boolean;

function basic(value: Value): Basic {
  switch (value.type) {
    case 'string':
      return value.text;
    case 'bool':
      return value.bool;
    case 'float':
    case 'int':
      return value.number;
    default:
      throw new Error('invalid type for comparison');
  }
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

type Call = TemplateFunction['call'];

const ordered =
  (compare: (a: string | number, b: string | number) => boolean): Call =>
  ([first = text(''), second = text('')]) => {
    const [a, b] = pair(first, second);
    if (typeof a === 'boolean' || typeof b === 'boolean') throw new Error('invalid type for comparison');
    return bool(compare(a, b));
  };

function elementAt(value: Value, index: Value): Value {
  const isKeyed = value.type === 'labels' || value.type === 'map';
  if (isKeyed && index.type === 'string') {
    if (value.type === 'labels') return text(value.labels[index.text] ?? '');
    return value.entries[index.text] ?? { type: 'nil' };
  }
  if (index.type !== 'int') throw new Error(`cannot index slice/array with type ${GO_TYPES[index.type]}`);
  const found = indexed(value, index.number);
  if (found === undefined) throw new Error(`index out of range: ${index.number}`);
  return found;
}

function indexed(value: Value, at: number): Value | undefined {
  switch (value.type) {
    case 'vector': {
      const sample = value.samples[at];
      return sample && { type: 'sample', sample };
    }
    case 'list':
      return value.items[at];
    case 'string': {
      const byte = new TextEncoder().encode(value.text)[at];
      return byte === undefined ? undefined : int(byte);
    }
    default:
      throw new Error(`can't index item of type ${GO_TYPES[value.type]}`);
  }
}

function sliced(value: Value, bounds: readonly Value[]): Value {
  const [from = 0, to] = bounds.map((bound) => {
    if (bound.type !== 'int') throw new Error(`cannot index slice/array with type ${GO_TYPES[bound.type]}`);
    if (bound.number < 0 || bound.number > (sizeOf(value) ?? 0))
      throw new Error(`index out of range: ${bound.number}`);
    return bound.number;
  });
  if (value.type === 'vector') return { ...value, samples: value.samples.slice(from, to) };
  if (value.type === 'list') return { ...value, items: value.items.slice(from, to) };
  if (value.type !== 'string') throw new Error(`can't slice item of type ${GO_TYPES[value.type]}`);
  return text(new TextDecoder().decode(new TextEncoder().encode(value.text).slice(from, to)));
}

function lengthOf(value: Value): Value {
  const size = sizeOf(value);
  if (size === undefined) throw new Error(`len of type ${GO_TYPES[value.type]}`);
  return int(size);
}

/** Go's fmt.Sprint: blanks only between two values neither of which is a text. */
const printed = (args: readonly Value[]): string =>
  args
    .map((arg, index) => {
      const isSpaced = index > 0 && arg.type !== 'string' && args[index - 1]?.type !== 'string';
      return `${isSpaced ? ' ' : ''}${print(arg)}`;
    })
    .join('');

const HTML: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&#34;',
  "'": '&#39;',
};

/** Go's url.QueryEscape. */
export const queryEscaped = (value: string): string =>
  encodeURIComponent(value)
    .replaceAll(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%20', '+');

const one = (call: (value: Value) => Value): TemplateFunction => ({
  least: 1,
  most: 1,
  call: ([value = text('')]) => call(value),
});
const two = (call: Call): TemplateFunction => ({ least: 2, most: 2, call });
const many = (least: number, call: Call): TemplateFunction => ({ least, call });

export const BUILTINS: Readonly<Record<string, TemplateFunction>> = {
  printf: many(1, ([format, ...values]) => {
    if (format?.type !== 'string') throw new Error('wrong type for value; expected string');
    return text(sprintf(format.text, values));
  }),
  print: many(0, (args) => text(printed(args))),
  println: many(0, (args) => text(`${args.map(print).join(' ')}\n`)),
  html: many(0, (args) => text(printed(args).replaceAll(/[&<>"']/g, (sign) => HTML[sign] ?? sign))),
  js: many(0, (args) => text(quotedForScript(printed(args)))),
  urlquery: many(0, (args) => text(queryEscaped(printed(args)))),
  len: one(lengthOf),
  index: many(1, ([value = text(''), ...indexes]) => indexes.reduce(elementAt, value)),
  slice: { least: 1, most: 4, call: ([value = text(''), ...bounds]) => sliced(value, bounds) },
  call: many(1, ([value = text('')]) => {
    throw new Error(`non-function of type ${GO_TYPES[value.type]}`);
  }),
  eq: many(2, ([first = text(''), ...others]) => bool(others.some((other) => isEqual(first, other)))),
  ne: two(([first = text(''), second = text('')]) => bool(!isEqual(first, second))),
  // As Go defines them, which makes NaN greater than every number.
  gt: two(ordered((a, b) => !(a <= b))),
  ge: two(ordered((a, b) => !(a < b))),
  lt: two(ordered((a, b) => a < b)),
  le: two(ordered((a, b) => a <= b)),
  and: many(1, (args) => args.find((arg) => !isTrue(arg)) ?? args.at(-1) ?? bool(false)),
  or: many(1, (args) => args.find(isTrue) ?? args.at(-1) ?? bool(false)),
  not: one((value) => bool(!isTrue(value))),
};
