/** One short-form objective for all services of the shop, and one plain Prometheus rule. */
export const SHOP_RULES = `slos:
- name: ServiceSlow
  preset: istio
  by: [destination_service_name]
  objective: { quantile: 0.99, below: 500ms, window: 1m }
  min_requests: 20
  interval: 5s
  alert:
    for: 10s
    recover: { below: 500ms, window: 30s }
  labels: { severity: page, team: shop }
  annotations:
    summary: "{{ $labels.destination_service_name }} answers slowly"
---
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

/** The rules the demo starts with: callers of a slow service are grouped under it. */
export const DEMO_RULES = `inhibit: call-graph\n${SHOP_RULES}`;
