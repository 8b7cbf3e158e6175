import { validateDetailed } from 'node-cron';
import { z } from 'zod';
import { type Matcher, parseMatchers } from '../../lib/matcher.ts';
import { channelProblem } from '../../lib/slack-channel.ts';
import { type Milliseconds, ms, parseDuration } from '../../lib/units.ts';
import { checkExpression } from '../analysis/check-expression.ts';
import { templateProblems } from '../template/template.ts';
import { alternatives, shown } from './section.ts';

/*
 * Values of rule files. All scalars arrive as texts. A message completes `invalid <key>:`, such as `found "30", expected a
 * duration like 30s`.
 */

/** What is wrong with a text, and at which offset in it. */
export interface TextProblem {
  readonly at?: number;
  readonly message: string;
}

/** A text that is parsed; all problems in it are reported. */
export function field<T>(
  parse: (text: string) => { readonly value: T } | { readonly problems: readonly TextProblem[] },
) {
  return z.string().transform((text, context): T => {
    const result = parse(text);
    if ('value' in result) return result.value;
    for (const { message, at } of result.problems) {
      const params = at === undefined ? undefined : { at };
      context.issues.push({ code: 'custom', message, input: text, params });
    }
    return z.NEVER;
  });
}

/** A text that `parse` understands, described by `expected`; `parse` returns undefined for any other. */
export const parsed = <T>(expected: string, parse: (text: string) => T | undefined) =>
  field<T>((text) => {
    const value = parse(text);
    return value === undefined
      ? { problems: [{ message: `found ${shown(text)}, expected ${expected}` }] }
      : { value };
  }).meta({ description: expected });

/** A text that matches a pattern, described by `expected`. */
export const matching = (expected: string, pattern: RegExp) =>
  parsed(expected, (text) => (pattern.test(text) ? text : undefined));

/** An empty value (`labels:` with nothing after it) is an absent one, as in Prometheus. */
export const emptyIsAbsent = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => (value === '' ? undefined : value), schema.optional()).optional();

/** A duration in Prometheus syntax, zero included. */
export const duration = parsed<Milliseconds>('a duration like 500ms, 30s, 5m or 1h30m', parseDuration);

/** A duration above zero. */
export const positiveDuration = duration.refine((value) => value > 0, {
  error: 'found zero, expected a duration like 30s or 5m',
});

const NO_DATA = 'a duration like 15m or 24h, or resolve';

/** How long an alert stays open without data, or `resolve`: it ends at once. Undefined when invalid. */
export function parseNoData(text: string): Milliseconds | 'resolve' | undefined {
  if (text === 'resolve') return text;
  const time = parseDuration(text);
  return time === undefined || time === 0 ? undefined : time;
}

export const noData = parsed(NO_DATA, parseNoData);

/** An integer from zero up. */
export const count = parsed('a non-negative integer', (text) =>
  /^\d+$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : undefined,
);

const INTEGER = /^[-+]?(?:0x[\da-f]+|0b[01]+|0o?[0-7]+|0|[1-9]\d*)$/i;
const FLOAT = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?$/i;

/**
 * An integer as Prometheus's YAML reads it: in any base, with `_` between digits, and what comes after a point is cut off.
 * Source: go.yaml.in/yaml, resolve.go and decode.go.
 */
function goInteger(text: string): number | undefined {
  const digits = text.replaceAll('_', '');
  const size = digits.replace(/^[-+]/, '').replace(/^0(?=\d)/, '0o');
  const isNumber = INTEGER.test(digits) || FLOAT.test(digits);
  const value = isNumber
    ? Math.trunc(Number(INTEGER.test(digits) ? size : digits.replace(/^[-+]/, '')))
    : NaN;
  if (!Number.isSafeInteger(value)) return undefined;
  return digits.startsWith('-') ? -value : value;
}

/** A limit: none is 0, and so is one below zero. */
export const groupLimit = parsed('an integer', (text) => {
  const value = text === '' ? 0 : goInteger(text);
  return value === undefined ? undefined : Math.max(0, value);
});

const decimal = (text: string): number => (/^(?:\d+\.?\d*|\.\d+)$/.test(text) ? Number(text) : Number.NaN);

/** A number above 0 and below `limit`: a share, or a percentage. */
export const below = (limit: number, example: string) =>
  parsed(`a number between 0 and ${limit}, like ${example}`, (text) => {
    const value = decimal(text);
    return value > 0 && value < limit ? value : undefined;
  });

/** A text that is not blank. */
export const name = matching('a name', /\S/);

/** One of some values. */
export const oneOf = <T extends string>(values: readonly T[]) =>
  parsed<T>(alternatives(values), (text) => values.find((value) => value === text)).meta({ enum: values });

export const flag = oneOf(['true', 'false']);

/** A PromQL expression. */
export const expression = field<string>((text) => {
  const problems = checkExpression(text);
  return problems.length === 0 ? { value: text.trim() } : { problems };
});

/** PromQL label matchers without braces: `reporter="destination"`. */
export const promqlMatchers = field<string>((text) => {
  const before = 'x{';
  const problems = checkExpression(`${before}${text}}`);
  if (problems.length === 0) return { value: text.trim().replace(/,$/, '') };
  return {
    problems: problems.map(({ at, message }) => ({
      at: Math.min(Math.max(0, at - before.length), text.length),
      message: `expected label matchers like a="b", c=~"d|e": ${message}`,
    })),
  };
});

const matcherText = field<readonly Matcher[]>((text) => {
  const read = parseMatchers(text);
  return read.ok
    ? { value: read.matchers }
    : { problems: [{ at: read.at, message: `the matcher ${read.message}` }] };
});

/** A list of Alertmanager matchers. */
export const labelMatchers = z.array(matcherText).transform((lists) => lists.flat());

/** The name of a recorded series. Prometheus 3 accepts any text without braces. */
export const recordName = matching('a metric name without labels', /^[^{}]*[^{}\s][^{}]*$/);

const metricName = matching('a metric name (letters, digits, _, : and .)', /^[A-Za-z_:][\w:.]*$/);

const HISTOGRAM_SUFFIX = /_(?:bucket|count|sum)$/;

/** The name of a histogram without the suffixes of its series. */
export const histogramName = metricName.refine((value) => !HISTOGRAM_SUFFIX.test(value), {
  error: ({ input }) =>
    `found ${shown(input)}, expected the name without its suffix, ${String(input).replace(HISTOGRAM_SUFFIX, '')}`,
});

const LABEL_RULE = 'a label name';
/** Prometheus 3 accepts any text. */
const LABEL = /\S/;

/** A label name. Names with other characters than letters, digits and `_` need Prometheus 3. */
export const labelName = matching(LABEL_RULE, LABEL);

/** A Slack channel: its name with `#`, or its ID. */
export const channel = field<string>((text) => {
  const message = channelProblem(text);
  return message === undefined ? { value: text } : { problems: [{ message }] };
});

/** A Slack user group or user to mention. */
export const mention = matching(
  'a user group ID (S0123ABCD) or a user ID (U0123ABCD)',
  /^[SUW][A-Z0-9]{7,}$/,
);

type TextCheck = (name: string, text: string) => readonly { at?: number; onKey?: boolean; message: string }[];

const textMap = (...checks: readonly TextCheck[]) =>
  emptyIsAbsent(
    z.record(z.string(), z.string()).superRefine((map, context) => {
      for (const [key, text] of Object.entries(map)) {
        for (const { message, ...params } of checks.flatMap((check) => check(key, text))) {
          context.addIssue({ code: 'custom', path: [key], message, params });
        }
      }
    }),
  );

const labelNames: TextCheck = (key) =>
  LABEL.test(key) && key !== '__name__'
    ? []
    : [{ onKey: true, message: `expected ${LABEL_RULE} other than __name__` }];

/** Templates that Prometheus rejects as well; an unsupported one is only a note. */
const templates: TextCheck = (_, text) => templateProblems(text).filter(({ isBroken }) => isBroken);

/** The annotations that are settings of the bot, with the problem of an invalid value. */
const SETTINGS: Readonly<Record<string, (value: string) => string | undefined>> = {
  slo_unit: (value) =>
    value === '' ? 'found an empty value, expected ms, s, or the unit of a plain number' : undefined,
  slo_no_data: (value) =>
    parseNoData(value) === undefined ? `found ${shown(value)}, expected ${NO_DATA}` : undefined,
  slack_channel: channelProblem,
};

/** The names of the annotations that are settings of the bot. */
export const SETTING_NAMES: readonly string[] = Object.keys(SETTINGS);

const settings: TextCheck = (key, text) => {
  const message = Object.hasOwn(SETTINGS, key) ? SETTINGS[key]?.(text) : undefined;
  return message === undefined ? [] : [{ message }];
};

/** Labels of a recording rule: Prometheus expands no templates in them. */
export const plainLabels = textMap(labelNames);
/** Labels of an alerting rule, with templates. */
export const alertLabels = textMap(labelNames, templates);
/** Annotations of an alerting rule, with templates and settings of the bot. */
export const annotations = textMap(labelNames, templates, settings);

/** A cron expression with the shortest time between two runs, for deadlines and leases. */
export interface CronSchedule {
  readonly expression: string;
  readonly interval: Milliseconds;
}

/** The smallest distance between two values in order, wrapping around at `cycle`; undefined for a single value. */
function smallestGap(values: readonly number[], cycle: number): number | undefined {
  if (values.length < 2) return undefined;
  return Math.min(...values.map((value, i) => (values[i + 1] ?? (values[0] ?? 0) + cycle) - value));
}

interface CronFields {
  readonly second: readonly number[];
  readonly minute: readonly number[];
  readonly hour: readonly number[];
}

function intervalOf({ second, minute, hour }: CronFields): Milliseconds {
  const seconds =
    smallestGap(second, 60) ?? (smallestGap(minute, 60) ?? (smallestGap(hour, 24) ?? 24) * 60) * 60;
  return ms(seconds * 1_000);
}

/** A cron expression of six fields, seconds first, in UTC. */
export const schedule = field<CronSchedule>((text) => {
  const parts = text.trim().split(/\s+/);
  if (parts.length !== 6) {
    const message = `found ${shown(text)}, expected six fields (second minute hour day month weekday), like "*/30 * * * * *"`;
    return { problems: [{ message }] };
  }
  const { fields, valid, errors } = validateDetailed(text.trim());
  if (fields !== undefined && valid)
    return { value: { expression: parts.join(' '), interval: intervalOf(fields) } };
  const wrong = errors.map((error) => `${JSON.stringify(error.value ?? '')} is not a valid ${error.field}`);
  return { problems: [{ message: wrong.join('; ') }] };
});
