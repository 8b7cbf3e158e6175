import { MINUTE, type Milliseconds, ms } from '../units.ts';
import type { GroupState, RuleState } from './alert.ts';

/** Prometheus restores the timers of rules with a `for` from here on. Source: cmd/prometheus, rules.alert.for-grace-period. */
const RESTORED_FROM: Milliseconds = ms(10 * MINUTE);

function withoutTimers(state: RuleState): RuleState {
  if (state.rule.for >= RESTORED_FROM) return state;
  const alerts = state.alerts.filter((alert) => alert.state !== 'pending' || alert.firedAt !== undefined);
  return { ...state, alerts };
}

/**
 * What a group starts from after a restart in Prometheus's mode. Prometheus keeps no timer shorter than its grace period:
 * what was pending is forgotten and begins anew. What fired goes on, as Alertmanager has it.
 */
export function restarted(state: GroupState | undefined): GroupState | undefined {
  if (state === undefined) return undefined;
  const rules = Object.entries(state.rules).map(([key, rule]) => [key, withoutTimers(rule)] as const);
  return { ...state, rules: Object.fromEntries(rules) };
}
