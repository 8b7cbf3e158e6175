import { z } from 'zod';
import type { Labels } from '../../lib/labels.ts';
import { nearestName } from '../../lib/nearest.ts';
import { channelProblem } from '../../lib/slack-channel.ts';
import { MINUTE, ms } from '../../lib/units.ts';
import {
  analyseExpression,
  metricsNeededBy,
  metricsOf,
  rateRangesOf,
  readingsOf,
  servicesNamedIn,
} from '../analysis/analyse.ts';
import { serviceSourceOf } from '../analysis/service.ts';
import { ruleKey } from '../compile.ts';
import { NO_DATA_TIMEOUT, OBJECTIVE_NO_DATA_TIMEOUT, type RuleGroup, type SloRule } from '../rule.ts';
import type { RuleUse } from '../rule-use.ts';
import { printsValue, readsExternalLabels, templateProblems } from '../template/template.ts';
import {
  alertLabels,
  annotations,
  duration,
  emptyIsAbsent,
  expression,
  groupLimit,
  name,
  parseNoData,
  plainLabels,
  recordName,
  SETTING_NAMES,
} from './fields.ts';
import type { RuleFileLocation, RuleFileNote } from './section.ts';
import {
  errorAt,
  isMap,
  keyLocationOf,
  locationOf,
  type RuleFileReading,
  type RuleFileSection,
  readSections,
  sectionAt,
  shown,
  valueOf,
} from './section.ts';

/** What a rule reads from Prometheus, and where the rule is written. */
export interface LocatedUse {
  readonly use: RuleUse;
  readonly location: RuleFileLocation;
  /** Absent for a recording rule. */
  readonly rule?: SloRule;
  /** The id of its group. */
  readonly group: string;
  /** A hand-written alert without `for`. */
  readonly isWithoutFor?: boolean;
}

/** The rule groups of the files, and what was found in them so far. */
export interface RuleGroupReading extends RuleFileReading {
  readonly groups: RuleGroup[];
  readonly uses: LocatedUse[];
}

/** What a rule reads from Prometheus, as far as its expression shows. */
export function useOfExpression(
  rule: Pick<RuleUse, 'name' | 'kind' | 'expr' | 'recovery' | 'interval'>,
): Omit<RuleUse, 'family'> {
  const { expr } = rule;
  return {
    ...rule,
    metrics: metricsNeededBy(expr),
    rates: rateRangesOf(expr),
    services: servicesNamedIn(expr),
    thresholds: [],
  };
}

/** Prometheus's default of `evaluation_interval`. */
const DEFAULT_INTERVAL = MINUTE;

export const groupSchema = z.strictObject({
  name,
  // Zero is Prometheus's default.
  interval: duration.optional(),
  query_offset: duration.optional(),
  limit: groupLimit.optional(),
  // Of Thanos's ruler, as the Prometheus operator writes it.
  partial_response_strategy: z.string().optional(),
  labels: plainLabels,
  rules: emptyIsAbsent(z.array(z.unknown())),
});

export const alertSchema = z.strictObject({
  alert: name,
  expr: expression,
  for: duration.optional(),
  keep_firing_for: duration.optional(),
  labels: alertLabels,
  annotations,
});

export const recordingSchema = z.strictObject({ record: recordName, expr: expression, labels: plainLabels });

type AlertInput = z.output<typeof alertSchema>;

/** Whether a rule is an alert or a recording rule, before either schema is applied; undefined after an error. */
function kindOf(reading: RuleFileReading, section: RuleFileSection): 'alert' | 'record' | undefined {
  const rule = valueOf(section);
  if (!isMap(rule)) {
    const expected = 'a map with `alert` or `record`, and `expr`';
    reading.errors.push(errorAt(section, `invalid rule: found ${shown(rule)}, expected ${expected}.`));
    return undefined;
  }
  if ('alert' in rule && 'record' in rule) {
    const message = 'conflicting `alert` and `record`: a rule has one of them.';
    reading.errors.push({ ...keyLocationOf(sectionAt(section, 'record')), message });
    return undefined;
  }
  if ('alert' in rule) return 'alert';
  if ('record' in rule) return 'record';
  const near = Object.keys(rule).find((key) => nearestName(key, ['alert', 'record']) !== undefined);
  const hint = near === undefined ? '.' : `: did you misspell it as \`${near}\`?`;
  reading.errors.push(errorAt(section, `missing \`alert\` or \`record\`${hint}`));
  return undefined;
}

/** The label `slack_channel`, where it is a channel. A template is none. */
const channelLabel = ({ slack_channel: value }: Labels): string | undefined =>
  value !== undefined && channelProblem(value) === undefined ? value : undefined;

/** The settings of the bot in the annotations of a rule. */
export const settingsOf = (
  texts: Labels,
  labels: Labels = {},
): Partial<Pick<SloRule, 'noData' | 'channel'>> => ({
  noData: parseNoData(texts['slo_no_data'] ?? ''),
  channel: texts['slack_channel'] ?? channelLabel(labels),
});

/** The rule of an alert, with what its expression shows. */
export function alertingRule(alert: AlertInput, groupLabels: Labels): SloRule {
  const labels = { ...groupLabels, ...alert.labels };
  const texts = alert.annotations ?? {};
  const analysis = analyseExpression(alert.expr, texts['slo_unit']);
  const { noData, channel } = settingsOf(texts, labels);
  return {
    name: alert.alert,
    key: ruleKey(alert.alert, labels),
    expr: alert.expr,
    for: alert.for ?? ms(0),
    keepFiringFor: alert.keep_firing_for ?? ms(0),
    labels,
    annotations: texts,
    ...analysis,
    service: serviceSourceOf(alert.expr, labels),
    reads: readingsOf(alert.expr),
    noData: noData ?? (analysis.objective === undefined ? NO_DATA_TIMEOUT : OBJECTIVE_NO_DATA_TIMEOUT),
    channel,
  };
}

/** Annotations with a name close to a setting's: they would be ignored silently. */
const settingNotes = (section: RuleFileSection, { annotations: texts = {} }: AlertInput) =>
  Object.keys(texts).flatMap((annotation): readonly RuleFileNote[] => {
    const near = nearestName(annotation, SETTING_NAMES);
    if (near === undefined || SETTING_NAMES.includes(annotation)) return [];
    const location = keyLocationOf(sectionAt(section, 'annotations', annotation));
    const message = `unknown setting \`${annotation}\` in annotations: did you mean \`${near}\`?`;
    return [{ ...location, message, code: 'setting-name' }];
  });

/** What a template of a label or annotation will do, and its author may not expect. */
function templateFindings(
  key: string,
  text: string,
): readonly (Pick<RuleFileNote, 'code' | 'message'> & { readonly at: number })[] {
  // The later problems of a template follow from the first one.
  const failing = templateProblems(text)
    .slice(0, 1)
    .map(({ at, message }) => ({
      at,
      code: 'template-error' as const,
      message: `${message}. Its text will be an error.`,
    }));
  const isChanging = key === 'labels' && printsValue(text);
  return [
    ...failing,
    ...(readsExternalLabels(text)
      ? [
          {
            at: 0,
            code: 'external-labels' as const,
            message:
              "`$externalLabels` is empty here: the external labels are in Prometheus's configuration.",
          },
        ]
      : []),
    ...(isChanging
      ? [
          {
            at: 0,
            code: 'value-in-label' as const,
            message:
              'the label changes with every value, and labels identify an alert in Prometheus. Use an annotation.',
          },
        ]
      : []),
  ];
}

/** Findings on the templates in the labels and annotations of a rule or an SLO. */
export const templateNotes = (section: RuleFileSection): readonly RuleFileNote[] =>
  ['labels', 'annotations'].flatMap((key) => {
    const map = valueOf(sectionAt(section, key));
    return Object.entries(isMap(map) ? (map as Labels) : {}).flatMap(([field, text]) =>
      templateFindings(key, text).map(({ at, code, message }): RuleFileNote => {
        const { source, document, path } = sectionAt(section, key, field);
        const location = source.at(document.offsetInside(path, at));
        return { ...location, message: `\`${key}.${field}\`: ${message}`, code };
      }),
    );
  });

function readsAlertsNote(
  { name: alert, expr }: SloRule,
  location: RuleFileLocation,
): readonly RuleFileNote[] {
  if (!metricsOf(expr).some((metric) => metric === 'ALERTS' || metric === 'ALERTS_FOR_STATE')) return [];
  const message = `\`${alert}\` reads ALERTS, which holds Prometheus's own alerts, not Tailwatch's.`;
  return [{ ...location, message, code: 'reads-alerts' }];
}

interface LocatedRule {
  readonly rule: SloRule;
  readonly location: RuleFileLocation;
  readonly isWithoutFor: boolean;
}

/** As in Prometheus, rules with the same name and labels are distinguished by their order. */
function withUniqueKey(rule: SloRule, earlier: readonly LocatedRule[]): SloRule {
  const isTwin = ({ rule: other }: LocatedRule): boolean =>
    other.name === rule.name && ruleKey(other.name, other.labels) === rule.key;
  const count = earlier.filter(isTwin).length;
  return count === 0 ? rule : { ...rule, key: `${rule.key}#${count + 1}` };
}

interface LocatedRecording {
  readonly record: string;
  readonly expr: string;
  readonly location: RuleFileLocation;
}

/** The rules of a group, with the errors and notes of all of them. */
function readRules(reading: RuleFileReading, sections: readonly RuleFileSection[], groupLabels: Labels) {
  const rules: LocatedRule[] = [];
  const recordings: LocatedRecording[] = [];
  for (const section of sections) {
    const kind = kindOf(reading, section);
    const location = kind === undefined ? undefined : locationOf(sectionAt(section, kind));
    if (location === undefined) continue;
    if (kind === 'alert') {
      for (const { value } of readSections(reading, [section], alertSchema)) {
        const rule = withUniqueKey(alertingRule(value, groupLabels), rules);
        rules.push({ rule, location, isWithoutFor: value.for === undefined });
        reading.notes.push(
          ...settingNotes(section, value),
          ...templateNotes(section),
          ...readsAlertsNote(rule, location),
        );
      }
    } else {
      for (const { value } of readSections(reading, [section], recordingSchema)) {
        recordings.push({ record: value.record, expr: value.expr, location });
        const message = `the recording rule \`${value.record}\` is left to Prometheus.`;
        reading.notes.push({ ...location, message, code: 'recording-rule' });
      }
    }
  }
  return { rules, recordings };
}

function useOf({ rule, ...located }: LocatedRule, { id, interval }: RuleGroup): LocatedUse {
  const { name: alert, expr, objective, comparison } = rule;
  const recovery = rule.recovery?.expr;
  const use = useOfExpression({ name: alert, kind: 'alerting', expr, recovery, interval });
  if (objective === undefined) return { ...located, rule, group: id, use };
  const { family, threshold } = objective;
  const isExceeded = comparison === '>' || undefined;
  const thresholds = [{ threshold, key: 'expr', isExceeded }];
  return { ...located, rule, group: id, use: { ...use, family, thresholds } };
}

/** Of a recording rule only the series it writes are checked. */
function recordingUse({ record, expr, location }: LocatedRecording, { id, interval }: RuleGroup): LocatedUse {
  const use = useOfExpression({ name: record, kind: 'recording', expr, interval });
  return { location, group: id, use: { ...use, metrics: [record], rates: [], services: [] } };
}

/** Reads a Prometheus rule group. */
export function readGroup(reading: RuleGroupReading, section: RuleFileSection): void {
  const list = valueOf(sectionAt(section, 'rules'));
  const sections = Array.isArray(list) ? list.map((_, index) => sectionAt(section, 'rules', index)) : [];
  const [checked] = readSections(reading, [section], groupSchema);
  // The rules of an invalid group are read for their errors.
  const { rules, recordings } = readRules(reading, sections, checked?.value.labels ?? {});
  if (checked === undefined) return;
  const { value } = checked;
  const { file } = section.source;
  const group: RuleGroup = {
    id: `${file};${value.name}`,
    file,
    name: value.name,
    interval: value.interval || DEFAULT_INTERVAL,
    queryOffset: value.query_offset ?? ms(0),
    limit: value.limit ?? 0,
    rules: rules.map(({ rule }) => rule),
  };
  reading.groups.push(group);
  reading.uses.push(
    ...rules.map((rule) => useOf(rule, group)),
    ...recordings.map((recording) => recordingUse(recording, group)),
  );
}
