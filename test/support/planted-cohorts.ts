import type { Fault } from '../../demo/mesh/faults.ts';
import { createMesh } from '../../demo/mesh/mesh.ts';
import type { MeshSpan } from '../../demo/mesh/spans.ts';
import { type Excess, excessOf } from '../../src/culprit/cohorts.ts';
import { epochMs, us } from '../../src/lib/units.ts';
import type { Trace } from '../../src/traces/trace.ts';

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

/** Slow and normal traces of one endpoint of the demo's mesh. */
export interface PlantedCohorts {
  readonly slow: readonly Trace[];
  readonly normal: readonly Trace[];
  /** Whether more of the requests are slow than in the healthy minute: without it the bot does not compare traces. */
  readonly excess: Excess;
}

/** Checkouts of a healthy minute, and those of a minute with faults that are slower than nearly all of the former. */
export function plantedCohorts(seed: number, faults: readonly Fault[]): PlantedCohorts {
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
  const threshold = us(sorted[Math.floor(sorted.length * 0.95)] ?? 0);
  const now = traces.filter(isCheckout);
  const isSlow = (trace: Trace): boolean => durationOf(trace) > threshold;
  const slow = now.filter(isSlow);
  return {
    slow: slow.slice(0, 40),
    normal: normal.slice(0, 80),
    excess: excessOf({
      threshold,
      slow: slow.length,
      ofSlow: now.length,
      normal: normal.filter(isSlow).length,
      ofNormal: normal.length,
    }),
  };
}
