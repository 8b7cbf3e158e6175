import { z } from 'zod';
import { checkExpression } from '../analysis/syntax.ts';
import { field, oneOf } from '../file/fields.ts';
import type { RuleFileError } from '../file/source.ts';
import type { Part } from '../file/validate.ts';
import type { WrittenGroup } from './burn-rules.ts';

/** What one document became, or what of it cannot be carried. */
export interface Converted {
  readonly groups: readonly WrittenGroup[];
  readonly errors: readonly RuleFileError[];
}

export type Converter = (part: Part) => Converted;

/** Errors at keys of a document. */
export const refusedAt = (part: Part, path: readonly (string | number)[], message: string): Converted => ({
  groups: [],
  errors: [part.source.at(part.document.offsetOf([...part.path, ...path]), message)],
});

export const flag = oneOf(['true', 'false']);
/** Any text. */
export const text = z.string({
  error: ({ input }) => (input === undefined ? 'is missing' : 'must be a single value, not a list or a map'),
});
export const textMap = z.record(z.string(), text);

/** A number above 0 and below `limit`: a share, or a percentage. */
export const below = (limit: number) =>
  field<number>((written) => {
    const value = /^\d+(?:\.\d+)?$/.test(written) ? Number(written) : Number.NaN;
    if (value > 0 && value < limit) return { value };
    return {
      problems: [{ message: `is ${JSON.stringify(written)}: write a number above 0 and below ${limit}` }],
    };
  });

const WINDOW = /\{\{\s*\.window\s*\}\}/g;

/** Puts a window into a query with Sloth's `{{.window}}`. */
export const withWindow = (query: string, window: string): string => query.replaceAll(WINDOW, window);

/** A query with `{{.window}}` in it. */
export const windowedQuery = field<string>((written) => {
  if (withWindow(written, '5m') === written)
    return { problems: [{ message: 'holds no {{.window}}: it would be the same over every window' }] };
  const problems = checkExpression(withWindow(written, '5m'));
  return problems.length === 0
    ? { value: written.trim() }
    : { problems: problems.map(({ message }) => ({ message: `is not PromQL: ${message}` })) };
});

/** One metric with its matchers, to which a range can be added. */
export const selector = field<string>((written) => {
  const plain = written.trim();
  const isSelector =
    /^[A-Za-z_:][\w:]*\s*(?:\{[^]*\})?$/.test(plain) && checkExpression(`rate(${plain}[5m])`).length === 0;
  return isSelector ? { value: plain } : { problems: [{ message: 'is not one metric with its matchers' }] };
});
