import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { readLegacyTraces } from '../../../src/jaeger/wire-legacy.ts';
import { readOtlpTraces } from '../../../src/jaeger/wire-otlp.ts';
import { summarize } from '../../../src/traces/trace-summary.ts';
import { runsOf } from '../../support/runs.ts';
import { recordingsOf } from './recordings.ts';

/** Changes one place of a JSON value into something that should not be there. */
function mutated(value: unknown, path: number, replacement: unknown): unknown {
  let left = path;
  const walk = (node: unknown): unknown => {
    if (left-- === 0) return replacement;
    if (Array.isArray(node)) return node.map(walk);
    if (typeof node === 'object' && node !== null) {
      return Object.fromEntries(Object.entries(node).map(([key, inner]) => [key, walk(inner)]));
    }
    return node;
  };
  return walk(value);
}

describe('a body that is damaged', () => {
  const bodies = recordingsOf('2.20').filter(
    ({ path, status, body }) =>
      /\/traces\//.test(path) && status === 200 && JSON.stringify(body).length < 9_000,
  );
  it('is read partly, or refused as unreadable: no crash, no hang', () => {
    let refused = 0;
    fc.assert(
      fc.property(
        fc.constantFrom(...bodies),
        fc.nat(400),
        fc.oneof(fc.jsonValue(), fc.constantFrom(null, '', -1, 1e308, [], {}, 'NaN')),
        ({ path, body }, place, replacement) => {
          const read = path.startsWith('/api/v3') ? readOtlpTraces : readLegacyTraces;
          try {
            for (const trace of read(mutated(body, place, replacement))) summarize(trace);
          } catch (error) {
            expect(error).toBeInstanceOf(z.ZodError);
            refused += 1;
          }
        },
      ),
      { numRuns: runsOf(3_000) },
    );
    expect(bodies.length).toBeGreaterThan(8);
    expect(refused).toBeLessThan(2_000);
  });
});
