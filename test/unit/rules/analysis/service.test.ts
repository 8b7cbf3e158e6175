import { describe, expect, it } from 'vitest';
import { serviceSourceOf } from '../../../../src/rules/analysis/service.ts';
import type { ServiceSource } from '../../../../src/rules/rule.ts';

const label = (name: string): ServiceSource => ({ from: 'label', label: name });
const matcher = (name: string, value: string): ServiceSource => ({ from: 'matcher', label: name, value });
const series: ServiceSource = { from: 'series' };
const none: ServiceSource = { from: 'none' };

describe('where the service of a hand-written rule is read from', () => {
  const cases: Readonly<Record<string, readonly [string, ServiceSource, Record<string, string>?]>> = {
    'a label that is grouped by': ['sum by (service) (rate(x[5m])) > 1', label('service')],
    'a label with a dot': ['sum by ("service.name") (rate(x[5m])) > 1', label('service.name')],
    'a label of the rule': ['sum(x) > 1', label('service'), { service: 'cart' }],
    'a label that a selector fixes and nothing removes': ['x{app="cart"} > 1', label('app')],
    'a label that a function adds': [
      'label_replace(sum by (pod) (x), "service", "$1", "pod", "(.*)-.*") > 1',
      label('service'),
    ],
    'labels of the quantile, without le': [
      'histogram_quantile(0.9, sum by (le, app) (rate(x_bucket[5m]))) > 1',
      label('app'),
    ],
    'a joined label': [
      'sum by (pod) (x) * on (pod) group_left (service) max by (pod, service) (y) > 1',
      label('service'),
    ],
    'labels that `topk` keeps': ['topk by (a) (3, sum by (app) (x)) > 1', label('app')],
    'the matchers of `absent`': ['absent(x{service="cart"})', label('service')],
    'the only service that is matched': ['sum(rate(x{service="cart"}[5m])) > 1', matcher('service', 'cart')],
    'a pattern without special characters': ['sum(x{app=~"cart"}) > 1', matcher('app', 'cart')],
    'the same service twice': [
      'sum(x{service="cart", code=~"5.."}) / sum(x{service="cart"}) > 1',
      matcher('service', 'cart'),
    ],
    'the preferred one of two labels': [
      'sum(x{app="web", destination_service_name="cart"}) > 1',
      matcher('destination_service_name', 'cart'),
    ],
    'two services are none': ['sum(x{service="a"}) / sum(x{service="b"}) > 1', none],
    'several services are none': ['sum(x{service=~"a|b"}) > 1', none],
    'an exclusion is none': ['sum(x{service!="a"}) > 1', none],
    'a job is none': ['sum by (job) (rate(x{job="cart"}[5m])) > 1', none],
    'a label that is aggregated away': ['sum without (service) (x{service=~"a.*"}) > 1', series],
    'labels that only the series have': ['x > 1', series],
    'the label of a generator comes last': ['sum(x) > 1', label('sloth_service'), { sloth_service: 'cart' }],
    'the label of a generator, unless the series have one': [
      'x > 1',
      { from: 'series', otherwise: 'sloth_service' },
      { sloth_service: 'cart' },
    ],
    'a matcher comes before the label of a generator': [
      'sum(x{service="cart"}) > 1',
      matcher('service', 'cart'),
      { sloth_service: 'shop' },
    ],
    'an empty label of the rule is none': ['sum(x) > 1', none, { service: '' }],
    'KubePodCrashLooping (R5)': [
      'max_over_time(kube_pod_container_status_waiting_reason{reason="CrashLoopBackOff", job="kube-state-metrics"}[5m]) >= 1',
      none,
    ],
    'an exporter is not the service of what it reports': [
      'kube_deployment_status_replicas{service="ksm"} > 1',
      none,
    ],
    'a service beside an exporter': [
      'sum(rate(x{service="cart"}[5m])) / sum(kube_deployment_status_replicas{service="ksm"}) > 1',
      matcher('service', 'cart'),
    ],
  };
  it.each(Object.entries(cases))('%s', (_, [expr, expected, labels = {}]) => {
    expect(serviceSourceOf(expr, labels)).toEqual(expected);
  });
});
