import type { Alert, RuleState, Transition } from '../../../src/alerts/alert.ts';
import { decodeRecord, encodeRecord } from '../../../src/alerts/record-codec.ts';
import { after, ms } from '../../../src/lib/units.ts';
import { decideNotifications, type NotificationLimits } from '../../../src/messages/plan.ts';
import type { RoutedDestination } from '../../../src/policy/route.ts';
import { aGroup, anAlert, aRule } from '../../support/builders.ts';
import { type Decided, decided } from '../../support/decided.ts';
import { START } from '../../support/virtual-clock.ts';

/** The group and rule of the timeline. */
export const at = { group: aGroup(), rule: aRule() };

export const seconds = (count: number) => after(START, ms(count * 1_000));

/** A firing alert of one of many services: the higher its number, the worse. */
export const alertOf = (number: number, over: Partial<Alert> = {}): Alert => {
  const service = `svc-${String(number).padStart(4, '0')}`;
  return anAlert({
    labels: { alertname: 'CheckoutSlow', service, severity: 'page' },
    series: { service },
    value: number / 10_000,
    ...over,
  });
};
export const many = (count: number, from = 1): readonly Alert[] =>
  Array.from({ length: count }, (_, index) => alertOf(from + index));

/** A rule over several evaluations, each with the state of the one before. */
export function play(limits: NotificationLimits = { groupThreshold: 10, flapThreshold: 0 }) {
  let alerts = new Map<string, Alert>();
  let known: Pick<RuleState, 'alertGroups' | 'flaps'> = {};
  return {
    alerts: () => [...alerts.values()],
    alertGroups: () => known.alertGroups ?? [],
    flaps: () => known.flaps ?? {},
    tick(
      evalTime: number,
      now: readonly Alert[],
      route?: (alert: Alert) => readonly RoutedDestination[],
    ): readonly Decided[] {
      const transitions = now.flatMap((alert): Transition[] => {
        const before = alerts.get(alert.fingerprint);
        if (alert.state === 'resolved')
          return before === undefined || before.state === 'resolved' ? [] : [{ kind: 'resolved', alert }];
        return before?.alertId === alert.alertId ? [] : [{ kind: 'firing', alert }];
      });
      const carried = now.map((alert): Alert => {
        const before = alerts.get(alert.fingerprint);
        if (before?.alertId !== alert.alertId) return alert;
        const { state, value, resolvedAt, resolveReason, continuedAs, suppressed } = alert;
        const { suppressed: _held, ...rest } = before;
        return {
          ...rest,
          state,
          value,
          ...(resolvedAt === undefined ? {} : { resolvedAt }),
          ...(resolveReason === undefined ? {} : { resolveReason }),
          ...(continuedAs === undefined ? {} : { continuedAs }),
          ...(suppressed === undefined ? {} : { suppressed }),
        };
      });
      const decision = decideNotifications(at, seconds(evalTime), {
        alerts: carried,
        transitions,
        known,
        limits,
        ...(route === undefined ? {} : { route }),
      });
      // Another replica or the next process continues with the stored state.
      const { messages, ...kept } = decision;
      const stored = decodeRecord(encodeRecord(kept)) as typeof kept;
      alerts = new Map(stored.alerts.map((alert) => [alert.fingerprint, alert]));
      known = stored;
      return decided(messages);
    },
  };
}

export const over = (alert: Alert, evalTime: number): Alert => ({
  ...alert,
  state: 'resolved',
  resolvedAt: seconds(evalTime),
  resolveReason: 'recovered',
});
