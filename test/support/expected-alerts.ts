import type { Alert } from '../../src/alerts/alert.ts';
import { between, type EpochMs, epochMs, SECOND } from '../../src/lib/units.ts';
import type { ExpressionTest } from './promtool.ts';

const series = (name: string, labels: Readonly<Record<string, string>>): string =>
  `${name}{${Object.entries(labels)
    .map(([label, value]) => `${label}=${JSON.stringify(value)}`)
    .join(', ')}}`;

/**
 * What Prometheus's own series about a rule's alerts must be, if these are its alerts: `ALERTS` with every label and
 * state, `ALERTS_FOR_STATE` with the second each became active. `start` is the instant at which promtool's time begins.
 */
export function expectAlerts(
  name: string,
  tick: { readonly evalTime: EpochMs; readonly start?: EpochMs },
  alerts: readonly Alert[],
): readonly ExpressionTest[] {
  const { evalTime, start = epochMs(0) } = tick;
  const active = alerts.filter(({ state }) => state !== 'resolved');
  const at = between(start, evalTime) / SECOND;
  return [
    {
      expr: `ALERTS{alertname="${name}"}`,
      at,
      expected: active.map(({ labels, state }) => ({
        labels: series('ALERTS', { ...labels, alertstate: state }),
        value: 1,
      })),
    },
    {
      expr: `ALERTS_FOR_STATE{alertname="${name}"}`,
      at,
      expected: active.map(({ labels, activeAt }) => ({
        labels: series('ALERTS_FOR_STATE', labels),
        value: between(start, activeAt) / SECOND,
      })),
    },
  ];
}
