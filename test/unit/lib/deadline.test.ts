import { beforeEach, describe, expect, it, vi } from 'vitest';
import { withDeadline } from '../../../src/lib/deadline.ts';
import { SECOND } from '../../../src/lib/units.ts';
import { createVirtualClock, settle, type VirtualClock } from '../../support/virtual-clock.ts';

describe('a call with a deadline', () => {
  let clock: VirtualClock;
  const limit = () => ({ clock, duration: SECOND, system: 'prometheus' as const });

  beforeEach(() => {
    clock = createVirtualClock();
  });

  it('gives what the call gives, and leaves no timer behind', async () => {
    expect(await withDeadline(limit(), async () => 42)).toBe(42);
    expect(clock.sleepers()).toBe(0);
  });

  it("fails with the call's own error", async () => {
    const error = new Error('refused');
    await expect(withDeadline(limit(), () => Promise.reject(error))).rejects.toBe(error);
    expect(clock.sleepers()).toBe(0);
  });

  it('ends when the time is up, whether or not the call obeys its signal', async () => {
    let signal: AbortSignal | undefined;
    const call = withDeadline(limit(), (given) => {
      signal = given;
      return new Promise<never>(() => undefined);
    });
    const ended = expect(call).rejects.toMatchObject({
      name: 'UpstreamError',
      code: 'timeout',
      message: 'Prometheus did not respond within 1 s.',
    });
    await clock.advance(999);
    expect(signal?.aborted).toBe(false);
    await clock.advance(1);
    await ended;
    expect(signal?.aborted).toBe(true);
  });

  it('says that the bot was busy when its own timer is late', async () => {
    vi.spyOn(performance, 'now').mockReturnValueOnce(0).mockReturnValue(4_200);
    const call = withDeadline(limit(), () => new Promise<never>(() => undefined));
    const ended = expect(call).rejects.toMatchObject({
      code: 'timeout',
      message: 'No response of Prometheus was read within 1 s: the bot was busy for 3.2 s.',
    });
    await clock.advance(1_000);
    await ended;
  });

  it('reads a response that arrived while the bot was busy', async () => {
    vi.spyOn(performance, 'now').mockReturnValueOnce(0).mockReturnValue(4_200);
    const call = withDeadline(limit(), async () => {
      await clock.sleep(SECOND);
      await settle();
      return 42;
    });
    await clock.advance(1_000);
    expect(await call).toBe(42);
  });

  it.each([
    ['before it begins', true],
    ['while it is under way', false],
  ])('ends when the caller cancels %s, with the reason of the caller', async (_when, isEarly) => {
    const caller = new AbortController();
    if (isEarly) caller.abort('enough');
    const call = withDeadline(
      { ...limit(), signal: caller.signal },
      (given) =>
        new Promise<never>((_resolve, reject) => {
          if (given.aborted) reject(given.reason);
          given.addEventListener('abort', () => reject(given.reason));
        }),
    );
    if (!isEarly) caller.abort('enough');
    await expect(call).rejects.toBe('enough');
    expect(clock.sleepers()).toBe(0);
  });

  it('ignores the caller once it has its answer', async () => {
    const caller = new AbortController();
    let signal: AbortSignal | undefined;
    await withDeadline({ ...limit(), signal: caller.signal }, async (given) => {
      signal = given;
    });
    caller.abort();
    expect(signal?.aborted).toBe(false);
  });
});
