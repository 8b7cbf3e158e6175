import { describe, expect, it } from 'vitest';
import type { Fault } from '../../../demo/mesh/faults.ts';
import { createRandom, type Random } from '../../../demo/mesh/random.ts';
import { findCulprit } from '../../../src/culprit/culprit.ts';
import type { Candidate, CulpritKind } from '../../../src/culprit/result.ts';
import { culpritText } from '../../../src/culprit/text.ts';
import { us } from '../../../src/lib/units.ts';
import type { Trace } from '../../../src/traces/trace.ts';
import { summarize } from '../../../src/traces/trace-summary.ts';
import { withOtherClocks } from '../../support/other-clocks.ts';
import { type PlantedCohorts, plantedCohorts } from '../../support/planted-cohorts.ts';
import { isFullRun } from '../../support/runs.ts';

/** Seeds for each planted fault: a few here, 200 in the bench. */
const SEEDS = isFullRun ? [1, 2, 3] : [1];
const made = new Map<string, PlantedCohorts>();

/** The cohorts of a seed and faults, made once. */
function cohorts(seed: number, faults: readonly Fault[]): PlantedCohorts {
  const key = JSON.stringify([seed, faults]);
  const known = made.get(key) ?? plantedCohorts(seed, faults);
  made.set(key, known);
  return known;
}

/** Candidates of which the first one matches. */
const firstOf = (candidate: Partial<Candidate>): unknown =>
  expect.toSatisfy((all: readonly Candidate[]) => {
    expect(all[0]).toMatchObject(candidate);
    return true;
  });

const planted: Readonly<Record<string, readonly [Fault, CulpritKind]>> = {
  'slow code': [{ kind: 'slow-code', service: 'payments', factor: 8 }, 'own-code'],
  'a slow database': [{ kind: 'slow-database', service: 'payments-db', factor: 10 }, 'database'],
  'a slow network': [{ kind: 'network-delay', service: 'payments', delayMs: 200 }, 'network'],
  retries: [{ kind: 'retries', service: 'payments', share: 0.5 }, 'retries'],
  queueing: [{ kind: 'queueing', service: 'payments', slotMs: 120 }, 'queueing'],
  'more calls': [{ kind: 'more-calls', service: 'payments', times: 4 }, 'more-calls'],
  'a new version': [{ kind: 'slow-code', service: 'payments', factor: 8, version: 'v3' }, 'new-version'],
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
      candidates: firstOf({ service: 'payments.shop', kind }),
    });
    // A mesh names all spans of payments after its host and port: the request line says what is slow.
    if (kind !== 'database' && kind !== 'more-calls')
      expect(result).toMatchObject({ candidates: firstOf({ operation: 'POST /charge' }) });
    expect(culpritText(result)[0]).toMatch(
      /^Culprit: payments\.shop.* Confidence high \(\d+ of 50 resamples, \d+ slow and \d+ normal traces\)\.$/,
    );
  });
});

/** The traces with the ends of their spans moved by up to 2 ms, as spans are closed; `pick` chooses which. */
const jittered = (
  traces: readonly Trace[],
  pick: (index: number) => boolean,
  random: Random,
): readonly Trace[] =>
  traces.map((trace) => ({
    ...trace,
    spans: trace.spans.map((span, i) => {
      const by = Math.round((random.next() * 2 - 1) * 2_000);
      const isMoved = span.parentSpanId !== undefined && pick(i);
      return isMoved ? { ...span, duration: us(Math.max(0, span.duration + by)) } : span;
    }),
  }));

describe('the ends of spans moved by up to 2 ms move no result', () => {
  it.each(Object.entries(planted))('of %s', (_, [fault, kind]) => {
    const { slow, normal } = cohorts(1, [fault]);
    const random = createRandom(1);
    const result = findCulprit(
      jittered(slow, () => true, random),
      jittered(normal, () => true, random),
    );
    expect(result).toMatchObject({ candidates: firstOf({ service: 'payments.shop', kind }) });
  });

  it.each(Object.entries(planted))('of the critical path of a trace with %s', (_, [fault]) => {
    const random = createRandom(2);
    for (const trace of cohorts(1, [fault]).slow) {
      const [first, second] = summarize(trace)?.breakdown ?? [];
      // Where two causes are nearly as large, 2 ms decide.
      if (first === undefined || first.time - (second?.time ?? 0) < 4_000) continue;
      const one = random.below(trace.spans.length);
      for (const moved of jittered([trace], (i) => i === one, random)) {
        const [after] = summarize(moved)?.breakdown ?? [];
        expect(after).toMatchObject({ service: first.service, kind: first.kind, peer: first.peer });
      }
    }
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
    candidates: firstOf({ service: 'cart.shop', kind: 'network' }),
    second: { service: 'payments.shop', kind: 'own-code' },
  });
});

it.each(SEEDS)('a healthy mesh has no culprit (seed %s)', (seed) => {
  const { slow, normal } = cohorts(seed, []);
  const result = findCulprit(slow, normal);
  expect(result.kind === 'compared' ? result.confidence : 'unclear').toBe('unclear');
});

it.each(['slow code', 'a slow network'])('%s is named as surely when clocks differ by seconds', (name) => {
  const [fault, kind] = planted[name] ?? [];
  const { slow, normal } = cohorts(1, fault === undefined ? [] : [fault]);
  expect(findCulprit(withOtherClocks(slow), withOtherClocks(normal))).toMatchObject({
    confidence: 'high',
    candidates: firstOf({ service: 'payments.shop', kind }),
  });
});

it('without kinds of spans, a slow network is not told from slow code', () => {
  const { slow, normal } = cohorts(1, [{ kind: 'network-delay', service: 'payments', delayMs: 200 }]);
  const withoutKinds = (traces: readonly Trace[]): readonly Trace[] =>
    traces.map((trace) => ({
      ...trace,
      spans: trace.spans.map((span) => ({ ...span, kind: 'unspecified' })),
    }));
  expect(findCulprit(withoutKinds(slow), withoutKinds(normal))).toMatchObject({ confidence: 'unclear' });
});

it('the result is the same for the same traces', () => {
  const { slow, normal } = cohorts(1, [{ kind: 'slow-code', service: 'payments', factor: 8 }]);
  expect(findCulprit(slow, normal)).toEqual(findCulprit(slow, normal));
});

it('too few traces are not compared', () => {
  const { slow, normal } = cohorts(1, [{ kind: 'slow-code', service: 'payments', factor: 8 }]);
  expect(findCulprit(slow.slice(0, 4), normal)).toEqual({ kind: 'too-few', slow: 4, normal: normal.length });
});
