import { describe, expect, it } from 'vitest';
import { MINUTE, ms, ratio } from '../../../src/lib/units.ts';
import { createLinks } from '../../../src/links/link.ts';
import { alertLinks, evidenceWindow } from '../../../src/messages/alert-subject.ts';
import type { LatencyObjective } from '../../../src/rules/rule.ts';
import { anAlert, aPlainRule, aRule } from '../../support/builders.ts';

const objective: LatencyObjective = {
  family: {
    metric: 'istio_request_duration_milliseconds',
    unit: 'ms',
    selector: 'reporter="destination"',
    serviceLabel: 'destination_service_name',
  },
  by: ['destination_service_name', 'destination_service_namespace'],
  quantile: ratio(0.99),
  threshold: ms(500),
  window: ms(10 * MINUTE),
};
const labels = {
  alertname: 'CheckoutSlow',
  destination_service_name: 'checkout',
  destination_service_namespace: 'shop',
  severity: 'page',
};
const rule = aRule({ objective });
const links = createLinks({
  jaeger: 'https://jaeger.example',
  prometheus: 'https://prom.example',
  kiali: 'https://kiali.example',
  grafana: 'https://grafana.example',
});
const alert = anAlert({ labels, series: labels });

describe('alertLinks', () => {
  it('links every tool on the breach’s own window and threshold', () => {
    const urls = Object.fromEntries(
      alertLinks(links, { alert, rule }).map(({ label, url }) => [label, new URL(url)]),
    );
    expect(Object.keys(urls)).toEqual(['Jaeger', 'Prometheus', 'Grafana', 'Kiali']);
    const { start, end } = evidenceWindow(anAlert({ labels }), rule);
    expect(Object.fromEntries(urls['Jaeger']?.searchParams ?? [])).toMatchObject({
      service: 'checkout',
      start: String(start * 1_000),
      end: String(end * 1_000),
      minDuration: '500ms',
      lookback: 'custom',
    });
    expect(urls['Prometheus']?.searchParams.get('g0.expr')).toContain(
      'destination_service_name="checkout",destination_service_namespace="shop"',
    );
    expect(urls['Prometheus']?.searchParams.get('g0.expr')).toMatch(/ or vector\(500\)$/);
    expect(urls['Kiali']?.pathname).toBe('/console/graph/node/namespaces/shop/services/checkout');
    expect(urls['Grafana']?.pathname).toBe('/explore');
  });

  it("links the service's own dashboard in Grafana where there is one", () => {
    const known = createLinks({
      grafana: 'https://grafana.example',
      grafanaPlaces: { dashboard: 'abc?var-service={service}.{namespace}' },
    });
    const { start, end } = evidenceWindow(anAlert({ labels }), rule);
    expect(alertLinks(known, { alert, rule })).toEqual([
      {
        label: 'Grafana',
        url: `https://grafana.example/d/abc?from=${start}&to=${end}&var-service=checkout.shop`,
      },
    ]);
  });

  it('links Jaeger under the name that Jaeger knows, once that is known', () => {
    const traceService = 'checkout.shop';
    expect(alertLinks(links, { alert, rule, traceService })[0]?.url).toContain('service=checkout.shop&');
    // That name holds the namespace, which a rule that groups by the service alone does not tell.
    const { destination_service_namespace: _namespace, ...bare } = labels;
    const labelsOf = (given: { traceService?: string }): readonly string[] =>
      alertLinks(links, { alert: anAlert({ labels: bare }), rule, ...given }).map(({ label }) => label);
    expect(labelsOf({})).not.toContain('Kiali');
    expect(labelsOf({ traceService })).toContain('Kiali');
  });

  it('links nothing to tools that have no address', () => {
    expect(alertLinks(createLinks({}), { alert, rule })).toEqual([]);
  });

  it('opens a hand-written rule in Prometheus as it is written', () => {
    const plain = aPlainRule({ expr: 'up == 0' });
    const url =
      alertLinks(links, { alert, rule: plain }).find(({ label }) => label === 'Prometheus')?.url ?? '';
    expect(new URL(url).searchParams.get('g0.expr')).toBe('up == 0');
  });
});
