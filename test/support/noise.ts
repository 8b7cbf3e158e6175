import type { NoiseOptions } from '../../src/evaluation/suppress-alerts.ts';
import { createLocalTime } from '../../src/policy/local-time.ts';
import { NO_POLICY, type NoisePolicy } from '../../src/policy/suppress.ts';

/** The options on notifications for a policy, without a call graph. */
export const noiseOf = (policy: Partial<NoisePolicy> = {}): NoiseOptions => ({
  policy: () => ({ ...NO_POLICY, ...policy }),
  localTime: createLocalTime(),
  callGraphAt: async () => undefined,
});
