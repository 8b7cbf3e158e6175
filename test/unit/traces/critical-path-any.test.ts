import { existsSync, readdirSync, readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readLegacyTraces } from '../../../src/jaeger/wire-legacy.ts';
import { epochUs, us } from '../../../src/lib/units.ts';
import { type CriticalPath, criticalPathOf } from '../../../src/traces/critical-path.ts';
import { pathBreakdown } from '../../../src/traces/path-breakdown.ts';
import type { Span, SpanKind, Trace } from '../../../src/traces/trace.ts';
import { buildTree } from '../../../src/traces/tree.ts';
import { aTrace } from '../../support/fake-trace-source.ts';
import { MANY_SPANS, runsOf } from '../../support/runs.ts';

const pathOf = (trace: Trace): CriticalPath => criticalPathOf(buildTree(trace).roots[0]!);

const lengthOf = ({ sections }: CriticalPath): number =>
  sections.reduce((sum, { start, end }) => sum + end - start, 0);

const KINDS: readonly SpanKind[] = ['internal', 'server', 'client', 'producer', 'consumer', 'unspecified'];

/** Spans of any shape; each but the first hangs on an earlier one, so that there is one root. */
const spansArbitrary = fc
  .array(
    fc.record({
      up: fc.nat(),
      start: fc.integer({ min: -50, max: 400 }),
      duration: fc.oneof(fc.nat(300), fc.constantFrom(0, 50, 100)),
      kind: fc.constantFrom(...KINDS),
      follows: fc.nat(9),
    }),
    { minLength: 1, maxLength: 40 },
  )
  .map((items) =>
    items.map(
      ({ up, start, duration, kind, follows }, i): Partial<Span> => ({
        spanId: `s${i}`,
        spanName: `op ${up % 3}`,
        serviceName: `service ${i % 4}`,
        kind,
        start: epochUs(1_000 + (i === 0 ? 0 : start)),
        duration: us(i === 0 ? 300 : duration),
        ...(i === 0 ? {} : { parentSpanId: `s${up % i}` }),
        ...(i > 0 && follows === 0 ? { followsFrom: true } : {}),
      }),
    ),
  );

const described = ({ sections }: CriticalPath, shift = 0): readonly string[] =>
  sections.map(
    ({ node, start, end, potentialSaving }) =>
      `${node.span.spanId} ${start - shift}-${end - shift} ${potentialSaving}`,
  );

describe('any critical path', () => {
  it('covers the root once, without gaps, and each span gives no more than it has', () => {
    fc.assert(
      fc.property(spansArbitrary, (spans) => {
        const path = pathOf(aTrace('1', spans));
        const { start, duration } = path.root.span;
        let reached: number = start;
        const given = new Map<Span, number>();
        for (const section of path.sections) {
          expect(section.start).toBe(reached);
          expect(section.end).toBeGreaterThan(section.start);
          reached = section.end;
          const { span } = section.node;
          given.set(span, (given.get(span) ?? 0) + section.end - section.start);
          if (path.movedCount > 0) continue;
          expect(section.start).toBeGreaterThanOrEqual(span.start);
          expect(section.end).toBeLessThanOrEqual(span.start + span.duration);
        }
        expect(reached).toBe(start + duration);
        for (const [span, time] of given) expect(time).toBeLessThanOrEqual(span.duration);
        for (const { potentialSaving: saved } of path.sections) {
          expect(saved).toBeGreaterThanOrEqual(0);
          expect(saved).toBeLessThanOrEqual(duration);
        }
        const parts = pathBreakdown(path);
        expect(parts.reduce((sum, { time }) => sum + time, 0)).toBe(duration);
        for (const { time, potentialSaving } of parts) expect(potentialSaving).toBeLessThanOrEqual(time);
      }),
      { numRuns: runsOf(1_000) },
    );
  });

  it('is the same in whatever order the spans come, and at whatever time it was', () => {
    fc.assert(
      fc.property(spansArbitrary, fc.infiniteStream(fc.nat(1_000)), (spans, keys) => {
        const expected = described(pathOf(aTrace('1', spans)));
        const shuffled = spans
          .map((span) => ({ span, key: keys.next().value ?? 0 }))
          .sort((a, b) => a.key - b.key)
          .map(({ span }) => span);
        expect(described(pathOf(aTrace('1', shuffled)))).toEqual(expected);
        const shift = 1_700_000_000_000_000;
        const later = spans.map((span) => ({ ...span, start: epochUs((span.start ?? 0) + shift) }));
        expect(described(pathOf(aTrace('1', later)), shift)).toEqual(expected);
      }),
      { numRuns: runsOf(500) },
    );
  });

  it.each([
    ['a chain', (i: number) => ({ parent: i - 1, start: i, duration: 300_000 - 2 * i })],
    ['siblings in sequence', (i: number) => ({ parent: 0, start: 2 * i, duration: 1 })],
    ['siblings back to back', (i: number) => ({ parent: 0, start: 2 * i, duration: 2 })],
    ['parallel siblings', (i: number) => ({ parent: 0, start: 1, duration: 200_000 + i })],
    ['siblings that outlive the root', (i: number) => ({ parent: 0, start: i, duration: 400_000 })],
  ])('takes %s of very many spans', (_, shape) => {
    const spans = Array.from({ length: MANY_SPANS }, (_, i): Partial<Span> => {
      const { parent, start, duration } = i === 0 ? { parent: -1, start: 0, duration: 300_000 } : shape(i);
      return {
        spanId: `${i}`,
        ...(i === 0 ? {} : { parentSpanId: `${parent}` }),
        kind: 'internal',
        start: epochUs(start),
        duration: us(duration),
      };
    });
    expect(lengthOf(pathOf(aTrace('1', spans)))).toBe(300_000);
  });
});

/** Real traces that are not part of the project; where they are absent there is nothing to read. */
const folder = new URL('../../../../shared/data/traces/', import.meta.url);
const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.json')) : [];

describe.skipIf(files.length === 0)(
  'the critical path of a real trace (skipped where the traces are absent)',
  () => {
    const read = (name: string): readonly Trace[] =>
      readLegacyTraces(JSON.parse(readFileSync(new URL(name, folder), 'utf8')));

    it.each(files)('%s: covers every tree of it', (name) => {
      for (const trace of read(name)) {
        for (const root of buildTree(trace).roots) {
          const path = criticalPathOf(root);
          expect(lengthOf(path)).toBe(root.span.duration);
          expect(pathBreakdown(path).reduce((sum, { time }) => sum + time, 0)).toBe(root.span.duration);
        }
      }
    });
  },
);
