/** Rule groups with one rule each, the services that each of them reports, and what suppresses alerts. */
export interface Size {
  readonly groups: number;
  readonly services: number;
  readonly inhibition?: 'inhibit_rules' | 'call graph';
  /** The address of a real Prometheus, whose services are healthy; absent: one that costs nothing, where all breach. */
  readonly prometheus?: string;
}

/** Their rule file; `interval` is in seconds. */
export const rulesOf = ({ groups, interval = 15 }: Size & { readonly interval?: number }): string =>
  JSON.stringify({
    groups: Array.from({ length: groups }, (_, i) => ({
      name: `g${i}`,
      interval: `${interval}s`,
      rules: [
        {
          alert: `Slow${i}`,
          expr: `slow_share_${i} > 0.01`,
          labels: { severity: i % 5 === 0 ? 'page' : 'ticket' },
          annotations: { summary: '{{ $labels.service }} is slow: {{ $value | humanizePercentage }}' },
        },
      ],
    })),
  });
