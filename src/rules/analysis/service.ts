import type { SyntaxNode } from '@lezer/common';
import { type Labels, serviceLabelOf } from '../../lib/labels.ts';
import type { ServiceSource } from '../rule.ts';
import { resultLabelsOf } from './result-labels.ts';
import { matchersOf, metricNameOf } from './selectors.ts';
import { nodesOf, parseExpression, withoutComments } from './syntax.ts';

/** Labels of rules that SLO generators write. */
const GENERATOR_LABELS = ['sloth_service', 'openslo_service', 'slo_service'] as const;

/**
 * Metrics of exporters that are about other objects than the process they are scraped from: a label `service` or `app` of
 * theirs is that of the exporter. Source: kube-state-metrics, cAdvisor, kubelet, node_exporter and blackbox_exporter.
 */
const EXPORTERS = /^(?:kube|container|kubelet|cadvisor|machine|node|probe)_/;

/** A value that a matcher alone allows: `="a"`, and `=~"a"` without any special character. */
const isExact = ({ operator, value }: { operator: string; value: string }): boolean =>
  value !== '' && (operator === '=' || (operator === '=~' && /^[\w-]+$/.test(value)));

/** The preferred service label that selectors compare with one value only. */
export function serviceMatcherOf(
  expr: string,
  selectors: readonly SyntaxNode[],
): { readonly label: string; readonly value: string } | undefined {
  const values = new Map<string, Set<string>>();
  for (const selector of selectors)
    for (const matcher of matchersOf(expr, selector))
      if (isExact(matcher))
        values.set(matcher.label, (values.get(matcher.label) ?? new Set()).add(matcher.value));
  const single = [...values].filter(([, found]) => found.size === 1);
  const label = serviceLabelOf(single.map(([name]) => name));
  const [value] = label === undefined ? [] : (values.get(label) ?? []);
  return label === undefined || value === undefined ? undefined : { label, value };
}

const given = (labels: Labels): readonly string[] =>
  Object.keys(labels).filter((name) => labels[name] !== '');

/** The selectors of the metrics that are not about an exporter itself. */
function selectorsIn(expr: string) {
  const selectors = [...nodesOf(parseExpression(expr))].filter(({ name }) => name === 'VectorSelector');
  const own = selectors.filter((node) => !EXPORTERS.test(metricNameOf(expr, node) ?? ''));
  return { own, isOfExporters: own.length === 0 && selectors.length > 0 };
}

/**
 * Where the service of an alert is read from that was received with all its labels: which of them the rule added is not
 * known. Those of an exporter's series are not about a service.
 */
export function serviceSourceOfAlert(expr: string, labels: Labels): ServiceSource {
  return serviceSourceOf(expr, selectorsIn(withoutComments(expr)).isOfExporters ? {} : labels);
}

/**
 * Where the service of a hand-written rule is read from: a label of its series or of the rule, else the only service that
 * its selectors name, else the label of a generator.
 */
export function serviceSourceOf(text: string, labels: Labels): ServiceSource {
  const expr = withoutComments(text);
  const { own, isOfExporters } = selectorsIn(expr);
  const series = isOfExporters ? { names: [], isComplete: true } : resultLabelsOf(expr);
  const label = serviceLabelOf([...series.names, ...given(labels)]);
  if (label !== undefined) return { from: 'label', label };
  const matcher = serviceMatcherOf(expr, own);
  if (matcher !== undefined) return { from: 'matcher', ...matcher };
  const generated = GENERATOR_LABELS.find((name) => (labels[name] ?? '') !== '');
  if (!series.isComplete) return { from: 'series', otherwise: generated };
  return generated === undefined ? { from: 'none' } : { from: 'label', label: generated };
}
