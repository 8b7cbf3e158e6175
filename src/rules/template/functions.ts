import { RE2JS } from 're2js';
import { errorMessage } from '../../lib/errors.ts';
import type { Sample } from '../../lib/metrics-source.ts';
import { parseDuration } from '../../lib/units.ts';
import type { FunctionContext } from './execute.ts';
import {
  humanize,
  humanize1024,
  humanizeDuration,
  humanizePercentage,
  humanizeTimestamp,
  print,
  quotedForScript,
  toInstant,
} from './go-format.ts';
import { sprintf } from './printf.ts';
import {
  bool,
  float,
  GO_TYPES,
  int,
  isTrue,
  NIL,
  sizeOf,
  stringOf,
  text,
  type Value,
  wrongType,
} from './value.ts';

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
const queryEscaped = (value: string): string =>
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

const BUILTINS: Readonly<Record<string, TemplateFunction>> = {
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

/** `+Inf` and `NaN`, in any case. Source: strconv.ParseFloat. */
const SPECIAL = /^(?:([+-]?)(inf(?:inity)?)|nan)$/i;

/** A number, or a text in the form of a number. Source: prometheus/common helpers/templates.ConvertToFloat. */
function toFloat(value: Value): number {
  if (value.type === 'float' || value.type === 'int') return value.number;
  if (value.type === 'duration') return value.nanoseconds / 1e9;
  if (value.type !== 'string') throw new Error(`can't convert ${GO_TYPES[value.type]} to float`);
  if (/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(value.text)) return Number(value.text);
  const special = SPECIAL.exec(value.text);
  if (special === null)
    throw new Error(`strconv.ParseFloat: parsing ${JSON.stringify(value.text)}: invalid syntax`);
  return special[2] === undefined ? Number.NaN : Number(`${special[1]}Infinity`);
}

function sampleOf(value: Value = NIL): Sample {
  if (value.type !== 'sample') throw wrongType('*template.sample', value);
  return value.sample;
}

function samplesOf(value: Value = NIL): readonly Sample[] {
  if (value.type !== 'vector') throw wrongType('template.queryResult', value);
  return value.samples;
}

function firstOf([sample]: readonly Sample[]): Value {
  if (sample === undefined) throw new Error('first() called on vector with no elements');
  return { type: 'sample', sample };
}

/** A host and its port. Undefined when the text is anything else. Source: Go's net.SplitHostPort. */
function splitHostPort(address: string): { readonly host: string; readonly port: string } | undefined {
  const found = /^(?:\[([^\][]*)\]|([^:\][]*)):([^:\][]*)$/.exec(address);
  return found === null ? undefined : { host: found[1] ?? found[2] ?? '', port: found[3] ?? '' };
}

const isIpAddress = (host: string): boolean =>
  /^\d{1,3}(?:\.\d{1,3}){3}$/.test(host) || (host.includes(':') && URL.canParse(`http://[${host}]`));

/** `foo.example.com:80` as `foo:80`; an IP address is unchanged. */
function stripDomain(address: string): string {
  const { host, port } = splitHostPort(address) ?? { host: address, port: '' };
  if (isIpAddress(host)) return address;
  const [name = ''] = host.split('.');
  return port === '' ? name : `${name.includes(':') ? `[${name}]` : name}:${port}`;
}

/** Go's strings.Title: the first letter of each word, a word being letters, digits and underscores. */
const title = (value: string): string =>
  value.replaceAll(
    /(^|[^\p{L}\p{N}_])(\p{L})/gu,
    (_, before: string, letter: string) => before + letter.toUpperCase(),
  );

/** `$1`, `${1}`, `$name` in a replacement. Source: regexp.Expand. */
const GROUP = /\$(?:\$|(\w+)|\{(\w+)\})/g;

/** Go's regexp.ReplaceAllString. */
function replaceAll(pattern: string, replacement: string, subject: string): string {
  const regex = RE2JS.compile(pattern);
  const matcher = regex.matcher(subject);
  const named = regex.namedGroups() as Readonly<Record<string, number>>;
  const groupText = (name: string): string => {
    const index = /^\d+$/.test(name) ? Number(name) : named[name];
    return index === undefined || index > matcher.groupCount() ? '' : (matcher.group(index) ?? '');
  };
  let written = '';
  let end = 0;
  while (matcher.find()) {
    const isEmptyBesideLast = matcher.end() === matcher.start() && matcher.start() === end && end > 0;
    if (isEmptyBesideLast) continue;
    const expanded = replacement.replaceAll(GROUP, (sign, plain?: string, braced?: string) =>
      sign === '$$' ? '$' : groupText(plain ?? braced ?? ''),
    );
    written += subject.slice(end, matcher.start()) + expanded;
    end = matcher.end();
  }
  return written + subject.slice(end);
}

function secondsOf(duration: string): number {
  const parsed = parseDuration(duration);
  if (parsed === undefined) throw new Error(`not a valid duration string: ${JSON.stringify(duration)}`);
  return parsed / 1_000;
}

const expressionLink = (expr: string, tab: 0 | 1): string =>
  `/graph?g0.expr=${queryEscaped(expr)}&g0.tab=${tab}`;

const pathOf = (url: string): string => (URL.canParse(url) ? new URL(url).pathname.replace(/\/$/, '') : '');

type PrometheusFunction = TemplateFunction<FunctionContext>;

const onNumber = (write: (value: number) => string): PrometheusFunction => ({
  least: 1,
  most: 1,
  call: ([value = NIL]) => text(write(toFloat(value))),
});

const onText = (write: (value: string) => string): PrometheusFunction => ({
  least: 1,
  most: 1,
  call: ([value]) => text(write(stringOf(value))),
});

const taking = (count: number, call: PrometheusFunction['call']): PrometheusFunction => ({
  least: count,
  most: count,
  call,
});

/** Source: prometheus template/template.go. */
const PROMETHEUS: Readonly<Record<string, PrometheusFunction>> = {
  query: taking(1, ([expr], { query }) => ({ type: 'vector', samples: query(stringOf(expr)) })),
  first: taking(1, ([vector]) => firstOf(samplesOf(vector))),
  label: taking(2, ([name, sample]) => text(sampleOf(sample).labels[stringOf(name)] ?? '')),
  value: taking(1, ([sample]) => float(sampleOf(sample).value)),
  strvalue: taking(1, ([sample]) => text(sampleOf(sample).labels['__value__'] ?? '')),
  sortByLabel: taking(2, ([name, vector]) => {
    const label = stringOf(name);
    const by = ({ labels }: Sample): string => labels[label] ?? '';
    return {
      type: 'vector',
      samples: samplesOf(vector).toSorted((a, b) => Number(by(a) > by(b)) - Number(by(a) < by(b))),
    };
  }),
  args: {
    least: 0,
    call: (args) => ({
      type: 'map',
      entries: Object.fromEntries(args.map((arg, index) => [`arg${index}`, arg])),
    }),
  },
  reReplaceAll: taking(3, ([pattern, replacement, subject]) =>
    text(replaceAll(stringOf(pattern), stringOf(replacement), stringOf(subject))),
  ),
  match: taking(2, ([pattern, subject]) =>
    bool(RE2JS.compile(stringOf(pattern)).matcher(stringOf(subject)).find()),
  ),
  safeHtml: onText((value) => value),
  title: onText(title),
  toUpper: onText((value) => value.toUpperCase()),
  toLower: onText((value) => value.toLowerCase()),
  stripPort: onText((address) => splitHostPort(address)?.host ?? address),
  stripDomain: onText(stripDomain),
  graphLink: onText((expr) => expressionLink(expr, 0)),
  tableLink: onText((expr) => expressionLink(expr, 1)),
  urlQueryEscape: onText(queryEscaped),
  humanize: onNumber(humanize),
  humanize1024: onNumber(humanize1024),
  humanizeDuration: onNumber(humanizeDuration),
  humanizePercentage: onNumber(humanizePercentage),
  humanizeTimestamp: onNumber(humanizeTimestamp),
  parseDuration: taking(1, ([duration]) => float(secondsOf(stringOf(duration)))),
  now: taking(0, (_, { at }) => float(at / 1_000)),
  toTime: taking(1, ([seconds = NIL]) => ({ type: 'time', at: toInstant(toFloat(seconds)) })),
  toDuration: taking(1, ([seconds = NIL]) => ({
    type: 'duration',
    nanoseconds: Math.trunc(toFloat(seconds) * 1e9),
  })),
  externalURL: taking(0, (_, { externalUrl }) => text(externalUrl)),
  pathPrefix: taking(0, (_, { externalUrl }) => text(pathOf(externalUrl))),
};

const FUNCTIONS: Readonly<Record<string, PrometheusFunction>> = { ...BUILTINS, ...PROMETHEUS };

/** The functions that Prometheus knows in templates of alerts. */
export const FUNCTION_NAMES: ReadonlySet<string> = new Set(Object.keys(FUNCTIONS));

/** How many arguments a function takes. */
export const arityOf = (name: string): Pick<TemplateFunction, 'least' | 'most'> =>
  FUNCTIONS[name] ?? { least: 0 };

/** A query whose result is not known yet: it ends the expansion, which is repeated with the result. */
export class MissingQuery extends Error {
  readonly expr: string;
  constructor(expr: string) {
    super(`the result of ${expr} is not known`);
    this.expr = expr;
  }
}

/**
 * Calls a function by its name.
 * @throws Error in Go's words when the arguments do not fit; `MissingQuery`.
 */
export function callFunction(name: string, args: readonly Value[], context: FunctionContext): Value {
  const { least, most = Number.POSITIVE_INFINITY, call } = FUNCTIONS[name] ?? { least: 0, call: () => NIL };
  if (args.length < least || args.length > most)
    throw new Error(`wrong number of args for ${name}: want ${least} got ${args.length}`);
  try {
    return call(args, context);
  } catch (error) {
    if (error instanceof MissingQuery) throw error;
    throw new Error(`error calling ${name}: ${errorMessage(error)}`, { cause: error });
  }
}

/** Whether a function may leave arguments unevaluated. */
export const isShortCircuit = (name: string): boolean => name === 'and' || name === 'or';

/** `and` and `or`, which evaluate their arguments only as far as they decide; undefined for any other function. */
export function callShortCircuit(name: string, args: readonly (() => Value)[]): Value | undefined {
  if (!isShortCircuit(name) || args.length === 0) return undefined;
  let value = NIL;
  for (const arg of args) {
    value = arg();
    if (isTrue(value) === (name === 'or')) return value;
  }
  return value;
}
