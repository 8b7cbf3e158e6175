import { z } from 'zod';
import { serviceLabelOf } from '../../lib/labels.ts';
import type { Milliseconds } from '../../lib/units.ts';
import { formatDuration, ms, ratio, SECOND } from '../../lib/units.ts';
import { WORKBOOK } from '../burn-rate.ts';
import type { Slo } from '../compile.ts';
import { canBurn, compileSlo } from '../compile.ts';
import type { Preset, PresetName } from '../presets.ts';
import { errorSelectorFor, PRESETS, presetOfMetric, unitOfMetric } from '../presets.ts';
import {
  type LatencyFamily,
  OBJECTIVE_NO_DATA_TIMEOUT,
  type RuleGroup,
  type ServiceObjective,
} from '../rule.ts';
import {
  alertLabels,
  annotations,
  below,
  channel,
  count,
  duration,
  emptyIsAbsent,
  flag,
  histogramName,
  labelName,
  name,
  noData,
  oneOf,
  positiveDuration,
  promqlMatchers,
  schedule,
} from './fields.ts';
import {
  type LocatedUse,
  type RuleGroupReading,
  settingsOf,
  templateNotes,
  useOfExpression,
} from './groups.ts';
import {
  errorAt,
  locationOf,
  type RuleFileSection,
  sectionAt,
  type UnsupportedKeys,
  validate,
} from './section.ts';

/** The evaluation interval of a short-form SLO without `interval`: the usual time between two scrapes. */
const DEFAULT_INTERVAL: Milliseconds = ms(15 * SECOND);

const PRESET_NAMES = Object.keys(PRESETS) as PresetName[];

const objectiveSchema = z.strictObject({
  quantile: below(1, '0.99 for p99'),
  below: positiveDuration,
  window: positiveDuration,
});
const recoverSchema = z.strictObject({
  below: positiveDuration.optional(),
  window: positiveDuration.optional(),
});
const alertSchema = z.strictObject({
  for: duration.optional(),
  keep_firing_for: duration.optional(),
  recover: recoverSchema.optional(),
  burn: oneOf(['workbook', 'workbook-only']).optional(),
});

export const sloSchema = z.strictObject({
  name,
  preset: oneOf(PRESET_NAMES).optional(),
  metric: histogramName.optional(),
  unit: oneOf(['ms', 's']).optional(),
  selector: promqlMatchers.optional(),
  errors: promqlMatchers.optional(),
  by: z.array(labelName).optional(),
  service_label: labelName.optional(),
  histogram: oneOf(['native', 'classic']).optional(),
  approximate: flag.optional(),
  objective: objectiveSchema,
  min_requests: count.optional(),
  alert: emptyIsAbsent(alertSchema),
  schedule: schedule.optional(),
  interval: positiveDuration.optional(),
  query_offset: duration.optional(),
  limit: count.optional(),
  labels: alertLabels,
  annotations,
  channel: channel.optional(),
  no_data: noData.optional(),
});

type SloInput = z.output<typeof sloSchema>;

const useRoute = (key: string): string => `Use a \`route\` with \`${key}\` at the top of the document.`;
const UNSUPPORTED: UnsupportedKeys = {
  compat: 'Use `compat: prometheus` at the top of a document. It applies to all rules.',
  inhibit: 'Use `inhibit: call-graph` at the top of the document.',
  mute: useRoute('mute_time_intervals'),
  active: useRoute('active_time_intervals'),
  mention: useRoute('mentions'),
  mentions: useRoute('mentions'),
  budget: 'Remove it. `burn: workbook` alerts on a budget of 30 days.',
  flap_threshold: 'Use `flap_threshold` at the top of the document. It applies to all rules.',
  repeat: 'Remove it. A firing alert is one message that is updated in place.',
};

/** An error between several keys: the path of one of them, and the message. */
interface SloConflict {
  readonly path: readonly string[];
  readonly message: string;
}

/** The named preset, or the one of the named metric: its selector is needed in both cases. */
function presetOf(slo: SloInput): Preset | undefined {
  if (slo.preset !== undefined) return PRESETS[slo.preset];
  return slo.metric === undefined ? undefined : presetOfMetric(slo.metric);
}

/** The label that names the service: the SLO's, else the preset's, else a well-known one among `by`. */
function serviceLabelFor(
  slo: SloInput,
  preset: LatencyFamily | undefined,
  by: readonly string[],
): string | undefined {
  const presets = preset !== undefined && by.includes(preset.serviceLabel) ? preset.serviceLabel : undefined;
  const candidate = slo.service_label ?? presets ?? serviceLabelOf(by);
  return candidate !== undefined && by.includes(candidate) ? candidate : undefined;
}

/** The matchers of requests and of failed requests: the SLO's, else the preset's. */
function selectorsOf(slo: SloInput, preset: LatencyFamily | undefined, metric: string) {
  return {
    selector: slo.selector ?? preset?.selector ?? '',
    errorSelector: slo.errors ?? preset?.errorSelector ?? errorSelectorFor(metric),
  };
}

/** The histogram: the preset's, with the SLO's own settings on top. */
function familyOf(slo: SloInput, by: readonly string[]): LatencyFamily | SloConflict {
  const preset = presetOf(slo)?.family;
  const metric = slo.metric ?? preset?.metric;
  if (metric === undefined)
    return { path: ['name'], message: `missing \`preset\` (${PRESET_NAMES.join(', ')}) or \`metric\`.` };
  const unit = slo.unit ?? unitOfMetric(metric) ?? preset?.unit;
  if (unit === undefined) {
    const message = `missing \`unit\`: the name of \`${metric}\` does not include it. Add \`unit: ms\` or \`unit: s\`.`;
    return { path: ['metric'], message };
  }
  const serviceLabel = serviceLabelFor(slo, preset, by);
  if (serviceLabel === undefined) {
    const message = 'invalid `by`: no label names the service. Add it, and name it in `service_label`.';
    return { path: ['by'], message };
  }
  const histogram = slo.histogram === 'native' ? slo.histogram : undefined;
  return { metric, unit, serviceLabel, histogram, ...selectorsOf(slo, preset, metric) };
}

/** The labels that the SLO is evaluated for. */
function groupingOf(slo: SloInput): readonly string[] {
  return slo.by ?? presetOf(slo)?.by ?? (slo.service_label === undefined ? [] : [slo.service_label]);
}

function recoveryConflicts(slo: SloInput): readonly SloConflict[] {
  const { recover } = slo.alert ?? {};
  if (recover === undefined) return [];
  const path = ['alert', 'recover'];
  if (recover.below === undefined && recover.window === undefined)
    return [{ path, message: 'invalid `alert.recover`: found no keys, expected `below`, `window` or both.' }];
  if (recover.below === undefined || recover.below <= slo.objective.below) return [];
  const [found, most] = [formatDuration(recover.below), formatDuration(slo.objective.below)];
  const message = `invalid \`alert.recover.below\`: found ${found}, expected at most the objective's ${most}. Otherwise an alert could recover during a breach.`;
  return [{ path: [...path, 'below'], message }];
}

function conflictsOf(slo: SloInput, objective: ServiceObjective): readonly SloConflict[] {
  const conflicts = [...recoveryConflicts(slo)];
  if (slo.schedule !== undefined && slo.interval !== undefined) {
    const message = 'conflicting `interval` and `schedule`: remove one of them.';
    conflicts.push({ path: ['interval'], message });
  }
  if (slo.approximate === 'true' && slo.histogram === 'native') {
    const message =
      'conflicting `approximate` and `histogram: native`: native histograms have no fixed bucket bounds. Remove `approximate`.';
    conflicts.push({ path: ['approximate'], message });
  }
  const hasBurn = slo.alert?.burn !== undefined;
  const unreachable = hasBurn ? WORKBOOK.find((windows) => !canBurn(objective, windows)) : undefined;
  if (unreachable !== undefined) {
    const message = `invalid \`alert.burn\`: it can never fire at this quantile, because ${unreachable.factor} times the error budget is more than 100% of requests. Use a higher quantile or remove it.`;
    conflicts.push({ path: ['alert', 'burn'], message });
  }
  return conflicts;
}

type Alert = NonNullable<SloInput['alert']>;

/** `alert.burn` in a rule file. */
const BURN: Readonly<Record<string, Slo['burn']>> = { workbook: 'added', 'workbook-only': 'only' };

function recoveryOf({ recover }: Alert, { threshold, window }: ServiceObjective): Slo['recover'] {
  if (recover === undefined) return undefined;
  return { threshold: recover.below ?? threshold, window: recover.window ?? window };
}

function sloOf(input: SloInput, objective: ServiceObjective): Slo {
  const { alert = {}, labels = {}, annotations: texts = {} } = input;
  const settings = settingsOf(texts);
  return {
    name: input.name,
    objective,
    for: alert.for ?? ms(0),
    keepFiringFor: alert.keep_firing_for ?? ms(0),
    burn: BURN[alert.burn ?? ''],
    labels,
    annotations: texts,
    noData: input.no_data ?? settings.noData ?? OBJECTIVE_NO_DATA_TIMEOUT,
    minRequests: input.min_requests,
    recover: recoveryOf(alert, objective),
    channel: input.channel ?? settings.channel,
  };
}

const groupOf = (input: SloInput, slo: Slo, file: string): RuleGroup => ({
  id: `${file};${input.name}`,
  file,
  name: input.name,
  interval: input.schedule?.interval ?? input.interval ?? DEFAULT_INTERVAL,
  isDefaultInterval: input.schedule === undefined && input.interval === undefined ? true : undefined,
  schedule: input.schedule?.expression,
  queryOffset: input.query_offset ?? ms(0),
  limit: input.limit ?? 0,
  rules: compileSlo(slo),
});

function usesOf(group: RuleGroup, slo: Slo, section: RuleFileSection): readonly LocatedUse[] {
  const { family, isApproximate, threshold } = slo.objective;
  const recovery = slo.recover?.threshold ?? threshold;
  const thresholds = [
    { threshold, key: 'objective.below' },
    ...(recovery === threshold ? [] : [{ threshold: recovery, key: 'alert.recover.below' }]),
  ];
  return group.rules.map((rule, index): LocatedUse => {
    const { name: alert, expr } = rule;
    const recovery = rule.recovery?.expr;
    const { interval } = group;
    const own = useOfExpression({ name: alert, kind: 'alerting', expr, recovery, interval });
    if (index === 0) {
      const location = locationOf(sectionAt(section, 'objective', 'below'));
      return { location, rule, group: group.id, use: { ...own, family, thresholds, isApproximate } };
    }
    // A burn rate reads the same histogram at the same threshold; only its expression is checked, and what it costs.
    const use = { ...own, metrics: [], rates: [], services: [], isBurnRate: true as const };
    return { location: locationOf(sectionAt(section, 'alert', 'burn')), rule, group: group.id, use };
  });
}

/** Reads an SLO of the short form: a group with one rule, and its burn-rate rules. */
export function readSlo(reading: RuleGroupReading, section: RuleFileSection): void {
  const fail = ({ path, message }: SloConflict) =>
    reading.errors.push(errorAt(sectionAt(section, ...path), message));
  const checked = validate(sloSchema, section, UNSUPPORTED);
  if (!checked.ok) {
    reading.errors.push(...checked.errors);
    return;
  }
  const input = checked.value;
  const by = groupingOf(input);
  const family = familyOf(input, by);
  if ('path' in family) {
    fail(family);
    return;
  }
  const { quantile, below: threshold, window } = input.objective;
  const isApproximate = input.approximate === 'true' || undefined;
  const objective = { family, by, quantile: ratio(quantile), threshold, window, isApproximate };
  const conflicts = conflictsOf(input, objective);
  conflicts.forEach(fail);
  if (conflicts.length > 0) return;
  const slo = sloOf(input, objective);
  const group = groupOf(input, slo, section.source.file);
  reading.groups.push(group);
  reading.uses.push(...usesOf(group, slo, section));
  reading.notes.push(...templateNotes(section));
}
