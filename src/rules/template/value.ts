import type { Labels } from '../../lib/labels.ts';
import type { Sample } from '../../lib/metrics-source.ts';
import type { EpochMs } from '../../lib/units.ts';

/** A value of a template: the types of Go that occur. */
export type Value =
  | { readonly type: 'float'; readonly number: number }
  | { readonly type: 'int'; readonly number: number }
  | { readonly type: 'string'; readonly text: string }
  | { readonly type: 'bool'; readonly bool: boolean }
  | { readonly type: 'labels'; readonly labels: Labels }
  /** One element of a query's result. */
  | { readonly type: 'sample'; readonly sample: Sample }
  /** A query's result. */
  | { readonly type: 'vector'; readonly samples: readonly Sample[] }
  | { readonly type: 'list'; readonly items: readonly Value[] }
  /** What `args` returns. */
  | { readonly type: 'map'; readonly entries: Readonly<Record<string, Value>> }
  /** The data of the template itself. */
  | { readonly type: 'data'; readonly fields: Readonly<Record<string, Value>> }
  | { readonly type: 'time'; readonly at: EpochMs }
  | { readonly type: 'duration'; readonly nanoseconds: number }
  | { readonly type: 'nil' };

export const text = (value: string): Value => ({ type: 'string', text: value });
export const bool = (value: boolean): Value => ({ type: 'bool', bool: value });
export const float = (number: number): Value => ({ type: 'float', number });
export const int = (number: number): Value => ({ type: 'int', number });
export const NIL: Value = { type: 'nil' };

/** The names of the types in Go's error messages. */
export const GO_TYPES: Readonly<Record<Value['type'], string>> = {
  float: 'float64',
  int: 'int',
  string: 'string',
  bool: 'bool',
  labels: 'map[string]string',
  sample: '*template.sample',
  vector: 'template.queryResult',
  list: '[]interface {}',
  map: 'map[string]interface {}',
  data: 'struct',
  time: '*time.Time',
  duration: '*time.Duration',
  nil: '<nil>',
};

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
    case 'nil':
      return false;
    default:
      return sizeOf(value) !== 0;
  }
}

/** The number of elements; undefined for what has none. A text counts in bytes. */
export function sizeOf(value: Value): number | undefined {
  switch (value.type) {
    case 'string':
      return new TextEncoder().encode(value.text).length;
    case 'labels':
      return Object.keys(value.labels).length;
    case 'map':
      return Object.keys(value.entries).length;
    case 'vector':
      return value.samples.length;
    case 'list':
      return value.items.length;
    default:
      return undefined;
  }
}

/** More elements than a template may visit. */
const MAX_COUNT = 200_000;

/** The elements of a value with their keys, in the order in which `range` visits them; undefined when it has none. */
export function elementsOf(value: Value): readonly (readonly [key: Value, element: Value])[] | undefined {
  switch (value.type) {
    case 'vector':
      return value.samples.map((sample, index) => [int(index), { type: 'sample', sample }]);
    case 'list':
      return value.items.map((item, index) => [int(index), item]);
    case 'labels':
      return inOrder(Object.entries(value.labels)).map(([name, label]) => [text(name), text(label)]);
    case 'map':
      return inOrder(Object.entries(value.entries)).map(([name, entry]) => [text(name), entry]);
    case 'int':
      return Array.from({ length: Math.min(MAX_COUNT, Math.max(0, value.number)) }, (_, index) => [
        int(index),
        int(index),
      ]);
    default:
      return undefined;
  }
}

const inOrder = <T>(entries: readonly (readonly [string, T])[]): readonly (readonly [string, T])[] =>
  entries.toSorted(([a], [b]) => (a < b ? -1 : 1));

/** The error of a function for an argument of another type, in Go's words. */
export const wrongType = (expected: string, value: Value): Error =>
  new Error(`wrong type for value; expected ${expected}; got ${GO_TYPES[value.type]}`);

/** The text of a value. Throws in Go's words when it is none. */
export function stringOf(value: Value = NIL): string {
  if (value.type !== 'string') throw wrongType('string', value);
  return value.text;
}
