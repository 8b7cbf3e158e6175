import { inspect } from 'node:util';

const MASK = '[secret]';

/** A value that must not be printed: every way of showing it gives a mask, and `reveal()` gives the value. */
export interface Secret<T = string> {
  reveal(): T;
  toString(): string;
  toJSON(): string;
  [inspect.custom](): string;
}

/** Wraps a secret. The value lives in a closure: no property holds it, so no walk over properties finds it. */
export function secret<T>(value: T): Secret<T> {
  return {
    reveal: () => value,
    toString: () => MASK,
    toJSON: () => MASK,
    [inspect.custom]: () => MASK,
  };
}

/** The beginnings by which Slack's tokens and addresses are known: they say what was pasted, not what it opens. */
const KINDS = /^(?:xox[a-z]|xapp|xwfp|https?|rediss?)(?=-|:)/;

/** What may be said of a secret that is wrong: its well-known beginning, if it has one, and how long it is. */
export function describeSecret(text: string): string {
  const kind = KINDS.exec(text)?.[0];
  const beginning = kind === undefined ? '' : ` that begins with ${kind}`;
  return `a text${beginning} (${text.length} characters, not shown)`;
}
