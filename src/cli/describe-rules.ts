import { epochMs, formatDuration } from '../lib/units.ts';
import { destinationsOf } from '../policy/route.ts';
import { createLocalTime } from '../policy/time-interval.ts';
import { knownLabels } from '../rules/file/route.ts';
import type { RuleFileContents } from '../rules/file/rule-file.ts';
import type { LatencyObjective, SloRule } from '../rules/rule.ts';

/** How an alert of a rule ends, for programs. The kinds are stable. */
function recoveryFields({ recovery, noData }: SloRule): object {
  const closes = noData === 'resolve' ? noData : formatDuration(noData);
  if (recovery === undefined) return { kind: 'not-returned' };
  const { expr, comparison, bound } = recovery;
  return comparison === undefined
    ? { kind: 'data', expr, noData: closes }
    : { kind: 'value', expr, alertsWhen: `${comparison} ${bound}`, noData: closes };
}

const objectiveFields = ({ quantile, threshold, window, family }: LatencyObjective): object => ({
  metric: family.metric,
  quantile,
  below: formatDuration(threshold),
  window: formatDuration(window),
});

/** Where an alert goes by the labels that are known before it fires. A channel of null is SLACK_CHANNEL. */
function destinationFields({ policy }: RuleFileContents, rule: SloRule): readonly object[] {
  const alert = { labels: knownLabels(rule), channel: rule.channel };
  const now = { at: epochMs(0), localTime: createLocalTime() };
  return destinationsOf(policy, alert, now).map(({ channel, mentions }) => ({
    channel: channel ?? null,
    mentions,
  }));
}

/** The unit of a rule's value; null for a plain number. A share is a ratio of 0 to 1. */
function unitOf({ annotations, unit, valueKind, objective }: SloRule): string | null {
  if (annotations['slo_unit'] !== undefined) return annotations['slo_unit'];
  if (valueKind === 'slow-share') return 'ratio';
  return unit ?? (valueKind === 'latency' ? (objective?.family.unit ?? null) : null);
}

/** What was read out of each alerting rule. */
export function describeRules(contents: RuleFileContents): readonly object[] {
  const groups = new Map(contents.groups.map((group) => [group.id, group]));
  return contents.uses.flatMap(({ rule, group: id, location: { file, line, column } }) => {
    const group = groups.get(id);
    if (rule === undefined || group === undefined) return [];
    return [
      {
        file,
        line,
        column,
        group: group.name,
        name: rule.name,
        labels: rule.labels,
        interval: formatDuration(group.interval),
        for: formatDuration(rule.for),
        recovery: recoveryFields(rule),
        service: rule.service ?? { from: 'series' },
        unit: unitOf(rule),
        objective: rule.objective === undefined ? undefined : objectiveFields(rule.objective),
        destinations: destinationFields(contents, rule),
      },
    ];
  });
}
