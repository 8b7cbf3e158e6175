import { MINUTE, type Milliseconds, ms } from '../lib/units.ts';
import type { Alert, RuleGroupState, RuleState } from './alert.ts';

/** Prometheus restores the timers of rules with a `for` from here on. Source: cmd/prometheus, rules.alert.for-grace-period. */
const RESTORED_FROM: Milliseconds = ms(10 * MINUTE);

/** Whether a restart makes Prometheus forget an alert of this rule. */
const isForgotten = ({ rule }: RuleState, { state, firedAt }: Alert): boolean =>
  rule.for < RESTORED_FROM && state === 'pending' && firedAt === undefined;

const withoutTimers = (state: RuleState): RuleState => ({
  ...state,
  alerts: state.alerts.filter((alert) => !isForgotten(state, alert)),
});

/** Whether a restart now would lose a timer. */
export const hasTimers = ({ rules }: RuleGroupState): boolean =>
  Object.values(rules).some((state) => state.alerts.some((alert) => isForgotten(state, alert)));

/**
 * What a group starts from after a restart in Prometheus's mode. Prometheus keeps no timer shorter than its grace period:
 * what was pending is forgotten and begins anew. What fired goes on, as Alertmanager has it.
 */
export function restarted(state: RuleGroupState | undefined): RuleGroupState | undefined {
  if (state === undefined) return undefined;
  const rules = Object.entries(state.rules).map(([key, rule]) => [key, withoutTimers(rule)] as const);
  return { ...state, rules: Object.fromEntries(rules) };
}
