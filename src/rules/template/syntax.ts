import type { Labels } from '../../lib/labels.ts';

/** What a template computes with: the types of Go that can occur. */
export type Value =
  | { readonly type: 'float'; readonly number: number }
  | { readonly type: 'int'; readonly number: number }
  | { readonly type: 'string'; readonly text: string }
  | { readonly type: 'bool'; readonly bool: boolean }
  | { readonly type: 'labels'; readonly labels: Labels };

/** What a function is given, or what is printed. */
export type Operand =
  | { readonly kind: 'labels' }
  | { readonly kind: 'label'; readonly name: string }
  | { readonly kind: 'value' }
  | { readonly kind: 'literal'; readonly value: Value }
  | { readonly kind: 'pipeline'; readonly pipeline: Pipeline };

/** One stage: a function with its arguments, or a single operand. */
export interface Command {
  readonly name?: string;
  readonly operands: readonly Operand[];
}

/** Stages between `|`, each given the result of the one before as its last argument. */
export type Pipeline = readonly Command[];

/** A piece of a template, in the order of its text. */
export type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'output'; readonly pipeline: Pipeline }
  | {
      readonly kind: 'if';
      readonly condition: Pipeline;
      readonly whenTrue: readonly Node[];
      readonly otherwise: readonly Node[];
    };

/** What is wrong in a template, and where in its text. */
export interface TemplateProblem {
  readonly at: number;
  readonly message: string;
  /** No template of Go's at all: Prometheus refuses it too. Otherwise it is one that is not understood here. */
  readonly isBroken: boolean;
}

/** How many arguments a function takes; `most` is absent when there is no limit. */
export interface Arity {
  readonly least: number;
  readonly most?: number;
}

const ONE: Arity = { least: 1, most: 1 };
const TWO: Arity = { least: 2, most: 2 };

/**
 * The functions that are understood: of Go's own (text/template) and of Prometheus's (template/template.go) those that
 * need nothing but the alert.
 */
export const FUNCTIONS: Readonly<Record<string, Arity>> = {
  printf: { least: 1 },
  humanize: ONE,
  humanize1024: ONE,
  humanizeDuration: ONE,
  humanizePercentage: ONE,
  humanizeTimestamp: ONE,
  stripPort: ONE,
  title: ONE,
  toUpper: ONE,
  toLower: ONE,
  eq: { least: 2 },
  ne: TWO,
  gt: TWO,
  ge: TWO,
  lt: TWO,
  le: TWO,
  and: { least: 1 },
  or: { least: 1 },
  not: ONE,
};
