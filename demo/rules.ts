interface ShopOptions {
  /** Keys of the document beside the objective. */
  readonly policy?: string;
  /** More keys under `alert`. */
  readonly alert?: string;
  readonly owner?: string;
  readonly runbook?: string;
}

/** One short-form objective for all services of the shop, and one plain Prometheus rule. */
function shopRules({ policy = '', alert = '', owner = '', runbook = '' }: ShopOptions): string {
  return `${policy}slos:
- name: ServiceSlow
  preset: istio
  by: [destination_service_name]
  objective: { quantile: 0.99, below: 500ms, window: 1m }
  min_requests: 20
  interval: 5s
  alert:
    for: 10s
${alert}  labels: { severity: page, team: shop${owner} }
  annotations:
    summary: "{{ $labels.destination_service_name }} answers slowly"
${runbook}---
groups:
- name: errors
  interval: 15s
  rules:
  - alert: ServiceFails
    expr: >-
      sum by (destination_service_name) (rate(istio_requests_total{reporter="destination",response_code=~"5.."}[1m]))
      / sum by (destination_service_name) (rate(istio_requests_total{reporter="destination"}[1m])) > 0.05
    for: 30s
    labels: { severity: ticket, team: shop }
    annotations:
      summary: "{{ $labels.destination_service_name }} fails {{ $value | humanizePercentage }} of its requests"
`;
}

/** The rules without any policy: every breach is a message of its own, and ends half a minute after its fault. */
export const SHOP_RULES = shopRules({ alert: '    recover: { below: 500ms, window: 30s }\n' });

/**
 * The rules the demo starts with: callers of a slow service are grouped under it, a page mentions a colleague, and alerts
 * that come again and again are never suppressed, since the script repeats its faults.
 */
export const DEMO_RULES = shopRules({
  policy: `inhibit: call-graph
flap_threshold: 0
severities:
  page: { mentions: [U0COLLEAGUE] }
`,
  owner: ', owner: shop-platform',
  runbook: '    runbook_url: https://sre.google/workbook/alerting-on-slos/\n',
});
