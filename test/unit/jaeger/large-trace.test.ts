import { expect, it, vi } from 'vitest';
import { scripted } from './scripted.ts';

const ID = '1'.padStart(32, '0');

const bodyOf = (count: number): unknown => ({
  data: [
    {
      traceID: ID,
      spans: Array.from({ length: count }, (_, n) => ({
        traceID: ID,
        spanID: n.toString(16),
        operationName: 'op',
        startTime: n,
        duration: 1,
      })),
      processes: {},
    },
  ],
});

it.each([
  ['large', 6_000, ['others', 'caller']],
  ['small', 6, ['caller', 'others']],
])('others get a turn between the reading of a %s trace and its explanation', async (_, count, order) => {
  const turns: string[] = [];
  const { source } = scripted({
    '/api/services': { body: { data: ['checkout'] } },
    [`/api/traces/${ID}`]: () => {
      setImmediate(() => turns.push('others'));
      return { body: bodyOf(count) };
    },
  });
  await source.services();
  const trace = await source.trace(ID);
  turns.push('caller');
  expect(trace?.spans).toHaveLength(count);
  await vi.waitFor(() => expect(turns).toHaveLength(2));
  expect(turns).toEqual(order);
});
