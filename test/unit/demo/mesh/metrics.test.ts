import { describe, expect, test } from 'vitest';
import { ISTIO_BOUNDS_MS, type MeshSample } from '../../../../demo/mesh/metrics.ts';
import { ratio } from '../../../../src/lib/units.ts';
import { at, lastScrape, nameOf, requestsOf, total, watchedMesh } from './watched-mesh.ts';

const keyOf = (sample: MeshSample): string => JSON.stringify(sample.labels);

function bySeries(samples: readonly MeshSample[]): Map<string, MeshSample[]> {
  const series = new Map<string, MeshSample[]>();
  for (const sample of samples) series.set(keyOf(sample), [...(series.get(keyOf(sample)) ?? []), sample]);
  return series;
}

describe('metrics', () => {
  const watched = watchedMesh({ requestsPerSecond: 30, sampling: ratio(0.2) });
  watched.mesh.advanceTo(at(120));
  const { samples } = watched;

  test('no counter ever falls', () => {
    for (const series of bySeries(samples).values()) {
      const values = series.map(({ value }) => value);
      expect(values).toEqual(values.toSorted((a, b) => a - b));
    }
  });

  test("buckets carry Envoy's bounds, rise with them, and end at the count", () => {
    const buckets = lastScrape(samples).filter(
      ({ labels }) => nameOf(labels) === 'istio_request_duration_milliseconds_bucket',
    );
    const groups = bySeries(buckets.map((sample) => ({ ...sample, labels: { ...sample.labels, le: '' } })));
    expect(groups.size).toBeGreaterThan(20);
    for (const group of groups.values()) {
      const values = group.map(({ value }) => value);
      expect(values).toHaveLength(ISTIO_BOUNDS_MS.length + 1);
      expect(values).toEqual(values.toSorted((a, b) => a - b));
      const { le: _le, ...labels } = group[0]?.labels ?? {};
      const count = total(lastScrape(samples), {
        ...labels,
        __name__: 'istio_request_duration_milliseconds_count',
      });
      expect(values.at(-1)).toBe(count);
    }
    const bounds = [...new Set(buckets.map(({ labels }) => labels.le))];
    expect(bounds.slice(0, 3)).toEqual(['0.5', '1.0', '5.0']);
    expect(bounds.at(-1)).toBe('+Inf');
  });

  test('bounds can be written as Prometheus 2 keeps them', () => {
    const older = watchedMesh({ boundStyle: 'prometheus-2' });
    older.mesh.advanceTo(at(20));
    const bounds = new Set(older.samples.map(({ labels }) => labels.le));
    expect([...bounds]).toEqual([undefined, ...ISTIO_BOUNDS_MS.map(String), '+Inf']);
  });

  test.each(['frontend', 'checkout', 'payments', 'inventory', 'currency'])(
    'the requests and the time that %s reports are those of the record, traced or not',
    (service) => {
      const t = samples.at(-1)?.t ?? 0;
      const visits = requestsOf(watched)
        .flatMap((request) => request.visits)
        .filter((visit) => visit.service === `${service}.shop`)
        .filter((visit) => (visit.startUs + visit.durationUs) / 1_000 <= t);
      const labels = { reporter: 'destination', destination_service_name: service };
      const scrape = lastScrape(samples);
      expect(total(scrape, { ...labels, __name__: 'istio_requests_total' })).toBe(visits.length);
      const sum = total(scrape, { ...labels, __name__: 'istio_request_duration_milliseconds_sum' });
      expect(sum).toBeCloseTo(
        visits.reduce((ms, visit) => ms + visit.durationUs / 1_000, 0),
        6,
      );
      for (const bound of ['1.0', '5.0', '10.0', '25.0', '50.0', '100.0', '+Inf']) {
        const bucket = { ...labels, __name__: 'istio_request_duration_milliseconds_bucket', le: bound };
        const boundUs = bound === '+Inf' ? Infinity : Number(bound) * 1_000;
        expect(total(scrape, bucket)).toBe(visits.filter(({ durationUs }) => durationUs <= boundUs).length);
      }
    },
  );

  test('source and destination count the same requests while nothing fails', () => {
    const labels = { __name__: 'istio_requests_total', destination_service_name: 'payments' };
    const scrape = lastScrape(samples);
    // A request may be answered at the destination and still be on its way back.
    const difference =
      total(scrape, { ...labels, reporter: 'destination' }) -
      total(scrape, { ...labels, reporter: 'source' });
    expect(difference).toBeGreaterThanOrEqual(0);
    expect(difference).toBeLessThanOrEqual(1);
  });

  test('the versions of a service are told apart at both ends, and each answers its share', () => {
    const scrape = lastScrape(samples);
    const share = (reporter: string, version: string): number => {
      const labels = { __name__: 'istio_requests_total', destination_service_name: 'payments', reporter };
      return total(scrape, { ...labels, destination_version: version }) / total(scrape, labels);
    };
    for (const reporter of ['source', 'destination']) {
      expect(share(reporter, 'v1') + share(reporter, 'v2')).toBeCloseTo(1, 9);
      // One pod of three; two minutes of chance.
      expect(share(reporter, 'v2')).toBeGreaterThan(0.25);
      expect(share(reporter, 'v2')).toBeLessThan(0.42);
    }
    const revisions = new Set(
      watched.traces.flat().map(({ attributes }) => attributes['istio.canonical_revision']),
    );
    expect(revisions).toContain('v2');
  });

  test('the labels of a series are one and the same object at every scrape', () => {
    for (const series of bySeries(samples).values()) {
      expect(new Set(series.map(({ labels }) => labels)).size).toBe(1);
    }
  });
});
