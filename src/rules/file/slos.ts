import { z } from 'zod';
import { serviceLabelOf } from '../../lib/labels.ts';
import type { Milliseconds } from '../../lib/units.ts';
import { formatDuration, ms, ratio, SECOND } from '../../lib/units.ts';
import { WORKBOOK } from '../burn-rate.ts';
import type { Slo } from '../compile.ts';
import { canBurn, compileSlo } from '../compile.ts';
import type { Preset, PresetName } from '../presets.ts';
import { errorSelectorFor, PRESETS, unitOfMetric } from '../presets.ts';
import type { LatencyFamily, LatencyObjective, RuleGroup } from '../rule.ts';
import { type CompiledGroup, type PlacedUse, useOfExpression } from './compiled.ts';
import { defined } from './defined.ts';
import {
  channel,
  count,
  duration,
  histogramName,
  labelName,
  matchers,
  name,
  oneOf,
  positiveDuration,
  quantile,
  schedule,
} from './fields.ts';
import { settingsOf } from './groups.ts';
import type { RuleFileError } from './source.ts';
import { templateNotes } from './template-notes.ts';
import { alertLabels, annotations, emptyIsAbsent } from './text-maps.ts';
import type { Part, Shape } from './validate.ts';
import { validate } from './validate.ts';

/** How often a short-form SLO is evaluated when its file does not say. */
const DEFAULT_INTERVAL: Milliseconds = ms(30 * SECOND);

const PRESET_NAMES = Object.keys(PRESETS) as PresetName[];

const objectiveSchema = z.strictObject({ quantile, below: positiveDuration, window: positiveDuration });
const recoverSchema = z.strictObject({
  below: positiveDuration.optional(),
  window: positiveDuration.optional(),
});
const alertSchema = z.strictObject({
  for: duration.optional(),
  keep_firing_for: duration.optional(),
  recover: recoverSchema.optional(),
  burn: oneOf(['workbook']).optional(),
});

const sloSchema = z.strictObject({
  name,
  preset: oneOf(PRESET_NAMES).optional(),
  metric: histogramName.optional(),
  unit: oneOf(['ms', 's']).optional(),
  selector: matchers.optional(),
  errors: matchers.optional(),
  by: z.array(labelName).optional(),
  service_label: labelName.optional(),
  histogram: oneOf(['native', 'classic']).optional(),
  approximate: oneOf(['true', 'false']).optional(),
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
  no_data: oneOf(['keep', 'resolve']).optional(),
});

type SloInput = z.output<typeof sloSchema>;

const SLO: Shape<SloInput> = {
  schema: sloSchema,
  keys: {
    '': Object.keys(sloSchema.shape),
    objective: Object.keys(objectiveSchema.shape),
    alert: Object.keys(alertSchema.shape),
    'alert.recover': Object.keys(recoverSchema.shape),
  },
  notBuilt: {
    compat: 'write `compat: prometheus` at the top of a document: it holds for all rules.',
    inhibit: 'write `inhibit: call-graph` at the top of the document.',
    mute: 'write a `route` with `mute_time_intervals` at the top of the document.',
    active: 'write a `route` with `active_time_intervals` at the top of the document.',
    budget: 'remove it; `burn: workbook` alerts on a budget of 30 days.',
    mention: 'write a `route` with `mentions` at the top of the document.',
    mentions: 'write a `route` with `mentions` at the top of the document.',
    'alert.flap_threshold': 'write `flap_threshold` at the top of the document: it holds for all rules.',
    'alert.inhibit': 'write `inhibit: call-graph` at the top of the document.',
    'alert.repeat': 'remove it; a firing alert keeps one message that is brought up to date.',
  },
};

/** A problem that lies between keys: at which of them, and what. */
interface Conflict {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** The preset that is named, or the one whose metric is: its side of each request must be picked either way. */
function presetOf(slo: SloInput): Preset | undefined {
  if (slo.preset !== undefined) return PRESETS[slo.preset];
  return Object.values(PRESETS).find(({ family }) => family.metric === slo.metric);
}

/** The label that names the service: what the SLO says, else the preset's, else the known one among `by`. */
function serviceLabelFor(
  slo: SloInput,
  preset: LatencyFamily | undefined,
  by: readonly string[],
): string | undefined {
  const presets = preset !== undefined && by.includes(preset.serviceLabel) ? preset.serviceLabel : undefined;
  const candidate = slo.service_label ?? presets ?? serviceLabelOf(by);
  return candidate !== undefined && by.includes(candidate) ? candidate : undefined;
}

/** What picks requests and failures apart on a metric: the SLO's own matchers before the preset's. */
function selectorsOf(slo: SloInput, preset: LatencyFamily | undefined, metric: string) {
  return {
    selector: slo.selector ?? preset?.selector ?? '',
    ...defined({ errorSelector: slo.errors ?? preset?.errorSelector ?? errorSelectorFor(metric) }),
  };
}

/** The histogram: the preset's, with whatever the SLO says itself on top. */
function familyOf(slo: SloInput, by: readonly string[]): LatencyFamily | Conflict {
  const preset = presetOf(slo)?.family;
  const metric = slo.metric ?? preset?.metric;
  if (metric === undefined) {
    const presets = PRESET_NAMES.join(', ');
    return { path: ['name'], message: `has neither a \`preset\` (${presets}) nor a \`metric\` beside it` };
  }
  const unit = slo.unit ?? unitOfMetric(metric) ?? preset?.unit;
  if (unit === undefined)
    return { path: ['metric'], message: 'does not tell its unit: add `unit: ms` or `unit: s`' };
  const serviceLabel = serviceLabelFor(slo, preset, by);
  if (serviceLabel !== undefined) {
    const histogram = slo.histogram === 'native' ? slo.histogram : undefined;
    return { metric, unit, serviceLabel, ...selectorsOf(slo, preset, metric), ...defined({ histogram }) };
  }
  const message = 'must hold the label that names the service; say in `service_label` which it is';
  return { path: ['by'], message };
}

/** The labels to give verdicts for. */
function groupingOf(slo: SloInput): readonly string[] {
  return slo.by ?? presetOf(slo)?.by ?? (slo.service_label === undefined ? [] : [slo.service_label]);
}

function recoveryConflicts(slo: SloInput): readonly Conflict[] {
  const { recover } = slo.alert ?? {};
  if (recover === undefined) return [];
  if (recover.below === undefined && recover.window === undefined)
    return [{ path: ['alert', 'recover'], message: 'says neither `below` nor `window`' }];
  if (recover.below === undefined || recover.below <= slo.objective.below) return [];
  const most = formatDuration(slo.objective.below);
  const message = `is above the objective's own ${most}: a breach could recover while it lasts`;
  return [{ path: ['alert', 'recover', 'below'], message }];
}

function conflictsOf(slo: SloInput, objective: LatencyObjective): readonly Conflict[] {
  const conflicts: Conflict[] = [...recoveryConflicts(slo)];
  const { burn } = slo.alert ?? {};
  if (slo.schedule !== undefined && slo.interval !== undefined) {
    conflicts.push({ path: ['interval'], message: 'stands beside `schedule`: keep one of them' });
  }
  if (slo.approximate === 'true' && slo.histogram === 'native') {
    const message =
      'has no meaning beside `histogram: native`, which has no bounds to fall between: remove it';
    conflicts.push({ path: ['approximate'], message });
  }
  const unreachable = burn === undefined ? undefined : WORKBOOK.find((pair) => !canBurn(objective, pair));
  if (unreachable !== undefined) {
    conflicts.push({
      path: ['alert', 'burn'],
      message: `can never fire at this quantile: ${unreachable.factor} times its error budget is more than all requests. Use a higher quantile or remove it`,
    });
  }
  return conflicts;
}

type Alert = NonNullable<SloInput['alert']>;

function recoveryOf({ recover }: Alert, { threshold, window }: LatencyObjective): Slo['recover'] {
  if (recover === undefined) return undefined;
  return { threshold: recover.below ?? threshold, window: recover.window ?? window };
}

function sloOf(input: SloInput, objective: LatencyObjective): Slo {
  const { name, alert = {}, labels = {}, annotations: texts = {} } = input;
  const settings = settingsOf(texts);
  return {
    name,
    objective,
    for: alert.for ?? ms(0),
    keepFiringFor: alert.keep_firing_for ?? ms(0),
    burn: alert.burn !== undefined,
    labels,
    annotations: texts,
    onNoData: input.no_data ?? settings.onNoData,
    ...defined({
      minRequests: input.min_requests,
      recover: recoveryOf(alert, objective),
      channel: input.channel ?? settings.channel,
    }),
  };
}

function groupOf(input: SloInput, slo: Slo, file: string): RuleGroup {
  return {
    id: `${file};${input.name}`,
    file,
    name: input.name,
    interval: input.schedule?.interval ?? input.interval ?? DEFAULT_INTERVAL,
    queryOffset: input.query_offset ?? ms(0),
    limit: input.limit ?? 0,
    rules: compileSlo(slo),
    ...defined({ schedule: input.schedule?.expression }),
  };
}

function usesOf(group: RuleGroup, slo: Slo, part: Part): readonly PlacedUse[] {
  const placeOf = (...path: readonly string[]) =>
    part.source.at(part.document.offsetOf([...part.path, ...path]), '');
  const recovery = slo.recover?.threshold;
  const thresholds = [
    { threshold: slo.objective.threshold, key: 'objective.below' },
    ...(recovery === undefined || recovery === slo.objective.threshold
      ? []
      : [{ threshold: recovery, key: 'alert.recover.below' }]),
  ];
  const { family, by, isApproximate } = slo.objective;
  return group.rules.map((rule, index): PlacedUse => {
    const { name, expr } = rule;
    const asked = useOfExpression({ name, kind: 'alerting', expr, interval: group.interval });
    if (index === 0) {
      const use = { ...asked, family, by, thresholds, ...defined({ isApproximate }) };
      return { place: placeOf('objective', 'below'), rule, group: group.id, use };
    }
    // A burn rate reads the same histogram at the same threshold: what is its own are its windows, and what they cost.
    const use = { ...asked, by, metrics: [], rates: [], services: [], isBurnRate: true as const };
    return { place: placeOf('alert', 'burn'), rule, group: group.id, use };
  });
}

const failed = (errors: readonly RuleFileError[]): CompiledGroup => ({ uses: [], errors, notes: [] });

/** Reads one SLO of the short form: a group of its own, with one rule and the burn-rate rules that it asks for. */
export function readSlo(part: Part): CompiledGroup {
  const checked = validate(SLO, part);
  if (!checked.ok) return failed(checked.errors);
  const input = checked.value;
  const errorAt = ({ path, message }: Conflict): RuleFileError =>
    part.source.at(part.document.offsetOf([...part.path, ...path]), `\`${path.join('.')}\` ${message}.`);
  const by = groupingOf(input);
  const family = familyOf(input, by);
  if ('path' in family) return failed([errorAt(family)]);
  const { quantile: q, below, window } = input.objective;
  const objective: LatencyObjective = {
    family,
    by,
    quantile: ratio(q),
    threshold: below,
    window,
    ...defined({ isApproximate: input.approximate === 'true' ? (true as const) : undefined }),
  };
  const conflicts = conflictsOf(input, objective);
  if (conflicts.length > 0) return failed(conflicts.map(errorAt));
  const slo = sloOf(input, objective);
  const group = groupOf(input, slo, part.source.file);
  return { group, uses: usesOf(group, slo, part), errors: [], notes: templateNotes(part) };
}
