import { z } from 'zod';
import { channelProblem } from '../../lib/slack-channel.ts';
import { templateProblems } from '../template/template.ts';
import { isLabelName } from './fields.ts';

/** An empty value (`labels:` with nothing after it) is an absent one, as in Prometheus. */
export const emptyIsAbsent = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => (value === '' ? undefined : value), schema.optional()).optional();

type Refine = (name: string, text: string) => readonly { at?: number; onKey?: boolean; message: string }[];

function textMap(...checks: readonly Refine[]) {
  return emptyIsAbsent(
    z
      .record(z.string(), z.string({ error: 'must be a single value, not a list or a map' }))
      .superRefine((map, context) => {
        for (const [name, text] of Object.entries(map)) {
          for (const { message, ...params } of checks.flatMap((check) => check(name, text))) {
            context.addIssue({ code: 'custom', path: [name], message, params });
          }
        }
      }),
  );
}

const labelNames: Refine = (name) =>
  isLabelName(name) && name !== '__name__'
    ? []
    : [{ onKey: true, message: "is no label's name: letters, digits and _, no digit first, not __name__" }];

/** What Prometheus refuses as well; what is merely not understood here is a note. */
const templates: Refine = (_, text) => templateProblems(text).filter(({ isBroken }) => isBroken);

/** Annotations that the bot reads as settings, and what is wrong with a value. */
const SETTINGS: Readonly<Record<string, (value: string) => string | undefined>> = {
  slo_unit: (value) => (value === '' ? 'is empty: write ms, s, or the unit of a plain number' : undefined),
  slo_no_data: (value) =>
    value === 'keep' || value === 'resolve'
      ? undefined
      : `is ${JSON.stringify(value)}: write keep or resolve`,
  slack_channel: channelProblem,
};

/** The names of the annotations that are settings. */
export const SETTING_NAMES: readonly string[] = Object.keys(SETTINGS);

const settings: Refine = (name, text) => {
  const message = Object.hasOwn(SETTINGS, name) ? SETTINGS[name]?.(text) : undefined;
  return message === undefined ? [] : [{ message }];
};

/** Labels of a recording rule: Prometheus expands no templates in them. */
export const plainLabels = textMap(labelNames);
/** Labels of an alerting rule, with templates. */
export const alertLabels = textMap(labelNames, templates);
/** Texts for people, with templates, and the bot's settings. */
export const annotations = textMap(labelNames, templates, settings);
