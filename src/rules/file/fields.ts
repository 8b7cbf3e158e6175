import { validateDetailed } from 'node-cron';
import { z } from 'zod';
import { channelProblem, quoted } from '../../lib/slack-channel.ts';
import { type Milliseconds, ms, parseDuration } from '../../lib/units.ts';
import { checkExpression } from '../analysis/syntax.ts';

/** What is wrong inside a text, and where in it. */
export interface TextProblem {
  readonly at?: number;
  readonly message: string;
}

type Read<T> = { readonly value: T } | { readonly problems: readonly TextProblem[] };

const problem = (message: string): Read<never> => ({ problems: [{ message }] });

/** A scalar: all of them arrive as texts. */
const scalar = z.string({
  error: ({ input }) => (input === undefined ? 'is missing' : 'must be a single value, not a list or a map'),
});

/** A field that is written as a text and read as something else; every problem it finds is reported. */
export function field<T>(read: (text: string) => Read<T>) {
  return scalar.transform((text, context): T => {
    const result = read(text);
    if ('value' in result) return result.value;
    for (const { message, at } of result.problems) {
      context.issues.push({
        code: 'custom',
        message,
        input: text,
        params: at === undefined ? undefined : { at },
      });
    }
    return z.NEVER;
  });
}

/** A length of time in Prometheus syntax, zero included. */
export const duration = field<Milliseconds>((text) => {
  const value = parseDuration(text);
  return value === undefined
    ? problem(`is ${quoted(text)}: write a duration like 500ms, 30s, 5m or 1h30m`)
    : { value };
});

/** A length of time above zero. */
export const positiveDuration = duration.refine((value) => value > 0, {
  error: 'is zero: write a duration like 30s or 5m',
});

/** A whole number from zero up. */
export const count = field<number>((text) =>
  /^\d+$/.test(text) && Number.isSafeInteger(Number(text))
    ? { value: Number(text) }
    : problem(`is ${quoted(text)}: write a whole number, 0 or more`),
);

/** A quantile strictly between 0 and 1. */
export const quantile = field<number>((text) => {
  const value = /^(?:\d+\.?\d*|\.\d+)$/.test(text) ? Number(text) : Number.NaN;
  if (value > 0 && value < 1) return { value };
  return problem(`is ${quoted(text)}: write a number between 0 and 1, like 0.99 for p99`);
});

/** A text with something in it. */
export const name = field<string>((text) => (text.trim() === '' ? problem('is empty') : { value: text }));

/** One of some words. */
export const oneOf = <T extends string>(words: readonly T[]) =>
  field<T>((text) => {
    const word = words.find((candidate) => candidate === text);
    return word === undefined ? problem(`is ${quoted(text)}: write ${words.join(', ')}`) : { value: word };
  });

/** A PromQL expression. */
export const expression = field<string>((text) => {
  const problems = checkExpression(text);
  return problems.length === 0
    ? { value: text.trim() }
    : { problems: problems.map(({ at, message }) => ({ at, message: `is not PromQL: ${message}` })) };
});

/** Label matchers as they stand between braces: `reporter="destination"`. */
export const matchers = field<string>((text) => {
  const before = 'x{';
  const problems = checkExpression(`${before}${text}}`);
  if (problems.length === 0) return { value: text.trim().replace(/,$/, '') };
  return {
    problems: problems.map(({ at, message }) => ({
      at: Math.min(Math.max(0, at - before.length), text.length),
      message: `holds no label matchers (a="b", c=~"d|e"): ${message}`,
    })),
  };
});

const METRIC = /^[A-Za-z_:][\w:]*$/;

/** A metric's name. */
export const metricName = field<string>((text) =>
  METRIC.test(text)
    ? { value: text }
    : problem(`is ${quoted(text)}: a metric's name has letters, digits, _ and :`),
);

/** The name of a histogram, as the short form wants it: without the endings of its series. */
export const histogramName = metricName.refine((value) => !/_(?:bucket|count|sum)$/.test(value), {
  error: ({ input }) =>
    `is ${JSON.stringify(input)}: write the name without its ending, ${String(input).replace(/_(?:bucket|count|sum)$/, '')}`,
});

const LABEL = /^[A-Za-z_]\w*$/;

/** Whether a text can name a label on every Prometheus version. */
export const isLabelName = (text: string): boolean => LABEL.test(text);

/** A label's name. */
export const labelName = field<string>((text) =>
  isLabelName(text)
    ? { value: text }
    : problem(`is ${quoted(text)}: a label's name has letters, digits and _, and starts with no digit`),
);

/** A Slack channel: its name with `#`, or its id. */
export const channel = field<string>((text) => {
  const wrong = channelProblem(text);
  return wrong === undefined ? { value: text } : problem(wrong);
});

/** Lists the smallest distance between other alerts, going round at `cycle`; undefined for a single value. */
function smallestGap(values: readonly number[], cycle: number): number | undefined {
  if (values.length < 2) return undefined;
  return Math.min(...values.map((value, i) => (values[i + 1] ?? (values[0] ?? 0) + cycle) - value));
}

/** A cron expression with its shortest distance between two runs, for deadlines and leases. */
export interface Schedule {
  readonly expression: string;
  readonly interval: Milliseconds;
}

function intervalOf({
  second,
  minute,
  hour,
}: {
  second: number[];
  minute: number[];
  hour: number[];
}): Milliseconds {
  const seconds =
    smallestGap(second, 60) ?? (smallestGap(minute, 60) ?? (smallestGap(hour, 24) ?? 24) * 60) * 60;
  return ms(seconds * 1_000);
}

/** A cron expression of six fields, seconds first, in UTC. */
export const schedule = field<Schedule>((text) => {
  const fields = text.trim().split(/\s+/);
  if (fields.length !== 6) {
    return problem(
      `is ${quoted(text)}: write six fields (second minute hour day month weekday), like "*/30 * * * * *"`,
    );
  }
  const checked = validateDetailed(text.trim());
  if (checked.fields !== undefined && checked.valid) {
    return { value: { expression: fields.join(' '), interval: intervalOf(checked.fields) } };
  }
  const wrong = checked.errors.map((error) => `${JSON.stringify(error.value ?? '')} is not a ${error.field}`);
  return problem(`is no schedule: ${wrong.join('; ')}`);
});
