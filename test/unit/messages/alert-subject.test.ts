import { describe, expect, it } from 'vitest';
import type { NoDataReason } from '../../../src/alerts/alert.ts';
import { after, before, HOUR, MINUTE, ms, ratio } from '../../../src/lib/units.ts';
import {
  evidenceWindow,
  namespaceOf,
  noDataReasonText,
  serviceOf,
  statusOf,
} from '../../../src/messages/alert-subject.ts';
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
const rule = aRule({
  objective,
  lookback: ms(10 * MINUTE),
  service: { from: 'label', label: 'destination_service_name' },
});
describe('evidenceWindow', () => {
  //             lead      firing
  //            |------|============|
  //                activeAt      end
  const cases: Record<string, [object, typeof rule, { start: number; end: number }]> = {
    'begins a minute before the first breach and ends with the last value seen': [
      { seenAt: after(START, MINUTE) },
      rule,
      { start: before(START, MINUTE), end: after(START, MINUTE) },
    ],
    'ends with the resolve': [
      { seenAt: START, resolvedAt: after(START, ms(7 * MINUTE)), state: 'resolved' },
      rule,
      { start: before(START, MINUTE), end: after(START, ms(7 * MINUTE)) },
    ],
    'is the last hour of a long breach': [
      { seenAt: after(START, ms(5 * HOUR)) },
      rule,
      { start: after(START, ms(4 * HOUR)), end: after(START, ms(5 * HOUR)) },
    ],
    'looks five minutes back for a rule without an objective and a look-back': [
      { seenAt: START },
      aPlainRule(),
      { start: before(START, ms(5 * MINUTE)), end: START },
    ],
  };
  it.each(Object.entries(cases))('%s', (_name, [over, of, expected]) => {
    expect(evidenceWindow(anAlert(over), of)).toEqual(expected);
  });
});

describe('the service', () => {
  it("is named by the objective's own label before any usual one", () => {
    const alert = anAlert({ labels: { ...labels, service: 'other' } });
    expect(serviceOf(alert, rule)).toBe('checkout');
    expect(namespaceOf(alert)).toBe('shop');
  });
  it('is named by a usual label where the rule does not tell', () => {
    expect(serviceOf(anAlert({ labels: { alertname: 'A', job: 'ksm', app: 'cart' } }), aPlainRule())).toBe(
      'cart',
    );
  });
  it('is unknown where no label names one', () => {
    expect(serviceOf(anAlert({ labels: { alertname: 'A', pod: 'x' } }), aPlainRule())).toBeUndefined();
    expect(namespaceOf(anAlert({ labels: { alertname: 'A' } }))).toBeUndefined();
  });
});

describe('the status', () => {
  it.each([
    ['firing', {}],
    ['no-data', { noDataSince: START }],
    ['resolved', { state: 'resolved', resolvedAt: START, noDataSince: START }],
  ] as const)('is %s', (status, over) => {
    expect(statusOf(anAlert({ labels, ...over }))).toBe(status);
  });
});

describe('why an alert has no data', () => {
  const cases: readonly (readonly [NoDataReason, string])[] = [
    [{ kind: 'series', metric: 'm_count' }, 'series of m_count are missing'],
    [{ kind: 'traffic' }, 'count no requests'],
    [{ kind: 'few-requests', requests: 3, minimum: 50 }, '3 of at least 50'],
    [{ kind: 'target' }, 'down or no longer scraped'],
    [{ kind: 'source' }, 'partial data'],
    [{ kind: 'value' }, 'returns no value'],
    [{ kind: 'unknown', reason: 'Prometheus did not answer in time' }, 'Cause unknown: Prometheus'],
  ];
  it.each(cases)('has a text for %o', (reason, text) => {
    expect(noDataReasonText(reason)).toContain(text);
  });
});
