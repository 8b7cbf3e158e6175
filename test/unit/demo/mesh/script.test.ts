import { describe, expect, test } from 'vitest';
import { createScriptPlayer, cuesBetween, DEMO_SCRIPT, type Script } from '../../../../demo/mesh/script.ts';
import { ms } from '../../../../src/lib/units.ts';
import { at, requestsOf, START, watchedMesh } from './watched-mesh.ts';

const slow = { kind: 'slow-code', service: 'cart', factor: 2 } as const;

/**
 *     0    10   20   30   40   50   60   70   80
 *     |    [==a==]         |                            opening
 *     |               cycle starts at 40, length 20
 *                     |  [=b=]  |  [=b=]  |
 */
const SCRIPT: Script = {
  opening: [{ title: 'a', at: ms(10_000), until: ms(20_000), fault: slow }],
  cycleStart: ms(40_000),
  cycleLength: ms(20_000),
  cycle: [{ title: 'b', at: ms(5_000), until: ms(10_000), fault: slow }],
};

const cues = (from: number, to: number): string[] =>
  cuesBetween(SCRIPT, START, { from: at(from), to: at(to) }).map(
    ({ t, change, scripted }) => `${(t - START) / 1_000} ${scripted.title} ${change}`,
  );

describe('cues', () => {
  test.each<[string, number, number, string[]]>([
    ['the opening once', 0, 40, ['10 a begins', '20 a ends']],
    ['each round of the cycle', 40, 80, ['45 b begins', '50 b ends', '65 b begins', '70 b ends']],
    ['a cue at the end of the span, and not the one at its start', 45, 50, ['50 b ends']],
    ['a round long after', 40 + 20 * 1_000, 60 + 20 * 1_000, ['20045 b begins', '20050 b ends']],
    ['nothing in between', 21, 44, []],
  ])('give %s', (_what, from, to, expected) => {
    expect(cues(from, to)).toEqual(expected);
  });

  test('end a fault before another begins at the same instant', () => {
    const twice: Script = {
      ...SCRIPT,
      opening: [
        { title: 'second', at: ms(5_000), until: ms(9_000), fault: slow },
        { title: 'first', at: ms(1_000), until: ms(5_000), fault: slow },
      ],
    };
    const titles = cuesBetween(twice, START, { from: at(4), to: at(6) }).map(
      ({ scripted }) => scripted.title,
    );
    expect(titles).toEqual(['first', 'second']);
  });
});

describe('the demo', () => {
  const watched = watchedMesh({ requestsPerSecond: 10 });
  const seen: string[] = [];
  const player = createScriptPlayer({
    mesh: watched.mesh,
    script: DEMO_SCRIPT,
    start: START,
    onCue: ({ t, change }) => seen.push(`${(t - START) / 1_000} ${change}`),
  });
  for (let second = 0; second <= 120; second += 1) player.advanceTo(at(second));

  const p99 = (from: number, to: number): number => {
    const durations = requestsOf(watched)
      .flatMap(({ visits }) => visits)
      .filter(
        ({ service, startUs }) =>
          service === 'checkout.shop' && startUs >= at(from) * 1_000 && startUs < at(to) * 1_000,
      )
      .map(({ durationUs }) => durationUs / 1_000)
      .toSorted((a, b) => a - b);
    return durations[Math.floor(durations.length * 0.99)] ?? Number.NaN;
  };

  test('makes checkout slow within its first minute, and lets it recover', () => {
    expect(seen).toEqual(['8 begins', '53 ends']);
    expect(p99(9, 52)).toBeGreaterThan(700);
    expect(p99(56, 120)).toBeLessThan(130);
  });

  test('has every kind of fault but the end of a service on its programme, one at a time', () => {
    const all = [...DEMO_SCRIPT.opening, ...DEMO_SCRIPT.cycle];
    expect(new Set(all.map(({ fault }) => fault.kind)).size).toBe(8);
    for (const [i, scripted] of DEMO_SCRIPT.cycle.entries()) {
      expect(scripted.until).toBeGreaterThan(scripted.at);
      expect(scripted.until).toBeLessThan(DEMO_SCRIPT.cycle[i + 1]?.at ?? DEMO_SCRIPT.cycleLength);
    }
  });
});
