import { describe, expect, test } from 'vitest';
import type { StoredSpan } from '../../../../demo/jaeger/model.ts';
import type { ErrorTag, TraceQuery } from '../../../../demo/jaeger/query.ts';
import { createSearch, type Search, type StorageKind } from '../../../../demo/jaeger/storage.ts';
import { createJaegerStore } from '../../../../demo/jaeger/store.ts';
import { aSpan, MILLISECOND, MINUTE, SECOND, spanId, TEN } from './a-span.ts';

interface Wish {
  readonly spans: readonly StoredSpan[];
  readonly kind?: StorageKind;
  readonly seed?: number;
  readonly newestFirst?: boolean;
  readonly errorTag?: ErrorTag;
  readonly maxTraces?: number;
}

function searchOver(wish: Wish): Search {
  const store = createJaegerStore({ maxTraces: wish.maxTraces ?? 1_000 });
  store.add(wish.spans);
  const { kind = 'memory', seed = 1, newestFirst = false, errorTag = 'as-status' } = wish;
  return createSearch({ store, kind, seed, newestFirst, errorTag });
}

const aQuery = (more: Partial<TraceQuery> = {}): TraceQuery => ({
  service: 'checkout.shop',
  tags: {},
  startUs: TEN - 10 * MINUTE,
  endUs: TEN + 10 * MINUTE,
  limit: 100,
  ...more,
});

/** The numbers of the traces found, as they come. */
const numbers = (search: Search, query: Partial<TraceQuery> = {}): number[] =>
  search(aQuery(query)).map(({ traceId }) => Number.parseInt(traceId, 16));

const sorted = (values: readonly number[]): number[] => values.toSorted((a, b) => a - b);

const KINDS: readonly StorageKind[] = ['memory', 'badger', 'cassandra', 'clickhouse', 'elasticsearch'];
/** Traces 1 to 60, a second apart, each as many milliseconds long as its number. */
const SIXTY = Array.from({ length: 60 }, (_, i) =>
  aSpan({ trace: i + 1, startUs: TEN + i * SECOND, durationUs: (i + 1) * MILLISECOND }),
);

describe.each(KINDS)('every storage, here %s,', (kind) => {
  test('finds all that match when the limit allows', () => {
    const search = searchOver({ kind, spans: SIXTY });
    expect(sorted(numbers(search, { minDurationUs: 41 * MILLISECOND }))).toEqual(
      Array.from({ length: 20 }, (_, i) => i + 41),
    );
  });

  test('finds nothing of another service', () => {
    expect(numbers(searchOver({ kind, spans: SIXTY }), { service: 'cart.shop' })).toEqual([]);
  });

  test('gives no more than the limit, and each trace once', () => {
    const found = numbers(searchOver({ kind, spans: SIXTY }), { limit: 7 });
    expect(new Set(found).size).toBe(7);
  });
});

describe('memory', () => {
  test('takes both bounds of a duration as included', () => {
    const search = searchOver({ spans: SIXTY });
    expect(numbers(search, { minDurationUs: 25 * MILLISECOND, maxDurationUs: 25 * MILLISECOND })).toEqual([
      25,
    ]);
    expect(numbers(search, { minDurationUs: 60 * MILLISECOND + 0.001 })).toEqual([]);
  });

  test('takes both bounds of the window as included, by the start of the span', () => {
    const search = searchOver({ spans: SIXTY });
    expect(sorted(numbers(search, { startUs: TEN + SECOND, endUs: TEN + 3 * SECOND }))).toEqual([2, 3, 4]);
  });

  test('wants all conditions on one span of the service', () => {
    const search = searchOver({
      spans: [
        aSpan({ trace: 1, durationUs: 5, attributes: { retry: 'yes' } }),
        aSpan({ trace: 1, spanId: spanId(2), durationUs: 500 }),
        aSpan({ trace: 1, spanId: spanId(3), service: 'cart.shop', durationUs: 9_000 }),
      ],
    });
    expect(numbers(search, { minDurationUs: 500 })).toEqual([1]);
    expect(numbers(search, { minDurationUs: 501 })).toEqual([]);
    expect(numbers(search, { minDurationUs: 500, tags: { retry: 'yes' } })).toEqual([]);
  });

  test('answers in an order that means nothing, is the same again, and differs by seed', () => {
    const found = numbers(searchOver({ spans: SIXTY }));
    expect(sorted(found)).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
    expect(found).not.toEqual(sorted(found));
    expect(found).not.toEqual(sorted(found).toReversed());
    expect(numbers(searchOver({ spans: SIXTY }))).toEqual(found);
    expect(numbers(searchOver({ spans: SIXTY, seed: 2 }))).not.toEqual(found);
  });

  test('truncates to a choice that is neither the latest nor the slowest', () => {
    const found = numbers(searchOver({ spans: SIXTY }), { limit: 5 });
    expect(sorted(found)).not.toEqual([56, 57, 58, 59, 60]);
  });

  test('gives the latest first when it is told to', () => {
    expect(numbers(searchOver({ spans: SIXTY, newestFirst: true }), { limit: 3 })).toEqual([60, 59, 58]);
  });

  test.each([0, -1, 1_001])('refuses the limit %i', (limit) => {
    expect(() => searchOver({ spans: SIXTY })(aQuery({ limit }))).toThrow(
      'search depth must be greater than 0 and less than max traces',
    );
  });

  test.each<[string, Record<string, string>, number[]]>([
    ['a string', { 'guid:x-request-id': 'abc' }, [1]],
    ['a number by its text', { rows: '12' }, [1]],
    ['a boolean by its text', { cached: 'true' }, [1]],
    ['a resource attribute', { pod: 'checkout-1' }, [1, 2]],
    ['an attribute of an event', { step: 'late' }, [2]],
    ['every one of several', { rows: '12', pod: 'other' }, []],
    ['no part of a value', { 'guid:x-request-id': 'ab' }, []],
    ['no name that objects have anyhow', { constructor: 'x' }, []],
  ])('matches %s', (_what, tags, expected) => {
    const resource = { 'service.name': 'checkout.shop', pod: 'checkout-1' };
    const attributes = {
      'guid:x-request-id': 'abc',
      rows: { intValue: '12' },
      cached: { boolValue: true },
    };
    const search = searchOver({
      spans: [
        aSpan({ trace: 1, resource, attributes }),
        aSpan({ trace: 2, resource, events: [{ name: 'e', timeNs: 0n, attributes: { step: 'late' } }] }),
      ],
    });
    expect(sorted(numbers(search, { tags }))).toEqual(expected);
  });

  test.each<[ErrorTag, string, number[]]>([
    ['as-it-is', 'true', [3]],
    ['true-as-status', 'true', [2]],
    ['true-as-status', 'false', []],
    ['as-status', 'true', [2]],
    ['as-status', 'false', [1, 3]],
  ])('reads the tag error %s: %s finds %j', (errorTag, value, expected) => {
    const spans = [
      aSpan({ trace: 1 }),
      aSpan({ trace: 2, failed: true }),
      aSpan({ trace: 3, attributes: { error: 'true' } }),
    ];
    expect(sorted(numbers(searchOver({ spans, errorTag }), { tags: { error: value } }))).toEqual(expected);
  });
});

describe('badger', () => {
  test('takes the duration of any span of the trace, of whichever service', () => {
    const spans = [
      aSpan({ trace: 1, durationUs: 5 }),
      aSpan({ trace: 1, spanId: spanId(2), service: 'cart.shop', durationUs: 9_000 }),
    ];
    expect(numbers(searchOver({ kind: 'badger', spans }), { minDurationUs: 9_000 })).toEqual([1]);
    expect(numbers(searchOver({ kind: 'memory', spans }), { minDurationUs: 9_000 })).toEqual([]);
  });

  test('gives the latest first, and a hundred when the limit is none', () => {
    const search = searchOver({ kind: 'badger', spans: SIXTY });
    expect(numbers(search, { limit: 3 })).toEqual([60, 59, 58]);
    expect(numbers(search, { limit: 0 })).toHaveLength(60);
  });
});

describe('cassandra', () => {
  test('refuses duration and tags together', () => {
    const search = searchOver({ kind: 'cassandra', spans: SIXTY });
    expect(() => search(aQuery({ minDurationUs: 1, tags: { a: 'b' } }))).toThrow(
      'cannot query for duration and tags simultaneously',
    );
  });

  test('rounds the window to whole hours when a duration is asked for, so results may lie outside', () => {
    // 10:20 is nearest to 10:00, 10:40 to 11:00.
    const spans = [
      aSpan({ trace: 1, startUs: TEN - 20 * MINUTE }),
      aSpan({ trace: 2, startUs: TEN + 20 * MINUTE }),
      aSpan({ trace: 3, startUs: TEN + 40 * MINUTE }),
    ];
    const search = searchOver({ kind: 'cassandra', spans });
    const window = { startUs: TEN + 5 * MINUTE, endUs: TEN + 10 * MINUTE };
    expect(sorted(numbers(search, { ...window, minDurationUs: 1 }))).toEqual([1, 2]);
    expect(numbers(search, window)).toEqual([]);
  });

  test('reads three index rows per trace asked for, longest first, so fewer traces than the limit prove nothing', () => {
    // Trace 1 has six long spans: with a limit of 2 they fill all six rows, and trace 2 is never seen.
    const spans = [
      ...Array.from({ length: 6 }, (_, i) => aSpan({ trace: 1, spanId: spanId(i + 1), durationUs: 900 - i })),
      aSpan({ trace: 2, durationUs: 100 }),
    ];
    const search = searchOver({ kind: 'cassandra', spans });
    expect(numbers(search, { minDurationUs: 50, limit: 2 })).toEqual([1]);
    expect(sorted(numbers(search, { minDurationUs: 50, limit: 3 }))).toEqual([1, 2]);
  });

  test('truncates to another choice each time', () => {
    const search = searchOver({ kind: 'cassandra', spans: SIXTY });
    const answers = Array.from({ length: 5 }, () => JSON.stringify(sorted(numbers(search, { limit: 10 }))));
    expect(new Set(answers).size).toBeGreaterThan(1);
  });

  test('looks no further than 24 hours unless a greatest duration is given', () => {
    const day = 24 * 60 * MINUTE;
    const search = searchOver({ kind: 'cassandra', spans: [aSpan({ trace: 1, durationUs: day + 1 })] });
    expect(numbers(search, { minDurationUs: 1 })).toEqual([]);
    expect(numbers(search, { minDurationUs: 1, maxDurationUs: 365 * day })).toEqual([1]);
  });

  test('takes what all tags have in common, even if on different spans', () => {
    const spans = [
      aSpan({ trace: 1, spanId: spanId(1), attributes: { a: '1' } }),
      aSpan({ trace: 1, spanId: spanId(2), attributes: { b: '2' } }),
      aSpan({ trace: 2, attributes: { a: '1' } }),
    ];
    expect(numbers(searchOver({ kind: 'cassandra', spans }), { tags: { a: '1', b: '2' } })).toEqual([1]);
  });

  test('wants a service', () => {
    expect(() => searchOver({ kind: 'cassandra', spans: SIXTY })(aQuery({ service: undefined }))).toThrow(
      'service',
    );
  });
});

describe('clickhouse', () => {
  test('answers a thousand when the limit is none, and refuses more than ten thousand', () => {
    const search = searchOver({ kind: 'clickhouse', spans: SIXTY });
    expect(numbers(search, { limit: 0 })).toHaveLength(60);
    expect(() => search(aQuery({ limit: 10_001 }))).toThrow('10000');
  });

  test('answers in an arbitrary order', () => {
    const found = numbers(searchOver({ kind: 'clickhouse', spans: SIXTY }));
    expect(found).not.toEqual(sorted(found));
    expect(found).not.toEqual(sorted(found).toReversed());
  });
});

describe('elasticsearch', () => {
  test('orders by the latest span that matches', () => {
    expect(numbers(searchOver({ kind: 'elasticsearch', spans: SIXTY }), { limit: 3 })).toEqual([60, 59, 58]);
  });

  test.each<[string, string, number[]]>([
    ['the whole value', 'a.c', [1, 2]],
    ['not a part of it', 'a', []],
    ['and an escaped dot is a dot', 'a\\.c', [1]],
    ['and what is no pattern finds nothing', '(', []],
  ])('takes a searched value as a regular expression: %s', (_what, value, expected) => {
    const spans = [
      aSpan({ trace: 1, attributes: { k: 'a.c' } }),
      aSpan({ trace: 2, attributes: { k: 'abc' } }),
    ];
    const search = searchOver({ kind: 'elasticsearch', spans });
    expect(sorted(numbers(search, { tags: { k: value } }))).toEqual(expected);
  });
});
