import { describe, expect, it } from 'vitest';
import { ms, ratio } from '../../../src/lib/units.ts';
import { distinction, distinguishingLabels } from '../../../src/messages/alert-subject.ts';
import type { LatencyObjective } from '../../../src/rules/rule.ts';
import { anAlert, aPlainRule, aRule } from '../../support/builders.ts';

const alertOf = (series: Record<string, string>, more: Record<string, string> = {}) =>
  anAlert({ labels: { alertname: 'A', ...series, ...more }, series });

const objective: LatencyObjective = {
  family: { metric: 'm_seconds', unit: 's', selector: '', serviceLabel: 'service' },
  by: ['service', 'zone'],
  quantile: ratio(0.99),
  threshold: ms(500),
  window: ms(300_000),
};

describe('the labels that tell alerts of one rule apart', () => {
  const cases: Readonly<Record<string, readonly [readonly Record<string, string>[], readonly string[]]>> = {
    'none of a single alert': [[{ variant: 'one' }], []],
    'the one that differs (R15)': [[{ variant: 'one' }, { variant: 'two' }], ['variant']],
    'a name before other labels': [
      [
        { code: '1', pod: 'a' },
        { code: '2', pod: 'b' },
      ],
      ['pod'],
    ],
    'as many as are needed': [
      [
        { pod: 'a', container: 'x' },
        { pod: 'a', container: 'y' },
        { pod: 'b', container: 'x' },
      ],
      ['pod', 'container'],
    ],
    'bookkeeping where nothing else differs': [
      [
        { pod: 'a', endpoint: 'http' },
        { pod: 'a', endpoint: 'metrics' },
      ],
      ['endpoint'],
    ],
    'a label that only one of them has': [[{ zone: 'a' }, {}], ['zone']],
  };
  it.each(Object.entries(cases))('%s', (_, [alerts, expected]) => {
    expect(distinguishingLabels(alerts)).toEqual(expected);
  });
});

describe('what an alert is about besides its service', () => {
  const cases: Readonly<Record<string, readonly [Record<string, string>, readonly string[]]>> = {
    'the labels of the series itself where Prometheus renamed them, not those of what was scraped': [
      {
        namespace: 'monitoring',
        pod: 'ksm-5f',
        container: 'ksm',
        exported_namespace: 'shop',
        exported_pod: 'checkout-7d',
      },
      ['checkout-7d', 'shop'],
    ],
    'not the instance that reports about an object': [
      { deployment: 'checkout', instance: '10.0.0.1:8080' },
      ['checkout'],
    ],
    'the job where it is all there is': [{ job: 'api' }, ['job=api']],
  };
  it.each(Object.entries(cases))('%s', (_, [series, expected]) => {
    expect(distinction(alertOf(series), aPlainRule({ service: { from: 'none' } }))).toEqual(expected);
  });

  it('the namespace where other series of the service are in another one', () => {
    const alert = { ...alertOf({ service: 'checkout', namespace: 'prod' }), apart: ['namespace'] };
    expect(distinction(alert, aRule({ objective }))).toEqual(['prod']);
  });

  it('the first labels of its series, names without their label, without bookkeeping', () => {
    const alert = alertOf({
      namespace: 'shop',
      pod: 'checkout-7d9f',
      job: 'kube-state-metrics',
      instance: '10.0.0.1:8080',
      reason: 'CrashLoopBackOff',
      uid: 'x',
      zone: 'a',
    });
    expect(distinction(alert, aPlainRule())).toEqual(['checkout-7d9f', 'reason=CrashLoopBackOff', 'zone=a']);
    expect(distinction(alert, aPlainRule(), ['uid'])).toContain('uid=x');
  });

  it('of a latency objective only what tells it apart', () => {
    const alert = alertOf({ service: 'checkout', zone: 'a' });
    const rule = aRule({ objective });
    expect(distinction(alert, rule)).toEqual([]);
    expect(distinction(alert, rule, ['service', 'zone'])).toEqual(['zone=a']);
  });
});
