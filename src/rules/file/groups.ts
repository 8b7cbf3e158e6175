import { z } from 'zod';
import type { Labels } from '../../lib/labels.ts';
import { nearestName } from '../../lib/nearest.ts';
import { MINUTE, ms } from '../../lib/units.ts';
import { analyseExpression } from '../analysis/analyse.ts';
import { metricsOf, readingsOf } from '../analysis/metrics.ts';
import { ruleKey } from '../compile.ts';
import type { RuleGroup, SloRule } from '../rule.ts';
import { type CompiledGroup, type PlacedUse, useOfExpression } from './compiled.ts';
import { count, duration, expression, metricName, name, positiveDuration } from './fields.ts';
import type { RuleFileError, RuleFileNote } from './source.ts';
import { templateNotes } from './template-notes.ts';
import { alertLabels, annotations, emptyIsAbsent, plainLabels, SETTING_NAMES } from './text-maps.ts';
import type { Part, Shape } from './validate.ts';
import { validate } from './validate.ts';

/** Prometheus's own default for `evaluation_interval`. */
const DEFAULT_INTERVAL = MINUTE;

const groupSchema = z.strictObject({
  name,
  interval: positiveDuration.optional(),
  query_offset: duration.optional(),
  limit: count.optional(),
  labels: plainLabels,
  rules: emptyIsAbsent(z.array(z.unknown())),
});

const alertSchema = z.strictObject({
  alert: name,
  expr: expression,
  for: duration.optional(),
  keep_firing_for: duration.optional(),
  labels: alertLabels,
  annotations,
});

const recordingSchema = z.strictObject({ record: metricName, expr: expression, labels: plainLabels });

type Group = z.output<typeof groupSchema>;
type Alert = z.output<typeof alertSchema>;

const shapeOf = <S extends z.ZodObject>(schema: S): Shape<z.output<S>> => ({
  schema: schema as unknown as z.ZodType<z.output<S>>,
  keys: { '': Object.keys(schema.shape) },
});

const GROUP = shapeOf(groupSchema);
const ALERT = shapeOf(alertSchema);
const RECORDING = shapeOf(recordingSchema);

/** Reads the keys of a rule that say what kind it is, before either schema is held against it. */
function kindOf(part: Part, rule: unknown): 'alert' | 'recording' | RuleFileError {
  const { source, document, path } = part;
  if (typeof rule !== 'object' || rule === null || Array.isArray(rule)) {
    return source.at(document.offsetOf(path), 'a rule must be a map with `alert` or `record`, and `expr`.');
  }
  const hasAlert = 'alert' in rule;
  const hasRecord = 'record' in rule;
  if (hasAlert && hasRecord) {
    return source.at(document.offsetOfKey([...path, 'record']), 'a rule has `alert` or `record`, not both.');
  }
  if (hasAlert) return 'alert';
  if (hasRecord) return 'recording';
  const near = Object.keys(rule).find((key) => nearestName(key, ['alert', 'record']) !== undefined);
  const hint = near === undefined ? '' : `; is \`${near}\` meant to be one of them?`;
  return source.at(document.offsetOf(path), `this rule has neither \`alert\` nor \`record\`${hint || '.'}`);
}

/** The bot's settings, read out of the annotations. */
export function settingsOf(texts: Labels): Pick<SloRule, 'onNoData' | 'channel'> {
  const channel = texts['slack_channel'];
  return {
    onNoData: texts['slo_no_data'] === 'resolve' ? 'resolve' : 'keep',
    channel,
  };
}

function alertingRule(alert: Alert, groupLabels: Labels): SloRule {
  const labels = { ...groupLabels, ...alert.labels };
  const texts = alert.annotations ?? {};
  return {
    name: alert.alert,
    key: ruleKey(alert.alert, labels),
    expr: alert.expr,
    for: alert.for ?? ms(0),
    keepFiringFor: alert.keep_firing_for ?? ms(0),
    labels,
    annotations: texts,
    ...analyseExpression(alert.expr, texts['slo_unit']),
    reads: readingsOf(alert.expr),
    ...settingsOf(texts),
  };
}

/** Annotations that look like settings with a slip in them: they would be ignored without a word. */
function settingNotes(part: Part, alert: Alert): readonly RuleFileNote[] {
  return Object.keys(alert.annotations ?? {}).flatMap((annotation) => {
    const near = nearestName(annotation, SETTING_NAMES);
    if (near === undefined || SETTING_NAMES.includes(annotation)) return [];
    const offset = part.document.offsetOfKey([...part.path, 'annotations', annotation]);
    const message = `the annotation \`${annotation}\` is no setting; did you mean \`${near}\`?`;
    return [{ ...part.source.at(offset, message), code: 'setting-name' as const }];
  });
}

interface Recording {
  readonly record: string;
  readonly expr: string;
  readonly place: RuleFileError;
}

/** What reading the rules of a group gathers. */
interface Gathered {
  readonly rules: {
    readonly rule: SloRule;
    readonly place: RuleFileError;
    readonly isWithoutFor: boolean;
  }[];
  readonly recordings: Recording[];
  readonly errors: RuleFileError[];
  readonly notes: RuleFileNote[];
}

function readAlert(part: Part, groupLabels: Labels, into: Gathered): void {
  const checked = validate(ALERT, part);
  if (!checked.ok) {
    into.errors.push(...checked.errors);
    return;
  }
  const read = alertingRule(checked.value, groupLabels);
  const place = part.source.at(part.document.offsetOf([...part.path, 'alert']), '');
  const twins = into.rules.filter(({ rule: { name, labels } }) => ruleKey(name, labels) === read.key);
  // As Prometheus does: rules of the same name and labels are known by their order.
  const rule = twins.length === 0 ? read : { ...read, key: `${read.key}#${twins.length + 1}` };
  into.rules.push({ rule, place, isWithoutFor: checked.value.for === undefined });
  into.notes.push(...settingNotes(part, checked.value), ...templateNotes(part), ...alertsNote(rule, place));
}

function alertsNote(rule: SloRule, place: RuleFileError): readonly RuleFileNote[] {
  if (!metricsOf(rule.expr).some((metric) => metric === 'ALERTS' || metric === 'ALERTS_FOR_STATE')) return [];
  const message = `\`${rule.name}\` reads ALERTS: that is Prometheus's state of its own rules, not Tailwatch's.`;
  return [{ ...place, message, code: 'reads-alerts' }];
}

function readRecording(part: Part, into: Gathered): void {
  const checked = validate(RECORDING, part);
  if (!checked.ok) {
    into.errors.push(...checked.errors);
    return;
  }
  const { record, expr } = checked.value;
  const place = part.source.at(part.document.offsetOf([...part.path, 'record']), '');
  into.recordings.push({ record, expr, place });
  into.notes.push({
    ...place,
    message: `the recording rule \`${record}\` is left to Prometheus.`,
    code: 'recording-rule',
  });
}

function readRules(part: Part, group: Group): Gathered {
  const gathered: Gathered = { rules: [], recordings: [], errors: [], notes: [] };
  for (const [index, rule] of (group.rules ?? []).entries()) {
    const rulePart = { ...part, path: [...part.path, 'rules', index] };
    const kind = kindOf(rulePart, rule);
    if (kind === 'alert') readAlert(rulePart, group.labels ?? {}, gathered);
    else if (kind === 'recording') readRecording(rulePart, gathered);
    else gathered.errors.push(kind);
  }
  return gathered;
}

/** The rules of a group whose own keys are wrong are still read, for their mistakes. */
function rulesRegardless(part: Part): readonly RuleFileError[] {
  let value = part.document.value;
  for (const step of [...part.path, 'rules'])
    value = (value as Record<string | number, unknown> | undefined)?.[step];
  return Array.isArray(value) ? readRules(part, { name: '', rules: value }).errors : [];
}

function useOf({ rule, place, isWithoutFor }: Gathered['rules'][number], group: RuleGroup): PlacedUse {
  const { name, expr, objective, comparison } = rule;
  const use = useOfExpression({ name, kind: 'alerting', expr, interval: group.interval });
  const placed = { place, rule, group: group.id, isWithoutFor };
  if (objective === undefined) return { ...placed, use };
  const { family, by, threshold } = objective;
  const isExceeded = comparison === '>' ? { isExceeded: true as const } : {};
  return { ...placed, use: { ...use, family, by, thresholds: [{ threshold, key: 'expr', ...isExceeded }] } };
}

/** A recording rule is only looked for: whether its series are there. */
function recordingUse({ record, expr, place }: Recording, { id, interval }: RuleGroup): PlacedUse {
  const use = useOfExpression({ name: record, kind: 'recording', expr, interval });
  return { place, group: id, use: { ...use, metrics: [record], rates: [], services: [] } };
}

/** Reads one Prometheus rule group. */
export function readGroup(part: Part): CompiledGroup {
  const checked = validate(GROUP, part);
  if (!checked.ok) return { uses: [], errors: [...checked.errors, ...rulesRegardless(part)], notes: [] };
  const { rules, recordings, errors, notes } = readRules(part, checked.value);
  const { file } = part.source;
  const group: RuleGroup = {
    id: `${file};${checked.value.name}`,
    file,
    name: checked.value.name,
    interval: checked.value.interval ?? DEFAULT_INTERVAL,
    queryOffset: checked.value.query_offset ?? ms(0),
    limit: checked.value.limit ?? 0,
    rules: rules.map(({ rule }) => rule),
  };
  const uses = [
    ...rules.map((rule) => useOf(rule, group)),
    ...recordings.map((recording) => recordingUse(recording, group)),
  ];
  return { group, uses, errors, notes };
}
