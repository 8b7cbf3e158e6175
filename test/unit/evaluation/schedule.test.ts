import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createCronScheduler, type Scheduler, spreadOffset } from '../../../src/evaluation/schedule.ts';
import type { Clock } from '../../../src/lib/clock.ts';
import { type EpochMs, epochMs, ms } from '../../../src/lib/units.ts';
import { createSpyLogger, type SpyLogger } from '../../support/spies.ts';

const START = Date.UTC(2026, 9, 24, 22);
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** Evaluation times of an interval's grid in (from, to]. */
function evalTimesBetween(
  id: string,
  interval: number,
  [from, to]: readonly [number, number],
): readonly number[] {
  const offset = spreadOffset(id, ms(interval));
  const evalTimes = [];
  for (
    let evalTime = Math.floor((from - offset) / interval) * interval + offset;
    evalTime <= to;
    evalTime += interval
  ) {
    if (evalTime > from) evalTimes.push(evalTime);
  }
  return evalTimes;
}

/** The machine's clock with the timer that the tests advance. */
const clock: Clock = {
  now: () => epochMs(Date.now()),
  sleep: (duration, signal) =>
    new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', end);
        resolve();
      };
      const timer = setTimeout(end, duration);
      signal?.addEventListener('abort', end);
    }),
};

describe('the cron scheduler', () => {
  let logger: SpyLogger;
  let scheduler: Scheduler;
  let ran: [id: string, evalTime: number][];
  let missed: [id: string, evalTime: number][];
  let onTick: (id: string, evalTime: EpochMs) => Promise<void>;

  beforeEach(() => {
    vi.useFakeTimers({ now: START });
    logger = createSpyLogger();
    // Its checks of the clock would be thousands of timers in five days.
    scheduler = createCronScheduler({
      logger,
      clock: { ...clock, sleep: async () => new Promise(() => {}) },
    });
    ran = [];
    missed = [];
    onTick = async (id, evalTime) => void ran.push([id, evalTime]);
  });

  afterEach(async () => {
    await scheduler.stop();
    vi.useRealTimers();
  });

  const schedule = (...groups: readonly { id: string; interval: number; schedule?: string }[]) =>
    scheduler.schedule(
      groups.map(({ interval, ...group }) => ({ ...group, interval: ms(interval) })),
      {
        onTick: (id, evalTime) => onTick(id, evalTime),
        onMissed: (id, evalTime) => void missed.push([id, evalTime]),
      },
    );

  it('runs groups at once for the last evaluation time, but none with a cron schedule', async () => {
    vi.setSystemTime(START + 50 * SECOND);
    let isRunning = 0;
    let most = 0;
    onTick = async (id, evalTime) => {
      isRunning++;
      most = Math.max(most, isRunning);
      await Promise.resolve();
      isRunning--;
      ran.push([id, evalTime]);
    };
    const groups = Array.from({ length: 30 }, (_, index) => ({ id: `g${index}`, interval: ms(MINUTE) }));
    const handlers = { onTick: (id: string, at: EpochMs) => onTick(id, at), onMissed: () => undefined };
    const nightly = { id: 'nightly', interval: ms(MINUTE), schedule: '0 0 3 * * *' };
    scheduler.schedule([...groups, nightly], handlers, { isAtOnce: true });
    await vi.advanceTimersByTimeAsync(0);
    const now = START + 50 * SECOND;
    expect(ran.toSorted(([a], [b]) => (a < b ? -1 : 1))).toEqual(
      groups
        .map(({ id }) => {
          const offset = spreadOffset(id, ms(MINUTE));
          return [id, Math.floor((now - offset) / MINUTE) * MINUTE + offset];
        })
        .toSorted(([a = 0], [b = 0]) => (a < b ? -1 : 1)),
    );
    expect(most).toBe(8);
  });

  const evalTimesOf = (id: string) => ran.filter(([one]) => one === id).map(([, evalTime]) => evalTime);

  it.each([
    ['1 s', SECOND, MINUTE],
    ['15 s', 15 * SECOND, 5 * MINUTE],
    ['30 s', 30 * SECOND, 5 * MINUTE],
    ['45 s, which does not divide a minute', 45 * SECOND, 10 * MINUTE],
    ['7 s, which divides nothing', 7 * SECOND, 3 * MINUTE],
    ['90 s', 90 * SECOND, 20 * MINUTE],
    ['1 m', MINUTE, 10 * MINUTE],
    ['7 m, which does not divide an hour', 7 * MINUTE, 3 * HOUR],
    ['1 h', HOUR, 30 * HOUR],
    ['5 h, which does not divide a day', 5 * HOUR, 60 * HOUR],
    ['1 d', 24 * HOUR, 72 * HOUR],
    ['25 h, which is more than a day', 25 * HOUR, 120 * HOUR],
  ])('runs a group of %s at every point of its grid and at no other', async (_, interval, duration) => {
    const ids = ['rules.yaml;a', 'rules.yaml;b', 'rules.yaml;c'];
    schedule(...ids.map((id) => ({ id, interval })));
    await vi.advanceTimersByTimeAsync(duration);
    for (const id of ids)
      expect(evalTimesOf(id)).toEqual(evalTimesBetween(id, interval, [START, START + duration]));
    expect(missed).toEqual([]);
  });

  it('continues through the hour that daylight saving time repeats', async () => {
    vi.stubEnv('TZ', 'Europe/Vienna');
    schedule({ id: 'g', interval: 30 * SECOND });
    await vi.advanceTimersByTimeAsync(6 * HOUR);
    expect(evalTimesOf('g')).toEqual(evalTimesBetween('g', 30 * SECOND, [START, START + 6 * HOUR]));
  });

  it('runs a group with a cron schedule at the instants of the schedule', async () => {
    schedule({ id: 'g', interval: MINUTE, schedule: '*/20 * * * * *' });
    await vi.advanceTimersByTimeAsync(MINUTE);
    expect(evalTimesOf('g')).toEqual([START + 20 * SECOND, START + 40 * SECOND, START + 60 * SECOND]);
  });

  it('passes the instant of the pattern as the evaluation time, not the current time', async () => {
    schedule({ id: 'g', interval: MINUTE, schedule: '0 * * * * *' });
    await vi.advanceTimersByTimeAsync(MINUTE - 1);
    vi.setSystemTime(START + MINUTE + 4_321);
    await vi.advanceTimersByTimeAsync(1);
    expect(ran).toEqual([['g', START + MINUTE]]);
    expect(missed).toEqual([]);
  });

  it('reports evaluation times that passed while the process was paused as missed, and does not repeat them', async () => {
    schedule({ id: 'g', interval: MINUTE, schedule: '*/30 * * * * *' });
    await vi.advanceTimersByTimeAsync(1);
    vi.setSystemTime(START + 2 * MINUTE + 3_000);
    await vi.advanceTimersByTimeAsync(30 * SECOND);
    expect(missed.map(([, evalTime]) => (evalTime - START) / SECOND)).toEqual([30, 60, 90, 120]);
    expect(evalTimesOf('g').map((evalTime) => (evalTime - START) / SECOND)).toEqual([150]);
  });

  it('continues within seconds when the local clock is set back by an hour', async () => {
    scheduler = createCronScheduler({ logger, clock });
    schedule({ id: 'g', interval: 30 * SECOND });
    await vi.advanceTimersByTimeAsync(2 * MINUTE);
    const before = ran.length;
    vi.setSystemTime(Date.now() - HOUR);
    const setAt = Date.now();
    await vi.advanceTimersByTimeAsync(2 * MINUTE);
    expect(evalTimesOf('g').slice(before)).toEqual(
      evalTimesBetween('g', 30 * SECOND, [setAt + 10 * SECOND, setAt + 2 * MINUTE]),
    );
    expect(logger.lines.map(({ message, fields }) => [message, fields])).toEqual([
      ['the local clock was set back', { seconds: 3_600 }],
    ]);
  });

  it('never runs a group while its last run is not finished, and runs the others', async () => {
    let finish: () => void = () => undefined;
    onTick = async (id, evalTime) => {
      ran.push([id, evalTime]);
      if (id !== 'slow') return;
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
    };
    const every = { interval: MINUTE, schedule: '*/10 * * * * *' };
    schedule({ id: 'slow', ...every }, { id: 'quick', ...every });
    await vi.advanceTimersByTimeAsync(30 * SECOND);
    expect(evalTimesOf('slow')).toEqual([START + 10 * SECOND]);
    expect(missed).toEqual([
      ['slow', START + 20 * SECOND],
      ['slow', START + 30 * SECOND],
    ]);
    expect(evalTimesOf('quick')).toHaveLength(3);
    finish();
    await vi.advanceTimersByTimeAsync(10 * SECOND);
    expect(evalTimesOf('slow')).toEqual([START + 10 * SECOND, START + 40 * SECOND]);
    finish();
  });

  it('logs a failed run and continues', async () => {
    onTick = async () => {
      throw new Error('boom');
    };
    schedule({ id: 'g', interval: MINUTE, schedule: '*/30 * * * * *' });
    await vi.advanceTimersByTimeAsync(MINUTE);
    expect(logger.messages('error')).toEqual(['tick failed', 'tick failed']);
  });

  it('writes nothing to the console', async () => {
    const spies = (['log', 'info', 'warn', 'error', 'debug'] as const).map((name) => vi.spyOn(console, name));
    const write = vi.spyOn(process.stdout, 'write');
    schedule({ id: 'g', interval: SECOND });
    vi.setSystemTime(START + MINUTE);
    await vi.advanceTimersByTimeAsync(2 * SECOND);
    expect(missed.length).toBeGreaterThan(0);
    for (const spy of [...spies, write]) expect(spy).not.toHaveBeenCalled();
  });

  it('replaces the set of groups', async () => {
    schedule({ id: 'old', interval: SECOND });
    await vi.advanceTimersByTimeAsync(SECOND);
    schedule({ id: 'new', interval: SECOND });
    await vi.advanceTimersByTimeAsync(2 * SECOND);
    expect(ran.map(([id]) => id)).toEqual(['old', 'new', 'new']);
  });

  it('waits for running ticks when it stops, and starts no more', async () => {
    let finish: () => void = () => undefined;
    onTick = () =>
      new Promise<void>((resolve) => {
        ran.push(['g', 0]);
        finish = resolve;
      });
    schedule({ id: 'g', interval: SECOND });
    await vi.advanceTimersByTimeAsync(SECOND);
    let hasStopped = false;
    const stopping = scheduler.stop().then(() => {
      hasStopped = true;
    });
    await vi.advanceTimersByTimeAsync(5 * SECOND);
    expect(hasStopped).toBe(false);
    finish();
    await stopping;
    expect(ran).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('uses one timer for all groups of one interval and offset', async () => {
    schedule(...Array.from({ length: 200 }, (_, i) => ({ id: `g${i}`, interval: 10 * SECOND })));
    expect(vi.getTimerCount()).toBeLessThanOrEqual(10);
    await vi.advanceTimersByTimeAsync(10 * SECOND);
    expect(ran).toHaveLength(200);
  });
});
