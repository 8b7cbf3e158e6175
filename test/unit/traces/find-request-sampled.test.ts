import { describe, expect, it } from 'vitest';
import { UpstreamError } from '../../../src/lib/errors.ts';
import { epochMs } from '../../../src/lib/units.ts';
import { createSampledShare } from '../../../src/traces/find-request.ts';
import { createVirtualClock, START } from '../../support/virtual-clock.ts';

const now = epochMs(START);
const answering = (answer: () => Promise<readonly { labels: object; value: number }[]>) => {
  const asked: string[] = [];
  const metrics = {
    instant: async ({ expr }: { expr: string }) => {
      asked.push(expr);
      return (await answer()) as never;
    },
  };
  return { asked, share: createSampledShare({ metrics, clock: createVirtualClock(now) }) };
};

describe('the share of requests that is traced', () => {
  it.each([
    ['is what the proxies counted', [{ labels: {}, value: 0.01 }], 0.01],
    ['is not known when they count nothing: 0 of 0', [{ labels: {}, value: Number.NaN }], undefined],
    ['is not known when nothing answers the question', [], undefined],
    ['is no share when it is more than all', [{ labels: {}, value: 1.5 }], undefined],
  ])('%s', async (_, samples, expected) => {
    const { share, asked } = answering(async () => samples);
    expect(await share(now)).toBe(expected);
    expect(asked[0]).toContain('envoy_http_tracing_random_sampling[1h]');
    expect(asked[0]).toContain('envoy_http_tracing_not_traceable[1h]');
  });

  it('is not known when Prometheus does not answer', async () => {
    const { share } = answering(() =>
      Promise.reject(
        new UpstreamError({ system: 'prometheus', code: 'unavailable', message: 'No.', advice: 'Look.' }),
      ),
    );
    expect(await share(now)).toBeUndefined();
  });
});
