import { expect, test } from 'vitest';
import { createRandom } from '../../../../demo/mesh/random.ts';
import { createRequestId, type TraceReason } from '../../../../demo/mesh/request-id.ts';
import { median } from './watched-mesh.ts';

const many = <Value>(count: number, make: () => Value): Value[] => Array.from({ length: count }, make);

test('two streams of one seed are equal, and those of two seeds are not', () => {
  const [a, b, other] = [createRandom(5), createRandom(5), createRandom(6)];
  const first = many(100, () => a.uint32());
  expect(many(100, () => b.uint32())).toEqual(first);
  expect(many(100, () => other.uint32())).not.toEqual(first);
});

test('uniform numbers fill the unit interval evenly', () => {
  const random = createRandom(1);
  const tenths = Array.from({ length: 10 }, () => 0);
  for (const value of many(20_000, () => random.next())) {
    const tenth = Math.floor(value * 10);
    tenths[tenth] = (tenths[tenth] ?? 0) + 1;
  }
  for (const count of tenths) expect(Math.abs(count - 2_000)).toBeLessThan(200);
});

test('log-normal times have the median that was asked for, and the spread', () => {
  const random = createRandom(2);
  const values = many(20_000, () => random.logNormal(40, 0.5));
  expect(median(values)).toBeGreaterThan(39);
  expect(median(values)).toBeLessThan(41);
  const logs = values.map((value) => Math.log(value / 40));
  const deviation = Math.sqrt(logs.reduce((sum, log) => sum + log * log, 0) / logs.length);
  expect(deviation).toBeCloseTo(0.5, 1);
});

test('exponential gaps have the mean that was asked for', () => {
  const random = createRandom(3);
  const values = many(20_000, () => random.exponential(100));
  expect(values.reduce((sum, value) => sum + value, 0) / values.length).toBeCloseTo(100, -1);
  expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
});

test.each<[TraceReason, string]>([
  ['not-traced', '4'],
  ['sampled', '9'],
  ['forced-by-server', 'a'],
  ['forced-by-client', 'b'],
])('a request id that is %s is a UUID with %s at index 14', (reason, character) => {
  const random = createRandom(4);
  for (const id of many(50, () => createRequestId(random, reason))) {
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-[49ab][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(id[14]).toBe(character);
  }
});
