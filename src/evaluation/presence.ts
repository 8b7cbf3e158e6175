import type { Labels } from '../lib/labels.ts';
import type { Milliseconds } from '../lib/units.ts';
import { formatDuration } from '../lib/units.ts';
import { anyOfMatcher, promqlString } from '../rules/queries.ts';
import type { MetricReading } from '../rules/rule.ts';

/** The series of a selector that belong to some alerts. */
export interface SeriesOf extends MetricReading {
  /** The labels of each alert's series, without the rule's additions. */
  readonly alerts: readonly Labels[];
}

/** More values of a label than this are not picked by a matcher: the answer then holds more than was asked for. */
const MOST_VALUES = 20;

const namesOf = ({ alerts }: SeriesOf): readonly string[] =>
  [...new Set(alerts.flatMap((labels) => Object.keys(labels)))].sort();

/** Matchers for the values that a label has on any of the alerts. */
function matcherFor({ alerts }: SeriesOf, name: string): string[] {
  const values = [...new Set(alerts.map((labels) => labels[name] ?? ''))];
  const [first = ''] = values;
  if (values.length === 1) return [`${name}=${promqlString(first)}`];
  return values.length > MOST_VALUES ? [] : [anyOfMatcher(name, values)];
}

function selectorOf(series: SeriesOf): string {
  const matchers = [series.matchers, ...namesOf(series).flatMap((name) => matcherFor(series, name))];
  return `${series.metric}{${matchers.filter((each) => each !== '').join(',')}}`;
}

const grouped = (series: SeriesOf, ...more: readonly string[]): string =>
  `by (${[...new Set([...namesOf(series), ...more])].join(', ')})`;

/** When each alert's series had their last sample, in unix seconds. */
export const lastSampleAt = (series: SeriesOf): string =>
  `max ${grouped(series)} (timestamp(${selectorOf(series)}))`;

/** How many series each alert had at some time in `back`. */
export const wasThere = (series: SeriesOf, back: Milliseconds): string =>
  `count ${grouped(series)} (last_over_time(${selectorOf(series)}[${formatDuration(back)}]))`;

/** What each alert's counters counted in `window`. */
export const requestsIn = (series: SeriesOf, window: Milliseconds): string =>
  `sum ${grouped(series)} (increase(${selectorOf(series)}[${formatDuration(window)}]))`;

/** The pairs of job and instance that each alert's series came from in `back`. */
const originsOf = (series: SeriesOf, back: Milliseconds): string =>
  `group ${grouped(series, 'job', 'instance')} (last_over_time(${selectorOf(series)}[${formatDuration(back)}]))`;

/** How many scraped targets each alert's series came from in `back`; none for series that were pushed or recorded. */
export const countOfTargets = (series: SeriesOf, back: Milliseconds): string =>
  `count ${grouped(series)} (${originsOf(series, back)} and on (job, instance) last_over_time(up[${formatDuration(back)}]))`;

/** How many of them answer now. */
export const countOfTargetsUp = (series: SeriesOf, back: Milliseconds): string =>
  `count ${grouped(series)} (${originsOf(series, back)} and on (job, instance) (up == 1))`;
