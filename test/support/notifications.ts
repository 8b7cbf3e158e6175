import type { NotificationOptions } from '../../src/evaluation/suppress-alerts.ts';
import { NO_POLICY, type NotificationPolicy } from '../../src/policy/suppress.ts';
import { createLocalTime } from '../../src/policy/time-interval.ts';

/** The options on notifications for a policy, without a call graph. */
export const notificationsOf = (policy: Partial<NotificationPolicy> = {}): NotificationOptions => ({
  policy: () => ({ ...NO_POLICY, ...policy }),
  localTime: createLocalTime(),
  callGraphAt: async () => undefined,
});
