import * as fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  behindScrapes,
  createFollowScrapes,
  type FollowScrapes,
  newestSamples,
  phaseOf,
} from '../../../src/evaluation/follow-scrapes.ts';
import { lastEvalTime } from '../../../src/evaluation/schedule.ts';
import type { MetricsSource } from '../../../src/lib/metrics-source.ts';
import { after, type EpochMs, epochMs, MINUTE, ms, SECOND } from '../../../src/lib/units.ts';
import { aGroup, aRule } from '../../support/builders.ts';
import { aSourceError } from '../../support/fake-metrics-source.ts';
import { createSpyLogger } from '../../support/spies.ts';
import { createVirtualClock, START, settle, type VirtualClock } from '../../support/virtual-clock.ts';

const READING = { metric: 'm', matchers: 'a="b"' };

/** A metric with the times of its scrapes, one list for each target; the sample is there `late` after its time. */
function scraped(
  targets: readonly { readonly first: number; readonly interval: number }[],
  clock: VirtualClock,
  late = 0,
) {
  const asked: string[] = [];
  const instant: MetricsSource['instant'] = async ({ expr, at }) => {
    asked.push(expr);
    const until = Math.min(at, clock.now() - late);
    return targets.map(({ first, interval }, index) => ({
      labels: { instance: `target-${index}` },
      value: (first + Math.floor((until - first) / interval) * interval) / SECOND,
    }));
  };
  return { asked, metrics: { instant } };
}

describe('the phase of scrapes', () => {
  const at = (...times: readonly number[]): readonly EpochMs[] => times.map((time) => epochMs(START + time));
  const one = (...times: readonly number[]) => times.map((time) => at(time));
  const phase = (scrapedAt: number) => ({ interval: 15_000, scrapedAt: START + scrapedAt });
  it.each([
    ['evenly spaced', one(60_003, 45_001, 30_000, 15_002), phase(60_003)],
    ['two targets', [at(57_000, 60_000), at(42_010, 45_001), at(27_000, 29_990)], phase(60_000)],
    ['two targets, the first one just scraped', [at(45_000, 57_000), at(30_000, 42_000)], phase(45_000)],
    [
      'three at nearly the same time',
      [at(59_990, 59_991, 60_000), at(44_991, 44_992, 45_001)],
      phase(60_000),
    ],
    ['targets all through the interval', [at(50_000, 55_000, 60_000), at(35_000, 40_000, 45_000)], undefined],
    ['another interval for one', [at(57_000, 60_000), at(42_000, 50_000)], undefined],
    ['a target that is new', [at(57_000, 60_000), at(42_000)], undefined],
    ['a missed scrape', one(60_000, 45_000, 15_000, 0), undefined],
    ['the first sample', one(60_000), undefined],
    ['no sample', [], undefined],
  ])('%s', (_, looks, expected) => {
    expect(phaseOf(looks)).toEqual(expected);
  });

  it('is read by one query for each sample, each just before the last one', async () => {
    const clock = createVirtualClock(epochMs(START + 100_000));
    const { asked, metrics } = scraped([{ first: START + 4_321, interval: 15_000 }], clock);
    const times = await newestSamples({ metrics, clock }, READING, clock.now());
    expect(times).toEqual(one(94_321, 79_321, 64_321, 49_321));
    expect(asked).toEqual(Array.from({ length: 4 }, () => 'max by (job, instance) (timestamp(m{a="b"}))'));
  });

  it('is unknown while the source does not respond', async () => {
    const metrics = { instant: async () => Promise.reject(aSourceError('timeout')) };
    expect(await newestSamples({ metrics, clock: createVirtualClock() }, READING, START)).toEqual([]);
  });
});

const phase = (interval: number, offset = 4_321) => ({
  interval: ms(interval * SECOND),
  scrapedAt: epochMs(START + offset),
});
const groupWith = (interval: number, isDefaultInterval?: true) =>
  aGroup({ interval: ms(interval * SECOND), isDefaultInterval });

describe('evaluation times behind scrapes', () => {
  it.each([
    ['its own interval, equal', groupWith(15), 15, 15],
    ['its own interval, of several scrapes', groupWith(60), 15, 60],
    ['its own interval, shorter', groupWith(5), 15, 5],
    ['no interval of its own', groupWith(15, true), 10, 10],
    ['no interval of its own, and very frequent scrapes', groupWith(15, true), 2, 6],
    ['no interval of its own, and rare scrapes', groupWith(15, true), 60, 30],
    ['its own interval, which does not fit', groupWith(15), 10, undefined],
    ['no interval of its own, and odd scrapes', groupWith(15, true), 47, undefined],
  ])('a group with %s', (_, group, scrape, interval) => {
    expect(behindScrapes(group, phase(scrape), 1)?.interval).toBe(
      interval === undefined ? undefined : interval * SECOND,
    );
  });

  it('are 0.5 to 1.5 s behind a scrape, whichever scrape was seen', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 59_999 }),
        fc.constantFrom(5, 10, 15, 30, 60),
        fc.constantFrom(15, 30, 60, 300),
        fc.integer({ min: 0, max: 1_000 }),
        (offset, scrape, interval, seen) => {
          const scrapes = phase(scrape, offset);
          const timed = behindScrapes(groupWith(interval), scrapes, 1);
          if (timed === undefined) return;
          const later = { ...scrapes, scrapedAt: after(scrapes.scrapedAt, ms(seen * scrape * SECOND)) };
          expect(behindScrapes(groupWith(interval), later, 1)?.offset).toBe(timed.offset);
          const evalTime = lastEvalTime(timed, after(START, ms(10 * MINUTE)));
          const behind = (evalTime - scrapes.scrapedAt) % Math.min(scrape * SECOND, interval * SECOND);
          expect(behind).toBeGreaterThanOrEqual(500);
          expect(behind).toBeLessThan(1_500);
        },
      ),
    );
  });

  it('are spread over some seconds when there are hundreds of groups', () => {
    const offsets = Array.from({ length: 200 }, (_, index) => {
      const group = aGroup({ name: `g${index}`, interval: ms(15 * SECOND) });
      return behindScrapes(group, phase(15), 400)?.offset;
    });
    expect(new Set(offsets).size).toBe(8);
  });
});

describe('groups that follow the scrapes', () => {
  const reads = [READING];
  const group = aGroup({ interval: ms(15 * SECOND), isDefaultInterval: true, rules: [aRule({ reads })] });
  let clock: VirtualClock;
  let changes: number;
  beforeEach(() => {
    clock = createVirtualClock(START);
    changes = 0;
  });

  const following = (metrics: Pick<MetricsSource, 'instant'>): FollowScrapes => {
    const scrapes = createFollowScrapes({
      metrics,
      clock,
      logger: createSpyLogger(),
      onChange: () => void changes++,
    });
    scrapes.replace([group], true);
    return scrapes;
  };

  /** Lets a group wait; the seconds it took. */
  const waitedFor = async (scrapes: FollowScrapes): Promise<number> => {
    const waiting = scrapes.wait(group.id);
    await settle();
    let seconds = 0;
    for (; clock.sleepers() > 0; seconds++) await clock.advance(SECOND);
    await waiting;
    return seconds;
  };

  /** Runs the evaluations of some time. */
  const run = async (scrapes: FollowScrapes, seconds: number): Promise<readonly EpochMs[]> => {
    const ticks: EpochMs[] = [];
    for (let second = 0; second < seconds; second++) {
      await clock.advance(SECOND);
      const now = clock.now();
      const timed = scrapes.group(group.id);
      if (timed === undefined || lastEvalTime(timed, now) !== now) continue;
      ticks.push(now);
      second += await waitedFor(scrapes);
      await scrapes.afterTick(group.id, now);
    }
    return ticks;
  };

  it('are evaluated just behind each of them from then on', async () => {
    const first = START - 60_000 + 7_300;
    const scrapes = following(scraped([{ first, interval: 10_000 }], clock).metrics);
    await run(scrapes, 60);
    const ticks = await run(scrapes, 60);
    expect(changes).toBe(1);
    expect(scrapes.group(group.id)).toMatchObject({ interval: 10_000 });
    expect(ticks.map((tick) => (tick - first) % 10_000)).toEqual(Array.from({ length: 6 }, () => 700));
    scrapes.stop();
  });

  it('are evaluated at the same times while a scrape is some milliseconds early or late', async () => {
    const target = { first: START - 60_000 + 7_499, interval: 15_000 };
    const scrapes = following(scraped([target], clock).metrics);
    await run(scrapes, 60);
    const { offset } = scrapes.group(group.id) ?? {};
    target.first += 2;
    await run(scrapes, 600);
    expect(scrapes.group(group.id)?.offset).toBe(offset);
    expect(changes).toBe(1);
    scrapes.stop();
  });

  it('keep their grid until the metric has enough samples', async () => {
    let times = 0;
    const metrics = {
      instant: async () => (times++ % 2 === 0 ? [{ labels: {}, value: START / SECOND }] : []),
    };
    const scrapes = following(metrics);
    await run(scrapes, 120);
    expect(changes).toBe(0);
    scrapes.stop();
  });

  it.each([
    ['scraped soon after one another', [1_000, 4_300, 3_000, 14_900], true],
    ['scraped all through the interval', [1_000, 6_000, 11_000], false],
  ])('of several targets, %s', async (_title, offsets, isFollowed) => {
    const targets = offsets.map((offset) => ({ first: START - 60_000 + offset, interval: 15_000 }));
    const { asked, metrics } = scraped(targets, clock);
    const scrapes = following(metrics);
    await run(scrapes, 60);
    const ticks = await run(scrapes, 60);
    const behind = ticks.map((tick) => (tick - START) % 15_000);
    expect(changes).toBe(isFollowed ? 1 : 0);
    expect(isFollowed ? new Set(behind) : scrapes.group(group.id)).toEqual(
      isFollowed ? new Set([5_000]) : group,
    );
    expect(asked.length).toBeLessThanOrEqual(5 * 4);
    scrapes.stop();
  });

  it('do not take the looks before the last scrape for new ones', async () => {
    const often = { ...group, interval: ms(5 * SECOND) };
    const scrapes = following(scraped([{ first: START - 60_000 + 3_600, interval: 5_000 }], clock).metrics);
    scrapes.replace([often], true);
    await run(scrapes, 120);
    expect(await waitedFor(scrapes)).toBe(0);
    scrapes.stop();
  });

  it('send hardly any queries once the phase is known, and notice when it has changed', async () => {
    const target = { first: START - 60_000 + 7_300, interval: 15_000 };
    const { asked, metrics } = scraped([target], clock);
    const scrapes = following(metrics);
    await run(scrapes, 120);
    asked.length = 0;
    await run(scrapes, 600);
    expect(asked.length).toBeLessThanOrEqual(2 * 4);
    target.first += 5_000;
    await run(scrapes, 600);
    expect(changes).toBe(2);
    const ticks = await run(scrapes, 60);
    expect(ticks.map((tick) => (tick - target.first) % 15_000)).toEqual([700, 700, 700, 700]);
    scrapes.stop();
  });

  it('wait for samples that can be queried late, at the same evaluation times', async () => {
    const first = START - 60_000 + 7_300;
    const scrapes = following(scraped([{ first, interval: 15_000 }], clock, 2_500).metrics);
    await run(scrapes, 180);
    expect(await waitedFor(scrapes)).toBe(2);
    expect(changes).toBe(1);
    scrapes.stop();
  });

  it('share the looks at a metric', async () => {
    const { asked, metrics } = scraped([{ first: START - 60_000, interval: 15_000 }], clock);
    const scrapes = following(metrics);
    const groups = Array.from({ length: 20 }, (_, index) => ({ ...group, id: `g${index}` }));
    scrapes.replace(groups, true);
    await Promise.all(groups.map(({ id }) => scrapes.afterTick(id, START)));
    expect(asked).toHaveLength(4);
    await clock.advance(10 * SECOND);
    expect(changes).toBe(1);
    scrapes.stop();
  });

  it('are the ones of the rule file again when the scrapes are not followed', async () => {
    const scrapes = following(scraped([{ first: START - 60_000 + 7_300, interval: 10_000 }], clock).metrics);
    await run(scrapes, 60);
    expect(scrapes.group(group.id)).not.toEqual(group);
    scrapes.replace([group], true);
    expect(scrapes.group(group.id)).not.toEqual(group);
    scrapes.replace([group], false);
    expect(scrapes.group(group.id)).toEqual(group);
    scrapes.stop();
  });
});
