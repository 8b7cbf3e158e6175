import { describe, expect, it } from 'vitest';
import { labelsOf, toRecord } from '../../../../demo/prometheus/labels.ts';
import { equalityMatcher } from '../../../../demo/prometheus/matcher.ts';
import { createSampleStore, type SampleStore } from '../../../../demo/prometheus/sample-store.ts';
import { epochMs, HOUR, MINUTE, ms } from '../../../../src/lib/units.ts';
import { T0 } from './promql-case.ts';

const UP = { __name__: 'up', job: 'shop' };
const named = (metric: string) => [equalityMatcher('__name__', '=', metric)];

/** The samples of the only series of a metric, as [ms after T0, value]. */
function samplesOf(store: SampleStore, metric: string): readonly (readonly [number, number])[] {
  const [series] = store.select(named(metric));
  if (series === undefined) return [];
  const { times, values, first, end } = series.samples;
  return Array.from({ length: end - first }, (_, i) => [
    (times[first + i] as number) - T0,
    values[first + i] as number,
  ]);
}

describe('a sample store', () => {
  it('knows a series by its labels, whatever their order, and takes an empty label for none', () => {
    const store = createSampleStore();
    store.append({ labels: { __name__: 'up', job: 'shop', zone: '' }, t: epochMs(T0), value: 1 });
    store.append({ labels: { job: 'shop', __name__: 'up' }, t: epochMs(T0 + 1), value: 2 });
    expect(store.size()).toEqual({ series: 1, samples: 2 });
    expect(store.select(named('up')).map(({ labels }) => toRecord(labels))).toEqual([UP]);
  });

  it('tells label sets apart whose texts run together', () => {
    expect(labelsOf({ a: 'b', c: 'd' }).key).not.toBe(labelsOf({ a: 'bc', d: 'd' }).key);
    expect(labelsOf({ ab: 'c' }).key).not.toBe(labelsOf({ a: 'bc' }).key);
  });

  it('holds many samples in order', () => {
    const store = createSampleStore();
    const up = store.appender(UP);
    for (let i = 0; i < 1_000; i++) up.append(epochMs(T0 + i * 1_000), i);
    const samples = samplesOf(store, 'up');
    expect(samples).toHaveLength(1_000);
    expect(samples.every(([t, value], i) => t === i * 1_000 && value === i)).toBe(true);
  });

  it('refuses an older sample and another value for the same time, and ignores the same again', () => {
    const store = createSampleStore();
    store.append({ labels: UP, t: epochMs(T0 + 10), value: 1 });
    store.append({ labels: UP, t: epochMs(T0 + 10), value: 1 });
    expect(() => store.append({ labels: UP, t: epochMs(T0), value: 1 })).toThrow(/out of order sample/);
    expect(() => store.append({ labels: UP, t: epochMs(T0 + 10), value: 2 })).toThrow(/duplicate sample/);
    expect(samplesOf(store, 'up')).toEqual([[10, 1]]);
  });

  it('forgets samples and series older than the retention, which may begin anew', () => {
    const store = createSampleStore({ retention: HOUR });
    const gone = store.appender({ __name__: 'gone' });
    const up = store.appender(UP);
    gone.append(epochMs(T0), 1);
    for (let minute = 0; minute <= 180; minute++) up.append(epochMs(T0 + minute * MINUTE), minute);
    expect(store.select(named('gone'))).toEqual([]);
    const [oldest] = samplesOf(store, 'up');
    // Swept every twentieth of the retention, so up to three minutes more than an hour are held.
    expect(oldest?.[1]).toBeGreaterThanOrEqual(117);
    expect(oldest?.[1]).toBeLessThanOrEqual(120);
    gone.append(epochMs(T0 + 181 * MINUTE), 2);
    expect(samplesOf(store, 'gone')).toEqual([[181 * MINUTE, 2]]);
  });

  it('selects by name without looking at other metrics, in the order of the labels', () => {
    const store = createSampleStore();
    for (const pod of ['c', 'a', 'b']) {
      store.append({ labels: { __name__: 'up', pod }, t: epochMs(T0), value: 1 });
      store.append({ labels: { __name__: 'down', pod }, t: epochMs(T0), value: 1 });
    }
    const pods = (metric: string) => store.select(named(metric)).map(({ labels }) => toRecord(labels)['pod']);
    expect(pods('up')).toEqual(['a', 'b', 'c']);
    expect(pods('nothing')).toEqual([]);
    expect(store.select([]).length).toBe(6);
  });

  it('writes whole bucket bounds as Prometheus 3 does when asked to', () => {
    const bounds = ['500', '0.5', '+Inf', '1e3', '-5'];
    const store = createSampleStore({ normaliseLe: true });
    for (const le of bounds) store.append({ labels: { __name__: 'b', le }, t: epochMs(T0), value: 1 });
    const written = store.select(named('b')).map(({ labels }) => toRecord(labels)['le']);
    expect(new Set(written)).toEqual(new Set(['+Inf', '-5.0', '0.5', '1e3', '500.0']));
  });

  it('keeps the newest exemplars', () => {
    const store = createSampleStore({ exemplarCapacity: 3 });
    for (let i = 0; i < 10; i++) {
      store.appendExemplar({ series: UP, labels: { trace_id: String(i) }, t: epochMs(T0 + i), value: i });
    }
    expect(store.exemplars(named('up')).map(({ value }) => value)).toEqual([7, 8, 9]);
    expect(store.exemplars(named('down'))).toEqual([]);
  });

  it('ends a series only after its last sample', () => {
    const store = createSampleStore();
    store.append({ labels: UP, t: epochMs(T0 + ms(5)), value: 1 });
    store.markStale(UP, epochMs(T0 + 5));
    store.markStale({ __name__: 'unknown' }, epochMs(T0));
    expect(store.size()).toEqual({ series: 1, samples: 1 });
    store.markStale(UP, epochMs(T0 + 6));
    const [series] = store.select(named('up'));
    expect([series?.samples.isStale(0), series?.samples.isStale(1)]).toEqual([false, true]);
  });
});
