import { describe, expect, it } from 'vitest';
import { parseLargeAnswer } from '../../../src/prometheus/prometheus-metrics.ts';

const seriesOf = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    metric: { service: `s-${index}`, text: '"result":[{"metric":{ \\ ]},' },
    value: [1, String(index)],
  }));
const answerOf = (result: unknown) => ({ status: 'success', data: { resultType: 'vector', result } });

describe('a large answer of Prometheus', () => {
  it.each([1_001, 2_000, 3_500])(
    'of %i series is the same parsed in slices, with what surrounds them',
    async (count) => {
      const answer = { ...answerOf(seriesOf(count)), warnings: ['w'] };
      expect(await parseLargeAnswer(JSON.stringify(answer))).toEqual(answer);
    },
  );

  it('lets other work run between its slices', async () => {
    let turns = 0;
    const count = (): void => {
      turns += 1;
      handle = setImmediate(count);
    };
    let handle = setImmediate(count);
    await parseLargeAnswer(JSON.stringify(answerOf(seriesOf(5_000))));
    clearImmediate(handle);
    expect(turns).toBeGreaterThanOrEqual(4);
  });

  it.each([
    ['few series', JSON.stringify(answerOf(seriesOf(1_000)))],
    ['another way of writing', JSON.stringify(answerOf(seriesOf(2_000)), undefined, 1)],
    ['series elsewhere', JSON.stringify({ other: seriesOf(2_000) })],
    ['a text that ends early', JSON.stringify(answerOf(seriesOf(2_000))).slice(0, -5)],
    ['no object', JSON.stringify([seriesOf(2_000)])],
  ])('is left to be parsed at once: %s', async (_, text) => {
    expect(await parseLargeAnswer(text)).toBeUndefined();
  });
});
