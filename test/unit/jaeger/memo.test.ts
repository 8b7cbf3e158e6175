import { describe, expect, it } from 'vitest';
import { createPatientLimiter, createSharing } from '../../../src/jaeger/jaeger-trace-source.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { ms } from '../../../src/lib/units.ts';

/** Work that ends when the test says so, or with its signal. */
function work() {
  const signals: AbortSignal[] = [];
  const ends: ((answer: string) => void)[] = [];
  const run = (signal: AbortSignal): Promise<string> => {
    signals.push(signal);
    return new Promise((resolve, reject) => {
      ends.push(resolve);
      signal.addEventListener('abort', () => reject(new Error('aborted')));
    });
  };
  return { run, signals, end: (answer: string) => ends.at(-1)?.(answer) };
}

describe('the same work for several callers', () => {
  it('runs once, and again for later calls', async () => {
    const share = createSharing<string>();
    const { run, signals, end } = work();
    const both = [share('a', run), share('a', run)];
    end('x');
    expect(await Promise.all(both)).toEqual(['x', 'x']);
    const again = share('a', run);
    end('y');
    expect(await again).toBe('y');
    expect(signals).toHaveLength(2);
  });

  it('is not shared between different keys', async () => {
    const share = createSharing<string>();
    expect(await Promise.all([share('a', async () => 'a'), share('b', async () => 'b')])).toEqual(['a', 'b']);
  });

  it('continues when one of them cancels', async () => {
    const share = createSharing<string>();
    const { run, signals, end } = work();
    const first = new AbortController();
    const given = share('a', run, first.signal);
    const kept = share('a', run);
    first.abort();
    await expect(given).rejects.toMatchObject({ name: 'UpstreamError', code: 'timeout' });
    expect(signals[0]?.aborted).toBe(false);
    end('x');
    expect(await kept).toBe('x');
  });

  it('is cancelled when all of them cancel, and the next call starts anew', async () => {
    const share = createSharing<string>();
    const { run, signals, end } = work();
    const callers = [new AbortController(), new AbortController()];
    const given = callers.map(({ signal }) => share('a', run, signal));
    for (const caller of callers) caller.abort();
    for (const one of given) await expect(one).rejects.toMatchObject({ code: 'timeout' });
    expect(signals[0]?.aborted).toBe(true);
    const next = share('a', run);
    end('x');
    expect(await next).toBe('x');
  });

  it('does not start for a cancelled caller', async () => {
    const { run, signals } = work();
    await expect(createSharing<string>()('a', run, AbortSignal.abort())).rejects.toMatchObject({
      code: 'timeout',
    });
    expect(signals).toEqual([]);
  });

  it('fails for all callers, and is not cached', async () => {
    const share = createSharing<string>();
    const fail = (): Promise<string> => Promise.reject(new Error('down'));
    const results = await Promise.allSettled([share('a', fail), share('a', fail)]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await share('a', async () => 'up')).toBe('up');
  });
});

describe('the concurrency limit', () => {
  const settle = (): Promise<void> =>
    new Promise((resolve) => {
      setImmediate(resolve);
    });

  it('runs four at a time, the others in the order they came', async () => {
    const takeTurn = createPatientLimiter({ clock: systemClock, concurrency: 4, patience: ms(60_000) });
    const begun: number[] = [];
    const ends = new Map<number, () => void>();
    const all = [1, 2, 3, 4, 5, 6, 7].map((n) =>
      takeTurn(() => {
        begun.push(n);
        return new Promise<void>((resolve) => {
          ends.set(n, resolve);
        });
      }, undefined),
    );
    await settle();
    expect(begun).toEqual([1, 2, 3, 4]);
    ends.get(2)?.();
    ends.get(4)?.();
    await settle();
    expect(begun).toEqual([1, 2, 3, 4, 5, 6]);
    for (const n of [1, 3, 5, 6]) ends.get(n)?.();
    await settle();
    ends.get(7)?.();
    await Promise.all(all);
    expect(await takeTurn(async () => 'free', undefined)).toBe('free');
  });

  it('releases its slot when the work fails', async () => {
    const takeTurn = createPatientLimiter({ clock: systemClock, concurrency: 1, patience: ms(60_000) });
    const failing = takeTurn(() => Promise.reject(new Error('down')), undefined);
    const next = takeTurn(async () => 'next', undefined);
    await expect(failing).rejects.toThrow('down');
    expect(await next).toBe('next');
  });

  it('rejects work that is cancelled, or has waited too long', async () => {
    const takeTurn = createPatientLimiter({ clock: systemClock, concurrency: 1, patience: ms(5) });
    let end = (): void => undefined;
    const long = takeTurn(
      () =>
        new Promise<void>((resolve) => {
          end = resolve;
        }),
      undefined,
    );
    const caller = new AbortController();
    const given = takeTurn(async () => 'never', caller.signal);
    caller.abort();
    await expect(given).rejects.toMatchObject({ code: 'timeout' });
    await expect(takeTurn(async () => 'never', undefined)).rejects.toMatchObject({ code: 'timeout' });
    await expect(takeTurn(async () => 'never', AbortSignal.abort())).rejects.toMatchObject({
      code: 'timeout',
    });
    end();
    await long;
    expect(await takeTurn(async () => 'now', undefined)).toBe('now');
  });
});
