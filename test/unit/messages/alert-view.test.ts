import { describe, expect, it } from 'vitest';
import { after, before, HOUR, MINUTE, ms, ratio } from '../../../src/lib/units.ts';
import { createLinks } from '../../../src/links/link.ts';
import {
  alertView,
  type Enrichment,
  namespaceOf,
  recoveryWindow,
  serviceOf,
} from '../../../src/messages/alert-view.ts';
import type { LatencyObjective } from '../../../src/rules/rule.ts';
import { anAlert, aPlainRule, aRule } from '../../support/builders.ts';
import { START } from '../../support/virtual-clock.ts';

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
const view = (over: Partial<Parameters<typeof alertView>[0]> = {}) =>
  alertView({ alert: anAlert({ labels }), rule, links, ...over });

describe('recoveryWindow', () => {
  //            window     firing
  //        |----------|============|
  //                activeAt      end
  const cases: Record<string, [object, typeof rule, { start: number; end: number }]> = {
    'begins a look-back before the first breach and ends with the last value seen': [
      { seenAt: after(START, MINUTE) },
      rule,
      { start: before(START, ms(10 * MINUTE)), end: after(START, MINUTE) },
    ],
    'ends with the resolve': [
      { seenAt: START, resolvedAt: after(START, ms(7 * MINUTE)), state: 'resolved' },
      rule,
      { start: before(START, ms(10 * MINUTE)), end: after(START, ms(7 * MINUTE)) },
    ],
    'is the last hour of a long breach': [
      { seenAt: after(START, ms(5 * HOUR)) },
      rule,
      { start: after(START, ms(4 * HOUR)), end: after(START, ms(5 * HOUR)) },
    ],
    'looks five minutes back for a rule without a look-back': [
      { seenAt: START },
      aPlainRule(),
      { start: before(START, ms(5 * MINUTE)), end: START },
    ],
  };
  it.each(Object.entries(cases))('%s', (_name, [over, of, expected]) => {
    expect(recoveryWindow(anAlert(over), of)).toEqual(expected);
  });
});

describe('the service', () => {
  it("is named by the objective's own label before any usual one", () => {
    const alert = anAlert({ labels: { ...labels, service: 'other' } });
    expect(serviceOf(alert, rule)).toBe('checkout');
    expect(namespaceOf(alert)).toBe('shop');
  });
  it('is named by a usual label where the rule does not tell', () => {
    expect(serviceOf(anAlert({ labels: { alertname: 'A', job: 'cart' } }), aPlainRule())).toBe('cart');
  });
  it('is unknown where no label names one', () => {
    expect(serviceOf(anAlert({ labels: { alertname: 'A', pod: 'x' } }), aPlainRule())).toBeUndefined();
    expect(namespaceOf(anAlert({ labels: { alertname: 'A' } }))).toBeUndefined();
  });
});

describe('alertView', () => {
  it('links every tool on the breach’s own window and threshold', () => {
    const urls = Object.fromEntries(view().links.map(({ label, url }) => [label, new URL(url)]));
    expect(Object.keys(urls)).toEqual(['Jaeger', 'Prometheus', 'Grafana', 'Kiali']);
    const { start, end } = recoveryWindow(anAlert({ labels }), rule);
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
    expect(urls['Kiali']?.pathname).toBe('/console/graph/node/namespaces/shop/services/checkout');
    expect(urls['Grafana']?.pathname).toBe('/explore');
  });

  it("links the service's own dashboard in Grafana where there is one", () => {
    const known = createLinks({
      grafana: 'https://grafana.example',
      grafanaPlaces: { dashboard: 'abc?var-service={service}.{namespace}' },
    });
    const { start, end } = recoveryWindow(anAlert({ labels }), rule);
    expect(view({ links: known }).links).toEqual([
      {
        label: 'Grafana',
        url: `https://grafana.example/d/abc?from=${start}&to=${end}&var-service=checkout.shop`,
      },
    ]);
  });

  it('links Jaeger under the name that Jaeger knows, once that is known', () => {
    const enrichment: Enrichment = { traces: { kind: 'pending' }, gaps: [], traceService: 'checkout.shop' };
    expect(view({ enrichment }).links[0]?.url).toContain('service=checkout.shop&');
    // That name holds the namespace, which a rule that groups by the service alone does not tell.
    const { destination_service_namespace: _namespace, ...bare } = labels;
    const labelsOf = (given: Partial<Parameters<typeof alertView>[0]>): readonly string[] =>
      view({ alert: anAlert({ labels: bare }), ...given }).links.map(({ label }) => label);
    expect(labelsOf({})).not.toContain('Kiali');
    expect(labelsOf({ enrichment })).toContain('Kiali');
  });

  it('links nothing to tools that have no address', () => {
    expect(view({ links: createLinks({}) }).links).toEqual([]);
  });

  it('asks Prometheus for a hand-written rule as it is written', () => {
    const plain = aPlainRule({ expr: 'up == 0' });
    const url = view({ rule: plain }).links.find(({ label }) => label === 'Prometheus')?.url ?? '';
    expect(new URL(url).searchParams.get('g0.expr')).toBe('up == 0');
  });

  it('takes its texts from the annotations, and its bounds from the rule', () => {
    const alert = anAlert({
      labels,
      annotations: { summary: 's', description: 'd', runbook_url: 'https://r.example', slo_unit: 'orders' },
    });
    expect(view({ alert })).toMatchObject({
      summary: 's',
      description: 'd',
      runbookUrl: 'https://r.example',
      unit: 'orders',
      severity: 'page',
      service: 'checkout',
      threshold: 500,
      quantile: 0.99,
      window: 10 * MINUTE,
      bound: 0.01,
      comparison: '>',
      traces: { kind: 'pending' },
    });
  });

  it("reads a latency in the family's unit unless the rule says otherwise", () => {
    const seconds = { ...objective, family: { ...objective.family, unit: 's' as const } };
    expect(view({ rule: aRule({ objective: seconds, valueKind: 'latency' }) }).unit).toBe('s');
    expect(view({ rule: aRule({ objective: seconds }) }).unit).toBeUndefined();
  });

  it.each([
    ['firing', {}],
    ['no-data', { noDataSince: START }],
    ['resolved', { state: 'resolved', resolvedAt: START, noDataSince: START }],
  ] as const)('is %s', (state, over) => {
    expect(view({ alert: anAlert({ labels, ...over }) }).state).toBe(state);
  });
});
