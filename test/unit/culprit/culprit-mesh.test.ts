import { describe, expect, it } from 'vitest';
import type { Fault } from '../../../demo/mesh/faults.ts';
import { createMesh } from '../../../demo/mesh/mesh.ts';
import type { MeshSpan } from '../../../demo/mesh/spans.ts';
import { findCulprit } from '../../../src/culprit/culprit.ts';
import type { CulpritKind } from '../../../src/culprit/result.ts';
import { culpritText } from '../../../src/culprit/text.ts';
import { epochMs, us } from '../../../src/lib/units.ts';
import type { Trace } from '../../../src/traces/trace.ts';

/** Seeds for each planted fault: a few here, 200 in the bench. */
const SEEDS = [1, 2, 3];
const START = Date.parse('2026-11-20T10:00:00Z');
const MINUTE = 60_000;

const traceOf = (spans: readonly MeshSpan[]): Trace => ({
  traceId: spans[0]?.traceId ?? '',
  spans: spans.map((span) => ({
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId,
    serviceName: span.resource['service.name'] ?? '',
    spanName: span.name,
    kind: span.kind,
    start: span.startUs,
    duration: span.durationUs,
    attributes: span.attributes,
    resource: span.resource,
    events: [],
    isError: span.failed,
    warnings: [],
  })),
});

const rootOf = ({ spans }: Trace) => spans.find(({ parentSpanId }) => parentSpanId === undefined);
const durationOf = (trace: Trace): number => rootOf(trace)?.duration ?? us(0);
const isCheckout = (trace: Trace): boolean =>
  /checkout/.test(JSON.stringify(rootOf(trace)?.attributes ?? ''));

/** Checkouts of a healthy minute, and those of a minute with faults that are slower than nearly all of the former. */
function cohorts(
  seed: number,
  faults: readonly Fault[],
): { readonly slow: readonly Trace[]; readonly normal: readonly Trace[] } {
  let traces: Trace[] = [];
  const mesh = createMesh({
    seed,
    start: epochMs(START),
    requestsPerSecond: 20,
    onSample: () => undefined,
    onTrace: (spans) => traces.push(traceOf(spans)),
  });
  mesh.advanceTo(epochMs(START + MINUTE));
  const normal = traces.filter(isCheckout);
  traces = [];
  for (const fault of faults) mesh.inject(fault);
  mesh.advanceTo(epochMs(START + 2 * MINUTE));
  const sorted = normal.map(durationOf).sort((a, b) => a - b);
  const threshold = sorted[Math.floor(sorted.length * 0.95)] ?? 0;
  return {
    slow: traces.filter((trace) => isCheckout(trace) && durationOf(trace) > threshold).slice(0, 40),
    normal: normal.slice(0, 80),
  };
}

const planted: Readonly<Record<string, readonly [Fault, CulpritKind]>> = {
  'slow code': [{ kind: 'slow-code', service: 'payments', factor: 8 }, 'own-code'],
  'a slow database': [{ kind: 'slow-database', service: 'payments-db', factor: 10 }, 'database'],
  'a slow network': [{ kind: 'network-delay', service: 'payments', delayMs: 200 }, 'network'],
  retries: [{ kind: 'retries', service: 'payments', share: 0.5 }, 'retries'],
  queueing: [{ kind: 'queueing', service: 'payments', slotMs: 120 }, 'queueing'],
  'one bad replica': [{ kind: 'bad-replica', service: 'payments', factor: 12 }, 'bad-replica'],
};

describe('a fault planted in payments is named', () => {
  const rows = Object.entries(planted).flatMap(([name, [fault, kind]]) =>
    SEEDS.map((seed) => ({ name, seed, fault, kind })),
  );
  it.each(rows)('$name (seed $seed)', ({ seed, fault, kind }) => {
    const { slow, normal } = cohorts(seed, [fault]);
    const result = findCulprit(slow, normal);
    expect(result).toMatchObject({
      kind: 'compared',
      confidence: 'high',
      candidates: [{ service: 'payments.shop', kind }, {}, {}],
    });
    expect(culpritText(result)[0]).toMatch(
      /^Culprit: payments\.shop.* Confidence high \(\d+ of 50 resamples, \d+ slow and \d+ normal traces\)\.$/,
    );
  });
});

it.each(SEEDS)('two faults at once are both named (seed %s)', (seed) => {
  const { slow, normal } = cohorts(seed, [
    { kind: 'slow-code', service: 'payments', factor: 8 },
    { kind: 'network-delay', service: 'cart', delayMs: 150 },
  ]);
  const result = findCulprit(slow, normal);
  expect(result).toMatchObject({
    confidence: 'medium',
    candidates: [{ service: 'cart.shop', kind: 'network' }, {}, {}],
    second: { service: 'payments.shop', kind: 'own-code' },
  });
});

it.each(SEEDS)('a healthy mesh has no culprit (seed %s)', (seed) => {
  const { slow, normal } = cohorts(seed, []);
  const result = findCulprit(slow, normal);
  expect(result.kind === 'compared' ? result.confidence : 'unclear').toBe('unclear');
});

it('the result is the same for the same traces', () => {
  const { slow, normal } = cohorts(1, [{ kind: 'slow-code', service: 'payments', factor: 8 }]);
  expect(findCulprit(slow, normal)).toEqual(findCulprit(slow, normal));
});

it('too few traces are not compared', () => {
  const { slow, normal } = cohorts(1, [{ kind: 'slow-code', service: 'payments', factor: 8 }]);
  expect(findCulprit(slow.slice(0, 4), normal)).toEqual({ kind: 'too-few', slow: 4, normal: normal.length });
});
