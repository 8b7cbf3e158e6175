import { type Labels, METRIC_NAME, NO_LABELS, onlyLabels, withoutLabels } from '../labels.ts';
import { type Evaluation, remembering, type VectorSample } from './evaluation.ts';
import type { AggregateExpression, Aggregation } from './expression.ts';
import { add, type CompensatedSum, mean, movingMean, totalOf } from './go-math.ts';
import type { VersionBehavior } from './version-behavior.ts';

function sum(values: readonly number[], versionBehavior: VersionBehavior): number {
  if (!versionBehavior.compensatedSums) return values.reduce((total, value) => total + value, 0);
  const total: CompensatedSum = { sum: 0, error: 0 };
  for (const value of values) add(total, value);
  return totalOf(total);
}

/** The extreme of the values that are numbers; NaN only when none is. */
function extreme(values: readonly number[], better: (candidate: number, best: number) => boolean): number {
  let best = Number.NaN;
  for (const value of values) if (Number.isNaN(best) || better(value, best)) best = value;
  return best;
}

const REDUCERS: Readonly<
  Record<Aggregation, (values: readonly number[], versionBehavior: VersionBehavior) => number>
> = {
  sum,
  avg(values, versionBehavior) {
    const stretch = { values, from: 0, to: values.length };
    return versionBehavior.compensatedSums ? mean(stretch) : movingMean(stretch, false);
  },
  min: (values) => extreme(values, (candidate, best) => candidate < best),
  max: (values) => extreme(values, (candidate, best) => candidate > best),
  count: (values) => values.length,
  group: () => 1,
};

function groupLabels({ grouping, without }: AggregateExpression): (labels: Labels) => Labels {
  if (without) {
    const dropped = [...grouping, METRIC_NAME];
    return (labels) => withoutLabels(labels, dropped);
  }
  return grouping.length === 0 ? () => NO_LABELS : (labels) => onlyLabels(labels, grouping);
}

/** `sum by (...) (...)` and its kind: one sample for each group, in the order the groups first appear. */
export function aggregate(
  evaluation: Evaluation,
  node: AggregateExpression,
  vector: readonly VectorSample[],
): readonly VectorSample[] {
  const labelsFor = evaluation.plan(node, () => {
    const known = new Map<string, Labels>();
    const derive = groupLabels(node);
    // One object for each group, so that what is remembered by identity further up stays remembered.
    return remembering((labels) => {
      const derived = derive(labels);
      const shared = known.get(derived.key) ?? derived;
      known.set(derived.key, shared);
      return shared;
    });
  });
  const groups = new Map<Labels, number[]>();
  for (const { labels, value } of vector) {
    const group = labelsFor(labels);
    const members = groups.get(group);
    if (members === undefined) groups.set(group, [value]);
    else members.push(value);
  }
  const reduce = REDUCERS[node.operator];
  return Array.from(groups, ([labels, values]) => ({
    labels,
    value: reduce(values, evaluation.versionBehavior),
  }));
}
