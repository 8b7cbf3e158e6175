import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { StoredSpan } from '../../../../demo/jaeger/model.ts';
import { createSearch, type StorageKind } from '../../../../demo/jaeger/storage.ts';
import { createJaegerStore } from '../../../../demo/jaeger/store.ts';
import { runsOf } from '../../../support/runs.ts';
import { aSpan, MINUTE, spanId, TEN } from './a-span.ts';

const spans = fc
  .array(
    fc.record({
      trace: fc.integer({ min: 1, max: 30 }),
      service: fc.constantFrom('checkout.shop', 'cart.shop'),
      startUs: fc.integer({ min: TEN - 90 * MINUTE, max: TEN + 90 * MINUTE }),
      durationUs: fc.integer({ min: 1, max: 50 }),
    }),
    { maxLength: 80 },
  )
  .map((made): StoredSpan[] => made.map((span, i) => aSpan({ ...span, spanId: spanId(i + 1) })));

const bounds = fc.record({
  from: fc.integer({ min: -100, max: 100 }),
  minutes: fc.integer({ min: 0, max: 60 }),
  minDurationUs: fc.integer({ min: 1, max: 50 }),
});

/**
 * The property that makes an exact search for the slowest possible: whatever a storage adds, it leaves out no trace with a span of
 * the service that starts in the window and lasts long enough, as long as the limit is not reached.
 */
describe.each<StorageKind>(['memory', 'badger', 'cassandra', 'clickhouse', 'elasticsearch'])(
  'a complete answer of %s',
  (kind) => {
    test('leaves out no trace that matches', () => {
      fc.assert(
        fc.property(spans, bounds, (stored, { from, minutes, minDurationUs }) => {
          const store = createJaegerStore();
          store.add(stored);
          const search = createSearch({ store, kind, seed: 1, newestFirst: false, errorTag: 'as-status' });
          const window = { startUs: TEN + from * MINUTE, endUs: TEN + (from + minutes) * MINUTE };
          const found = search({
            ...window,
            service: 'checkout.shop',
            tags: {},
            minDurationUs,
            limit: 1_000,
          });
          const matching = stored
            .filter((span) => span.resource['service.name'] === 'checkout.shop')
            .filter(({ startUs }) => startUs >= window.startUs && startUs <= window.endUs)
            .filter(({ durationUs }) => durationUs >= minDurationUs);
          const ids = new Set(found.map(({ traceId }) => traceId));
          for (const { traceId } of matching) expect(ids).toContain(traceId);
          expect(ids.size).toBe(found.length);
        }),
        { numRuns: runsOf(200) },
      );
    });
  },
);
