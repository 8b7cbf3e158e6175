import { beforeEach, describe, expect, it } from 'vitest';
import { withDeadline } from '../../../src/app/deadline.ts';
import { SECOND } from '../../../src/domain/units.ts';
import { createVirtualClock, type VirtualClock } from '../../support/virtual-clock.ts';

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

  it('ends when the time is up, whether or not the call heeds its signal', async () => {
    let signal: AbortSignal | undefined;
    const call = withDeadline(limit(), (given) => {
      signal = given;
      return new Promise<never>(() => undefined);
    });
    const ended = expect(call).rejects.toMatchObject({
      name: 'UpstreamError',
      code: 'timeout',
      message: 'No answer from prometheus within 1000 ms.',
    });
    await clock.advance(999);
    expect(signal?.aborted).toBe(false);
    await clock.advance(1);
    await ended;
    expect(signal?.aborted).toBe(true);
  });
});
