import { type Labels, METRIC_NAME, NO_LABELS, withLabel } from '../labels.ts';
import type { Matcher } from '../matcher.ts';
import type { StoredSeries } from '../sample-store.ts';
import type { SeriesBuffer } from '../series-buffer.ts';
import type { Evaluation, VectorSample } from './evaluation.ts';
import type { MatrixSelector, VectorSelector } from './expression.ts';

/** The samples of one series within a range, oldest first: the indexes from `from` up to `to` (exclusive). */
export interface RangeWindow {
  readonly times: Float64Array;
  readonly values: Float64Array;
  readonly from: number;
  readonly to: number;
  /** The bounds of the range itself in ms, whether or not samples lie on them. */
  readonly start: number;
  readonly end: number;
}

/** The instant a selector looks at when the query is evaluated at `t`. */
function referenceTime(evaluation: Evaluation, selector: VectorSelector, t: number): number {
  const { at } = selector;
  const base = at === undefined ? t : at === 'start' ? evaluation.start : at === 'end' ? evaluation.end : at;
  return base - selector.offset;
}

export const selectedSeries = (evaluation: Evaluation, selector: VectorSelector): readonly StoredSeries[] =>
  evaluation.plan(selector, () => evaluation.source.select(selector.matchers));

/**
 * The index of the newest sample that an instant selector sees at `t`, or -1: none within the lookback, or the series ended.
 *
 *      t - lookback                t
 *   ------(----------x------x------]---- 3.x: the left end is open, 2.x: closed
 */
function newestIndex(evaluation: Evaluation, samples: SeriesBuffer, t: number): number {
  const index = samples.indexAtOrAfter(t + 1) - 1;
  if (index < samples.first) return -1;
  const age = t - (samples.times[index] as number);
  const { lookback, versionBehavior } = evaluation;
  const tooOld = versionBehavior.rangeIsLeftOpen ? age >= lookback : age > lookback;
  return tooOld || samples.isStale(index) ? -1 : index;
}

/** Evaluates an instant selector; `read` chooses what is read of each sample: its value, or its time stamp. */
export function selectInstant(
  evaluation: Evaluation,
  selector: VectorSelector,
  read: { readonly t: number; readonly what: 'value' | 'timestamp' },
): readonly VectorSample[] {
  const reference = referenceTime(evaluation, selector, read.t);
  const vector: VectorSample[] = [];
  for (const { labels, samples } of selectedSeries(evaluation, selector)) {
    const index = newestIndex(evaluation, samples, reference);
    if (index < 0) continue;
    const value = read.what === 'value' ? samples.values[index] : (samples.times[index] as number) / 1_000;
    vector.push({ labels, value: value as number });
  }
  return vector;
}

/** The samples a range selector sees of one series at `t`, or undefined when there are none. Staleness markers are no samples. */
export function windowOf(
  evaluation: Evaluation,
  node: MatrixSelector,
  { samples, t }: { readonly samples: SeriesBuffer; readonly t: number },
): RangeWindow | undefined {
  const end = referenceTime(evaluation, node.selector, t);
  const start = end - node.range;
  const from = samples.indexAtOrAfter(evaluation.versionBehavior.rangeIsLeftOpen ? start + 1 : start);
  const to = samples.indexAtOrAfter(end + 1);
  const { times, values } = samples;
  for (let i = from; i < to; i++) {
    if (samples.isStale(i)) return withoutMarkers(samples, { times, values, from, to, start, end });
  }
  return from === to ? undefined : { times, values, from, to, start, end };
}

function withoutMarkers(samples: SeriesBuffer, window: RangeWindow): RangeWindow | undefined {
  const times: number[] = [];
  const values: number[] = [];
  for (let i = window.from; i < window.to; i++) {
    if (samples.isStale(i)) continue;
    times.push(window.times[i] as number);
    values.push(window.values[i] as number);
  }
  if (times.length === 0) return undefined;
  const { start, end } = window;
  return {
    times: Float64Array.from(times),
    values: Float64Array.from(values),
    from: 0,
    to: times.length,
    start,
    end,
  };
}

/** The labels `absent` gives its one sample: those the selector pins by `=`, once. Source: createLabelsForAbsentFunction. */
export function labelsOfAbsence(matchers: readonly Matcher[]): Labels {
  const seen = new Set<string>();
  let labels = NO_LABELS;
  for (const { name, operator, value } of matchers) {
    if (name === METRIC_NAME) continue;
    const pins = operator === '=' && !seen.has(name);
    labels = withLabel(labels, name, pins ? value : '');
    if (pins) seen.add(name);
  }
  return labels;
}
