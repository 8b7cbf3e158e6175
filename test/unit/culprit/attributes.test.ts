import { expect, test } from 'vitest';
import { fisherExact, isMoreThanByChance, overRepresented } from '../../../src/culprit/attributes.ts';
import { allSteps } from '../../../src/lib/concurrency.ts';
import type { Attributes } from '../../../src/traces/trace.ts';
import { aTrace } from '../../support/fake-trace-source.ts';

// Values of R: fisher.test(matrix(c(a, ofA - a, b, ofB - b), 2), alternative = "greater")$p.value
test.each([
  ['the lady tasting tea', { a: 3, ofA: 4, b: 1, ofB: 4 }, 0.2429],
  ['everything on one side', { a: 10, ofA: 10, b: 0, ofB: 10 }, 5.413e-6],
  ['the same share', { a: 5, ofA: 10, b: 5, ofB: 10 }, 0.6718],
  ['less often in A', { a: 0, ofA: 10, b: 5, ofB: 10 }, 1],
  ['a little less often in A', { a: 4, ofA: 10, b: 5, ofB: 10 }, 0.8151],
  ['less often in A by much, of many', { a: 1_000, ofA: 1_000_000, b: 500_000, ofB: 1_000_000 }, 1],
  ['more often in A, of many', { a: 40, ofA: 1_000_000, b: 20, ofB: 1_000_000 }, 0.006744],
])('%s', (_, seen, expected) => {
  expect(fisherExact(seen) / expected).toBeCloseTo(1, 3);
});

/** Traces of one span of payments each. */
const tracesWith = (count: number, attributesOf: (i: number) => Attributes) =>
  Array.from({ length: count }, (_, i) =>
    aTrace(i.toString(16), [{ serviceName: 'payments.shop', attributes: attributesOf(i) }]),
  );

// Tags of Envoy's spans and of Istio's, then OpenTelemetry's.
test.each([
  ['version', { 'istio.canonical_revision': 'v2' }, 'v2'],
  ['version', { 'service.version': '2.4.1' }, '2.4.1'],
  [
    'pod',
    { node_id: 'sidecar~10.0.0.7~payments-6d4f-x2b9.shop~shop.svc.cluster.local' },
    'payments-6d4f-x2b9',
  ],
  ['pod', { 'k8s.pod.name': 'payments-6d4f-x2b9' }, 'payments-6d4f-x2b9'],
  ['zone', { zone: 'eu-west-1b' }, 'eu-west-1b'],
  ['zone', { 'cloud.availability_zone': 'eu-west-1b' }, 'eu-west-1b'],
  ['response flags', { response_flags: 'UO' }, 'UO'],
  ['status', { 'http.status_code': '503' }, '503'],
  ['status', { 'http.response.status_code': 503 }, '503'],
  ['upstream cluster', { upstream_cluster: 'outbound|80||db.shop' }, 'outbound|80||db.shop'],
])('the %s is found, with its counts, in %o', (attribute, attributes, value) => {
  const slow = tracesWith(20, (i) => (i < 18 ? attributes : {}));
  const normal = tracesWith(40, (i) => (i < 2 ? attributes : {}));
  expect(allSteps(overRepresented(slow, normal))).toMatchObject([
    { service: 'payments.shop', attribute, value, slow: 18, ofSlow: 20, normal: 2, ofNormal: 40 },
  ]);
});

test('a flag that says that there is none is no value', () => {
  const slow = tracesWith(20, () => ({ response_flags: '-' }));
  expect(
    allSteps(
      overRepresented(
        slow,
        tracesWith(20, () => ({})),
      ),
    ),
  ).toEqual([]);
});

test('a difference that is rare by chance is none among hundreds of values that were tried', () => {
  const [slow, normal] = [6, 0].map((withFlag) =>
    tracesWith(20, (i): Attributes => (i < withFlag ? { response_flags: 'UO' } : {})),
  ) as [ReturnType<typeof tracesWith>, ReturnType<typeof tracesWith>];
  // fisher.test: p = 0.0101 for 6 of 20 against 0 of 20; 8 of 20 against 0 of 20: p = 0.0016.
  expect(allSteps(overRepresented(slow, normal))).toEqual([]);
  const more = tracesWith(20, (i): Attributes => (i < 8 ? { response_flags: 'UO' } : {}));
  expect(allSteps(overRepresented(more, normal))).toHaveLength(1);
  const amongPods = more.map((trace, i) => ({
    ...trace,
    spans: trace.spans.map((span) => ({ ...span, resource: { 'k8s.pod.name': `payments-${i}` } })),
  }));
  expect(allSteps(overRepresented(amongPods, normal))).toEqual([]);
});

test('the shares of large counts are compared, also where few of many were seen', () => {
  const of = 10_000_000;
  expect(isMoreThanByChance({ count: of / 10, of }, { count: of / 20, of }, 0.001)).toBe(true);
  expect(isMoreThanByChance({ count: of / 10, of }, { count: of / 10, of }, 0.001)).toBe(false);
  // binom.test(40, 50, 0.5): p = 1.2e-5, one sided; the same with a tenth as many to compare with: binom.test(40, 50, 10/11).
  expect(isMoreThanByChance({ count: 40, of }, { count: 10, of }, 0.001)).toBe(true);
  expect(isMoreThanByChance({ count: 40, of }, { count: 10, of: of / 10 }, 0.001)).toBe(false);
  // A small set beside a large one: 50 of 100 against 50% of many is no more.
  expect(isMoreThanByChance({ count: of / 2, of }, { count: 50, of: 100 }, 0.001)).toBe(false);
});
