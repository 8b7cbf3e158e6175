import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/lib/clock.ts';
import { ms, SECOND } from '../../../src/lib/units.ts';
import type { PicturePainter } from '../../../src/traces/pictures.ts';
import type { Waterfall } from '../../../src/traces/waterfall.ts';
import type { DrawingThread, ThreadListeners } from '../../../src/waterfall/picture-painter.ts';
import { createPicturePainter } from '../../../src/waterfall/picture-painter.ts';
import type { DrawReply, DrawRequest } from '../../../src/waterfall/render-worker.ts';
import { isFullRun } from '../../support/runs.ts';
import { createSpyLogger, type SpyLogger } from '../../support/spies.ts';
import { createVirtualClock, settle } from '../../support/virtual-clock.ts';
import { aWaterfall } from './a-waterfall.ts';

const DRAW_MANY = fileURLToPath(new URL('./draw-many.ts', import.meta.url));

/** A thread that answers when a test says so. */
interface FakeThread extends DrawingThread {
  readonly asked: readonly DrawRequest[];
  say(reply: DrawReply): void;
  die(reason: string): void;
  isEnded(): boolean;
}

function createFakeThread(): FakeThread {
  const asked: DrawRequest[] = [];
  let listeners: ThreadListeners | undefined;
  let ended = false;
  return {
    asked,
    send: (request) => void asked.push(request),
    listen: (given) => {
      listeners = given;
    },
    end: async () => {
      ended = true;
    },
    say: (reply) => listeners?.reply(reply),
    die: (reason) => listeners?.ended(reason),
    isEnded: () => ended,
  };
}

function stand() {
  const clock = createVirtualClock();
  const threads: FakeThread[] = [];
  const log: SpyLogger = createSpyLogger();
  const painter = createPicturePainter({
    clock,
    logger: log,
    startThread: () => {
      const thread = createFakeThread();
      threads.push(thread);
      return thread;
    },
  });
  const drawn = (thread: FakeThread | undefined, id: number) =>
    thread?.say({ kind: 'drawn', id, png: Uint8Array.of(id) });
  return { clock, threads, log, painter, drawn };
}

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'drawn',
    (error: unknown) => (error as { code?: unknown }).code,
  );

describe('with a fake thread', () => {
  it('starts the thread at the first picture, and hands over one picture at a time', async () => {
    const { painter, threads, drawn } = stand();
    expect(threads).toHaveLength(0);
    const pictures = [painter.draw(aWaterfall()), painter.draw(aWaterfall())];
    const [thread] = threads;
    expect(thread?.asked).toHaveLength(0);
    thread?.say({ kind: 'ready' });
    expect(thread?.asked.map(({ id }) => id)).toEqual([1]);
    drawn(thread, 1);
    expect(thread?.asked.map(({ id }) => id)).toEqual([1, 2]);
    drawn(thread, 2);
    expect(await Promise.all(pictures)).toEqual([Uint8Array.of(1), Uint8Array.of(2)]);
    expect(threads).toHaveLength(1);
  });

  it('ends a thread that hangs after two seconds, and draws the next picture in a new one', async () => {
    const { painter, threads, clock, drawn } = stand();
    const late = codeOf(painter.draw(aWaterfall()));
    threads[0]?.say({ kind: 'ready' });
    await clock.advance(1_000);
    const next = codeOf(painter.draw(aWaterfall()));
    await clock.advance(1_000);
    expect(await late).toBe('late');
    expect(threads[0]?.isEnded()).toBe(true);
    threads[1]?.say({ kind: 'ready' });
    drawn(threads[1], 2);
    expect(await next).toBe('drawn');
  });

  it('lets a slow thread go on starting, so that the next picture finds it ready', async () => {
    const { painter, threads, clock, drawn } = stand();
    const late = codeOf(painter.draw(aWaterfall()));
    await clock.advance(2_000);
    expect(await late).toBe('late');
    expect(threads[0]?.isEnded()).toBe(false);
    threads[0]?.say({ kind: 'ready' });
    const next = codeOf(painter.draw(aWaterfall()));
    drawn(threads[0], 2);
    expect(await next).toBe('drawn');
    expect(threads).toHaveLength(1);
  });

  it('replaces a thread that dies: the picture it was at is lost, those that wait are not', async () => {
    const { painter, threads, log, drawn } = stand();
    const lost = codeOf(painter.draw(aWaterfall()));
    const kept = codeOf(painter.draw(aWaterfall()));
    threads[0]?.say({ kind: 'ready' });
    threads[0]?.die('out of memory');
    threads[0]?.die('exit code 1');
    expect(await lost).toBe('failed');
    threads[1]?.say({ kind: 'ready' });
    drawn(threads[1], 2);
    expect(await kept).toBe('drawn');
    expect(log.messages('error')).toEqual(['the drawing thread ended']);
  });

  it('answers all that wait when a thread cannot start, and tries again at the next picture', async () => {
    const { painter, threads } = stand();
    const lost = [codeOf(painter.draw(aWaterfall())), codeOf(painter.draw(aWaterfall()))];
    threads[0]?.die('the fonts are missing');
    expect(await Promise.all(lost)).toEqual(['failed', 'failed']);
    void codeOf(painter.draw(aWaterfall()));
    expect(threads).toHaveLength(2);
    await painter.close();
  });

  it('takes at most eight pictures in waiting', async () => {
    const { painter, threads } = stand();
    const first = codeOf(painter.draw(aWaterfall()));
    threads[0]?.say({ kind: 'ready' });
    const waiting = Array.from({ length: 8 }, () => codeOf(painter.draw(aWaterfall())));
    expect(await codeOf(painter.draw(aWaterfall()))).toBe('busy');
    await painter.close();
    expect(new Set(await Promise.all([first, ...waiting]))).toEqual(new Set(['failed']));
    expect(threads[0]?.isEnded()).toBe(true);
    expect(await codeOf(painter.draw(aWaterfall()))).toBe('busy');
  });

  it('passes on that a picture cannot be drawn, and draws the next', async () => {
    const { painter, threads, drawn } = stand();
    const failed = codeOf(painter.draw(aWaterfall()));
    const next = codeOf(painter.draw(aWaterfall()));
    threads[0]?.say({ kind: 'ready' });
    threads[0]?.say({ kind: 'failed', id: 1, reason: 'no such colour' });
    drawn(threads[0], 2);
    expect(await Promise.all([failed, next])).toEqual(['failed', 'drawn']);
    await settle();
  });
});

describe('with the thread that draws', () => {
  let painter: PicturePainter | undefined;
  afterEach(() => painter?.close());

  /** A machine with much else to do may take longer than a person would wait for. */
  const real = (): PicturePainter => {
    painter = createPicturePainter({
      clock: systemClock,
      logger: createSpyLogger(),
      limit: ms(50 * SECOND),
    });
    return painter;
  };
  const drawer = (): ((waterfall: Waterfall) => Promise<Uint8Array>) => {
    const made = real();
    return (waterfall) => made.draw(waterfall);
  };

  it('draws a PNG of 1200 pixels in width, the same one each time', async () => {
    const draw = drawer();
    const png = Buffer.from(await draw(aWaterfall()));
    expect(png.subarray(1, 4).toString()).toBe('PNG');
    expect(png.readUInt32BE(16)).toBe(1_200);
    expect(Buffer.from(await draw(aWaterfall())).equals(png)).toBe(true);
  });

  it('draws the names: without them the picture is another one', async () => {
    const draw = drawer();
    const [named, unnamed] = [aWaterfall(), aWaterfall()];
    const alternative = { service: '', operation: '', spanId: '' };
    const rows = unnamed.rows.map((row) => ({ ...row, service: '', operation: '', alternative }));
    const [one, other] = [await draw(named), await draw({ ...unnamed, rows })];
    expect(one.length).toBeGreaterThan(other.length * 1.1);
  });

  it.runIf(isFullRun)('does not leak memory over a hundred pictures', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', DRAW_MANY]);
    // A hundred pictures whose buffers stay are 400 MB.
    expect(Number(stdout)).toBeLessThan(250 * 1024 * 1024);
    expect(stdout).toMatch(/^-?\d+$/);
  });
});
